"""Conditions, measures, periods and definitions of the oracle."""

import math
import re
from fractions import Fraction

from tests.oracle.oracle import (
    ANY,
    CONTACTS,
    INF,
    NO,
    NOTHING,
    PERHAPS,
    YES,
    Hours,
    Item,
    Num,
    Set,
    Words,
    as_date,
    hull,
    inside,
    is_none,
    local_day,
    midnight,
    number,
    period,
    plus,
    unknown,
    workday,
)

ORDER = {"at_least": 1, "not_before": 1, "more_than": 2, "after": 2, "at_most": -1, "not_after": -1, "less_than": -2, "before": -2}


def three(values):
    """YES when all are true, NO when none is."""
    return YES if all(values) else (PERHAPS if any(values) else NO)


def compare(left, how, right):
    """One ordered comparison over every possibility."""
    if is_none(left) or is_none(right):
        return NO
    sign = ORDER[how]
    gaps = (left.lo - right.hi, left.hi - right.lo)
    test = {1: lambda g: g >= 0, 2: lambda g: g > 0, -1: lambda g: g <= 0, -2: lambda g: g < 0}[sign]
    found = three([test(g) for g in gaps])
    return min(found, PERHAPS) if left.none or right.none else found


def in_words(left, words):
    """A word against a set of literal words or another value."""
    if isinstance(words, Words):
        if left.may is ANY or words.may is ANY:
            return PERHAPS if not (left == Words(frozenset({None})) or words == Words(frozenset({None}))) else NO
        both = left.may & words.may - {None}
        return YES if left.may == words.may and len(left.may) == 1 and None not in left.may else (PERHAPS if both else NO)
    if left.may is ANY:
        return PERHAPS if words.may is ANY or words.may else NO
    if words.may is ANY:
        return YES if left.may <= words.sure and None not in left.may else (PERHAPS if left.may - {None} else NO)
    return YES if left.may <= words.sure else (PERHAPS if left.may & words.may else NO)


def contains(how, left, right):
    """Set against set."""
    if left.none or getattr(right, "none", False):
        return NO
    if isinstance(right, Words):
        right = Set(frozenset(), ANY) if right.may is ANY else Set(right.may if len(right.may) == 1 else frozenset(), right.may)
    if how == "contains":
        if left.sure & right.sure:
            return YES
        empty = [x.may is not ANY and not x.may for x in (left, right)]
        apart = left.may is not ANY and right.may is not ANY and not left.may & right.may
        return NO if any(empty) or apart else PERHAPS
    small, big = (right, left) if how == "contains_all" else (left, right)
    if small.may is not ANY and small.may <= big.sure:
        return YES
    return NO if big.may is not ANY and not small.sure <= big.may else PERHAPS


