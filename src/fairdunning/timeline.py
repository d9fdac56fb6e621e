"""When is it lawful next, and what would make it lawful.

With everything else fixed, a verdict as a function of time is constant between finitely many breakpoints: local midnights, edges of
timetables, instants of events and facts, and these plus every clock span of the policy. Walk them; no analysis of rules is needed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from fairdunning import value as v
from fairdunning import when
from fairdunning.book import FOREVER
from fairdunning.casefile import read_case
from fairdunning.condition import Slot, slots_of
from fairdunning.constraint import Constraint
from fairdunning.errors import Text
from fairdunning.evaluate import context, debts_of, evaluate, rulings, with_profile, zones_of
from fairdunning.facts import Case, mentions
from fairdunning.policy import Policy
from fairdunning.verdict import Outcome, Verdict

HORIZON_DAYS = 400
MAX_INSTEAD = 5


class Walk:
    """One case moved through time under one policy."""

    def __init__(self, document: Any, policy: Policy, file: str = "case") -> None:
        self.policy, self.file = policy, file
        self.document, _ = with_profile(document, policy, file)
        self.case = read_case(self.document, policy.vocabulary, file)
        at = self.case.nouns["action"]["action.at"]
        assert isinstance(at, v.Range)
        self.start = at.lo
        # an amendment made later rewrites events from then on: only then must the document be read anew
        self.amended = any(isinstance(e, dict) and e.get("kind") == "amendment" for e in self.document.get("events") or [])

    def moved(self, at: int) -> Case:
        """The case with its action planned for another instant."""
        if self.amended:
            document = {**self.document, "action": {**self.document["action"], "at": when.zone("UTC").format(at)}}
            return read_case(document, self.policy.vocabulary, self.file)
        nouns = {**self.case.nouns, "action": {**self.case.nouns["action"], "action.at": v.Range(at, at)}}
        return replace(self.case, nouns=nouns)

    def outcome(self, at: int, constraints: tuple[str, ...] = ()) -> Outcome:
        """The worst outcome at an instant, by all constraints or by these alone."""
        part = self.policy.part(constraints) if constraints else self.policy
        case = self.moved(at)
        found = [r for debt in debts_of(case) for zone in zones_of(case, self.file)
                 for r in rulings(context(case, part, debt, zone), part, part.compiled)]
        return max((r.outcome for r in found if r.variant.status != "shadow"), default=Outcome.ALLOW)

    def zones(self) -> list[when.Zone]:
        """Every clock that something is read on."""
        names = {con.clock for con in self.policy.constraints if con.clock != "debtor"}
        found = [when.zone(name) for name in sorted(names | self.policy.zones)]
        return found + [z for z in zones_of(self.case, self.file) if z is not None]

    def breakpoints(self, days: int, constraint: Constraint | None = None) -> list[int]:
        """Instants of the next days at which anything, or what this constraint says, may change; in order, the planned one first."""
        first, end = self.start, self.start + days * when.DAY
        if constraint is not None and not _moves(constraint):
            zone = when.zone(constraint.zone)
            dates = {zone.first_instant(day) for var in constraint.variants for day in (var.start, var.end) if abs(day) < FOREVER}
            return sorted({first, *(t for t in dates if first <= t <= end)})
        found = {first}
        hourly = constraint is None or any(mentions(s.key, _HOURS) for s in _slots(constraint))
        tables = {*self.policy.timetables, *_timetables(self.case)} if hourly else set()
        for zone in self.zones():
            for day in range(zone.day_of(first), zone.day_of(end) + 2):
                found.add(zone.first_instant(day))
                for table in tables:
                    found.update(table.edges(zone, day))
        spans = {0, when.DAY, *(p.seconds for p in self.policy.clock_spans)}
        for instant in self._instants():
            found |= {instant + span + beside for span in spans for beside in (0, 1)}
        return sorted(t for t in found if first <= t <= end)

    def _instants(self) -> Iterator[int]:
        """Every instant that the case names."""
        lists = [self.case.events, *self.case.lists.values(), *(items for lists in self.case.debt_lists.values() for items in lists.values())]
        groups = [*self.case.nouns.values(), *self.case.persons.values(), *self.case.addresses.values()]
        groups += [part for debt in self.case.debts.values() for part in debt.values()]
        groups += [item.values for items in lists for item in items]
        for group in groups:
            for name, value in group.items():
                if name != "action.at" and isinstance(value, v.Range) and value.lo == value.hi and value.lo > 10**8:
                    yield value.lo
        for entry in self.document.get("events") or []:
            try:
                yield when.parse_datetime(entry["at"])
            except (TypeError, KeyError, ValueError):
                continue  # a date alone changes at midnight


_HOURS = frozenset({"inside", "outside"})


def _slots(constraint: Constraint) -> list[Slot]:
    return [s for var in constraint.variants for part in (var.bound.wrong, var.bound.premise, var.word, *var.bound.unless.values())
            for s in slots_of(part)]


def _moves(constraint: Constraint) -> bool:
    """Whether time alone may change what a constraint says: it reads the planned moment or a list, or is due some day."""
    slots = _slots(constraint)
    return constraint.moment == "after" or any(
        s.key.parts[0] == "known" or any(f == "action.at" or ": " in f for f in s.facts) for s in slots)


def _timetables(case: Case) -> Iterator[when.Timetable]:
    groups = [*case.nouns.values(), *case.persons.values(), *(part for debt in case.debts.values() for part in debt.values())]
    groups += [item.values for item in case.events]
    for group in groups:
        for value in group.values():
            if isinstance(value, v.Hours) and value.timetable is not None:
                yield value.timetable


@dataclass(frozen=True)
class Window:
    """A span of one outcome: from an instant (in) to another (out)."""

    start: str
    end: str
    outcome: Outcome

    def document(self) -> dict[str, str]:
        """The JSON form."""
        return {"from": self.start, "until": self.end, "outcome": self.outcome.word}


def windows(document: Any, policy: Policy, days: int = 7, file: str = "case") -> list[Window]:
    """The outcomes of the next days, joined where they are the same; raises CaseError."""
    walk = Walk(document, policy, file)
    show = _shown_zone(walk)
    spans: list[tuple[int, Outcome]] = []
    for at in walk.breakpoints(days):
        outcome = walk.outcome(at)
        if not spans or spans[-1][1] != outcome:
            spans.append((at, outcome))
    ends = [*(start for start, _ in spans[1:]), walk.start + days * when.DAY]
    return [Window(show.format(start), show.format(end), outcome) for (start, outcome), end in zip(spans, ends, strict=True)]


def _shown_zone(walk: Walk) -> when.Zone:
    """Times are shown on the clock of the debtor, else of the first authority."""
    debtors = [z for z in zones_of(walk.case, walk.file) if z is not None]
    return (debtors or walk.zones() or [when.zone("UTC")])[0]


def planned(document: Any, policy: Policy, verdict: Verdict, file: str = "case") -> Verdict:
    """The verdict with when it becomes lawful and what would be lawful instead; an engine's failure is left as it is."""
    if verdict.cause in {"disagreement", "engine_lost"}:
        return verdict
    walk = Walk(document, policy, file)
    show = _shown_zone(walk)
    if verdict.outcome == Outcome.ALLOW:
        return replace(verdict, lawful_from=show.format(walk.start))
    found = {name: ends(walk, name) for name in sorted({f.constraint for f in verdict.findings})}
    findings = tuple(replace(f, lawful_from=_said(show, found[f.constraint])) for f in verdict.findings)
    first = _first_lawful(walk, tuple(found)) if None not in found.values() else None
    why = None if first is not None else _why(tuple(name for name, at in found.items() if at is None))
    return replace(verdict, findings=findings, lawful_from=_said(show, first), lawful_from_why=why,
                   instead=tuple(_instead(walk.document, policy, _said(show, first), file)))


