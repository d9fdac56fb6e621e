"""What is computed from the items that count: how many, how much, which is the latest.

The meaning of each measure is `docs/measures.md`; this is its only implementation for single checks.
"""

from __future__ import annotations

from typing import NamedTuple

from fairdunning import value as v
from fairdunning.facts import Context, Item
from fairdunning.selection import Selection, place, select
from fairdunning.vocabulary import Fact


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


class Extreme(NamedTuple):
    """The items that may be the latest (earliest), whether there may be none, whether an unseen one may be it."""

    items: list[Item]
    may_be_none: bool
    unseen: bool


def extreme(ctx: Context, spec: Selection, *, latest: bool) -> Extreme:
    """The last (first) sure item and every possible one that is not surely earlier (later)."""
    found = select(ctx, spec)
    sign, zone = 1 if latest else -1, ctx.zone(spec.clock)

    def reach(item: Item, *, far: bool) -> tuple[int, int]:
        at = place(ctx, spec, item, zone).at
        return sign * (at.hi if latest == far else at.lo), sign * item.index

    best = max(((reach(i, far=False), i) for i in found.yes), default=None, key=lambda s: s[0])
    chosen = [i for i in found.yes + found.perhaps if best is None or i is best[1] or reach(i, far=True) > best[0]]
    unseen = not found.closed and (best is None or not latest)
    return Extreme(chosen, best is None, unseen)
