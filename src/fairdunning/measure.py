"""What is computed from lists: which items count, how complete the record is, and the value that follows.

The meaning of each window and measure is `docs/measures.md`; this is its only implementation for single checks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from fairdunning import value as v
from fairdunning import when
from fairdunning.condition import FALSE, TRUE, UNKNOWN, And, Expr, Leaf, Or, Tree, truth
from fairdunning.facts import Context, Item, one_word
from fairdunning.vocabulary import Fact

FAR = 10**7
"""Days further away than any date of a case."""


@dataclass(frozen=True)
class Selection:
    """Which items of a list count: a condition, `same` keys and one window, read on a clock."""

    key: Hashable
    list: str
    where: Tree
    kinds: Callable[[Context], frozenset[str] | None]
    same: tuple[str, ...]
    clock: str
    calendar: when.Calendar | None
    within: when.Period | None = None
    this: str = ""
    since: Expr | None = None
    until: Expr | None = None
    facts: frozenset[str] = field(default_factory=frozenset)


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
        items, closed = ctx.case.events, _closed(ctx, spec)
    else:
        listed = ctx.list(spec.list)
        items, closed = listed or [], listed is not None
    yes: list[Item] = []
    perhaps: list[Item] = []
    for item in items:
        counts = min(_happened(ctx, spec, item), _in_window(ctx, spec, item))
        counts = min(counts, _same(ctx, spec, item)) if counts else FALSE
        counts = min(counts, truth(spec.where, ctx, item)) if counts else FALSE
        if counts:
            (yes if counts == TRUE and not is_open(ctx, item) else perhaps).append(item)
    return Selected(yes, perhaps, closed)


def is_open(ctx: Context, item: Item) -> bool:
    """Whether a contact is reserved, unresolved or committed within the last day without a result."""
    if not item.open:
        return False
    state = one_word(item.values.get("state"))
    return state != "committed" or (item.at is not None and ctx.now - item.at < when.DAY)


def _happened(ctx: Context, spec: Selection, item: Item) -> int:
    if spec.list != "events":
        return TRUE
    at = item.instants(ctx.zone(spec.clock))
    if item.open and one_word(item.values.get("state")) in {"reserved", "unresolved"}:
        return TRUE
    return TRUE if at.hi <= ctx.now else (UNKNOWN if at.lo <= ctx.now else FALSE)


def _in_window(ctx: Context, spec: Selection, item: Item) -> int:
    zone = ctx.zone(spec.clock)
    found = TRUE
    if spec.within:
        found = _within(spec.within, item, zone, ctx.now, spec.calendar)
    elif spec.this:
        found = _this(spec.this, item, zone, ctx.now)
    for bound, is_since in ((spec.since, True), (spec.until, False)):
        if bound is not None and found:
            found = min(found, _bound(ctx, bound, item, zone, is_since))
    return found


def _kleene(lo: bool, hi: bool) -> int:
    return TRUE if lo else (UNKNOWN if hi else FALSE)


def _within(period: when.Period, item: Item, zone: when.Zone | None, now: int, calendar: when.Calendar | None) -> int:
    if period.is_clock:
        at = item.instants(zone)
        return _kleene(now < at.lo + period.seconds, now < at.hi + period.seconds)
    if zone is None:
        return UNKNOWN
    today, date = zone.day_of(now), item.date(zone)
    ends = [_window_end(d, period, calendar) for d in (date.lo, date.hi) if abs(d) < FAR]
    if len(ends) < 2 or None in ends:
        return UNKNOWN
    inside = [today < e for e in ends if e is not None]
    return _kleene(all(inside), any(inside))


def _window_end(day: int, period: when.Period, calendar: when.Calendar | None) -> int | None:
    return when.add(day, period, calendar)


def _this(unit: str, item: Item, zone: when.Zone | None, now: int) -> int:
    if zone is None:
        return UNKNOWN
    sunday = unit.endswith("sunday")
    name = unit.split(" ", maxsplit=1)[0]
    start, date = when.unit_start(zone.day_of(now), name, sunday), item.date(zone)
    if abs(date.lo) > FAR or abs(date.hi) > FAR:
        return UNKNOWN
    same = [when.unit_start(d, name, sunday) == start for d in (date.lo, date.hi)]
    return _kleene(all(same), any(same))


def _bound(ctx: Context, bound: Expr, item: Item, zone: when.Zone | None, is_since: bool) -> int:
    limit = bound.read(ctx, None)
    if not isinstance(limit, v.Range):
        return UNKNOWN
    if limit.lo > limit.hi:
        return TRUE  # a none bound is no bound
    place = item.instants(zone) if bound.type == "datetime" else item.date(zone)
    if is_since:
        sure, maybe = limit.hi <= place.lo, limit.lo <= place.hi
    else:
        sure, maybe = place.hi <= limit.lo, place.lo <= limit.hi
    return _kleene(sure, maybe or limit.none)


def _same(ctx: Context, spec: Selection, item: Item) -> int:
    found = TRUE
    for key in spec.same:
        found = min(found, _same_key(ctx, key, item))
    return found


_ACTION_SIDE = {"person": "action.person", "address": "action.address", "channel": "action.channel", "session": "action.session",
                "creditor": "creditor.id", "collector": "collector.id", "place": "address.place", "household": "recipient.household"}


def _same_key(ctx: Context, key: str, item: Item) -> int:
    if key == "debt":
        return item.debts.get(ctx.debt, UNKNOWN if not ctx.debt else FALSE)
    theirs = item.values.get(key)
    if key == "creditor" and theirs is None:
        return TRUE  # the file is one creditor's unless the event says otherwise
    mine: v.Value = ctx.word(_ACTION_SIDE.get(key, "action." + key))
    if key == "channel" and mine == v.ANY_WORD:
        mine = ctx.word("action.kind")
    if key == "debt_group":
        mine = ctx.word("debt.group")
        if theirs is None and mine in {v.NO_WORD, v.ANY_WORD}:
            return item.debts.get(ctx.debt, FALSE)
    return _equal_words(mine, theirs if theirs is not None else v.ANY_WORD)


def _equal_words(a: v.Value, b: v.Value) -> int:
    if a == v.NO_WORD or b == v.NO_WORD:
        return FALSE
    left, right = one_word(a), one_word(b)
    if left is not None and right is not None:
        return TRUE if left == right else FALSE
    if isinstance(a, v.Words) and isinstance(b, v.Words) and a.possible and b.possible and not a.possible & b.possible:
        return FALSE
    return UNKNOWN


# --- how complete the record is ----------------------------------------------------------------------------------------


def _closed(ctx: Context, spec: Selection) -> bool:
    """Whether the case lacks no event that could count (``docs/measures.md``, How complete the record is)."""
    kinds = spec.kinds(ctx)
    if kinds is None:
        kinds = frozenset(ctx.vocabulary.events["kind"].words)
    declared = [ctx.records.get(k, ctx.case.complete_since) for k in sorted(kinds)]
    known = [d for d in declared if d is not None]
    if len(known) < len(declared):
        return False
    since = max(known, default=-FAR)
    first = _first_day(ctx, spec)
    if first is not None and first >= since:
        return True
    if _debt_began_after(ctx, spec, since):
        return True
    words = ctx.vocabulary.events["kind"].words
    if all(words[k].silent for k in kinds if k in words):
        ctx.assumed |= {f"{k}: none recorded before {when.format_date(since)}" for k in kinds}
        return True
    return False


def _debt_began_after(ctx: Context, spec: Selection, since: int) -> bool:
    if "debt" not in spec.same or "contract.signed_on" not in ctx.vocabulary.facts:
        return False
    signed = ctx.fact(ctx.vocabulary.facts["contract.signed_on"])
    return isinstance(signed, v.Range) and signed.lo <= signed.hi and not signed.none and signed.lo >= since


def _first_day(ctx: Context, spec: Selection) -> int | None:
    """The first local day that the window may touch, None when it reaches back without end."""
    zone = ctx.zone(spec.clock)
    days: list[int] = []
    if zone is not None:
        today = zone.day_of(ctx.now)
        if spec.this:
            name = spec.this.split(" ", maxsplit=1)[0]
            days.append(when.unit_start(today, name, spec.this.endswith("sunday")))
        if spec.within:
            days += _first_of_span(spec.within, zone, ctx.now, today, spec.calendar)
        if spec.since is not None:
            limit = spec.since.read(ctx, None)
            if isinstance(limit, v.Range) and limit.lo <= limit.hi and not limit.none and limit.lo > -v.BIG:
                days.append(zone.day_of(limit.lo) if spec.since.type == "datetime" else limit.lo)
    return max(days, default=None)


def _first_of_span(period: when.Period, zone: when.Zone, now: int, today: int, calendar: when.Calendar | None) -> list[int]:
    if period.is_clock:
        return [zone.day_of(now - period.seconds)]
    per = {"days": 1, "weeks": 7, "months": 31, "years": 366, "business_days": 7, "business days": 7}[period.unit]
    day = today - per * period.number - 40
    while True:  # the span is longest back to the first day whose window still holds today
        end = _window_end(day, period, calendar)
        if end is None:
            return []
        if today < end:
            return [day]
        day += 1


# --- values ------------------------------------------------------------------------------------------------------------


def count(ctx: Context, spec: Selection) -> v.Range:
    """Sure items to sure and possible ones; open towards the past: no upper bound."""
    found = select(ctx, spec)
    return v.Range(len(found.yes), len(found.yes) + len(found.perhaps) if found.closed else v.BIG)


def total(ctx: Context, spec: Selection, attribute: Fact) -> v.Range:
    """The sum of an attribute: possible items add what they may."""
    found = select(ctx, spec)
    lo = hi = 0
    for item in found.yes:
        value = _number(item, attribute)
        lo, hi = lo + value.lo, hi + value.hi
    for item in found.perhaps:
        value = _number(item, attribute)
        lo, hi = lo + min(value.lo, 0), hi + max(value.hi, 0)
    return v.Range(max(lo, -v.BIG), min(hi, v.BIG) if found.closed else v.BIG)


def _number(item: Item, attribute: Fact) -> v.Range:
    value = item.values.get(attribute.name, attribute.unknown())
    if not isinstance(value, v.Range):
        return v.Range(-v.BIG, v.BIG)
    return v.Range(0, 0) if value.lo > value.hi else value


def distinct(ctx: Context, spec: Selection, attribute: Fact) -> v.Range:
    """How many different values an attribute has."""
    found = select(ctx, spec)

    def values(items: list[Item]) -> tuple[set[v.Value], int]:
        read = [i.values.get(attribute.name, attribute.unknown()) for i in items]
        known = {r for r in read if v.is_point(r) and v.exists(r) != v.FALSE}
        return known, sum(not v.is_point(r) for r in read)

    sure, _ = values(found.yes)
    every, unknowns = values(found.yes + found.perhaps)
    return v.Range(len(sure), len(every) + unknowns if found.closed else v.BIG)


def candidates(ctx: Context, spec: Selection, latest: bool) -> tuple[list[Item], bool, bool]:
    """The items that may be the latest (earliest), whether there may be none, whether an unseen one may be."""
    found = select(ctx, spec)
    zone = ctx.zone(spec.clock)
    sign = 1 if latest else -1
    sure = [(sign * (i.instants(zone).lo if latest else i.instants(zone).hi), sign * i.index, i) for i in found.yes]
    best = max(sure, default=None, key=lambda s: s[:2])
    chosen: list[Item] = []
    for item in found.yes + found.perhaps:
        at = item.instants(zone)
        reach = (sign * (at.hi if latest else at.lo), sign * item.index)
        if best is None or item is best[2] or reach > best[:2]:
            chosen.append(item)
    unseen = not found.closed and (best is None or not latest)
    return chosen, best is None and (found.closed or True), unseen


def kinds_in(tree: Tree) -> frozenset[str] | None:
    """Marks where a condition limits the kind of event; None: any kind (filled in by the binder through slot keys)."""
    if isinstance(tree, Leaf):
        key = tree.slot.key
        if isinstance(key, tuple) and key[0] == "is" and key[1] == ("item", "kind") and tree.op == ">=":
            literal = key[2]
            return frozenset(literal[1]) if isinstance(literal, tuple) and literal[0] == "words" else None
        return None
    parts = [kinds_in(p) for p in tree.parts]
    if isinstance(tree, And):
        known = [p for p in parts if p is not None]
        return frozenset.intersection(*known) if known else None
    if isinstance(tree, Or) and parts and all(p is not None for p in parts):
        return frozenset().union(*[p for p in parts if p is not None])
    return None