def _said(zone: when.Zone, at: int | None) -> str | None:
    return None if at is None else zone.format(at)


def ends(walk: Walk, name: str) -> int | None:
    """The first moment at which one constraint says nothing more."""
    constraint = next(con for con in walk.policy.constraints if con.id == name)
    points = walk.breakpoints(HORIZON_DAYS, constraint)
    return next((at for at in points if walk.outcome(at, (name,)) == Outcome.ALLOW), None)


def _first_lawful(walk: Walk, constraints: tuple[str, ...]) -> int | None:
    """The first breakpoint at which nothing is found; what is wrong now is asked first, because it is cheap."""
    points = walk.breakpoints(HORIZON_DAYS)
    return next((at for at in points if Outcome.ALLOW == walk.outcome(at, constraints) == walk.outcome(at)), None)


def _why(constraints: tuple[str, ...]) -> Text:
    names = ", ".join(constraints)
    if not names:
        return Text(f"no moment of the next {HORIZON_DAYS} days is free of all findings", f"未来 {HORIZON_DAYS} 日内没有任何时刻不触发规则")
    return Text(f"waiting does not end: {names}", f"等待不能消除：{names}")


# --- what instead ------------------------------------------------------------------------------------------------------

_KINDS = ("call", "sms", "im", "email", "letter", "app_message")


def _instead(document: dict[str, Any], policy: Policy, lawful_from: str | None, file: str) -> Iterator[dict[str, Any]]:
    """Changes that a collector can really make and that are allowed; each one is judged again."""
    found = 0
    for change in _changes(document, lawful_from):
        if found < MAX_INSTEAD and evaluate(changed(document, change), policy, file=file).outcome == Outcome.ALLOW:
            found += 1
            yield {"change": change, "outcome": Outcome.ALLOW.word}


def _changes(document: dict[str, Any], lawful_from: str | None) -> Iterator[dict[str, Any]]:
    action = document["action"]
    if lawful_from is not None:
        yield {"action.at": lawful_from}
    if action.get("kind") in _KINDS:
        for kind in _KINDS:
            if kind != action["kind"]:
                yield {"action.kind": kind}
    for person in document.get("persons") or []:
        if person.get("id") != action.get("person") and "debtor" in (person.get("roles") or []):
            yield {"action.person": person["id"]}
    debts = action.get("debts") or []
    if len(debts) > 1:
        for debt in debts:
            yield {"action.debts": [debt]}
    charges = (document.get("demand") or {}).get("charges") or []
    for i in range(len(charges)):
        yield {"demand.charges": charges[:i] + charges[i + 1 :]}


def changed(document: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A copy of the document with some facts replaced; a channel that stood for the old kind goes."""
    found: dict[str, Any] = copy.deepcopy(document)
    for name, value in change.items():
        noun, _, fact = name.partition(".")
        found.setdefault(noun, {})[fact] = value
        if name == "action.kind":
            found["action"].pop("channel", None)
    return found
