"""When is it lawful next, and what would make it lawful.

With everything else fixed, a verdict as a function of time is constant between finitely many breakpoints: local midnights, edges of
timetables, instants of events and facts, and these plus every clock span of the policy. Walk them; no analysis of rules is needed.
"""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any

from fairdunning import value as v
from fairdunning import when
from fairdunning.book import FOREVER
from fairdunning.casefile import read_case
from fairdunning.constraint import Constraint
from fairdunning.errors import Text
from fairdunning.evaluate import context, debts_of, evaluate, judge, outcome_of, rulings, with_profile, zones_of
from fairdunning.facts import Case, parts_of
from fairdunning.policy import Policy
from fairdunning.verdict import Finding, Outcome, Verdict

HORIZON_DAYS = 400
MAX_INSTEAD, DAYS_AHEAD = 5, 7
LAST = when.parse_date("2200-12-31") * when.DAY
"""No case is planned later than this, on any clock."""


class Walk:
    """One case moved through time under one policy."""

    def __init__(self, document: Any, policy: Policy, file: str = "case") -> None:
        self.policy, self.file = policy, file
        self.document, self.assumed = with_profile(document, policy, file)
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

    def findings(self, at: int) -> list[Finding]:
        """What is found at an instant."""
        case = self.moved(at)
        found = [f for debt in debts_of(case) for zone in zones_of(case, self.file)
                 for f in judge(context(case, self.policy, debt, zone), self.policy, self.policy.compiled, zone.name if zone else "")]
        return [f for f in found if f.outcome > Outcome.ALLOW and not f.shadow]

    def found(self, at: int, constraints: tuple[str, ...] = ()) -> set[tuple[str, str]]:
        """The constraint and the debt of each finding at an instant, by all constraints or by these alone."""
        part = self.policy.part(constraints) if constraints else self.policy
        case = self.moved(at)
        return {(r.constraint.id, debt) for debt in debts_of(case) for zone in zones_of(case, self.file)
                for r in rulings(context(case, part, debt, zone), part, part.compiled)
                if r.outcome > Outcome.ALLOW and r.variant.status != "shadow"}

    def zones(self) -> list[when.Zone]:
        """Every clock that something is read on."""
        names = {con.clock for con in self.policy.constraints if con.clock != "debtor"}
        found = [when.zone(name) for name in sorted(names | self.policy.zones)]
        return found + [z for z in zones_of(self.case, self.file) if z is not None]

    def breakpoints(self, until: int, constraint: Constraint | None = None, also: Iterable[int] = ()) -> list[int]:
        """Instants up to one at which anything, or what this constraint says, may change; in order, the planned one first.

        ``also``: instants beside those of the case at which something begins or ends.
        """
        first, end = self.start, max(self.start, min(until, LAST))
        if constraint is not None and not moves(constraint):
            zone = when.zone(constraint.zone)
            dates = {zone.first_instant(day) for var in constraint.variants for day in (var.start, var.end) if abs(day) < FOREVER}
            return sorted({first, *(t for t in dates if first <= t <= end)})
        keys = None if constraint is None else {part for slot in constraint.slots for part in parts_of(slot.key)}
        spans = {p.seconds for p in self.policy.clock_spans if keys is None or p in keys or p.number < 0}
        shifts, found = _shifts(frozenset(spans)), {first}
        for instant in {*self._instants, *also}:
            near = shifts[bisect_left(shifts, first - 1 - instant) : bisect_right(shifts, end + 1 - instant)]
            found |= {instant + shift + beside for shift in near for beside in (-1, 0, 1)}
        for edge in self._edges(first, end - shifts[0], hourly=keys is None or not _HOURS.isdisjoint(keys)):
            found |= {edge + shift for shift in {0, *spans} if shift <= 0}
        return sorted(t for t in found if first <= t <= end)

    def _edges(self, first: int, end: int, *, hourly: bool) -> set[int]:
        """Local midnights and edges of timetables, on every clock."""
        tables = {*self.policy.timetables, *self._written[1]} if hourly else set()
        found: set[int] = set()
        for zone in self.zones():
            for day in range(zone.day_of(first), zone.day_of(end) + 2):
                found.add(zone.first_instant(day))
                for table in tables:
                    found.update(table.edges(zone, day))
        return found

    @cached_property
    def _instants(self) -> frozenset[int]:
        """Every instant that the case names but the planned one; of a date the first of its day and of the next, on every clock."""
        days, found = set(self.policy.records.values()), set()
        for text in self._written[0]:
            if text[:4].isdigit():
                try:
                    found.add(when.parse_datetime(text))
                except ValueError:
                    with suppress(ValueError):
                        days.add(when.parse_date(text))
        return frozenset(found | {zone.first_instant(d) for zone in self.zones() for day in days for d in (day, day + 1)})

    @cached_property
    def _written(self) -> tuple[list[str], set[when.Timetable]]:
        """Every text of the document but the planned instant, and every timetable, wherever they stand."""
        keys, texts, tables = self.policy.vocabulary.timetable_keys, list[str](), set[when.Timetable]()
        action = {name: part for name, part in self.document["action"].items() if name != "at"}
        waiting: list[Any] = [{**self.document, "action": action}]
        while waiting:
            part = waiting.pop()
            if isinstance(part, str):
                texts.append(part)
            elif isinstance(part, list):
                waiting += part
            elif isinstance(part, dict):
                waiting += part.values()
                for name in keys & part.keys():
                    with suppress(ValueError, TypeError):  # none, or unknown
                        tables.add(when.parse_timetable(part[name]))
        return texts, tables


