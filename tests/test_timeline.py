"""When it is lawful next: equal to asking at every moment."""

import random

import pytest

from fairdunning import when
from fairdunning.evaluate import evaluate, outcome_of
from fairdunning.policy import load
from fairdunning.portfolio import portfolio
from fairdunning.timeline import Walk, changed, ends, planned, windows
from fairdunning.verdict import Outcome

POLICY = """zone: Asia/Shanghai
clock: debtor
calendar: cn.calendars.workdays
sources:
  board: {title: {en: Decision, zh: 决定}, body: our board, from: 2026-01-01}
constraints:
  hours:
    title: {en: Hours, zh: 时段}
    message: {en: Outside, zh: 时段之外}
    why: {en: Rest, zh: 休息}
    force: prohibition
    confidence: text
    wrong_when: {action.at: {outside: $hours}}
    parameters: {hours: {type: timetable, stricter: narrower}}
    values:
      2026-01-01: {hours: {mon-fri: "08:00-20:00", sat: "10:00-02:00", sun: none, holiday: "12:00-13:00"}, cite: "board 1"}
      2026-03-30: {hours: {daily: "09:30-19:00"}, cite: "board 2"}
  gap:
    title: {en: Gap, zh: 间隔}
    message: {en: "{calls} calls", zh: "{calls} 次"}
    why: {en: Rest, zh: 休息}
    force: prohibition
    confidence: text
    parameters: {gap: {type: period}, days: {type: period}}
    measures:
      calls: {count: events, where: {kind: call}, within: $gap}
      talks: {count: events, where: {kind: call, outcome: conversation}, within: $days}
    wrong_when: {any: [{calls: {at_least: 1}}, {talks: {at_least: 2}}]}
    values: {2026-01-01: {gap: 90 minutes, days: 7 days, cite: "board 3"}}
  month:
    title: {en: Month, zh: 月}
    message: {en: "{talks}", zh: "{talks}"}
    why: {en: Rest, zh: 休息}
    force: guidance
    confidence: text
    measures: {talks: {count: events, where: {kind: call}, this: month}}
    wrong_when: {talks: {at_least: 4}}
    values: {2026-01-01: {cite: "board 4"}}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    (folder / "profiles").mkdir()
    (folder / "house").mkdir()
    (folder / "profiles" / "clock.yaml").write_text("title: {en: Clock, zh: 时钟}\nuse: [house.*]\n")
    (folder / "house" / "clock.yaml").write_text(POLICY)
    return load("clock", folder)


def random_case(rng, zone):
    """Events around a clock change or a month's end, a plan in the days after."""
    start = when.parse_datetime(rng.choice(["2026-03-27T12:00:00+01:00", "2026-10-23T18:00:00+02:00", "2026-02-12T12:00:00+08:00",
                                            "2026-05-30T22:15:00+00:00"]))
    events = [{"id": f"E{i}", "kind": "call", "direction": "outbound", "outcome": rng.choice(["conversation", "no_answer"]), "person": "P1",
               "at": zone.format(start - rng.randrange(8 * when.DAY)), "counts_for": ["D1"]} for i in range(rng.randrange(6))]
    at = start + rng.randrange(3 * when.DAY)
    return {"action": {"id": "A", "kind": "call", "at": zone.format(at), "person": "P1", "debts": ["D1"]}, "debtor": {"timezones": [zone.name]},
            "debts": [{"id": "D1", "contract": {"signed_on": "2026-01-02"}}], "events": events, "history": {"complete_since": "2026-01-01"}}


ZONES = ["Asia/Shanghai", "Europe/Amsterdam", "America/New_York"]


def slow_outcome(case, policy, at):
    moved = {**case, "action": {**case["action"], "at": when.zone("UTC").format(at)}}
    return evaluate(moved, policy).outcome


def points_of(walk, days):
    """The breakpoints of the next days."""
    return walk.breakpoints(walk.start + days * when.DAY)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_changes_between_breakpoints(house, seed):
    """Around every breakpoint of eight days, and at random instants, the windows say what a check at that instant says."""
    rng = random.Random(seed)
    zone = when.zone(rng.choice(ZONES))
    case = random_case(rng, zone)
    spans = [(when.parse_datetime(w.start), when.parse_datetime(w.end), w.outcome) for w in windows(case, house, 8)]
    points = points_of(Walk(case, house), 8)
    asked = {t + beside for t in points for beside in (-1, 0, 1)} | {rng.randrange(points[0], points[-1]) for _ in range(200)}

    for at in sorted(t for t in asked if points[0] <= t < points[-1]):
        expected = slow_outcome(case, house, at)
        assert [expected] == [o for start, end, o in spans if start <= at < end]


