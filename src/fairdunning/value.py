"""Values as sets of possibilities, and the literals that people write for them.

A number, date or time is a range ``lo..hi`` of integers that may also contain *none*; a word or id is a set of possible words;
a set has the members it surely has and those it may have (``docs/measures.md``, Values). Nothing here knows about cases or law.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from fairdunning import when

BIG = 2**53 - 1
"""Ends of the unknown: every known value is smaller in size (durable-rules compares larger integers through doubles)."""
RATE_UNIT = 10**8
NUMERIC = frozenset({"bool", "count", "days", "money", "rate", "date", "datetime"})
OPERANDS = frozenset({"period", "timetable", "table", "zone", "calendar"})
# ISO 4217: currencies whose minor unit is not a hundredth
EXPONENTS = dict.fromkeys(("JPY", "KRW", "VND", "CLP", "ISK", "UGX", "XAF", "XOF", "PYG"), 0) | dict.fromkeys(
    ("KWD", "BHD", "OMR", "TND", "JOD", "IQD", "LYD"), 3
)


class Range(NamedTuple):
    """Integers ``lo..hi`` and, with ``none``, also *none*; ``lo > hi`` holds no integer."""

    lo: int
    hi: int
    none: bool = False


class Words(NamedTuple):
    """The words a fact may be; ``None`` instead of a set is any word; the member ``None`` is *none*."""

    possible: frozenset[str | None] | None


class Members(NamedTuple):
    """A set with the members it surely has and those it may have (``None``: any); ``none`` when it is known not to exist."""

    sure: frozenset[str]
    may: frozenset[str] | None
    none: bool = False


class Hours(NamedTuple):
    """A timetable that a fact holds; ``None`` is unknown unless ``none``."""

    timetable: when.Timetable | None
    none: bool = False


Value = Range | Words | Members | Hours

NONE = Range(1, 0, none=True)
TRUE, FALSE, MAYBE_TRUE = Range(1, 1), Range(0, 0), Range(0, 1)
ANY_WORD, NO_WORD = Words(None), Words(frozenset({None}))
ANY_MEMBERS, NO_MEMBERS = Members(frozenset(), None), Members(frozenset(), frozenset(), none=True)
ANY_HOURS, NO_HOURS = Hours(None), Hours(None, none=True)
_ENDS = {"bool": (0, 1), "count": (0, BIG)}


def unknown(kind: str, *, optional: bool = False) -> Value:
    """Everything a value of this type may be; with ``optional`` also *none*."""
    if kind in {"enum", "id"}:
        return ANY_WORD
    if kind == "set":
        return ANY_MEMBERS
    if kind == "timetable":
        return ANY_HOURS
    lo, hi = _ENDS.get(kind, (-BIG, BIG))
    return Range(lo, hi, optional)


def nothing(kind: str) -> Value:
    """The value *none* of this type: known not to exist."""
    none: dict[str, Value] = {"enum": NO_WORD, "id": NO_WORD, "set": NO_MEMBERS, "timetable": NO_HOURS}
    return none.get(kind, NONE)


def is_point(value: Value) -> bool:
    """Whether there is one possibility only (*none* is one)."""
    if isinstance(value, Range):
        return (value.lo == value.hi and not value.none) or (value.lo > value.hi and value.none)
    if isinstance(value, Words):
        return value.possible is not None and len(value.possible) == 1
    if isinstance(value, Members):
        return value.may is not None and value.sure == value.may
    return value.timetable is not None or value.none


def exists(value: Value) -> Range:
    """1 when it exists, 0 when it is none, else unknown."""
    if isinstance(value, Range):
        return FALSE if value.lo > value.hi else (MAYBE_TRUE if value.none else TRUE)
    if isinstance(value, Words):
        if value.possible is None:
            return MAYBE_TRUE
        return FALSE if value.possible == {None} else (MAYBE_TRUE if None in value.possible else TRUE)
    if isinstance(value, Members):
        return FALSE if value.none else (MAYBE_TRUE if value.may is None else TRUE)
    return FALSE if value.none else (MAYBE_TRUE if value.timetable is None else TRUE)


def hull(values: list[Value]) -> Value:
    """The smallest value that holds all of these; the list is not empty and of one type."""
    first = values[0]
    if len(values) == 1:
        return first
    if isinstance(first, Range):
        ranges = [v for v in values if isinstance(v, Range)]
        full = [v for v in ranges if v.lo <= v.hi]
        none = any(v.none for v in ranges)
        return Range(min(v.lo for v in full), max(v.hi for v in full), none) if full else NONE
    if isinstance(first, Words):
        sets = [v.possible for v in values if isinstance(v, Words)]
        known = [s for s in sets if s is not None]
        return Words(frozenset().union(*known)) if len(known) == len(sets) else ANY_WORD
    if isinstance(first, Members):
        members = [v for v in values if isinstance(v, Members)]
        sure = frozenset.intersection(*(m.sure for m in members))
        may = [m.may for m in members if m.may is not None]
        none = all(m.none for m in members)
        return Members(sure, frozenset().union(*may) if len(may) == len(members) else None, none)
    if isinstance(first, Hours) and all(v == first for v in values):
        return first
    return ANY_HOURS


# --- literals ---------------------------------------------------------------------------------------------------------

_MONEY = re.compile(r"([+-]?\d+(?:\.\d+)?) ([A-Z]{3})", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_RATE = re.compile(r"([+-]?\d{1,9}(?:\.\d{1,9})?)(%?)", re.ASCII)


class Money(NamedTuple):
    """An amount in minor units and its currency."""

    amount: int
    currency: str


def parse_money(text: str) -> Money:
    """``6499.20 CNY`` as minor units; raises ValueError for another form or more decimals than the currency has."""
    found = _MONEY.fullmatch(text)
    if not found:
        raise ValueError(text)
    amount = Decimal(found[1]).scaleb(EXPONENTS.get(found[2], 2))
    if amount != amount.to_integral_value() or abs(amount) >= BIG:
        raise ValueError(text)
    return Money(int(amount), found[2])


def format_money(amount: int, currency: str) -> str:
    """The inverse of `parse_money`, with the currency's decimals."""
    return f"{Decimal(amount).scaleb(-EXPONENTS.get(currency, 2)):,} {currency}"


