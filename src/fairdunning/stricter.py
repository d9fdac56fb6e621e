"""Which of two values of a parameter is the stricter: on each date the stricter of law and profile holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from fairdunning import value as v
from fairdunning import when

_APPROXIMATE_HOURS = {"minutes": 1 / 60, "hours": 1, "days": 24, "weeks": 168, "business days": 24 * 7 / 5, "months": 24 * 30.4375,
                      "years": 24 * 365.25}


def stricter(direction: str, law: object, house: object) -> object | None:
    """The stricter value; None when the two cannot be compared (other units or currencies, or no direction)."""
    if isinstance(law, when.Period) and isinstance(house, when.Period):
        return _period(direction, law, house)
    if isinstance(law, frozenset) and isinstance(house, frozenset):
        return {"fewer": law & house, "more": law | house}.get(direction)
    if isinstance(law, when.Timetable) and isinstance(house, when.Timetable):
        return _hours(direction, law, house)
    if isinstance(law, v.Money) and isinstance(house, v.Money):
        return None if law.currency != house.currency else {"lower": min(law, house), "higher": max(law, house)}.get(direction)
    if isinstance(law, int) and isinstance(house, int):
        return {"lower": min(law, house), "higher": max(law, house)}.get(direction)
    return None


def _period(direction: str, law: when.Period, house: when.Period) -> when.Period | None:
    """Spans of one unit compare by number; others only where the length leaves no doubt."""
    if law.is_endless or house.is_endless:
        ends = [p for p in (law, house) if not p.is_endless]
        return {"shorter": ends[0] if ends else law, "longer": when.ENDLESS}.get(direction)
    sizes = [p.number * _APPROXIMATE_HOURS[p.unit] for p in (law, house)]
    if law.unit != house.unit and abs(sizes[0] - sizes[1]) < 0.1 * max(sizes):
        return None
    first = law if sizes[0] <= sizes[1] else house
    return {"shorter": first, "longer": house if first is law else law}.get(direction)


def _hours(direction: str, law: when.Timetable, house: when.Timetable) -> when.Timetable | None:
    if direction not in {"narrower", "wider"}:
        return None
    join = _common if direction == "narrower" else _either
    for first, other in ((house, law), (law, house)):
        if all(join(a, b) == b for a, b in zip(_every(other), _every(first), strict=True)):
            return first
    days = tuple(join(a, b) for a, b in zip(law.days, house.days, strict=True))
    if law.holiday is None and house.holiday is None:
        return when.Timetable(days, None)
    return when.Timetable(days, join(_holiday(law, join), _holiday(house, join)))


def _every(table: when.Timetable) -> tuple[when.Spans, ...]:
    """The hours of the seven weekdays and of a holiday on each of them."""
    return (*table.days, *(day if table.holiday is None else table.holiday for day in table.days))


def _holiday(table: when.Timetable, join: Callable[[when.Spans, when.Spans], when.Spans]) -> when.Spans:
    """The hours of holidays; where they are like any day, what is stricter than each of them."""
    return table.holiday if table.holiday is not None else reduce(join, table.days)


def _common(a: when.Spans, b: when.Spans) -> when.Spans:
    return tuple((max(x[0], y[0]), min(x[1], y[1])) for x in a for y in b if max(x[0], y[0]) < min(x[1], y[1]))


def _either(a: when.Spans, b: when.Spans) -> when.Spans:
    return tuple(sorted({*a, *b}))
