"""Each small wrong planted in a compiler is found by the comparison with the oracle or with the other engine."""

import random
import sys
from types import SimpleNamespace

import pytest

from fairdunning import condition, workflow
from fairdunning.book import Book
from fairdunning.engines import compiled, durable_child
from fairdunning.folder import read_folder
from fairdunning.program import All, Any, Program, Test, Unit, Vector, holds
from tests.oracle import mutants
from tests.test_differential import compared


@pytest.fixture(scope="module")
def book(policy):
    return Book(read_folder(), policy.vocabulary)


@pytest.mark.parametrize("name", mutants.LOWERING)
def test_oracle_kills_wrong_lowering(name, book, policy, monkeypatch):
    """A wrong lowering gives a case in which product and oracle differ."""
    where, wrong = mutants.LOWERING[name]
    monkeypatch.setattr(condition, where, wrong)

    assert any(compared(seed, 8, book, policy)[0] for seed in range(150)), f"{name} survives"


@pytest.mark.parametrize("name", mutants.COMPILED)
def test_oracle_kills_wrong_python(name, book, policy, monkeypatch):
    """Wrongly generated Python gives a case in which product and oracle differ."""
    monkeypatch.setattr(compiled, "_source", mutants.COMPILED[name])
    monkeypatch.setattr(workflow, "CompiledEngine", compiled.CompiledEngine)

    assert any(compared(seed, 8, book, policy)[0] for seed in range(150)), f"{name} survives"


def random_tree(rng, depth=2):
    if depth == 0 or rng.random() < 0.4:
        return Test(rng.randrange(3), rng.choice(["lo", "hi"]), rng.choice([">=", "<="]), rng.randint(-1, 2))
    return rng.choice([All, Any])(tuple(random_tree(rng, depth - 1) for _ in range(rng.randint(2, 3))))


@pytest.mark.parametrize("name", mutants.DURABLE)
def test_other_engine_kills_wrong_rules(name, monkeypatch):
    """A wrong translation for durable-rules gives a vector on which the engines differ (C code called in this process, no session kept)."""
    if sys.version_info >= (3, 13):
        pytest.skip("durable-rules is loaded in its child only on Python 3.13 and later")
    module = pytest.importorskip("durable_rules_engine", reason="durable-rules is not installed")
    monkeypatch.setattr(durable_child, "condition", mutants.DURABLE[name])
    rng = random.Random(name)
    trees = [(random_tree(rng), random_tree(rng)) for _ in range(6)]
    program = Program(3, tuple(Unit(f"u{i}", must, may) for i, (must, may) in enumerate(trees)))
    plain = SimpleNamespace(
        create_ruleset=lambda ruleset, text: module.create_ruleset(f"{ruleset}-{name}", text),
        assert_fact=module.assert_fact,
        retract_fact=module.retract_fact,
        start_action_for_state=module.start_action_for_state,
        complete_and_start_action=module.complete_and_start_action,
    )
    from fairdunning.engines.durable import _plain

    judge = durable_child.Judge(plain, [[_plain(u.must), _plain(u.may)] for u in program.units])
    for _ in range(300):
        ends = [sorted(rng.randint(-2, 3) for _ in range(2)) for _ in range(3)]
        vector = Vector([a for a, _ in ends], [b for _, b in ends])
        expected = [(2 if holds(u.must, vector) else 1) if holds(u.may, vector) else 0 for u in program.units]
        if judge.judge([end for pair in ends for end in pair]) != expected:
            return
    pytest.fail(f"{name} survives")