@pytest.mark.parametrize("seed", range(12))
def test_lawful_from_is_the_first_lawful_moment(house, seed):
    """The first moment of the windows that is allowed is the verdict's; the second before it is not allowed."""
    rng = random.Random(100 + seed)
    case = random_case(rng, when.zone(rng.choice(ZONES)))
    verdict = planned(case, house, evaluate(case, house))
    expected = next((w.start for w in windows(case, house, 60) if w.outcome == Outcome.ALLOW), None)

    assert expected == verdict.lawful_from
    if verdict.outcome != Outcome.ALLOW and expected:
        assert Outcome.ALLOW != slow_outcome(case, house, when.parse_datetime(expected) - 1)
        assert Outcome.ALLOW == slow_outcome(case, house, when.parse_datetime(expected))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_minute_by_minute_over_sixty_days(house, seed):
    """The windows of sixty days equal asking at every minute of them."""
    rng = random.Random(1000 + seed)
    case = random_case(rng, when.zone(rng.choice(ZONES)))
    walk = Walk(case, house)
    spans = [(when.parse_datetime(w.start), when.parse_datetime(w.end), w.outcome) for w in windows(case, house, 60)]
    for start, end, outcome in spans:
        first = -(-(start - walk.start) // 60) * 60 + walk.start
        for at in range(first, end, 60):
            assert outcome == outcome_of(walk.findings(at))[0]


def test_waiting_that_does_not_end_says_why(policy, call):
    """What no waiting cures has no lawful moment and names the constraint."""
    call["collector"] = {"kind": "third_party"}
    call["persons"][0]["roles"] = ["colleague"]
    verdict = planned(call, policy, evaluate(call, policy))

    assert verdict.lawful_from is None
    assert any(f.constraint in verdict.lawful_from_why.en for f in verdict.findings)


def test_instead_is_allowed(policy, call):
    """Each change that is proposed makes the action lawful."""
    call["action"]["at"] = "2026-11-23T23:10:00+08:00"
    verdict = planned(call, policy, evaluate(call, policy))

    assert "2026-11-24T08:00:00+08:00" == verdict.lawful_from
    assert {"action.at": "2026-11-24T08:00:00+08:00"} in [i["change"] for i in verdict.instead]


def test_a_finding_ends_when_asking_at_every_breakpoint_says_so(policy):
    """For the shipped law: the few instants looked at for one constraint find the same end as every breakpoint of sixty days."""
    walks = [(Walk(case, policy), evaluate(case, policy)) for case in portfolio(300, 5)]
    asked = sorted({(i, f.constraint, f.debt) for i, (_, verdict) in enumerate(walks) for f in verdict.findings})[:60]
    for i, name, debt in asked:
        walk = walks[i][0]
        expected = next((at for at in points_of(walk, 60) if (name, debt) not in walk.found(at, (name,))), None)
        found = ends(walk, name, debt)

        assert expected == (found if found is None or found <= walk.start + 60 * when.DAY else None)
    assert len({name for _, name, _ in asked}) >= 10


WITHIN_A_DAY = """zone: America/New_York
clock: debtor
sources: {board: {title: {en: Decision, zh: 决定}, from: 2026-01-01}}
constraints:
"""
PARTS = {
    "chain": "measures: {last: {latest: events, where: {kind: sms}}}|define: {a: {plus: [$last.at, 36 hours]}, b: {plus: [$a, 90 minutes]}}|"
             "wrong_when: {last.exists: true, b: {after: $action.at}}",
    "soon": "define: {soon: {plus: [$action.at, 36 hours]}}|wrong_when: {event.at: {between: [$action.at, $soon]}}|"
            "measures: {event: {earliest: events, where: {kind: call}}}",
    "lead": 'define: {soon: {plus: [$action.at, 90 minutes]}}|wrong_when: {soon: {inside: "01:00-01:40"}}',
    "pause": "periods: {p: {opens: {kind: dispute}, closes: [{kind: dispute_answered}], lasts: 36 hours, same: [debt]}}|wrong_when: {p: true}",
    "agreed": "wrong_when: {action.at: {outside: $debtor.agreed_hours}}",
}


@pytest.fixture(scope="module")
def hourly(tmp_path_factory):
    """Constraints that change within a day, at instants that no list of the case names."""
    folder = tmp_path_factory.mktemp("hourly")
    (folder / "profiles").mkdir()
    (folder / "house").mkdir()
    (folder / "profiles" / "hourly.yaml").write_text("title: {en: Hourly, zh: 时}\nuse: [house.*]\n")
    head = ["title: {en: t, zh: t}", "message: {en: m, zh: m}", "why: {en: w, zh: w}", "force: prohibition", "confidence: text"]
    body = [line for name, parts in PARTS.items()
            for line in (f"  {name}:", *(f"    {x}" for x in (*head, *parts.split("|"), 'values: {2026-01-01: {cite: "board 1"}}')))]
    (folder / "house" / "hourly.yaml").write_text(WITHIN_A_DAY + "\n".join(body))
    return load("hourly", folder)


PLACES = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]
MOMENTS = ["2026-03-28T20:00:00+00:00",
           "2026-10-24T22:00:00+00:00", "2026-03-08T01:00:00+00:00", "2026-04-04T10:00:00+00:00", "2026-10-03T10:00:00+00:00"]


