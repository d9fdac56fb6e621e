"""Verdicts on one planned action."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairdunning.engines.compiled import CompiledEngine
from fairdunning.errors import CaseError
from fairdunning.evaluate import evaluate
from fairdunning.program import All, Any, Program, Test, Unit, Vector, holds, negate


def test_ordinary_call_is_allowed(policy, call):
    """A lawful call with the facts a dialler has is allowed and says that no message was screened."""
    verdict = evaluate(call, policy)

    assert ("allow", "not_screened") == (verdict.outcome.word, verdict.content)


def test_finding_names_article_and_facts(policy, call):
    """A breach names its constraint, article, facts and both languages."""
    call["events"] = [{"id": f"E{i}", "kind": "call", "at": f"2026-11-23T09:0{i}:00+08:00", "direction": "outbound",
                       "outcome": "conversation", "person": "P1", "counts_for": ["D1"]} for i in range(3)]

    finding = evaluate(call, policy).document()["findings"][0]

    assert "cn.collection-standards.conversations-over-daily-cap" == finding["constraint"]
    assert {"conversations": "3", "cap": "3"} == finding["facts"]
    assert "§5" == finding["cites"][0]["at"]
    assert {"en", "zh"} == set(finding["message"])


def test_missing_fact_flags_and_is_named(policy, call):
    """A wrong that cannot be decided flags and names what would decide it."""
    call["action"]["at"] = "2026-11-23T23:00:00+08:00"
    del call["debts"][0]["kind"]

    verdict = evaluate(call, policy)

    assert "flag" == verdict.outcome.word
    assert "debt.kind" in {f for x in verdict.findings for f in x.missing}


def test_same_case_same_bytes(policy, call):
    """The same case gives the same document, byte for byte."""
    first, second = (json.dumps(evaluate(call, policy).document(), sort_keys=True) for _ in range(2))

    assert first == second


@pytest.mark.parametrize(("part", "field", "bad", "key"), [
    ("action", "at", "2026-11-23T10:00:00", "action.at"),
    ("action", "at", 5, "action.at"),
    ("action", "kind", "cal", "action.kind"),
    ("action", "knid", "call", "action.knid"),
    ("debtor", "timezones", ["Mars/Olympus"], "debtor.timezones"),
    ("history", "complete_since", "2026-13-01", "history.complete_since"),
    ("action", "debts", ["D9"], "action.debts"),
])
def test_bad_input_names_the_field(policy, call, part, field, bad, key):
    """A wrong type, word, name or reference is an error that names the field, never a verdict."""
    call[part][field] = bad

    with pytest.raises(CaseError) as error:
        evaluate(call, policy)

    assert key in {p.key for p in error.value.problems}


@pytest.mark.parametrize("document", [None, [], 5, "x", {}, {"action": None}, {"action": []}, {"events": {}}])
def test_shapeless_documents_are_refused(policy, document):
    """Whatever is not a case is an error."""
    with pytest.raises(CaseError):
        evaluate(document, policy)


_TESTS = st.builds(Test, st.integers(0, 3), st.sampled_from(["lo", "hi"]), st.sampled_from([">=", "<="]), st.integers(-3, 3))
_TREES = st.recursive(_TESTS, lambda t: st.lists(t, max_size=3).map(tuple).flatmap(lambda p: st.sampled_from([All(p), Any(p)])), max_leaves=12)
_ENDS = st.lists(st.integers(-4, 4), min_size=4, max_size=4)


@given(_TREES, _TREES, _ENDS, _ENDS)
def test_compiled_engine_equals_reading_the_trees(must, may, a, b):
    """The generated function says the same as reading each tree the slow way."""
    vector = Vector([min(x) for x in zip(a, b, strict=True)], [max(x) for x in zip(a, b, strict=True)])
    expected = (2 if holds(must, vector) else 1) if holds(may, vector) else 0

    assert [expected] == CompiledEngine(Program(4, (Unit("u", must, may),))).judge(vector)
    assert holds(negate(must), vector) is not holds(must, vector)
