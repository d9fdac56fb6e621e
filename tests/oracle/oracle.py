"""What one constraint says of one case, computed the slow way from `docs/measures.md` and the language's grammar alone.

Starts from the constraint as parsed YAML (everything text) and the case document; imports nothing of the product.
A number is a `Num`: the integers lo..hi and perhaps none; a word is the set of words it may be (None among them: none; ANY: any word);
a set is a pair of the members it surely has and those it may have (ANY: any).
"""

import datetime as dt
import importlib.resources
import math
import re
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

NO, PERHAPS, YES = 0, 1, 2
INF = math.inf
ANY = object()
CONTACTS = {"call", "sms", "im", "email", "letter", "visit", "app_message"}


class Num(NamedTuple):
    """Integers lo..hi (none of them when lo > hi) and perhaps none."""

    lo: float
    hi: float
    none: bool = False


class Words(NamedTuple):
    """The words it may be, None for none; ANY for anything."""

    may: object


class Set(NamedTuple):
    """Members it surely has, members it may have (ANY: anything), whether it is known not to exist."""

    sure: frozenset
    may: object
    none: bool = False


class Hours(NamedTuple):
    """A timetable as text or mapping, None when unknown."""

    table: object


NOTHING = Num(1, 0, True)


def is_none(x):
    """Known not to exist."""
    return x == NOTHING or x in (Words(frozenset({None})), Hours("none at all")) or (isinstance(x, Set) and x.none)


def unknown(kind, optional=False):
    """Everything a type may be."""
    if kind in {"enum", "id"}:
        return Words(ANY)
    if kind == "set":
        return Set(frozenset(), ANY)
    if kind == "timetable":
        return Hours(None)
    return Num({"bool": 0, "count": 0}.get(kind, -INF), {"bool": 1}.get(kind, INF), optional)


def nothing(kind):
    """The value none of a type."""
    if kind in {"enum", "id"}:
        return Words(frozenset({None}))
    return {"set": Set(frozenset(), frozenset(), True), "timetable": Hours("none at all")}.get(kind, NOTHING)


def hull(values):
    """The smallest value that holds all of these."""
    first = values[0]
    if isinstance(first, Num):
        full = [x for x in values if x.lo <= x.hi]
        return Num(min(x.lo for x in full), max(x.hi for x in full), any(x.none for x in values)) if full else NOTHING
    if isinstance(first, Words):
        return Words(ANY) if any(x.may is ANY for x in values) else Words(frozenset().union(*(x.may for x in values)))
    return first if all(x == first for x in values) else unknown("set" if isinstance(first, Set) else "timetable")


# --- dates -------------------------------------------------------------------------------------------------------------


def zone(name):
    """The zone from the tzdata wheel."""
    place = importlib.resources.files("tzdata").joinpath("zoneinfo")
    for part in name.split("/"):
        place = place.joinpath(part)
    with place.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def instant(text):
    """Seconds since 1970, fractions cut off."""
    return math.floor(dt.datetime.fromisoformat(text).timestamp())


def day_number(date):
    """Days since 1970."""
    return (date - dt.date(1970, 1, 1)).days


def date_number(text):
    """A written date as days since 1970."""
    return day_number(dt.date.fromisoformat(text))


