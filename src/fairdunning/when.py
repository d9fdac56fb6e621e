"""Clocks, calendar days, spans, timetables and workdays, from one pinned zone source (the tzdata wheel).

A day is an integer: days since 1970-01-01. An instant is an integer: UTC seconds.
"""

from __future__ import annotations

import calendar as months
import importlib.metadata
import importlib.resources
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = 86400
MICROS = 1_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
YEARS = range(1900, 2201)


@lru_cache(65536)
def parse_date(text: str) -> int:
    """``2026-11-24`` as a day; raises ValueError for another form or a year outside 1900..2200."""
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    day = date.fromisoformat(text)
    if day.year not in YEARS:
        raise ValueError(text)
    return day.toordinal() - _EPOCH


@lru_cache(65536)
def parse_datetime(text: str) -> int:
    """RFC 3339 with an offset as an instant, fractions cut off; raises ValueError (also for a naive time)."""
    if not _STAMP.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.upper())
    if moment.year not in YEARS:
        raise ValueError(text)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def parse_micros(text: str) -> int:
    """RFC 3339 with an offset as UTC microseconds, finer fractions cut off; raises ValueError (also for a naive time)."""
    second = parse_datetime(text)
    fraction = _STAMP.fullmatch(text)[2] or "."  # type: ignore[index]
    return second * MICROS + int(fraction[1:7].ljust(6, "0"))


def format_micros(at: int) -> str:
    """UTC microseconds as RFC 3339, with a fraction when there is one."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat()


def format_date(day: int) -> str:
    """A day as ``2026-11-24``."""
    return date.fromordinal(day + _EPOCH).isoformat()


def ymd(day: int) -> tuple[int, int, int]:
    """Year, month and day of the month."""
    d = date.fromordinal(day + _EPOCH)
    return d.year, d.month, d.day


def from_ymd(year: int, month: int, day: int) -> int:
    """The day of a calendar date."""
    return date(year, month, day).toordinal() - _EPOCH


def weekday(day: int) -> int:
    """0 for Monday to 6 for Sunday."""
    return (day + 3) % 7


class Zone:
    """A time zone as wall clock: instants to local days and seconds, and back."""

    def __init__(self, name: str, info: ZoneInfo) -> None:
        self.name, self.info = name, info
        self._local = lru_cache(8192)(self._read)
        self._first = lru_cache(8192)(self._find_first)

    def _read(self, ts: int) -> tuple[int, int]:
        local = datetime.fromtimestamp(ts, self.info)
        return local.toordinal() - _EPOCH, local.hour * 3600 + local.minute * 60 + local.second

    def local(self, ts: int) -> tuple[int, int]:
        """Local day and second of the day."""
        return self._local(ts)

    def day_of(self, ts: int) -> int:
        """Local day."""
        return self._local(ts)[0]

    def first_instant(self, day: int) -> int:
        """The first instant whose local day is this one or later (midnight may be skipped or occur twice)."""
        return self._first(day)

    def _find_first(self, day: int) -> int:
        lo, hi = day * DAY - 2 * DAY, day * DAY + 2 * DAY
        while lo < hi:  # local days never run backwards
            middle = (lo + hi) // 2
            if self._read(middle)[0] >= day:
                hi = middle
            else:
                lo = middle + 1
        return lo

    def format(self, ts: int) -> str:
        """RFC 3339 with this zone's offset and seconds."""
        return datetime.fromtimestamp(ts, self.info).isoformat()


