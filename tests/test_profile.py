"""A profile only tightens, what it gives cannot be contradicted, what it assumes is said."""

import json
import random

import pytest

from fairdunning.errors import CaseError, LoadError
from fairdunning.evaluate import evaluate
from fairdunning.policy import load
from tests.oracle.generate import Generator, vocabulary

WORDS = vocabulary()
SOURCES = {"board": {"title": {"en": "b", "zh": "b"}, "body": "us", "from": "2020-01-01"}}
TEXT = {"en": "t", "zh": "t"}


def constraint(parameters, values, **more):
    return {
        "title": TEXT,
        "message": TEXT,
        "why": TEXT,
        "force": "prohibition",
        "confidence": "text",
        "parameters": parameters,
        "values": {"2020-01-01": {**values, "cite": "board 1"}},
        **more,
    }


LAW = {
    "calls": constraint(
        {
            "cap": {"type": "count", "stricter": "lower"},
            "window": {"type": "period", "stricter": "longer"},
            "counted": {"type": "set", "stricter": "more"},
        },
        {"cap": "3", "window": "3 days", "counted": ["call"]},
        measures={"n": {"count": "events", "where": {"kind": "$counted"}, "same": ["person"], "within": "$window"}},
        wrong_when={"n": {"at_least": "$cap"}},
    ),
    "hours": constraint(
        {"hours": {"type": "timetable", "stricter": "narrower"}},
        {"hours": {"mon-fri": "08:00-22:00", "sat": "09:00-18:00", "sun": "none"}},
        wrong_when={"action.at": {"outside": "$hours"}},
    ),
    "wait": constraint(
        {"wait": {"type": "period", "stricter": "longer"}},
        {"wait": "1 month"},
        define={"over": {"plus": ["$debt.due", "$wait"]}},
        wrong_when={"over": {"not_before": "$action.date"}},
    ),
}
TIGHTER = {
    "house.law.calls": {"cap": "2", "window": "7 days", "counted": ["sms"]},
    "house.law.hours": {"hours": {"mon-fri": "09:00-20:00", "sat": "10:00-12:00", "sun": "08:00-09:00"}},
    "house.law.wait": {"wait": "2 months"},
}


def folder(path, profile, constraints=LAW):
    (path / "house").mkdir()
    (path / "profiles").mkdir()
    law = {"zone": "Asia/Shanghai", "clock": "authority", "sources": SOURCES, "constraints": constraints}
    (path / "house" / "law.yaml").write_text(json.dumps(law))
    for name, extra in {"plain": {}, "strict": profile}.items():
        (path / "profiles" / f"{name}.yaml").write_text(json.dumps({"title": TEXT, "use": ["house.*"], **extra}))
    return path


def because(tighten, **more):
    return {name: {**entry, "because": TEXT, **more} for name, entry in tighten.items()}


def test_a_profile_never_improves_a_verdict(tmp_path):
    """On random cases the tightened profile says of each constraint the same or worse, and often worse."""
    closer = {
        **TIGHTER,
        "house.law.calls": {"cap": "2", "window": "7 days", "counted": ["call", "sms"]},
        "house.law.hours": {"hours": {"mon-fri": "09:00-20:00", "sat": "10:00-12:00", "sun": "none"}},
    }
    own = folder(tmp_path, {"tighten": because(closer)})
    plain, strict = load("plain", own), load("strict", own)
    worse = 0
    for seed in range(400):
        case = Generator(random.Random(seed), WORDS).case()
        law, house = ({f.constraint: f.outcome for f in evaluate(case, p).findings} for p in (plain, strict))
        assert all(outcome <= house.get(name, 0) for name, outcome in law.items())
        worse += law != house

    assert worse > 20


def test_the_stricter_of_law_and_profile_holds_from_its_day(tmp_path):
    """A tighter hour counts from the day that the profile names."""
    own = folder(
        tmp_path,
        {"tighten": because({"house.law.hours": {"hours": {"mon-fri": "09:00-20:00", "sat": "none", "sun": "none"}}}, **{"from": "2026-12-01"})},
    )
    strict = load("strict", own)
    case = {
        "action": {"id": "A", "kind": "call", "person": "P1", "debts": ["D1"]},
        "debts": [{"id": "D1", "due": "2026-01-01"}],
        "events": [],
        "history": {"complete_since": "2026-01-01"},
    }
    outcome = {
        day: evaluate({**case, "action": {**case["action"], "at": f"{day}T08:30:00+08:00"}}, strict).outcome.word
        for day in ("2026-11-30", "2026-12-01")
    }

    assert {"2026-11-30": "allow", "2026-12-01": "block"} == outcome


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("calls", {"cap": "4"}),
        ("calls", {"window": "1 day"}),
        ("hours", {"hours": "07:00-23:00"}),
        ("wait", {"wait": "30 days"}),
        ("wait", {"wait": "1 week"}),
        ("hours", TIGHTER["house.law.hours"]),
    ],
)
def test_a_profile_that_loosens_does_not_load(tmp_path, name, values):
    """A looser or incomparable value is a load error that names the place."""
    own = folder(tmp_path, {"tighten": because({f"house.law.{name}": values})})

    with pytest.raises(LoadError, match=r"looser|compared"):
        load("strict", own)