def hourly_case(rng):
    """A plan near a clock change, in one zone or several, about one debt or two, after events with and without a time."""
    zones = [when.zone(name) for name in rng.sample(PLACES, rng.choice([1, 1, 2]))]
    start = when.parse_datetime(rng.choice(MOMENTS))
    events = []
    for i in range(rng.randrange(5)):
        at = start - rng.randrange(3 * when.DAY)
        written = zones[0].format(at) if rng.random() < 0.6 else when.format_date(at // when.DAY)
        events.append({"id": f"E{i}", "kind": rng.choice(["call", "sms", "dispute", "dispute_answered"]), "at": written,
                       "person": "P1", "counts_for": [rng.choice(["D1", "D2"])]})
    if events and rng.random() < 0.4:
        events.append({"id": "M", "kind": "amendment", "at": zones[0].format(start + rng.randrange(when.DAY)),
                       "amends": {"id": "E0"}, "set": {"kind": "sms"}})
    return {"action": {"id": "A", "kind": "call", "at": zones[0].format(start + rng.randrange(when.DAY // 2)), "person": "P1",
                       "debts": rng.choice([["D1"], ["D1", "D2"]])},
            "debtor": {"timezones": [z.name for z in zones], "agreed_hours": rng.choice(["00:30-02:15", "01:45-23:00", "22:00-01:30"])},
            "debts": [{"id": d, "contract": {"signed_on": "2026-01-02"}} for d in ("D1", "D2")], "events": events,
            "history": {"complete_since": "2026-01-01"}}


@pytest.mark.parametrize("seed", range(10))
def test_windows_within_a_day_across_clock_changes(hourly, seed):
    """At every breakpoint, one second beside it and at random instants the windows say what a check says there."""
    rng = random.Random(seed)
    case = hourly_case(rng)
    spans = [(when.parse_datetime(w.start), when.parse_datetime(w.end), w.outcome) for w in windows(case, hourly, 3)]
    points = points_of(Walk(case, hourly), 3)
    asked = {t + beside for t in rng.sample(points, min(60, len(points))) for beside in (-1, 0, 1)}
    asked |= {rng.randrange(points[0] // 300, points[-1] // 300) * 300 for _ in range(60)}

    for at in sorted(t for t in asked if spans[0][0] <= t < spans[-1][1]):
        assert (at, [slow_outcome(case, hourly, at)]) == (at, [o for start, end, o in spans if start <= at < end])


def test_each_finding_ends_by_itself(hourly):
    """Two debts in dispute since different moments: each finding says when its own pause ends."""
    events = [{"id": f"E{d}", "kind": "dispute", "at": f"2026-06-0{d}T12:00:00+00:00", "person": "P1", "counts_for": [f"D{d}"]} for d in (1, 2)]
    case = {**hourly_case(random.Random(1)), "events": events, "debtor": {"timezones": ["Europe/London"], "agreed_hours": "none"}}
    case["action"] |= {"at": "2026-06-02T13:00:00+00:00", "debts": ["D1", "D2"]}
    verdict = planned(case, hourly, evaluate(case, hourly))

    assert {"D1": "2026-06-03T01:00:00+01:00", "D2": "2026-06-04T01:00:00+01:00"} == {
        f.debt: f.lawful_from for f in verdict.findings if f.constraint == "house.hourly.pause"}


def test_two_changes_where_one_does_not_help(policy, call):
    """A third person at night: to the debtor and in the morning; neither alone is allowed."""
    call["persons"].append({"id": "P2", "roles": ["colleague"]})
    call["action"] |= {"at": "2026-11-23T23:10:00+08:00", "person": "P2", "address": "N2"}
    verdict = planned(call, policy, evaluate(call, policy))

    assert {"action.person": "P1", "action.at": "2026-11-24T08:00:00+08:00"} in [i["change"] for i in verdict.instead]
    for change in (i["change"] for i in verdict.instead):
        assert Outcome.ALLOW == evaluate(changed(call, change), policy).outcome
        assert all(Outcome.ALLOW != evaluate(changed(call, {k: x}), policy).outcome for k, x in change.items())
