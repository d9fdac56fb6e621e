"""Hostile input: a clear error that names the field, or the right verdict; never a traceback, never allow by accident."""

import json
import random

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from fairdunning.cli import main
from fairdunning.errors import CaseError, LoadError
from fairdunning.evaluate import evaluate
from fairdunning.yamlfile import parse


def said(policy, document):
    """The outcome, or the fields of the problems."""
    try:
        return evaluate(document, policy).outcome.word
    except CaseError as error:
        return sorted({p.key for p in error.problems})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("action", "at"), "9999-12-31T23:59:59+00:00"),
        (("action", "at"), "0001-01-01T00:00:00+00:00"),
        (("action", "at"), "2026-02-30T10:00:00+08:00"),
        (("action", "at"), "2026-11-23T24:00:00+08:00"),
        (("action", "at"), "2026-11-23T10:00:00+25:00"),
        (("action", "at"), "２０２６-11-23T10:00:00+08:00"),
        (("action", "kind"), ["call"]),
        (("action", "kind"), True),
        (("action", "person"), ""),
        (("action", "person"), "x" * 501),
        (("action", "debts"), {}),
        (("action", "debts"), [1]),
        (("debts",), "D1"),
        (("debts",), [[]]),
        (("debts",), [{"id": 5}]),
        (("persons",), [{"roles": ["debtor"]}]),
        (("events",), [{"id": "E", "kind": "call", "at": "2026-11-20T10:00:00+08:00", "debtor": ["C5"]}]),
        (("events",), [{"kind": "amendment", "at": "2026-11-20T10:00:00+08:00", "amends": {"id": "E"}, "set": {"debtor": "C5"}}]),
        (("events",), [5]),
        (("events",), [{"kind": "call"}]),
        (("events",), [{"kind": "call", "at": "yesterday"}]),
        (("events",), [{"kind": "cal", "at": "2026-11-23"}]),
        (("history",), {"complete_since": "always"}),
        (("history",), {"since": "2026-01-01"}),
        (("debtor", "timezones"), ["../../etc/passwd"]),
        (("debtor", "timezones"), ["UTC"] * 9 + [f"Etc/GMT+{i}" for i in range(9)]),
    ],
)
def test_wrong_values_name_their_field(policy, call, path, value):
    """A wrong value anywhere is an error at that field."""
    target = call
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    fields = said(policy, call)

    assert isinstance(fields, list)
    assert any(f.startswith(".".join(path)) for f in fields)


@pytest.mark.parametrize(
    "amount", ["NaN CNY", "1e9 CNY", "6499.201 CNY", "6499.20", "６４９９ CNY", "-0x1 CNY", "99999999999999999999 CNY", 6499.2, float("inf")]
)
def test_wrong_amounts_name_their_field(policy, call, amount):
    """An amount that is none is an error."""
    call["debts"][0]["principal"] = amount

    assert ["debts[0].principal"] == said(policy, call)


def test_two_currencies_are_refused(policy, call):
    """One currency per case."""
    call["debts"][0] |= {"principal": "1.00 CNY", "total_due": "1.00 USD"}

    assert [""] == said(policy, call)


def test_ten_thousand_events_are_judged(policy, call):
    """A long history is judged, and gives the same as in any order of the events."""
    events = [
        {
            "id": f"E{i}",
            "kind": "call",
            "direction": "outbound",
            "outcome": "no_answer",
            "person": "P1",
            "address": "N1",
            "counts_for": ["D1"],
            "at": f"2026-{1 + i % 9:02}-{1 + i % 28:02}T{i % 24:02}:{i % 60:02}:00+08:00",
        }
        for i in range(10_000)
    ]
    call["events"] = events
    first = evaluate(call, policy)
    random.Random(1).shuffle(events)

    assert [f.constraint for f in first.findings] == [f.constraint for f in evaluate(call, policy).findings]


@pytest.mark.parametrize("word", ["你好", "🙂", "\u202egnp.exe", "a\u0000b", "\ud800", "<script>", "'; drop table", "नमस्ते", "مرحبا"])
def test_any_script_is_an_id(policy, call, word):
    """Ids are opaque: any text is one, and never changes the verdict of an ordinary call."""
    call["action"]["person"] = word
    call["persons"][0]["id"] = word

    assert "allow" == said(policy, call)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=12),
    lambda c: (
        st.lists(c, max_size=3) | st.dictionaries(st.sampled_from(["id", "kind", "at", "debts", "events", "person", "contract", "x"]), c, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(part=st.sampled_from(["action", "debts", "persons", "events", "debtor", "creditor", "message", "history", "demand", "nonsense"]), junk=_JSON)
def test_junk_in_any_part_is_an_error_or_a_verdict(policy, part, junk):
    """Whatever stands in a part, the answer is a verdict or a CaseError."""
    document = {
        "action": {"id": "A", "kind": "call", "at": "2026-11-23T10:00:00+08:00", "person": "P1", "debts": ["D1"], "purpose": "demand"},
        "debts": [{"id": "D1"}],
        part: junk,
    }
    answer = said(policy, document)

    assert isinstance(answer, list) or answer in {"allow", "flag", "block"}


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000,
        "\n".join(f"k{i}: *a" for i in range(50)),
        "a: &a [x]\nb: [*a, *a]",
        "\x00\x01\x02",
        "a" * (3 * 1024 * 1024),
        "%YAML 9.9\n---\na: 1",
    ],
)
def test_yaml_bombs_are_load_errors(text):
    """Deep, aliased, binary or huge YAML is refused with a place."""
    with pytest.raises(LoadError) as error:
        parse(text.encode(), "bomb.yaml")

    assert all(p.file == "bomb.yaml" for p in error.value.problems)


def test_huge_and_deep_documents_exit_with_2(tmp_path):
    """A file of 21 MiB, a deeply nested one and a binary one are wrong usage, without a traceback."""
    for number, content in enumerate(
        [b"[" + b"1," * (11 * 1024 * 1024) + b"1]", b"[" * 100_000, bytes(range(256)) * 10, b'{"action": {"id": "A", "id": "B"}}']
    ):
        path = tmp_path / f"{number}.json"
        path.write_bytes(content)
        result = CliRunner().invoke(main, ["check", str(path)])
        assert (2, False) == (result.exit_code, "Traceback" in result.output)


def test_a_time_that_a_clock_change_skips_is_an_instant(policy, call):
    """Times carry offsets, so a wall-clock time that never occurred is still one instant."""
    call["debtor"]["timezones"] = ["Europe/Amsterdam"]
    call["action"]["at"] = "2026-03-29T02:30:00+01:00"

    assert json.dumps(evaluate(call, policy).document()) == json.dumps(
        evaluate({**call, "action": {**call["action"], "at": "2026-03-29T03:30:00+02:00"}}, policy).document()
    )