def is_money(text: str) -> bool:
    """Whether `parse_money` reads it."""
    try:
        parse_money(text)
    except ValueError:
        return False
    return True


def written_money(amount: int, currency: str) -> str:
    """An amount as a case holds it: without separators."""
    return f"{Decimal(amount).scaleb(-EXPONENTS.get(currency, 2))} {currency}"


def parse_rate(text: str) -> int:
    """``24%`` or ``0.24`` in units of 10^-8; raises ValueError for another form or finer steps."""
    found = _RATE.fullmatch(text)
    if not found:
        raise ValueError(text)
    scaled = Decimal(found[1]) * RATE_UNIT / (100 if found[2] else 1)
    if scaled != scaled.to_integral_value():
        raise ValueError(text)
    return int(scaled)


def format_rate(rate: int) -> str:
    """A rate as a percentage without needless zeros: ``12%``, ``4.35%``."""
    percent = (Decimal(rate) * 100 / RATE_UNIT).normalize()
    return f"{percent:f}%"


def parse_integer(text: str) -> int:
    """A whole number below 2^53 in size; raises ValueError otherwise."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def parse_bool(text: str) -> int:
    """``true`` or ``false`` as 1 or 0; raises ValueError for any other spelling."""
    return {"true": 1, "false": 0}[text] if text in {"true", "false"} else int("not a bool")


def parse_number(kind: str, text: str) -> int:
    """The integer that a literal of a numeric type stands for; raises ValueError. Money: the amount alone."""
    if kind == "money":
        return parse_money(text).amount
    if kind == "date":
        return when.parse_date(text)
    if kind == "datetime":
        return when.parse_datetime(text)
    return {"bool": parse_bool, "rate": parse_rate}.get(kind, parse_integer)(text)


def is_decimal(text: str) -> bool:
    """Whether the text is a plain decimal number."""
    try:
        return bool(_DECIMAL.fullmatch(text)) and Decimal(text).is_finite()
    except InvalidOperation:
        return False
