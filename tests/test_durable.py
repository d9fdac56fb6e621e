"""durable-rules says the same as reading the trees, and whatever happens to it is a loss, never an answer."""

import os
import random
import signal
import sys

import pytest

from fairdunning.engines.compiled import CompiledEngine
from fairdunning.engines.durable import DurableEngine
from fairdunning.engines.pair import PairEngine
from fairdunning.errors import EngineLost
from fairdunning.evaluate import evaluate
from fairdunning.program import All, Any, Program, Test, Unit, Vector, holds

BIG = 2**53 - 1


def tree(rng, slots, depth=2):
    if depth == 0 or rng.random() < 0.4:
        bound = rng.choice([rng.randint(-3, 3), rng.randint(-3, 3), BIG, -BIG])
        return Test(rng.randrange(slots), rng.choice(["lo", "hi"]), rng.choice([">=", "<="]), bound)
    parts = tuple(tree(rng, slots, depth - 1) for _ in range(rng.randint(0, 3)))
    return rng.choice([All, Any])(parts)


def vector(rng, slots):
    ends = [sorted(rng.choice([rng.randint(-4, 4), rng.randint(-4, 4), BIG, -BIG]) for _ in range(2)) for _ in range(slots)]
    return Vector([a for a, _ in ends], [b for _, b in ends])


def program(rng, slots, units):
    return Program(slots, tuple(Unit(f"u{i}", tree(rng, slots), tree(rng, slots)) for i in range(units)))


@pytest.mark.parametrize(("slots", "units", "seed"), [(4, 3, 1), (12, 30, 2), (60, 60, 3), (150, 300, 4), (3, 45, 5)])
def test_engines_agree(slots, units, seed):
    """Random programs and vectors: durable-rules, the compiled engine and the trees read slowly give the same statuses."""
    rng = random.Random(seed)
    found = program(rng, slots, units)
    with DurableEngine(found, limit=5) as durable:
        for _ in range(150):
            at = vector(rng, slots)
            expected = [(2 if holds(u.must, at) else 1) if holds(u.may, at) else 0 for u in found.units]

            assert expected == durable.judge(at)
            assert expected == CompiledEngine(found).judge(at)


SMALL = Program(1, (Unit("u", Test(0, "lo", ">=", 1), Test(0, "hi", ">=", 1)),))
ONE = Vector([1], [1])


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_killed_or_stopped_child_is_a_loss(sign):
    """A child that is killed or hangs gives EngineLost, and later a new one answers."""
    with DurableEngine(SMALL) as engine:
        assert [2] == engine.judge(ONE)
        os.kill(engine.child.pid, sign)
        with pytest.raises(EngineLost):
            engine.judge(ONE)
        engine._lost_at -= 2

        assert [2] == engine.judge(ONE)


@pytest.mark.parametrize("answer", ["[]", "00", "3", "٢", "null", "nonsense", "{}", " ", ""])
def test_nonsense_is_a_loss(answer):
    """An answer of another length, type or form is never taken for a status."""
    code = f"import sys; sys.stdin.readline(); print('ready', flush=True); sys.stdin.readline(); print({answer!r}, flush=True)"
    with DurableEngine(SMALL, [sys.executable, "-c", code]) as engine, pytest.raises(EngineLost):
        engine.judge(ONE)


class Lying:
    """An engine that says the opposite of the truth."""

    name = "lying"

    def judge(self, vector):
        return [0]


class Raising:
    """An engine that breaks."""

    name = "raising"

    def judge(self, vector):
        raise EngineLost("gone")


def test_a_check_is_blocked_when_an_engine_lies_or_is_lost(policy, call):
    """Disagreement and loss block with their cause, whatever the facts are."""
    pair = PairEngine(policy.program)
    pair.compiled = Lying()
    lied = evaluate(call, policy, pair)
    pair.close()
    lost = evaluate(call, policy, Raising())

    assert ("block", "disagreement") == (lied.outcome.word, lied.cause)
    assert ("block", "engine_lost") == (lost.outcome.word, lost.cause)


def test_both_engines_give_the_same_verdict_on_the_shipped_law(policy, call):
    """An ordinary call is allowed by both engines together."""
    pair = PairEngine(policy.program)
    verdict = evaluate(call, policy, pair)
    pair.close()

    assert ("allow", "compiled+durable") == (verdict.outcome.word, verdict.versions["engine"])