class Reading:
    """One constraint with the values of one dated line, read in one case."""

    def __init__(self, facts, sections, values, types, tables):
        self.facts, self.sections, self.values, self.types, self.tables = facts, sections, values, types, tables
        self.known = {}

    # --- conditions

    def truth(self, condition, item=None):
        """Kleene truth of a condition."""
        return min([self._line(name, said, item) for name, said in condition.items()], default=YES)

    def _line(self, name, said, item):
        if name == "any" and isinstance(said, list):
            return max([self.truth(c, item) for c in said], default=NO)
        if name == "all" and isinstance(said, list):
            return min([self.truth(c, item) for c in said], default=YES)
        if name == "not":
            return YES - self.truth(said, item)
        return self._said(name, self.value(name, item), said, item)

    def _said(self, name, left, said, item):
        if not isinstance(said, dict):
            return self._is(left, self._kind(name, item), said)
        return min([self._one(name, left, how, right, item) for how, right in said.items()])

    def _one(self, name, left, how, right, item):
        kind = self._kind(name, item)
        if how == "not":
            return YES - self._said(name, left, right, item)
        if how == "is":
            return self._is(left, kind, right)
        if how == "exists":
            there = NO if is_none(left) else (PERHAPS if self._may_be_none(left) else YES)
            return there if right == "true" else YES - there
        if how == "known":
            point = is_none(left) or self._is_point(left)
            return YES if point == (right == "true") else NO
        if how == "between":
            return min(self._ordered(left, kind, "at_least", right[0]), self._ordered(left, kind, "at_most", right[1]))
        if how in ORDER:
            return self._ordered(left, kind, how, right)
        if how in {"inside", "outside", "covers"}:
            other = self.operand(right, "datetime" if how == "covers" else "timetable")
            at, hours = (other, left) if how == "covers" else (left, other)
            return self._hours(at, hours, how)
        if how == "during":
            return self._during(left, right[1:])
        return contains(how, left, self.operand(right, "set"))

    def _may_be_none(self, x):
        if isinstance(x, Num):
            return x.none
        return x.may is ANY or (isinstance(x, Words) and None in x.may) if not isinstance(x, Hours) else x.table is None

    def _is_point(self, x):
        if isinstance(x, Num):
            return x.lo == x.hi and not x.none
        if isinstance(x, Words):
            return x.may is not ANY and len(x.may) == 1
        return x.table is not None if isinstance(x, Hours) else x.sure == x.may

    def _is(self, left, kind, said):
        if isinstance(left, Words):
            return in_words(left, self.operand(said, "set"))
        if isinstance(left, Set):
            return contains("contains", left, self.operand(said, "set"))
        if isinstance(said, list):
            return max(self._is(left, kind, one) for one in said)
        return min(self._ordered(left, kind, "at_least", said), self._ordered(left, kind, "at_most", said))

    def _ordered(self, left, kind, how, said):
        right = self.operand(said, kind)
        right_kind = (
            self._kind(said[1:], None)
            if isinstance(said, str) and said.startswith("$")
            else ("date" if kind == "datetime" and len(said) == 10 else kind)
        )
        if {kind, right_kind} == {"date", "datetime"}:
            left, right = (self.local(x, k) for x, k in ((left, kind), (right, right_kind)))
        return compare(left, how, right)

    def _hours(self, at, hours, how):
        if is_none(at) or is_none(hours):
            return NO
        if at.lo != at.hi or at.none or hours.table is None or self.facts.tz is None:
            return PERHAPS
        found = inside(hours.table, at.lo, self.facts.tz, self.facts.calendar)
        return PERHAPS if found is None else (YES if found != (how == "outside") else NO)

    # --- names

    def _kind(self, name, item):
        if item is not None and "." not in name and name not in self.types:
            return (
                {"at": "datetime", "date": "date", "in_force": "bool"}.get(name)
                if item.source == "events" and name in {"at", "date", "in_force"}
                else item.of[name]["type"]
            )
        if name in self.types:
            return self.types[name]
        head, _, tail = name.partition(".")
        for section in ("measures", "periods", "define"):
            if head in self.sections.get(section, {}):
                return self._local_kind(section, head, tail)
        return "date" if name == "action.date" else self.facts.vocabulary["facts"][name]["type"]

    def _local_kind(self, section, head, tail):
        node = self.sections[section][head]
        if section == "periods":
            return "date" if tail else "bool"
        if section == "define":
            return self._define_kind(node)
        how, source = next((h, node[h]) for h in ("count", "distinct", "total", "latest", "earliest", "interest", "term") if h in node)
        if how in {"count", "distinct"}:
            return "count"
        if how == "total":
            source, _, attribute = source.rpartition(".")
            return self.facts.vocabulary["facts"][source]["of"][attribute]["type"]
        if how == "interest":
            return "money"
        if how == "term":
            return "date"
        special = {"": "bool", "exists": "bool", "at": "datetime", "date": "date", "days_ago": "days", "in_force": "bool"}
        return special[tail] if tail in special else self.facts.vocabulary["facts"][source]["of"][tail]["type"]

    def _define_kind(self, node):
        how = next(iter(set(node) - {"round", "roll", "at"}))
        if how in {"holds", "days_between", "plus", "interest"}:
            return {"holds": "bool", "days_between": "days", "plus": "date", "interest": "money"}[how]
        if how == "look_up":
            return self.tables[self.values[node[how][1:]]]["gives"]
        if how == "choose":
            return next(self._operand_kind(line["value"]) for line in node[how] if line["value"] != "none")
        kinds = {self._operand_kind(n) for n in node[how]}
        if how == "product":
            return "money" if "money" in kinds else ("rate" if "rate" in kinds else min(kinds))
        return "days" if how == "difference" and kinds <= {"date"} else ("date" if kinds == {"date", "datetime"} else min(kinds))

    def _operand_kind(self, said):
        return self._kind(said[1:], None) if said.startswith("$") else form(said)

    def operand(self, said, kind):
        """A literal of this type, or `$name`."""
        if isinstance(said, str) and said.startswith("$"):
            return self.value(said[1:], None)
        if kind in {"set", "enum", "id"}:
            members = frozenset([said] if isinstance(said, str) else said)
            return Set(members, members)
        if kind == "timetable":
            return Hours(said)
        if kind == "datetime" and len(said) == 10:
            kind = "date"
        if said == "none":
            return NOTHING
        if kind == "money" and said == "0":
            return Num(0, 0)
        if kind == "money" and self.facts.currency not in {None, said.split(" ")[1]}:
            return unknown("money")
        return Num(*(number(kind, said),) * 2)

    def local(self, x, kind):
        """A datetime as its local date."""
        if kind != "datetime" or is_none(x):
            return x
        if self.facts.tz is None or abs(x.lo) == INF or abs(x.hi) == INF:
            return Num(-INF, INF, x.none)
        return Num(local_day(x.lo, self.facts.tz), local_day(x.hi, self.facts.tz), x.none)

    def value(self, name, item):
        """What a name stands for."""
        head, _, tail = name.partition(".")
        if item is not None and (name in item.of or (item.source == "events" and name in {"date", "in_force", "days_ago"})):
            return item.attribute(name)
        if name in self.values:
            return self.operand(self.values[name], self.types[name])
        if name not in self.known:
            self.known[name] = self._make(head, tail, name)
        return self.known[name]

    def _make(self, head, tail, name):
        if head in self.sections.get("measures", {}):
            return self._measure(self.sections["measures"][head], tail)
        if head in self.sections.get("periods", {}):
            return self._period(self.sections["periods"][head], tail)
        if head in self.sections.get("define", {}):
            return self._define(self.sections["define"][head])
        fact = self.facts.vocabulary["facts"].get(name, {})
        if "derived" in fact and name != "action.date":
            return self._define(fact["derived"])
        return self.facts.fact(name)

    # --- which items count

    def items(self, source, where, same=(), window=None):
        """Items that surely count, items that may, and whether nothing unseen can."""
        window = window or {}
        facts = self.facts
        if source == "events":
            written, closed = facts.events, self._closed(where, same, window)
        else:
            noun, key = source.split(".")
            place = next((d for d in facts.doc.get("debts") or [] if d["id"] == facts.debt), {}) if noun == "debt" else facts.doc.get(noun) or {}
            written = place.get(key)
            if written is None and "silent" in facts.vocabulary["facts"][source] and facts.since is not None:
                written = []
            closed = written is not None
        sure, may = [], []
        for index, entry in enumerate(written or []):
            item = Item(facts, source, entry, index)
            if source == "events" and self._elsewhere(entry) and not {"person", "address", "household", "debt", "debt_group"} & set(same):
                continue
            found = min(self._happened(item), self._window(item, window), self._same(item, same), self.truth(where, item))
            if found:
                (sure if found == YES and not (source == "events" and item.is_open()) else may).append(item)
        return sure, may, closed

    def _elsewhere(self, entry):
        """In the file of another debtor than the case's."""
        return self.facts._file(entry) is not None

    def _happened(self, item):
        if item.source != "events":
            return YES
        at = item.at()
        return three([at.hi <= self.facts.now, at.lo <= self.facts.now])

    def _place(self, item, window):
        by = window.get("by", "at")
        if by == "at":
            return item.at(), item.day()
        x = item.attribute(by)
        if is_none(x):
            return None
        if item.of[by]["type"] == "datetime":
            return x, self.local(x, "datetime")
        if abs(x.lo) == INF or self.facts.tz is None:
            return Num(-INF, INF, x.none), Num(-INF, INF, x.none)
        return Num(midnight(x.lo, self.facts.tz), midnight(x.hi, self.facts.tz), x.none), x

    def _window(self, item, window):
        if not window:
            return YES
        place = self._place(item, window)
        if place is None:
            return NO
        at, day = place
        found = PERHAPS if at.none or (window.get("by", "at") != "at" and at.lo == -INF) else YES
        if "within" in window:
            found = min(found, self._within(self._span(window["within"]), at, day, self.facts.now))
        if "this" in window:
            found = min(found, self._this(window["this"], day))
        for key in ("since", "until"):
            if key in window:
                found = min(found, self._bound(window[key], at, day, key))
        return found

    def _span(self, said):
        return period(self.values[said[1:]] if said.startswith("$") else said)

    def _within(self, span, at, day, now):
        if span is None:
            return YES
        if span[1] in {"hours", "minutes"}:
            length = span[0] * (3600 if span[1] == "hours" else 60)
            return three([now < at.lo + length, now < at.hi + length])
        if self.facts.tz is None or abs(day.lo) == INF:
            return PERHAPS
        today, ends = local_day(now, self.facts.tz), [plus(d, span, self.facts.calendar) for d in (day.lo, day.hi)]
        return PERHAPS if None in ends else three([today < e for e in ends])

    def _this(self, unit, day):
        if self.facts.tz is None or abs(day.lo) == INF:
            return PERHAPS
        return three([self._unit(unit, d) == self._unit(unit, self.facts.today) for d in (day.lo, day.hi)])

    def _unit(self, unit, day):
        date = as_date(day)
        if unit.startswith("week"):
            return day - (date.weekday() + unit.endswith("sunday")) % 7
        return {"day": (date,), "month": (date.year, date.month), "year": (date.year,)}[unit]

    def _bound(self, said, at, day, key):
        limit = self.value(said[1:], None) if said.startswith("$") else Num(*(number("date", said),) * 2)
        if is_none(limit):
            return YES
        kind = self._kind(said[1:], None) if said.startswith("$") else "date"
        x = at if kind == "datetime" else day
        pairs = [(limit.hi, x.lo), (limit.lo, x.hi)] if key == "since" else [(x.hi, limit.lo), (x.lo, limit.hi)]
        sure, may = (a <= b for a, b in pairs)
        return YES if sure else (PERHAPS if may or limit.none else NO)

    def _same(self, item, same):
        found = YES
        for key in same:
            if key == "debt":
                found = min(found, item.counts_for(self.facts.debt))
                continue
            if key == "debt_group":
                found = min(found, self._same_group(item))
                continue
            mine, theirs = self._mine(key), self._theirs(key, item)
            if key == "creditor" and theirs is None and "creditor" not in item.written:
                continue
            found = NO if "none" in (theirs, mine) else min(found, PERHAPS if theirs is None or mine is None else YES if theirs == mine else NO)
        return found

    def _entry(self, listed, name):
        return next((e for e in self.facts.doc.get(listed) or [] if e["id"] == name), {})

    def _mine(self, key):
        doc = self.facts.doc
        action, creditor, collector = doc["action"], doc.get("creditor") or {}, doc.get("collector") or {}
        if key == "collector":
            return collector.get("id") or (creditor.get("id") if collector.get("kind") == "creditor" else None)
        found = {
            "creditor": creditor.get("id"),
            "channel": action.get("channel") or (action["kind"] if action["kind"] in CONTACTS else None),
            "household": self._entry("persons", action.get("person")).get("household"),
            "place": self._entry("addresses", action.get("address")).get("place"),
        }
        return found[key] if key in found else action.get(key)

    def _theirs(self, key, item):
        if key in item.written:
            return item.written[key]
        if key == "channel":
            return item.written["kind"] if item.written["kind"] in CONTACTS else None
        if key == "household":
            return self._entry("persons", item.written.get("person")).get("household")
        return self._entry("addresses", item.written.get("address")).get("place") if key == "place" else None

    def _same_group(self, item):
        """It counts for this debt, or for one of the same group; where the record is complete a debt without a group is alone."""
        alone = "none" if self.facts.since is not None else None
        mine = self._entry("debts", self.facts.debt).get("group") or alone
        found = item.counts_for(self.facts.debt)
        for other in self.facts.doc.get("debts") or []:
            theirs = other.get("group") or alone
            alike = NO if "none" in (mine, theirs) else PERHAPS if mine is None or theirs is None else YES if mine == theirs else NO
            if other["id"] != self.facts.debt:
                found = max(found, min(item.counts_for(other["id"]), alike))
        return found

    def _kinds(self, where):
        """The kinds of event a condition may match; None: any."""
        found = None
        for name, said in where.items():
            one = None
            if name == "kind" and not isinstance(said, dict):
                x = self.operand(said, "set")
                one = None if x.may is ANY else set(x.may) - {None}
            elif name == "kind" and set(said) == {"is"}:
                one = set(self.operand(said["is"], "set").may)
            elif name == "not" and set(said) == {"kind"} and isinstance(said["kind"], dict) and set(said["kind"]) == {"not"}:
                one = self._kinds({"kind": said["kind"]["not"]})
            elif name == "any" and isinstance(said, list):
                parts = [self._kinds(c) for c in said]
                one = set().union(*parts) if parts and None not in parts else (set() if not parts else None)
            elif name == "all" and isinstance(said, list):
                parts = [p for p in map(self._kinds, said) if p is not None]
                one = set.intersection(*parts) if parts else None
            if one is not None:
                found = one if found is None else found & one
        return found

    def _closed(self, where, same, window, now=None):
        facts = self.facts
        words = facts.vocabulary["facts"]["events"]["of"]["kind"]["words"]
        kinds = self._kinds(where)
        kinds = set(words) if kinds is None else kinds
        since = [min((d for d in (facts.records.get(k), facts.since) if d is not None), default=None) for k in kinds]
        if None in since:
            return False
        since = max(since, default=-INF)
        first = self._first(window, facts.now if now is None else now)
        if first is not None and first >= since:
            return True
        if "debt" in same:
            signed = facts.fact("contract.signed_on")
            if not is_none(signed) and not signed.none and signed.lo >= since:
                return True
        return all("silent" in words[k] for k in kinds if k in words)

    def _first(self, window, now):
        """The first local day that a window may touch."""
        if self.facts.tz is None or window.get("by", "at") != "at":
            return None
        today, days = local_day(now, self.facts.tz), []
        if "this" in window:
            day = today
            while self._unit(window["this"], day - 1) == self._unit(window["this"], today):
                day -= 1
            days.append(day)
        if "within" in window:
            span = self._span(window["within"])
            if span and span[1] in {"hours", "minutes"}:
                days.append(local_day(now - span[0] * (3600 if span[1] == "hours" else 60), self.facts.tz))
            elif span:
                days += self._back(span, today)
        if "since" in window:
            limit = self.value(window["since"][1:], None) if window["since"].startswith("$") else Num(*(number("date", window["since"]),) * 2)
            if not is_none(limit) and not limit.none and limit.lo > -INF:
                kind = self._kind(window["since"][1:], None) if window["since"].startswith("$") else "date"
                days.append(local_day(limit.lo, self.facts.tz) if kind == "datetime" else limit.lo)
        return max(days, default=None)

    def _back(self, span, today):
        day, inside_days = today, []
        while today - day < 800:
            end = plus(day, span, self.facts.calendar)
            if end is None:
                return []
            if today >= end:
                return [min(inside_days)]
            inside_days.append(day)
            day -= 1
        return [min(inside_days)]

    # --- measures

    def _measure(self, node, tail):
        how = next(h for h in ("count", "distinct", "total", "latest", "earliest", "interest", "term") if h in node)
        where, same = node.get("where", {}), node.get("same", [])
        window = {k: node[k] for k in ("within", "this", "since", "until", "by") if k in node}
        if how == "term":
            return self._term(node)
        if how == "interest":
            return self._interest_of(node)
        source = node[how]
        if how in {"distinct", "total"}:
            source, _, attribute = source.rpartition(".")
        sure, may, closed = self.items(source, where, same, window)
        if how == "count":
            return Num(len(sure), len(sure) + len(may) if closed else INF)
        if how == "distinct":
            def values(items):
                return {x for x in (i.attribute(attribute) for i in items) if self._is_point(x) and not is_none(x)}
            vague = sum(not self._is_point(i.attribute(attribute)) and not is_none(i.attribute(attribute)) for i in sure + may)
            return Num(len(values(sure)), len(values(sure + may)) + vague if closed else INF)
        if how == "total":
            amounts = [(Num(0, 0) if is_none(x) else x, i in sure) for i in sure + may for x in [i.attribute(attribute)]]
            lo = sum(x.lo if s else min(x.lo, 0) for x, s in amounts)
            hi = sum(x.hi if s else max(x.hi, 0) for x, s in amounts)
            return Num(lo, hi if closed else INF)
        return self._extreme(how, source, sure, may, closed, tail or "exists", window)

    def _extreme(self, how, source, sure, may, closed, tail, window):
        if tail == "exists":
            return Num(int(bool(sure)), int(bool(sure or may) or not closed))
        at = {id(i): self._place(i, window)[0] for i in sure + may}
        kind = {"at": "datetime", "date": "date", "days_ago": "days", "in_force": "bool"}.get(tail) if source == "events" else None
        kind = kind or self.facts.vocabulary["facts"][source]["of"][tail]["type"]
        order = (lambda i: (at[id(i)].lo, i.index)) if how == "latest" else (lambda i: (-at[id(i)].hi, -i.index))
        far = (lambda i: (at[id(i)].hi, i.index)) if how == "latest" else (lambda i: (-at[id(i)].lo, -i.index))
        best = max(sure, key=order, default=None)
        chosen = [i for i in sure + may if best is None or i is best or far(i) > order(best)]
        none = Words(frozenset({None})) if kind in {"enum", "id"} else (Set(frozenset(), frozenset(), True) if kind == "set" else NOTHING)
        values = [self._days_ago(i) if tail == "days_ago" else i.attribute(tail) for i in chosen] + ([none] if best is None else [])
        if not closed and (best is None or how == "earliest"):
            values.append(unknown(kind, True))
        return hull(values)

    def _days_ago(self, item):
        day = item.day()
        return unknown("days") if abs(day.lo) == INF or self.facts.tz is None else Num(self.facts.today - day.hi, self.facts.today - day.lo)

    # --- periods

    def _edges(self, node, where):
        window = {"by": node["by"]} if "by" in node and where is node["opens"] else {}
        sure, may, _ = self.items("events", where, node.get("same", []), window)
        return [(YES if i in sure else PERHAPS, *self._place(i, window), i.index) for i in sure + may]

    def _closers(self, node):
        closes = node.get("closes", [])
        return [closes] if isinstance(closes, dict) else closes

    def _later(self, a, b):
        if a[1].lo == a[1].hi == b[1].lo == b[1].hi:
            return YES if a[3] > b[3] else NO
        return three([a[1].lo > b[1].hi, a[1].hi > b[1].lo])

    def _open(self, node, opener, moment, strict):
        found = min(opener[0], three([opener[1].hi <= moment.lo, opener[1].lo <= moment.hi]))
        if found and "lasts" in node:
            states = {self._within(self._span(node["lasts"]), opener[1], opener[2], t) for t in moment[:2]}
            found = min(found, states.pop() if len(states) == 1 else PERHAPS)
        if not found:
            return NO
        shut = NO
        for where in self._closers(node):
            for closer in self._edges(node, where):
                before = three([closer[1].hi + strict <= moment.lo, closer[1].lo + strict <= moment.hi])
                shut = max(shut, min(closer[0], self._later(closer, opener), before))
            if shut == NO and not self._closed(where, node.get("same", []), {}) and self._unseen_after(where, opener):
                shut = PERHAPS
        return min(found, YES - shut)

    def _unseen_after(self, where, opener):
        words = self.facts.vocabulary["facts"]["events"]["of"]["kind"]["words"]
        kinds = self._kinds(where)
        declared = [
            min((d for d in (self.facts.records.get(k), self.facts.since) if d is not None), default=None)
            for k in (words if kinds is None else kinds)
        ]
        return None in declared or opener[2].lo < max(declared, default=-INF)

    def _holds_at(self, node, moment, strict):
        if abs(moment.lo) == INF:
            return PERHAPS
        found = max([self._open(node, e, moment, strict) for e in self._edges(node, node["opens"])], default=NO)
        if found == NO:
            window = {"within": node["lasts"]} if "lasts" in node else {}
            if "by" in node:
                window["by"] = node["by"]
            if not self._closed(node["opens"], node.get("same", []), window, moment.lo):
                found = PERHAPS
        return found

    def _during(self, at, name):
        if is_none(at):
            return NO
        return self._holds_at(self.sections["periods"][name], at, 1)

    def _period(self, node, tail):
        now = Num(self.facts.now, self.facts.now)
        held = self._holds_at(node, now, 0)
        if not tail:
            return Num(int(held == YES), int(held != NO))
        edges = self._edges(node, node["opens"])
        if tail == "since":
            edges = [(self._open(node, e, now, 0), *e[1:]) for e in edges]
            edges = [e for e in edges if e[0]]
        sure = max([e for e in edges if e[0] == YES], key=lambda e: (e[1].lo, e[3]), default=None)
        chosen = [e for e in edges if sure is None or e is sure or self._later(e, sure)]
        values = [Num(e[2].lo, e[2].hi) if tail == "since" else self._end(node, e) for e in chosen]
        if sure is None:
            values.append(NOTHING)
            if not chosen and held != NO:
                values.append(unknown("date", tail == "ends"))
        return hull(values)

    def _end(self, node, opener):
        last = NOTHING
        span = self._span(node["lasts"]) if "lasts" in node else None
        if span and span[1] in {"hours", "minutes"}:
            length = span[0] * (3600 if span[1] == "hours" else 60) - 1
            placed = self.facts.tz and abs(opener[1].lo) != INF
            last = Num(*(local_day(t + length, self.facts.tz) for t in opener[1][:2])) if placed else unknown("date")
        elif span:
            ends = [plus(d, span, self.facts.calendar) if abs(d) != INF else None for d in opener[2][:2]]
            last = Num(-INF if ends[0] is None else ends[0] - 1, INF if ends[1] is None else ends[1] - 1)
        closers = [e for where in self._closers(node) for e in self._edges(node, where) if self._later(e, opener)]
        surely = [e for e in closers if e[0] == YES and self._later(e, opener) == YES]
        days = [e[2] for e in closers if not surely or e[2].lo <= min(s[2].hi for s in surely)]
        if not days:
            return last
        cap = last if last.lo <= last.hi else Num(INF, INF)
        parts = [Num(min(d.lo, cap.lo), min(d.hi, cap.hi)) for d in days]
        return hull(parts if surely else [*parts, last])

    # --- terms and interest

    def _term(self, node):
        start, span = self.local(self.value(node["from"][1:], None), self._kind(node["from"][1:], None)), self._span(node["lasts"])
        if is_none(start) or span is None:
            return NOTHING
        if start.lo == -INF or start.hi == INF:
            return Num(-INF, INF, True)
        same, closed, lists = node.get("same", []), True, {}
        for key in ("restarted_by", "held_by"):
            sure, may, whole = self.items("events", node[key], same) if key in node else ([], [], True)
            closed, lists[key] = closed and whole, (sure, sure + may)
        ended = [i.written.get("until", "none") for _, every in lists.values() for i in every]
        if None in ended or (self.facts.tz is None and ended):
            first = plus(start.lo, span, self.facts.calendar)
            return Num(-INF if first is None else first, INF, True)
        low, high = (self._fold(node, span, x, lists, index) for x, index in ((start.lo, 0), (start.hi, 1)))
        if low == "never":
            return NOTHING
        low = -INF if low is None else self._rolled(node, low)[0]
        if high == "never" or not closed:
            return Num(low, INF, True)
        last = None if high is None else self._rolled(node, high)[1]
        return Num(low, INF if last is None else last, start.none)

    def _rolled(self, node, day):
        if "roll" not in node:
            return day, day
        first = day
        while True:
            worked = workday(day, self.facts.calendar)
            if worked is None:
                return first, None
            if worked:
                return day, day
            day += 1

    def _last(self, item, day):
        until = item.written.get("until")
        if until and until != "none":
            return number("date", until) if len(until) == 10 else local_day(number("datetime", until), self.facts.tz)
        lasting = self.facts.vocabulary["facts"]["events"]["of"]["kind"]["words"].get(item.written["kind"], {}).get("lasting") == "true"
        return None if lasting else day

    def _fold(self, node, span, start, lists, index):
        end = plus(start, span, self.facts.calendar)
        def dated(key):
            return sorted(((i.day().hi if index else i.day().lo, i.index, i) for i in lists[key][index]), key=lambda e: e[:2])
        for day, _, item in dated("restarted_by"):
            if end is None:
                return None
            if start <= day <= end:
                until = self._last(item, day)
                if until is None:
                    return "never"
                start = max(start, until)
                end = plus(start, span, self.facts.calendar)
        if end is None:
            return None
        tail = self._span(node["in_last"]) if "in_last" in node else None
        for day, _, item in dated("held_by"):
            until, first = self._last(item, day), end
            while plus(first - 1, tail, None) >= end:
                first -= 1
            if day > end or (until is not None and until < first):
                continue
            if until is None:
                return "never"
            end = max(end, plus(until, tail, None))
        return end

    def _interest_of(self, node):
        rate = self.operand(node["rate"], "rate")
        if is_none(rate):
            return NOTHING
        sure, may, closed = self.items(node["interest"], node.get("where", {}))
        if rate.none or not closed or self.facts.tz is None:
            return unknown("money")
        low = high = 0
        for item in sure + may:
            amount, start, end = (item.attribute(k) for k in ("amount", "from", "until"))
            end = Num(self.facts.today, self.facts.today) if item.written.get("until") == "none" else end
            if item.written.get("until") is None or any(abs(x.lo) == INF or is_none(x) for x in (amount, start, end)):
                return unknown("money")
            for key, pick in (("since", max), ("until", min)):
                if key in node:
                    limit = self.local(self.value(node[key][1:], None), self._kind(node[key][1:], None))
                    if (limit.none and not is_none(limit)) or limit.lo == -INF or limit.hi == INF:
                        return unknown("money")
                    if not is_none(limit) and key == "since":
                        start = Num(pick(start.lo, limit.lo), pick(start.hi, limit.hi))
                    elif not is_none(limit):
                        end = Num(pick(end.lo, limit.lo + 1), pick(end.hi, limit.hi + 1))
            days = [self._bearing(start.hi, end.lo, node, most=False), self._bearing(start.lo, end.hi, node, most=True)]
            products = [a * d for a in amount[:2] for d in days]
            low, high = low + (min(products) if item in sure else min(0, *products)), high + (max(products) if item in sure else max(0, *products))
        ends = [
            rounded(Fraction(x * r, 10**8 * (365 if node["basis"] == "actual/365" else 360)), node.get("round", "half_up"))
            for x in (low, high)
            for r in rate[:2]
        ]
        return Num(min(ends), max(ends))

    def _bearing(self, start, end, node, *, most):
        """Days that bear interest, less those at whose last instant the skipped period may (``most``: surely) hold."""
        days = span_days(start, end, node["basis"])
        if not days or "skipping" not in node:
            return days
        period = self.sections["periods"][node["skipping"][1:]]
        held = [self._holds_at(period, Num(t, t), 1) for day in range(start, end) for t in [midnight(day + 1, self.facts.tz) - 1]]
        return max(0, days - sum(h == YES if most else h != NO for h in held))

    # --- definitions

    def _define(self, node):
        how = next(iter(set(node) - {"round", "roll", "at"}))
        right, rounding = node[how], node.get("round", "half_up")
        if how == "holds":
            found = self.truth(right)
            return Num(int(found == YES), int(found != NO))
        if how == "choose":
            return self._choose(right)
        if how == "plus":
            return self._plus(node, right)
        if how == "look_up":
            return self._look_up(self.values[right[1:]], node["at"])
        if how == "date_of":
            return self.local(
                self._any(right if isinstance(right, str) else right[0]), self._operand_kind(right if isinstance(right, str) else right[0])
            )
        if how == "interest":
            return self._interest(right, rounding)
        args, kinds = [self._any(n) for n in right], [self._operand_kind(n) for n in right]
        if how == "days_between" or set(kinds) == {"date", "datetime"}:
            args = [self.local(a, k) for a, k in zip(args, kinds, strict=True)]
        if how in {"difference", "days_between"}:
            a, b = args if how == "difference" else args[::-1]
            return NOTHING if is_none(a) or is_none(b) else Num(a.lo - b.hi, a.hi - b.lo, a.none or b.none)
        if how == "product":
            return self._product(args, kinds, rounding)
        return self._fold_numbers(how, args)

    def _any(self, said):
        return self.value(said[1:], None) if said.startswith("$") else self.operand(said, form(said))

    def _fold_numbers(self, how, args):
        """sum, smallest, largest: none is skipped; every choice of which args are none is one world."""
        if all(is_none(a) for a in args):
            return NOTHING
        worlds = [[]]
        for a in args:
            with_it = [] if is_none(a) else [(a.lo, a.hi)]
            worlds = [[*w, x] for w in worlds for x in with_it + ([None] if a.none or is_none(a) else [])]
        pick = {"sum": sum, "smallest": min, "largest": max}[how]
        full = [[x for x in w if x is not None] for w in worlds]
        full = [w for w in full if w]
        return Num(min(pick([x[0] for x in w]) for w in full), max(pick([x[1] for x in w]) for w in full), all(a.none or is_none(a) for a in args))

    def _product(self, args, kinds, rounding):
        a, b = args
        if is_none(a) or is_none(b):
            return NOTHING
        scale = 10**8 if set(kinds) in ({"rate"}, {"money", "rate"}) else 1
        corners = [x * y if 0 not in (x, y) else 0 for x in a[:2] for y in b[:2]]
        ends = [x if abs(x) == INF else rounded(Fraction(x, scale), rounding) for x in corners]
        return Num(min(ends), max(ends), a.none or b.none)

    def _choose(self, lines):
        kind = next(self._operand_kind(line["value"]) for line in lines if line["value"] != "none")
        none = Words(frozenset({None})) if kind in {"enum", "id"} else NOTHING
        possible = []
        for line in lines:
            found = self.truth(line.get("when", {}))
            if found:
                possible.append(none if line["value"] == "none" else self._any(line["value"]))
            if found == YES:
                return hull(possible)
        return hull([*possible, none])

    def _plus(self, node, right):
        start, span = self.local(self._any(right[0]), self._operand_kind(right[0])), self._span(right[1])
        if is_none(start) or span is None:
            return NOTHING
        ends = []
        for day in start[:2]:
            end = None if abs(day) == INF else plus(day, span, self.facts.calendar)
            ends.append((None, None) if end is None else self._rolled(node, end))
        return Num(-INF if ends[0][0] is None else ends[0][0], INF if ends[1][1] is None else ends[1][1], start.none)

    def _look_up(self, name, at):
        table = self.tables[name]
        key = self.local(self._any(at), self._operand_kind(at))
        if is_none(key):
            return NOTHING
        rows = sorted((number(table["by"], k), number(table["gives"], x)) for k, x in table["rows"].items())
        found = []
        for i, (start, gives) in enumerate(rows):
            end = rows[i + 1][0] - 1 if i + 1 < len(rows) else INF
            if key.lo <= end and start <= key.hi:
                found.append(Num(gives, gives))
        beyond = "known_until" in table and key.hi > number("date", table["known_until"])
        if not found or key.lo < rows[0][0] or beyond or key.none:
            found.append(unknown(table["gives"]))
        return hull(found)

    def _interest(self, parts, rounding):
        args = [self.local(self._any(parts[k]), self._operand_kind(parts[k])) for k in ("on", "rate", "from", "to")]
        if any(is_none(a) for a in args):
            return NOTHING
        amount, rate, start, end = args
        none = any(a.none for a in args)
        if any(abs(x) == INF for x in (*start[:2], *end[:2])):
            return unknown("money", none)
        days = [span_days(start.hi, end.lo, parts["basis"]), span_days(start.lo, end.hi, parts["basis"])]
        year = 365 if parts["basis"] == "actual/365" else 360
        corners = [0 if 0 in (a, r, d) else a * r * d for a in amount[:2] for r in rate[:2] for d in days]
        ends = [x if abs(x) == INF else rounded(Fraction(x, 10**8 * year), rounding) for x in corners]
        return Num(min(ends), max(ends), none)


def form(said):
    """The type a literal has by its form."""
    for kind, pattern in (
        ("date", r"\d{4}-\d\d-\d\d"),
        ("money", r"-?[\d.]+ [A-Z]{3}"),
        ("rate", r"-?[\d.]+%"),
        ("count", r"-?\d+"),
        ("bool", "true|false"),
    ):
        if re.fullmatch(pattern, said):
            return kind
    return "enum"


def span_days(start, end, basis):
    """Days that bear interest."""
    if basis != "30/360":
        return max(end - start, 0)
    a, b = as_date(start), as_date(end)
    return max((b.year - a.year) * 360 + (b.month - a.month) * 30 + min(b.day, 30) - min(a.day, 30), 0)


def rounded(x, how):
    """A fraction as a whole number, away from zero or towards it."""
    size = abs(x)
    whole = {"half_up": math.floor(size + Fraction(1, 2)), "up": math.ceil(size), "down": math.floor(size)}[how]
    return whole if x >= 0 else -whole