@pytest.mark.parametrize(
    ("direction", "predicate"),
    [("higher", {"at_least": "$cap"}), ("lower", {"at_most": "$cap"}), ("lower", {"between": ["1", "9"], "not": {"at_least": "$cap"}})],
)
def test_a_keyword_against_its_condition_does_not_load(tmp_path, direction, predicate):
    """`stricter` is derived from where the parameter stands."""
    wrong = constraint({"cap": {"type": "count", "stricter": direction}}, {"cap": "3"}, wrong_when={"plan.months": predicate})
    own = folder(tmp_path, {}, {"c": wrong})

    with pytest.raises(LoadError, match="is stricter when"):
        load("plain", own)


def test_a_parameter_that_stands_both_ways_does_not_load(tmp_path):
    """Mixed polarity is refused."""
    wrong = constraint(
        {"cap": {"type": "count", "stricter": "lower"}},
        {"cap": "3"},
        wrong_when={"any": [{"plan.months": {"at_least": "$cap"}}, {"visit.team_size": {"at_most": "$cap"}}]},
    )
    own = folder(tmp_path, {}, {"c": wrong})

    with pytest.raises(LoadError, match="both ways"):
        load("plain", own)


def test_what_the_profile_gives_cannot_be_contradicted(policy, call):
    """The profile says who the creditor is; a case that says otherwise is an error, one that says nothing gets it."""
    call["creditor"] = {"kind": "bank"}
    with pytest.raises(CaseError, match=r"creditor\.kind"):
        evaluate(call, policy)
    del call["creditor"]

    assert "allow" == evaluate(call, policy).outcome.word


def test_what_the_profile_assumes_is_said(tmp_path):
    """An assumed zone is used and listed."""
    own = folder(tmp_path, {"assume": {"debtor.timezones": ["Asia/Shanghai"]}})
    case = {
        "action": {"id": "A", "kind": "call", "at": "2026-11-24T10:00:00+08:00", "person": "P1", "debts": ["D1"]},
        "debts": [{"id": "D1", "due": "2026-01-01"}],
        "events": [],
    }

    assert ["debtor.timezones: ['Asia/Shanghai']"] == [a for a in evaluate(case, load("strict", own)).assumed if a.startswith("debtor")]


def test_hours_with_and_without_holidays_are_compared(tmp_path):
    """A profile may give weekdays and holidays their own hours where the law says one span for every day."""
    house = {"mon-fri": "08:00-20:00", "sat": ["09:00-12:00", "14:00-18:00"], "sun": "none", "holiday": "none"}
    law = {**LAW, "hours": {**LAW["hours"], "values": {"2020-01-01": {"hours": {"daily": "08:00-22:00"}, "cite": "board 1"}}}}
    own = folder(tmp_path, {"tighten": because({"house.law.hours": {"hours": house}})}, law)
    strict = load("strict", own)
    found = next(c for c in strict.constraints if c.id == "house.law.hours").variants[0].values["hours"][1]

    assert (((9 * 3600, 12 * 3600), (14 * 3600, 18 * 3600)), ()) == (found.days[5], found.holiday)


@pytest.mark.parametrize(("house", "wanted"), [("2", [2, 1]), ("1", [1, 1])])
def test_on_each_date_the_stricter_of_law_and_profile_holds(tmp_path, house, wanted):
    """A law that later becomes stricter than the profile holds from then on, and the profile still loads."""
    values = {"2020-01-01": {**LAW["calls"]["values"]["2020-01-01"]}, "2027-01-01": {**LAW["calls"]["values"]["2020-01-01"], "cap": "1"}}
    own = folder(tmp_path, {"tighten": because({"house.law.calls": {"cap": house}})}, {**LAW, "calls": {**LAW["calls"], "values": values}})
    found = next(c for c in load("strict", own).constraints if c.id == "house.law.calls").variants

    assert wanted == [v.values["cap"][1] for v in found]