_HOURS = frozenset({"inside", "outside"})


@lru_cache(maxsize=1000)
def _shifts(spans: frozenset[int]) -> list[int]:
    """What may lie between an instant and a change that it causes: sums of clock spans, those that look ahead negative; in order."""
    ahead = {s for s in spans if s < 0}
    after = {0, when.DAY, *(spans - ahead)}
    return sorted({a + b + c for a in after for b in after for c in {0, *ahead}})


def moves(constraint: Constraint) -> bool:
    """Whether time may change what a constraint says otherwise than by its law: it reads the planned moment or a list, or is due some day."""
    return constraint.moment == "after" or any(
        s.key.parts[0] == "known" or any(f == "action.at" or ": " in f for f in s.facts) for s in constraint.slots)


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
    for at in walk.breakpoints(walk.start + days * when.DAY):
        outcome = outcome_of(walk.findings(at))[0]
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
    found = {(f.constraint, f.debt): ends(walk, f.constraint, f.debt) for f in verdict.findings}
    findings = tuple(replace(f, lawful_from=_said(show, found[f.constraint, f.debt])) for f in verdict.findings)
    first = _first_lawful(walk, HORIZON_DAYS) if None not in found.values() else None
    why = None if first is not None else _why(tuple(sorted({name for (name, _), at in found.items() if at is None})))
    return replace(verdict, findings=findings, lawful_from=_said(show, first), lawful_from_why=why,
                   instead=tuple(_instead(walk.document, policy, _said(show, first), file)))


def _said(zone: when.Zone, at: int | None) -> str | None:
    return None if at is None else zone.format(at)


def ends(walk: Walk, name: str, debt: str) -> int | None:
    """When what one constraint finds for one debt ends by waiting."""
    points = walk.breakpoints(walk.start + HORIZON_DAYS * when.DAY, walk.policy.named(name))
    return next((at for at in points if (name, debt) not in walk.found(at, (name,))), None)


def _first_lawful(walk: Walk, days: int) -> int | None:
    """The first breakpoint at which nothing is found; what is wrong now is asked first, because it is cheap."""
    now = tuple(sorted({name for name, _ in walk.found(walk.start)}))
    points = walk.breakpoints(walk.start + days * when.DAY)
    return next((at for at in points if not (now and walk.found(at, now)) and not walk.found(at)), None)


