"""Which items of a list count, and how complete the record is.

The meaning of each window is `docs/measures.md`; this is its only implementation for single checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from fairdunning import value as v
from fairdunning import when
from fairdunning.condition import ALWAYS, FALSE, TRUE, UNKNOWN, Expr, Tree, prepared
from fairdunning.facts import Context, Item, Key, one_word
from fairdunning.kinds import Kinds
from fairdunning.vocabulary import Fact

REACHING = frozenset({"person", "address", "household", "debt", "debt_group"})
"""`same` keys that mean the same in the file of every debtor."""
FAR = 10**7
"""Days further away than any date of a case."""


@dataclass(frozen=True)
class Selection:
    """Which items of a list count: a condition, `same` keys and one window, read on a clock."""

    key: Key
    list: str
    where: Tree
    kinds: Kinds
    same: tuple[str, ...]
    clock: str
    calendar: when.Calendar | None
    within: when.Period | None = None
    this: str = ""
    since: Expr | None = None
    until: Expr | None = None
    by: Fact | None = None
    facts: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def reaches(self) -> bool:
        """Whether items in the files of other debtors are asked at all."""
        return not REACHING.isdisjoint(self.same)

    @cached_property
    def asks(self) -> Callable[[Context, Item | None], int]:
        """The condition, made ready to be asked of each item."""
        return prepared(self.where)


@dataclass(frozen=True)
class Selected:
    """Items that surely count, items that may, and whether nothing else can count."""

    yes: list[Item]
    perhaps: list[Item]
    closed: bool


def select(ctx: Context, spec: Selection) -> Selected:
    """The items of a selection, made once per context."""
    found: Selected = ctx.cached(spec.key, lambda: _select(ctx, spec))
    return found


def _select(ctx: Context, spec: Selection) -> Selected:
    if spec.list == "events":
        kinds = spec.kinds(ctx)  # only spares work: the condition itself would say no to the others
        items, whole = ctx.case.events if kinds is None else ctx.case.of_kinds(kinds), closed(ctx, spec, ctx.now)
    else:
        listed = ctx.list(spec.list)
        if listed is None and ctx.vocabulary.facts[spec.list].silent and ctx.case.complete_since is not None and not ctx.denied(spec.list):
            listed = []  # silence of a complete record
            ctx.assumed.add(spec.list)
        items, whole = listed or [], listed is not None
    yes: list[Item] = []
    perhaps: list[Item] = []
    tests, zone = _tests(ctx, spec), ctx.zone(spec.clock)
    for item in items:
        openly = item.open and is_open(ctx, item)
        if (openly and ctx.without_open) or (item.foreign and not spec.reaches):
            continue
        where, counts = place(ctx, spec, item, zone), TRUE
        for test in tests:
            counts = min(counts, test(item, where))
            if not counts:
                break
        if counts:
            (yes if counts == TRUE and not openly else perhaps).append(item)
    return Selected(yes, perhaps, whole)


Asked = Callable[[Item, "Place"], int]
"""Whether an item counts as far as one question goes: TRUE, UNKNOWN or FALSE."""


def _tests(ctx: Context, spec: Selection) -> list[Asked]:
    """The questions asked of each item, the cheapest first."""
    asked = _windows(ctx, spec)
    asked += [_happened(ctx, spec)] if spec.list == "events" else []
    asked += [_same(ctx, key) for key in spec.same]
    if spec.where != ALWAYS:
        asked.append(lambda item, _where: spec.asks(ctx, item))
    return asked


class Place(NamedTuple):
    """Where an item stands in time: instants, local days; with ``none`` it stands nowhere."""

    at: v.Range
    day: v.Range


ANYWHERE = v.Range(-v.BIG, v.BIG)
ENDS_UNKNOWN = v.Range(-v.BIG, v.BIG, none=True)


def place(ctx: Context, spec: Selection, item: Item, zone: when.Zone | None) -> Place:
    """The item's own time, or that of the attribute named by ``by``; a date begins at its first instant."""
    if spec.by is None:
        places = ctx.places.setdefault((spec.list, spec.clock), {})
        found: Place | None = places.get(item.index)
        if found is None:
            found = places[item.index] = Place(item.instants(zone), item.date(zone))
        return found
    stored = item.stored(spec.by.name, zone)
    value = spec.by.unknown() if stored is None else stored
    if not isinstance(value, v.Range) or value.lo > value.hi:
        return Place(v.NONE, v.NONE)
    if zone is None and spec.by.type == "datetime" and abs(value.lo) < v.BIG and abs(value.hi) < v.BIG:
        return Place(value, ANYWHERE._replace(none=value.none))
    if zone is None or abs(value.lo) >= v.BIG or abs(value.hi) >= v.BIG:
        return Place(ANYWHERE._replace(none=value.none), ANYWHERE._replace(none=value.none))
    if spec.by.type == "date":
        return Place(v.Range(zone.first_instant(value.lo), zone.first_instant(value.hi), value.none), value)
    return Place(value, v.Range(zone.day_of(value.lo), zone.day_of(value.hi), value.none))


