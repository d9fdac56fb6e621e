"""What runs over time: periods that open and close, terms that events renew, interest on balances.

The meaning is `docs/measures.md` (Period, Term, interest); this is its only implementation for single checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from fairdunning import value as v
from fairdunning import when
from fairdunning.condition import FALSE, TRUE, UNKNOWN, Expr, Pair, number
from fairdunning.facts import Context, Item, Key, one_word
from fairdunning.selection import ENDS_UNKNOWN, FAR, Place, Selection, closed, covered_since, kleene, place, select, within


@dataclass(frozen=True)
class Span:
    """A period: what opens it, what closes it, how long it lasts at most (None: without end)."""

    key: Key
    opens: Selection
    closes: tuple[Selection, ...]
    lasts: when.Period | None


class _Edge(NamedTuple):
    """An event that opens or closes: how surely it counts, where it stands, its rank among equals."""

    counts: int
    place: Place
    rank: int


def _edges(ctx: Context, spec: Selection) -> list[_Edge]:
    def make() -> list[_Edge]:
        found, zone = select(ctx, spec), ctx.zone(spec.clock)
        return [_Edge(sure, place(ctx, spec, i, zone), i.index) for sure, items in ((TRUE, found.yes), (UNKNOWN, found.perhaps)) for i in items]

    edges: list[_Edge] = ctx.cached(("edges", spec.key), make)
    return edges


def _later(a: _Edge, b: _Edge) -> int:
    """Whether `a` comes after `b`; equal instants: the later in the list."""
    if a.place.at.lo == a.place.at.hi == b.place.at.lo == b.place.at.hi:
        return TRUE if a.rank > b.rank else FALSE
    return kleene(a.place.at.lo > b.place.at.hi, a.place.at.hi > b.place.at.lo)


def _closed_by(ctx: Context, span: Span, opener: _Edge, moment: v.Range, *, strict: bool) -> int:
    """Whether a closer came after the opener and by the moment (``strict``: before it)."""
    found = FALSE
    shift = 1 if strict else 0
    for closer in (e for spec in span.closes for e in _edges(ctx, spec)):
        by_then = kleene(closer.place.at.hi + shift <= moment.lo, closer.place.at.lo + shift <= moment.hi)
        found = max(found, min(closer.counts, _later(closer, opener), by_then))
    if found == FALSE and any(_may_miss(ctx, spec, opener) for spec in span.closes):
        return UNKNOWN
    return found


def _may_miss(ctx: Context, spec: Selection, opener: _Edge) -> bool:
    """Whether the record may lack a closer that came after this opener."""
    kinds = spec.kinds(ctx)
    since = covered_since(ctx, frozenset(ctx.vocabulary.events["kind"].words) if kinds is None else kinds)
    return (since is None or opener.place.day.lo < since) and not closed(ctx, spec, ctx.now)


def _open_at(ctx: Context, span: Span, opener: _Edge, moment: v.Range, *, strict: bool) -> int:
    """Whether this opener holds the period open at the moment."""
    found = min(opener.counts, kleene(opener.place.at.hi <= moment.lo, opener.place.at.lo <= moment.hi))
    if found and span.lasts is not None:
        zone = ctx.zone(span.opens.clock)
        inside = {within(span.lasts, opener.place, zone, t, span.opens.calendar) for t in moment[:2]}
        found = min(found, inside.pop() if len(inside) == 1 else UNKNOWN)
    return min(found, TRUE - _closed_by(ctx, span, opener, moment, strict=strict)) if found else FALSE


def holds_at(ctx: Context, span: Span, moment: v.Range, *, strict: bool) -> Pair:
    """Whether the period holds at a moment; ``strict``: a closer at that very moment does not close it yet."""
    if abs(moment.lo) >= v.BIG or abs(moment.hi) >= v.BIG:
        return 0, 1
    found = max((_open_at(ctx, span, e, moment, strict=strict) for e in _edges(ctx, span.opens)), default=FALSE)
    unseen = found == FALSE and not closed(ctx, replace(span.opens, within=span.lasts), moment.lo)
    return int(found == TRUE), int(found != FALSE or unseen)


def _now(ctx: Context) -> v.Range:
    return v.Range(ctx.now, ctx.now)


def holds(ctx: Context, span: Span) -> v.Range:
    """Whether the period holds for the planned action."""
    found: v.Range = ctx.cached(("holds", span.key), lambda: v.Range(*holds_at(ctx, span, _now(ctx), strict=False)))
    return found


def since(ctx: Context, span: Span) -> v.Value:
    """The day of the last opener that is still open; none when there is none."""
    states = [(e, _open_at(ctx, span, e, _now(ctx), strict=False)) for e in _edges(ctx, span.opens)]
    sure = max((e for e, state in states if state == TRUE), key=lambda e: (e.place.at.lo, e.rank), default=None)
    possible = [e for e, state in states if state and (sure is None or e is sure or _later(e, sure))]
    values: list[v.Value] = [e.place.day._replace(none=False) for e in possible]
    if sure is None:
        values.append(v.NONE)
        if holds(ctx, span).hi and not possible:
            values.append(v.unknown("date"))
    return v.hull(values)


def ends(ctx: Context, span: Span) -> v.Value:
    """The last day of the last opener: its last day inside or the day of the first closer after it; none: without end."""
    edges = _edges(ctx, span.opens)
    sure = max((e for e in edges if e.counts == TRUE), key=lambda e: (e.place.at.lo, e.rank), default=None)
    possible = [e for e in edges if sure is None or e is sure or _later(e, sure)]
    values: list[v.Value] = [_end_of(ctx, span, e) for e in possible]
    if sure is None:
        values.append(v.NONE)
        if not possible and holds(ctx, span).hi:
            values.append(v.unknown("date", optional=True))
    return v.hull(values)


def _end_of(ctx: Context, span: Span, opener: _Edge) -> v.Value:
    last: v.Value = v.NONE
    if span.lasts is not None and not span.lasts.is_endless:
        last = _last_day(ctx, span, opener)
    closers = [e for spec in span.closes for e in _edges(ctx, spec) if _later(e, opener)]
    sure = [e for e in closers if e.counts == TRUE and _later(e, opener) == TRUE]
    days = [e.place.day for e in closers if not sure or e.place.day.lo <= min(s.place.day.hi for s in sure)]
    if not days:
        return last
    limit = last if isinstance(last, v.Range) and last.lo <= last.hi else v.Range(v.BIG, v.BIG)
    parts: list[v.Value] = [v.Range(min(d.lo, limit.lo), min(d.hi, limit.hi)) for d in days]
    return v.hull(parts if sure else [*parts, last])


def _last_day(ctx: Context, span: Span, opener: _Edge) -> v.Value:
    assert span.lasts is not None
    zone = ctx.zone(span.opens.clock)
    if span.lasts.is_clock:
        at = opener.place.at
        length = span.lasts.seconds - 1
        nowhere = zone is None or at.lo <= -v.BIG or at.hi >= v.BIG
        return v.unknown("date") if nowhere or zone is None else v.Range(zone.day_of(at.lo + length), zone.day_of(at.hi + length))
    found = [when.add(d, span.lasts, span.opens.calendar) if abs(d) < FAR else None for d in opener.place.day[:2]]
    lo, hi = found
    return v.Range(-v.BIG if lo is None else lo - 1, v.BIG if hi is None else hi - 1)


# --- terms -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """A span that events renew or hold up; ``roll`` moves its end to a workday."""

    start: Callable[[Context], v.Range]
    lasts: when.Period
    restarted_by: Selection | None
    held_by: Selection | None
    in_last: when.Period | None
    calendar: when.Calendar | None
    roll: bool


def term_ends(ctx: Context, term: Term) -> v.Value:
    """The last day of a term: every possible event left out (lo) to all of them counted (hi); none: it does not end."""
    start = term.start(ctx)
    if start.lo > start.hi:
        return v.NONE
    if start.lo <= -v.BIG or start.hi >= v.BIG or term.lasts.is_endless:
        return v.NONE if term.lasts.is_endless else v.Range(-v.BIG, v.BIG, none=True)
    if _undated(ctx, term):
        first = when.add(start.lo, term.lasts, term.calendar)
        return v.Range(-v.BIG if first is None else first, v.BIG, none=True)
    lo, hi = _fold(ctx, term, start.lo, sure=True), _fold(ctx, term, start.hi, sure=False)
    whole = all(select(ctx, s).closed for s in (term.restarted_by, term.held_by) if s is not None)
    if lo is _ENDLESS:
        return v.NONE
    low = -v.BIG if lo is None else when.rolled(int(lo), term.calendar, roll=term.roll)[0]
    if hi is _ENDLESS or not whole:
        return v.Range(low, v.BIG, none=True)
    last = None if hi is None else when.rolled(int(hi), term.calendar, roll=term.roll)[1]
    return v.Range(low, v.BIG if last is None else last, start.none)


def _undated(ctx: Context, term: Term) -> bool:
    """Whether events would move the end but no zone says on which days they were, or nobody knows when one ended."""
    found = [(ctx.zone(s.clock), select(ctx, s)) for s in (term.restarted_by, term.held_by) if s is not None]
    return any(zone is None or i.values.get("until") == ENDS_UNKNOWN for zone, f in found for i in f.yes + f.perhaps)


_ENDLESS = float("inf")


def _fold(ctx: Context, term: Term, start: int, *, sure: bool) -> float | None:
    """The end of one world as a day before it is rolled, `_ENDLESS`, or None beyond the calendar."""
    end = when.add(start, term.lasts, term.calendar)
    for day, until in _dated(ctx, term.restarted_by, sure=sure):
        if end is None:
            return None
        if not start <= day <= end:
            continue
        if until is None:
            return _ENDLESS
        start = max(start, until)
        end = when.add(start, term.lasts, term.calendar)
    if end is None:
        return None
    if term.held_by is not None and term.in_last is not None:
        for day, until in _dated(ctx, term.held_by, sure=sure):
            tail = _back(end, term.in_last)
            if day > end or (until is not None and until < tail):
                continue
            if until is None:
                return _ENDLESS
            moved = when.add(until, term.in_last, term.calendar)
            if moved is None:
                return None
            end = max(end, moved)
    return end


def _back(end: int, period: when.Period) -> int:
    """The first of the last `period` days up to `end`: the day whose deadline would be `end` or later."""
    day = end - {"days": 1, "weeks": 7, "months": 31, "years": 366}.get(period.unit, 7) * period.number - 3
    while (when.add(day, period) or end) < end:
        day += 1
    return day


def _dated(ctx: Context, spec: Selection | None, *, sure: bool) -> list[tuple[int, int | None]]:
    """Day and last day of the events that count, in order; the last day is None while a lasting one goes on."""
    if spec is None:
        return []
    found = select(ctx, spec)
    zone = ctx.zone(spec.clock)
    entries = []
    for item in found.yes if sure else found.yes + found.perhaps:
        day = place(ctx, spec, item, ctx.zone(spec.clock)).day
        first = day.hi if not sure else day.lo
        entries.append((first, item.index, _last(ctx, item, first, zone)))
    return [(day, until) for day, _, until in sorted(entries, key=lambda e: e[:2])]


def _last(ctx: Context, item: Item, day: int, zone: when.Zone | None) -> int | None:
    words = ctx.vocabulary.events["kind"].words
    kind = one_word(item.values.get("kind")) or ""
    until_day, until = item.values.get("until_day"), item.values.get("until")
    if isinstance(until_day, v.Range):
        return until_day.hi
    if isinstance(until, v.Range) and until.lo <= until.hi and zone is not None and until.hi < v.BIG:
        return zone.day_of(until.hi)
    return None if kind in words and words[kind].lasting else day


# --- interest ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interest:
    """Interest on the items of a list, within two optional bounds, days inside ``skipping`` left out."""

    spec: Selection
    rate: Expr
    basis: str
    since: Expr | None
    until: Expr | None
    skipping: Expr | None
    rounding: str


def days_between(start: int, end: int, basis: str) -> int:
    """Days that bear interest from ``start`` (in) to ``end`` (out)."""
    if basis != "30/360":
        return max(end - start, 0)
    (y1, m1, d1), (y2, m2, d2) = when.ymd(start), when.ymd(end)
    return max((y2 - y1) * 360 + (m2 - m1) * 30 + min(d2, 30) - min(d1, 30), 0)


def year_of(basis: str) -> int:
    """Days of a year."""
    return 365 if basis == "actual/365" else 360


def rounded(numerator: int, denominator: int, how: str) -> int:
    """A quotient as a whole number: ``half_up`` (away from zero), ``up`` (away from zero) or ``down`` (towards zero)."""
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    whole, rest = divmod(abs(numerator), abs(denominator))
    if rest and (how == "up" or (how == "half_up" and 2 * rest >= abs(denominator))):
        whole += 1
    return sign * whole


def interest(ctx: Context, spec: Interest) -> v.Value:
    """The interest of every item together, rounded once."""
    rate = number(spec.rate)(ctx, None)
    if rate.lo > rate.hi:
        return v.NONE
    found = select(ctx, spec.spec)
    zone = ctx.zone(spec.spec.clock)
    if zone is None or rate.none or not found.closed:
        return v.unknown("money")
    parts = [(_weight(ctx, spec, i, zone.day_of(ctx.now)), sure) for items, sure in ((found.yes, True), (found.perhaps, False)) for i in items]
    if any(p is None for p, _ in parts):
        return v.unknown("money")
    lo = sum(p[0] if sure else min(p[0], 0) for p, sure in parts if p)
    hi = sum(p[1] if sure else max(p[1], 0) for p, sure in parts if p)
    products = [a * r for a in (lo, hi) for r in (rate.lo, rate.hi)]
    scale = v.RATE_UNIT * year_of(spec.basis)
    ends_ = [rounded(p, scale, spec.rounding) for p in (min(products), max(products))]
    return v.Range(max(ends_[0], -v.BIG), min(ends_[1], v.BIG))


def _weight(ctx: Context, spec: Interest, item: Item, today: int) -> tuple[int, int] | None:
    """Amount times days of one item, least and most; None when a bound is unknown."""
    amount, start, end = (_ranged(item.values.get(k)) for k in ("amount", "from", "until"))
    if item.values.get("until") in {None, v.NONE}:
        end = v.Range(today, today) if item.values.get("until") == v.NONE else None
    if amount is None or start is None or end is None:
        return None
    bounds = [_limit(ctx, b) for b in (spec.since, spec.until)]
    if any(b is None for b in bounds):
        return None
    first, last = bounds
    assert first is not None
    assert last is not None
    if first.lo <= first.hi:
        start = v.Range(max(start.lo, first.lo), max(start.hi, first.hi))
    if last.lo <= last.hi:
        end = v.Range(min(end.lo, last.lo + 1), min(end.hi, last.hi + 1))
    low, high = _days(ctx, spec, start.hi, end.lo), _days(ctx, spec, start.lo, end.hi)
    products = [amount.lo * low[0], amount.lo * high[1], amount.hi * low[0], amount.hi * high[1]]
    return min(products), max(products)


def _ranged(value: v.Value | None) -> v.Range | None:
    known = isinstance(value, v.Range) and value.lo <= value.hi and not value.none and value.lo > -v.BIG and value.hi < v.BIG
    return value if isinstance(value, v.Range) and known else None


def _limit(ctx: Context, bound: Expr | None) -> v.Range | None:
    """A bound as a range; NONE: no bound; None: unknown."""
    if bound is None:
        return v.NONE
    found = bound.read(ctx, None)
    return v.NONE if found == v.NONE else _ranged(found)


def _days(ctx: Context, spec: Interest, start: int, end: int) -> Pair:
    """Fewest and most days that bear interest, those inside the skipped period left out."""
    every = days_between(start, end, spec.basis)
    if spec.skipping is None or spec.skipping.holds_at is None or not every:
        return every, every
    zone = ctx.zone(spec.spec.clock)
    assert zone is not None
    states = [spec.skipping.holds_at(ctx, v.Range(t, t)) for day in range(start, end) for t in [zone.first_instant(day + 1) - 1]]
    return max(0, every - sum(hi for _, hi in states)), max(0, every - sum(lo for lo, _ in states))