@lru_cache(1024)
def zone(name: str) -> Zone:
    """The zone of this name from the tzdata wheel; raises ValueError when there is none."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
        raise ValueError(name)
    place = importlib.resources.files("tzdata").joinpath("zoneinfo")
    for part in name.split("/"):
        place = place.joinpath(part)
    if not place.is_file() or name.endswith((".tab", ".zi")):
        raise ValueError(name)
    with place.open("rb") as file:
        return Zone(name, ZoneInfo.from_file(file, key=name))


@lru_cache
def tzdata_version() -> str:
    """The version of the zone data."""
    return importlib.metadata.version("tzdata")


@dataclass(frozen=True)
class Period:
    """A span of law: a number of minutes, hours, days, business days, weeks, months or years."""

    number: int
    unit: str

    def __str__(self) -> str:
        """As it is written in a policy."""
        return "none" if self.is_endless else f"{self.number} {self.unit[:-1] if self.number == 1 else self.unit}"

    @property
    def is_endless(self) -> bool:
        """Whether it has no end (written ``none``)."""
        return self.unit == "none"

    @property
    def is_clock(self) -> bool:
        """Whether it is elapsed time rather than calendar days."""
        return self.unit in {"minutes", "hours"}

    @property
    def seconds(self) -> int:
        """Elapsed time of a clock span."""
        return self.number * (60 if self.unit == "minutes" else 3600)


ENDLESS = Period(0, "none")
_PERIOD = re.compile(r"(\d{1,5}) (minute|hour|day|business day|week|month|year)s?", re.ASCII)


def parse_period(text: str) -> Period:
    """``7 days``, ``1 day``, ``10 business days``, ``none`` (no end); raises ValueError."""
    if text == "none":
        return ENDLESS
    found = _PERIOD.fullmatch(text)
    if not found:
        raise ValueError(text)
    return Period(int(found[1]), found[2] + "s")


@dataclass(frozen=True)
class Calendar:
    """Holidays and make-up workdays of the days ``first..last``; other days are unknown."""

    name: str
    holidays: frozenset[int]
    workdays: frozenset[int]
    first: int
    last: int

    def is_holiday(self, day: int) -> bool | None:
        """None outside the known days."""
        return day in self.holidays if self.first <= day <= self.last else None

    def is_workday(self, day: int) -> bool | None:
        """Monday to Friday without holidays, and make-up workdays; None outside the known days."""
        if not self.first <= day <= self.last:
            return None
        return day in self.workdays or (weekday(day) < 5 and day not in self.holidays)


def next_workday(day: int, calendar: Calendar | None) -> int | None:
    """The day itself when it is a workday, else the next one; None beyond the calendar."""
    while calendar is not None:
        known = calendar.is_workday(day)
        if known is None:
            return None
        if known:
            return day
        day += 1
    return None


def rolled(day: int, calendar: Calendar | None, *, roll: bool) -> tuple[int, int | None]:
    """Earliest and latest day that a deadline may end on when it moves to the next workday; None beyond the calendar."""
    if not roll:
        return day, day
    moved = next_workday(day, calendar)
    return (day, None) if moved is None else (moved, moved)


def add(day: int, period: Period, calendar: Calendar | None = None) -> int | None:
    """The last day of a deadline: the day itself is not counted; months are clamped; None beyond the calendar."""
    n = period.number
    if period.unit in {"days", "weeks"}:
        return day + n * (7 if period.unit == "weeks" else 1)
    if period.unit in {"months", "years"}:
        year, month, of_month = ymd(day)
        total = year * 12 + month - 1 + n * (12 if period.unit == "years" else 1)
        year, month = total // 12, total % 12 + 1
        if year > date.max.year:
            return None
        return from_ymd(year, month, min(of_month, months.monthrange(year, month)[1]))
    for _ in range(n):
        found = next_workday(day + 1, calendar)
        if found is None:
            return None
        day = found
    return day


@lru_cache(4096)
def unit_start(day: int, unit: str, sunday: bool = False) -> int:
    """The first day of the local day, week (Monday unless ``sunday``), month or year."""
    year, month, _ = ymd(day)
    if unit == "day":
        return day
    if unit == "week":
        return day - (weekday(day) + (1 if sunday else 0)) % 7
    return from_ymd(year, month if unit == "month" else 1, 1)


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?-(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Timetable:
    """Spans of wall-clock seconds per weekday (index 0-6) and for holidays (None: a holiday is like any day)."""

    days: tuple[Spans, ...]
    holiday: Spans | None

    def _spans(self, day: int, calendar: Calendar | None) -> tuple[Spans, ...]:
        """The spans that the day may have: two when nobody knows whether it is a holiday."""
        usual = self.days[weekday(day)]
        if self.holiday is None or usual == self.holiday:
            return (usual,)
        known = calendar.is_holiday(day) if calendar else None
        return (usual, self.holiday) if known is None else ((self.holiday if known else usual),)

    def covers(self, zone: Zone, ts: int, calendar: Calendar | None = None) -> bool | None:
        """Whether the instant lies inside; None when the calendar does not know the day."""
        day, second = zone.local(ts)
        # a span that crosses midnight belongs to the day it starts
        today = {any(a <= second < b for a, b in spans) for spans in self._spans(day, calendar)}
        before = {any(second < b - DAY for _, b in spans) for spans in self._spans(day - 1, calendar)}
        found = {a or b for a in today for b in before}
        return found.pop() if len(found) == 1 else None

    def edges(self, zone: Zone, day: int) -> list[int]:
        """Instants of a local day at which `covers` may change."""
        start, following = zone.first_instant(day), zone.first_instant(day + 1)
        seconds = {s % DAY for spans in (*self.days, self.holiday or ()) for span in spans for s in span}
        if following - start == DAY and zone.local(start)[1] == 0:
            return sorted({start, *(start + s for s in seconds)})
        found = {start, *(t for t in range(start, following, 900) if zone.local(t)[1] != zone.local(t - 1)[1] + 1)}
        for second in seconds:
            found |= {t for shift in range(-14, 15) for t in [start + second + shift * 1800]
                      if start <= t < following and zone.local(t)[1] == second}
        return sorted(found)


def parse_timetable(written: object) -> Timetable:
    """``{mon-fri: 08:00-20:00, sat: [..], holiday: none}``, a span for every day, or ``none``; raises ValueError."""
    entries = written if isinstance(written, dict) else {"daily": written}
    if not entries or written == []:
        raise ValueError(written)
    days: list[Spans] = [()] * 7
    holiday: Spans | None = None
    for name, spans in entries.items():
        parsed = _parse_spans(spans)
        if name == "holiday":
            holiday = parsed
        else:
            for index in _day_range(str(name)):
                days[index] = parsed
    return Timetable(tuple(days), holiday)


def _day_range(name: str) -> range:
    if name == "daily":
        return range(7)
    first, _, last = name.partition("-")
    a, b = _DAYS.index(first), _DAYS.index(last or first)
    if b < a:
        raise ValueError(name)
    return range(a, b + 1)


def _parse_spans(written: object) -> Spans:
    if written == "none":
        return ()
    return tuple(_parse_span(str(s)) for s in (written if isinstance(written, list) else [written]))


def _parse_span(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValueError(text)
    h1, m1, s1, h2, m2, s2 = (int(g or 0) for g in found.groups())
    start, end = h1 * 3600 + m1 * 60 + s1, h2 * 3600 + m2 * 60 + s2
    if max(m1, s1, m2, s2) > 59 or start >= DAY or end > DAY or start == end:
        raise ValueError(text)
    return start, end if end > start else end + DAY