def _why(constraints: tuple[str, ...]) -> Text:
    names = ", ".join(constraints)
    if not names:
        return Text(f"no moment of the next {HORIZON_DAYS} days is free of all findings", f"未来 {HORIZON_DAYS} 日内没有任何时刻不触发规则")
    return Text(f"waiting does not end: {names}", f"等待不能消除：{names}")


# --- what instead ------------------------------------------------------------------------------------------------------

_KINDS = ("call", "sms", "im", "email", "letter", "app_message")


def _instead(document: dict[str, Any], policy: Policy, lawful_from: str | None, file: str) -> list[dict[str, Any]]:
    """The smallest changes that a collector can really make and that are allowed: single ones, else two at once; each is judged again."""
    single = list(_changes(document, lawful_from))

    def allowed(change: dict[str, Any]) -> bool:
        return evaluate(changed(document, change), policy, file=file).outcome == Outcome.ALLOW

    found = [change for change in single if allowed(change)] or list(_amounts(document, allowed))
    if not found:
        found = list(_pairs(document, policy, single, allowed, file))
    return [{"change": change, "outcome": Outcome.ALLOW.word} for change in found[:MAX_INSTEAD]]


def _changes(document: dict[str, Any], lawful_from: str | None) -> Iterator[dict[str, Any]]:
    action = document["action"]
    if lawful_from is not None:
        yield {"action.at": lawful_from}
    if action.get("kind") in _KINDS:
        yield from ({"action.kind": kind} for kind in _KINDS if kind != action["kind"])
    for person in document.get("persons") or []:
        if person.get("id") != action.get("person") and "debtor" in (person.get("roles") or []):
            yield {"action.person": person["id"]}
    debts = action.get("debts") or []
    if isinstance(debts, list) and len(debts) > 1:
        yield from ({"action.debts": [debt]} for debt in debts)
    charges = (document.get("demand") or {}).get("charges") or []
    for i in range(len(charges)):
        yield {"demand.charges": charges[:i] + charges[i + 1 :]}


def _amounts(document: dict[str, Any], allowed: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    """The largest smaller amount, in minor units, of each amount demanded that makes the action lawful."""
    for key, written in (document.get("demand") or {}).items():
        if not isinstance(written, str) or not v.is_money(written):
            continue
        amount = v.parse_money(written)
        least, most = 0, amount.amount
        if most <= 0 or not allowed({f"demand.{key}": v.written_money(0, amount.currency)}):
            continue
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if allowed({f"demand.{key}": v.written_money(middle, amount.currency)}) else (least, middle)
        yield {f"demand.{key}": v.written_money(least, amount.currency)}


def _pairs(document: dict[str, Any], policy: Policy, single: list[dict[str, Any]], allowed: Callable[[dict[str, Any]], bool],
           file: str) -> Iterator[dict[str, Any]]:
    """Two changes at once, for what no single change cures: another time among them where waiting then helps."""
    others = [change for change in single if "action.at" not in change]
    for change in others:
        walk = Walk(changed(document, change), policy, file)
        if not all(moves(policy.named(name)) for name, _ in walk.found(walk.start)):
            continue  # waiting cannot help
        at = _first_lawful(walk, DAYS_AHEAD)
        if at is not None and at != walk.start:
            yield {**change, "action.at": _shown_zone(walk).format(at)}
    for first, second in combinations(others, 2):
        both = {**first, **second}
        if len(both) == len(first) + len(second) and allowed(both):
            yield both


def changed(document: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A copy of the document with some facts replaced; a channel that stood for the old kind goes."""
    found: dict[str, Any] = copy.deepcopy(document)
    for name, value in change.items():
        noun, _, fact = name.partition(".")
        found.setdefault(noun, {})[fact] = value
        if name == "action.kind":
            found["action"].pop("channel", None)
    return found
