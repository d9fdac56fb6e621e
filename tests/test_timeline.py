"""When it is lawful next: equal to asking at every moment."""

import random

import pytest

from fairdunning import when
from fairdunning.evaluate import evaluate
from fairdunning.policy import load
from fairdunning.portfolio import portfolio
from fairdunning.timeline import Walk, ends, planned, windows
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


@pytest.mark.parametrize("seed", range(6))
def test_nothing_changes_between_breakpoints(house, seed):
    """Around every breakpoint of eight days, and at random instants, the windows say what a check at that instant says."""
    rng = random.Random(seed)
    zone = when.zone(rng.choice(ZONES))
    case = random_case(rng, zone)
    spans = [(when.parse_datetime(w.start), when.parse_datetime(w.end), w.outcome) for w in windows(case, house, 8)]
    points = Walk(case, house).breakpoints(8)
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
            assert outcome == walk.outcome(at)


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
    asked = [(walk, name) for walk, verdict in walks for name in {f.constraint for f in verdict.findings}][:60]
    for walk, name in asked:
        expected = next((at for at in walk.breakpoints(60) if walk.outcome(at, (name,)) == Outcome.ALLOW), None)
        found = ends(walk, name)

        assert expected == (found if found is None or found <= walk.start + 60 * when.DAY else None)
    assert len({name for _, name in asked}) >= 10