def is_open(ctx: Context, item: Item) -> bool:
    """Whether a contact is reserved, unresolved or committed within the last day without a result."""
    if not item.open:
        return False
    state = one_word(item.values.get("state"))
    return state != "committed" or (item.at is not None and ctx.now - item.at < when.DAY)


def _happened(ctx: Context, spec: Selection) -> Asked:
    now, zone = ctx.now, ctx.zone(spec.clock)

    def asked(item: Item, where: Place) -> int:
        at = where.at if spec.by is None else item.instants(zone)
        return TRUE if at.hi <= now else (UNKNOWN if at.lo <= now else FALSE)

    return asked


def _windows(ctx: Context, spec: Selection) -> list[Asked]:
    """The window and its bounds; an item without a value of `by` takes no part."""
    zone, now = ctx.zone(spec.clock), ctx.now
    asked: list[Asked] = [_placed] if spec.by is not None else []
    if spec.within:
        asked.append(_within(spec.within, zone, now, spec.calendar))
    elif spec.this:
        asked.append(_this(spec.this, zone, now))
    asked += [_bound(ctx, bound, is_since) for bound, is_since in ((spec.since, True), (spec.until, False)) if bound is not None]
    return asked


def _within(period: when.Period, zone: when.Zone | None, now: int, calendar: when.Calendar | None) -> Asked:
    if period.unit not in {"days", "weeks"} or zone is None:
        return lambda _item, where: within(period, where, zone, now, calendar)
    before = zone.day_of(now) - period.number * (7 if period.unit == "weeks" else 1)
    return lambda _item, where: kleene(before < where.day.lo, before < where.day.hi) if where.day.hi < FAR else UNKNOWN


def _placed(_item: Item, where: Place) -> int:
    if where.at.lo > where.at.hi:
        return FALSE
    return UNKNOWN if where.at.none or where.at.lo <= -v.BIG else TRUE


def kleene(lo: bool, hi: bool) -> int:
    """TRUE when sure, UNKNOWN when only possible."""
    return TRUE if lo else (UNKNOWN if hi else FALSE)


def within(period: when.Period, where: Place, zone: when.Zone | None, now: int, calendar: when.Calendar | None) -> int:
    """Whether the window that opens at this place still holds now; the first day is day 1."""
    if period.is_endless:
        return TRUE
    if period.is_clock:
        return kleene(now < where.at.lo + period.seconds, now < where.at.hi + period.seconds)
    if zone is None:
        return UNKNOWN
    today = zone.day_of(now)
    ends = [when.add(d, period, calendar) for d in (where.day.lo, where.day.hi) if abs(d) < FAR]
    if len(ends) < 2 or None in ends:
        return UNKNOWN
    inside = [today < e for e in ends if e is not None]
    return kleene(all(inside), any(inside))


def _this(unit: str, zone: when.Zone | None, now: int) -> Asked:
    if zone is None:
        return lambda _item, _where: UNKNOWN
    name = unit.split(" ", maxsplit=1)[0]
    start = when.unit_start(zone.day_of(now), name, unit.endswith("sunday"))
    end = when.add(start, when.Period(1, name + "s")) or FAR

    def asked(_item: Item, where: Place) -> int:
        first, last, _ = where.day
        if start <= first and last < end:
            return TRUE
        return UNKNOWN if first < end and start <= last else FALSE

    return asked


def _bound(ctx: Context, bound: Expr, is_since: bool) -> Asked:
    limit = bound.read(ctx, None)
    if not isinstance(limit, v.Range):
        return lambda _item, _where: UNKNOWN
    if limit.lo > limit.hi:
        return lambda _item, _where: TRUE  # a none bound is no bound

    def asked(_item: Item, where: Place) -> int:
        found = where.at if bound.type == "datetime" else where.day
        if is_since:
            sure, maybe = limit.hi <= found.lo, limit.lo <= found.hi
        else:
            sure, maybe = found.hi <= limit.lo, found.lo <= limit.hi
        return kleene(sure, maybe or limit.none)

    return asked


_ACTION_SIDE = {"person": "action.person", "address": "action.address", "channel": "action.channel", "session": "action.session",
                "creditor": "creditor.id", "collector": "collector.id", "place": "address.place", "household": "recipient.household",
                "debt_group": "debt.group"}