def as_date(number):
    """The inverse."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(number))


def local_day(t, tz):
    """The local day of an instant."""
    return day_number(dt.datetime.fromtimestamp(t, tz).date())


def midnight(day, tz):
    """The first instant whose local day is this one or later."""
    t = int(dt.datetime.combine(as_date(day), dt.time(), dt.UTC).timestamp()) - 2 * 86400
    step = 86400
    while step:
        while local_day(t + step, tz) < day:
            t += step
        step //= 2
    return t + 1


def period(text):
    """Number and unit; None without end."""
    if text == "none":
        return None
    number, unit = text.split(" ", 1)
    return int(number), unit.rstrip("s") + "s"


def workday(day, calendar):
    """Whether a day is worked; None outside the calendar."""
    if calendar is None or not calendar["first"] <= day <= calendar["last"]:
        return None
    return day in calendar["workdays"] or (as_date(day).weekday() < 5 and day not in calendar["holidays"])


def plus(day, span, calendar):
    """The last day of a deadline; None beyond the calendar."""
    number, unit = span
    if unit in {"days", "weeks"}:
        return day + number * (7 if unit == "weeks" else 1)
    if unit in {"months", "years"}:
        date = as_date(day)
        months = date.year * 12 + date.month - 1 + number * (12 if unit == "years" else 1)
        for of_month in range(date.day, 0, -1):
            try:
                return day_number(dt.date(months // 12, months % 12 + 1, of_month))
            except ValueError:
                continue
    while number:
        day += 1
        worked = workday(day, calendar)
        if worked is None:
            return None
        number -= worked
    return day


_WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def spans_of(table, day, holiday):
    """Seconds from..to of one local day."""
    table = table if isinstance(table, dict) else {"daily": table}
    found = []
    for name, spans in table.items():
        first, _, last = name.partition("-")
        today = as_date(day).weekday()
        applies = name == "daily" or (name != "holiday" and _WEEK.index(first) <= today <= _WEEK.index(last or first))
        if applies:
            found = spans
    if holiday and "holiday" in table:
        found = table["holiday"]
    texts = [] if found == "none" else (found if isinstance(found, list) else [found])
    out = []
    for text in texts:
        a, b = (sum(int(x) * u for x, u in zip(part.split(":"), (3600, 60, 1), strict=False)) for part in text.split("-"))
        out.append((a, b if b > a else b + 86400))
    return out


def inside(table, t, tz, calendar):
    """Whether an instant lies in a timetable; None when only a calendar could tell."""
    local = dt.datetime.fromtimestamp(t, tz)
    second, day = local.hour * 3600 + local.minute * 60 + local.second, day_number(local.date())

    def states(d):
        if not (isinstance(table, dict) and "holiday" in table):
            return [False]
        if calendar is None or not calendar["first"] <= d <= calendar["last"]:
            return [False, True]
        return [d in calendar["holidays"]]

    answers = {
        any(a <= second < b for a, b in spans_of(table, day, now)) or any(second < b - 86400 for _, b in spans_of(table, day - 1, before))
        for now in states(day)
        for before in states(day - 1)
    }
    return answers.pop() if len(answers) == 1 else None


# --- the case ----------------------------------------------------------------------------------------------------------


class Facts:
    """A case seen for one debt and one debtor zone."""

    def __init__(self, document, vocabulary, debt, authority, clock, debtor_zone, calendar, records=None):
        self.doc, self.vocabulary, self.debt, self.calendar = document, vocabulary, debt, calendar
        name = debtor_zone if clock == "debtor" else authority
        self.tz = zone(name) if name else None
        self.law_tz = zone(authority)
        self.now = instant(document["action"]["at"])
        self.today = local_day(self.now, self.tz) if self.tz else None
        self.records = records or {}
        since = (document.get("history") or {}).get("complete_since")
        self.since = date_number(since) if since else None
        self.currency = self._currency(document)
        self.events = self._amended()

    def _currency(self, part):
        if isinstance(part, dict):
            return next((c for c in map(self._currency, part.values()) if c), None)
        if isinstance(part, list):
            return next((c for c in map(self._currency, part) if c), None)
        found = re.fullmatch(r"-?\d+(\.\d+)? ([A-Z]{3})", part) if isinstance(part, str) else None
        return found[2] if found else None

    def _file(self, entry):
        """Another debtor's id, None for the case's own file."""
        own = (self.doc.get("debtor") or {}).get("id")
        return None if own is None or entry.get("debtor") == own else entry.get("debtor")

    def _amended(self):
        events = [dict(e) for e in self.doc.get("events") or [] if e["kind"] != "amendment"]
        made = [e for e in self.doc.get("events") or [] if e["kind"] == "amendment" and instant(e["at"]) <= self.now]
        for amendment in sorted(made, key=lambda e: instant(e["at"])):
            for event in events:
                if self._file(event) == self._file(amendment) and all(event.get(k) == x for k, x in amendment["amends"].items()):
                    event.update(amendment["set"])
        return events

    def decode(self, fact, written):
        """A stored value by its type."""
        kind = fact["type"]
        if written is None:
            return unknown(kind, fact.get("optional") == "true")
        if written == "none" and fact.get("optional") == "true":
            return nothing(kind)
        if kind in {"enum", "id"}:
            return Words(frozenset({written}))
        if kind == "set":
            members = frozenset([written] if isinstance(written, str) else written)
            return Set(members, members)
        if kind == "timetable":
            return Hours(written)
        n = number(kind, written)
        return Num(n, n)

    def fact(self, name):
        """A fact of the vocabulary by dotted name."""
        if name == "action.date":
            return Num(self.today, self.today) if self.today is not None else unknown("date")
        fact = self.vocabulary["facts"][name]
        noun, key = name.split(".", 1)
        key = fact.get("key", key)
        place = self.doc.get(noun)
        home = self.vocabulary["nouns"].get(noun, {})
        if home.get("list") == "debts" or home.get("within") == "debts":
            own = next((d for d in self.doc.get("debts") or [] if d["id"] == self.debt), {})
            place = own if noun == "debt" else own.get(noun)
        elif home.get("list") == "persons":
            wanted = self.doc["action"].get("person")
            place = next((p for p in self.doc.get("persons") or [] if p["id"] == wanted), None)
        if place is not None and key in place:
            return self.decode(fact, place[key])
        if "silent" in fact and self.since is not None:
            return Num(0, 0) if fact["type"] == "bool" else nothing(fact["type"])
        return unknown(fact["type"], fact.get("optional") == "true")


def number(kind, text):
    """A written number as an integer of its type."""
    if kind == "bool":
        return int(text in {True, "true"})
    if kind in {"count", "days"}:
        return int(text)
    if kind == "date":
        return date_number(text)
    if kind == "datetime":
        return instant(text)
    if kind == "money":
        return round(Fraction(text.split(" ")[0]) * 100)
    return round(Fraction(text.rstrip("%")) * 10**8 / (100 if text.endswith("%") else 1))


# --- items of lists ----------------------------------------------------------------------------------------------------


class Item:
    """An event (or an entry of a list) with its place in time."""

    def __init__(self, facts, source, written, index):
        self.facts, self.source, self.written, self.index = facts, source, written, index
        self.of = facts.vocabulary["facts"][source]["of"]

    def attribute(self, name):
        """A stored or derived attribute."""
        facts = self.facts
        if self.source == "events" and name in {"at", "date"}:
            return self.at() if name == "at" else self.day()
        if self.source == "events" and name == "in_force":
            return self._in_force()
        if self.source == "events" and name == "until" and len(self.written.get("until") or "") == 10:
            day = date_number(self.written["until"])
            return Num(midnight(day, facts.tz), midnight(day + 1, facts.tz) - 1) if facts.tz else Num(-INF, INF)
        if name in self.written:
            return facts.decode(self.of[name], self.written[name])
        if name == "channel" and self.written.get("kind") in CONTACTS:
            return Words(frozenset({self.written["kind"]}))
        if name == "role":
            person = next((p for p in facts.doc.get("persons") or [] if p["id"] == self.written.get("person")), None)
            if person and "roles" in person:
                return facts.decode({"type": "set"}, person["roles"])
        fact = self.of[name]
        if "silent" in fact and facts.since is not None and self.day().lo >= facts.since:
            return Num(0, 0) if fact["type"] == "bool" else NOTHING
        return unknown(fact["type"], fact.get("optional") == "true")

    def at(self):
        """The instant, or some instant of the written day."""
        text = self.written["at"]
        if len(text) > 10:
            return Num(instant(text), instant(text))
        if self.facts.tz is None:
            return Num(-INF, INF)
        day = date_number(text)
        return Num(midnight(day, self.facts.tz), midnight(day + 1, self.facts.tz) - 1)

    def day(self):
        """The local day."""
        text = self.written["at"]
        if len(text) == 10:
            return Num(date_number(text), date_number(text))
        return Num(*(local_day(instant(text), self.facts.tz),) * 2) if self.facts.tz else Num(-INF, INF)

    def _in_force(self):
        at, now, until = self.at(), self.facts.now, self.written.get("until", "none")
        begun = (at.hi <= now, at.lo <= now)
        if until == "none":
            still = (True, True)
        elif until is None:
            still = (False, True)
        elif len(until) == 10:
            still = (self.facts.today <= date_number(until),) * 2 if self.facts.tz else (False, True)
        else:
            still = (now < instant(until),) * 2
        return Num(int(begun[0] and still[0]), int(begun[1] and still[1]))

    def is_open(self):
        """A contact whose result has not come."""
        state = self.written.get("state")
        if state in {"reserved", "unresolved"}:
            return True
        return state == "committed" and self.written.get("outcome") is None and self.facts.now - instant(self.written["at"]) < 86400

    def counts_for(self, debt):
        """Whether the event counts for a debt."""
        named = self.written.get("counts_for")
        if named is None and self.written.get("outcome") == "conversation":
            named = self.written.get("discussed")
        if named is not None:
            return YES if debt in named else NO
        about = self.written.get("about") or self.written.get("discussed")
        about = [d["id"] for d in self.facts.doc.get("debts") or []] if about is None else about
        if debt not in about:
            return NO
        kind = self.written.get("kind")
        act = bool(self.written.get("about")) and kind is not None and kind not in CONTACTS
        return YES if act or len(about) == 1 else PERHAPS