def _same(ctx: Context, key: str) -> Asked:
    """Whether the item's key is the action's."""
    if key == "debt":
        usual = FALSE if ctx.debt else UNKNOWN
        return lambda item, _where: item.debts.get(ctx.debt, usual)
    mine: v.Value = ctx.word(_ACTION_SIDE.get(key, "action." + key))
    if key == "collector" and mine == v.ANY_WORD and one_word(ctx.word("collector.kind")) == "creditor":
        mine = ctx.word("creditor.id")  # a creditor that collects itself

    def asked(item: Item, _where: Place) -> int:
        theirs = item.values.get(key)
        if theirs is None and key == "debt_group":
            return _same_group(ctx, item)
        if theirs is None and key == "creditor":
            return TRUE  # the file is one creditor's unless the event says otherwise
        return _equal_words(mine, theirs if theirs is not None else v.ANY_WORD)

    return asked


def _same_group(ctx: Context, item: Item) -> int:
    """An event belongs to the group of the debts it counts for; a debt without a group is its own."""
    mine = ctx.word("debt.group")
    found = item.debts.get(ctx.debt, FALSE)
    fact = ctx.vocabulary.facts["debt.group"]
    silence = fact.silence() if fact.silent and ctx.case.complete_since is not None else v.ANY_WORD
    for debt, counts in item.debts.items():
        theirs = ctx.case.debts[debt].get("debt", {}).get("debt.group", silence)
        found = max(found, min(counts, _equal_words(mine, theirs)) if debt != ctx.debt else FALSE)
    return found


def _equal_words(a: v.Value, b: v.Value) -> int:
    if a is b and isinstance(a, v.Words) and a.possible is not None and len(a.possible) == 1 and a != v.NO_WORD:
        return TRUE
    if a == v.NO_WORD or b == v.NO_WORD:
        return FALSE
    left, right = one_word(a), one_word(b)
    if left is not None and right is not None:
        return TRUE if left == right else FALSE
    if isinstance(a, v.Words) and isinstance(b, v.Words) and a.possible and b.possible and not a.possible & b.possible:
        return FALSE
    return UNKNOWN


# --- how complete the record is ----------------------------------------------------------------------------------------


def closed(ctx: Context, spec: Selection, now: int) -> bool:
    """Whether the case lacks no event that could count at this moment (``docs/measures.md``, How complete the record is)."""
    kinds = spec.kinds(ctx)
    if kinds is None:
        kinds = frozenset(ctx.vocabulary.events["kind"].words)
    since = covered_since(ctx, kinds)
    if since is None:
        return False
    first = _first_day(ctx, spec, now)
    if (first is not None and first >= since) or _debt_began_after(ctx, spec, since):
        return True
    words = ctx.vocabulary.events["kind"].words
    if all(words[k].silent for k in kinds if k in words):
        ctx.assumed |= {f"{k}: none recorded before {when.format_date(since)}" for k in kinds}
        return True
    return False


def covered_since(ctx: Context, kinds: frozenset[str]) -> int | None:
    """The first day from which the record holds every event of all these kinds, None when one of them has none."""
    found: int | None = ctx.cached(("covered", kinds), lambda: _covered_since(ctx, kinds))
    return found


def _covered_since(ctx: Context, kinds: frozenset[str]) -> int | None:
    usual = FAR if ctx.case.complete_since is None else ctx.case.complete_since
    since = max((min(ctx.records.get(k, FAR), usual) for k in kinds), default=-FAR)
    return None if since == FAR else since


def _debt_began_after(ctx: Context, spec: Selection, since: int) -> bool:
    if "debt" not in spec.same or "contract.signed_on" not in ctx.vocabulary.facts:
        return False
    signed = ctx.fact(ctx.vocabulary.facts["contract.signed_on"])
    return isinstance(signed, v.Range) and signed.lo <= signed.hi and not signed.none and signed.lo >= since


def _first_day(ctx: Context, spec: Selection, now: int) -> int | None:
    """The first local day that the window may touch, None when it reaches back without end."""
    zone = ctx.zone(spec.clock)
    days: list[int] = []
    if zone is not None and spec.by is None:
        today = zone.day_of(now)
        if spec.this:
            name = spec.this.split(" ", maxsplit=1)[0]
            days.append(when.unit_start(today, name, spec.this.endswith("sunday")))
        if spec.within:
            days += _first_of_span(spec.within, zone, now, today, spec.calendar)
        if spec.since is not None:
            limit = spec.since.read(ctx, None)
            if isinstance(limit, v.Range) and limit.lo <= limit.hi and not limit.none and limit.lo > -v.BIG:
                days.append(zone.day_of(limit.lo) if spec.since.type == "datetime" else limit.lo)
    return max(days, default=None)


_DAYS_PER = {"days": 1, "weeks": 7, "months": 31, "years": 366, "business days": 7}


def _first_of_span(period: when.Period, zone: when.Zone, now: int, today: int, calendar: when.Calendar | None) -> list[int]:
    if period.is_endless:
        return []
    if period.is_clock:
        return [zone.day_of(now - period.seconds)]
    day = today - _DAYS_PER[period.unit] * period.number - 40
    while True:  # the span is longest back to the first day whose window still holds today
        end = when.add(day, period, calendar)
        if end is None:
            return []
        if today < end:
            return [day]
        day += 1
