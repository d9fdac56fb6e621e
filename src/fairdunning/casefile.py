"""A case document decoded: every field that is wrong is named, amendments are made, events completed."""

from __future__ import annotations

from typing import Any

from fairdunning import value as v
from fairdunning.errors import CaseError, Problem, Text, did_you_mean
from fairdunning.facts import Case, Item, one_word
from fairdunning.vocabulary import CONTACTS, Fact, Vocabulary

MAX_EVENTS, MAX_DEBTS = 20_000, 50
MAX_REMEMBERED = 10_000
"""Decoded texts that one fact remembers."""
_LISTS = {"debts", "persons", "addresses", "events"}
_DATED = {"at", "until", "date"}


class _Reader:
    def __init__(self, vocabulary: Vocabulary, file: str) -> None:
        self.vocabulary, self.file = vocabulary, file
        self.problems: list[Problem] = []
        self.wrong: set[str] = set()
        self.currencies: set[str] = set()

    def add(self, key: str, text: Text) -> None:
        if key not in self.wrong:  # what is broken is not also missing
            self.problems.append(Problem(self.file, 0, key, text))
        self.wrong.add(key)

    def twice(self, name: str, key: str) -> None:
        self.add(key, Text(f"`{name[:60]}` is there already; ids are unique", f"`{name[:60]}` 已存在；编号不得重复"))

    def decode(self, fact: Fact, written: Any, *place: str) -> v.Value:
        """The value of a fact, remembered by its text; `place` names it in the case."""
        if type(written) is str:
            text: str | tuple[str, ...] = written
        elif type(written) is list and all(type(w) is str for w in written):
            text = tuple(written)
        else:
            return self._decode(fact, written, place)
        known = fact.decoded.get(text)
        return known if known is not None else self._decode(fact, written, place, text)

    def _decode(self, fact: Fact, written: Any, place: tuple[str, ...], text: str | tuple[str, ...] | None = None) -> v.Value:
        try:
            if fact.type == "money" and isinstance(written, str) and written != "none":
                self.currencies.add(v.parse_money(written).currency)
                return fact.decode(written)
            found = fact.decode(written)
        except ValueError as error:
            wrong = error.args[0] if isinstance(error.args[0], Text) else Text(
                f"must be an amount with its currency such as `6499.20 CNY`, got `{written}`",
                f"应为带币种的金额，如 `6499.20 CNY`，实为 `{written}`")
            self.add(".".join(place), wrong)
            return fact.unknown()
        if text is not None:
            if len(fact.decoded) >= MAX_REMEMBERED:
                fact.decoded.clear()
            fact.decoded[text] = found
        return found

    def noun(self, noun: str, written: Any, key: str, lists: dict[str, list[Item]]) -> dict[str, v.Value]:
        known = self.vocabulary.by_key(noun)
        found: dict[str, v.Value] = {}
        if not isinstance(written, dict):
            self.add(key, Text("must be a mapping", "应为映射"))
            return found
        for name, child in written.items():
            if noun == "debt" and (child is None or isinstance(child, dict)) and name in self.vocabulary.nouns and name not in known:
                continue
            fact = known.get(name)
            if fact is None or fact.derived is not None:
                hint = did_you_mean(name, known)
                self.add(f"{key}.{name}", Text(f"unknown fact{hint.en}", f"未知的事实{hint.zh}"))
            elif child is None:
                found[fact.name] = fact.unknown()
            elif fact.type == "list":
                lists[fact.name] = self.items(fact, child, f"{key}.{name}")
            else:
                found[fact.name] = self.decode(fact, child, key, name)
        return found

    def nothing_known(self, noun: str) -> dict[str, v.Value]:
        """A noun that is null: unknown in every fact, so that silence says nothing of it."""
        return {fact.name: fact.unknown() for fact in self.vocabulary.of_noun(noun)}

    def items(self, fact: Fact, written: Any, key: str) -> list[Item]:
        if not isinstance(written, list):
            self.add(key, Text("must be a list", "应为列表"))
            return []
        return [self.item(fact, entry, f"{key}[{i}]", i) for i, entry in enumerate(written)]

    def item(self, fact: Fact, written: Any, key: str, index: int) -> Item:
        values: dict[str, v.Value] = {}
        item = Item(index, "", values)
        if not isinstance(written, dict):
            self.add(key, Text("must be a mapping", "应为映射"))
            return item
        item.id = str(written.get("id", index))
        for name, child in written.items():
            attribute = fact.of.get(name)
            if name in {"id", "debtor"} and attribute is None and isinstance(child, str | int):
                continue  # every entry of a list may have a number of its own; a policy of before may not know whose file it is in
            if attribute is None:
                hint = did_you_mean(name, fact.of)
                self.add(f"{key}.{name}", Text(f"unknown attribute{hint.en}", f"未知的属性{hint.zh}"))
            elif child is None:
                if name != "at":
                    values[name] = attribute.unknown()
            elif name in _DATED:
                self.dated(item, attribute, child, f"{key}.{name}")
            elif type(child) is str and child in attribute.decoded:
                values[name] = attribute.decoded[child]
            else:
                values[name] = self.decode(attribute, child, key, name)
        return item

    def dated(self, item: Item, attribute: Fact, written: Any, key: str) -> None:
        """An attribute that places an item in time; a bare date is some instant of that local day."""
        dated = attribute.name in {"at", "until"} and attribute.type == "datetime"
        if dated and isinstance(written, str) and len(written) == 10:
            as_date = Fact("date", "date", Text("", ""), "date")
            day = self.decode(as_date, written, key)
            if attribute.name == "at" and isinstance(day, v.Range) and day.lo == day.hi:
                item.day = day.lo
            else:
                item.values["until_day"] = day
            return
        value = self.decode(attribute, written, key)
        item.values[attribute.name] = value
        if isinstance(value, v.Range) and value.lo == value.hi:
            if attribute.name == "at" and attribute.type == "datetime":
                item.at = value.lo
            elif attribute.name in {"at", "date"} and attribute.type == "date":
                item.day = value.lo


def read_case(document: Any, vocabulary: Vocabulary, file: str = "case") -> Case:
    """Decodes a case document; raises CaseError naming every field that is wrong."""
    reader = _Reader(vocabulary, file)
    if not isinstance(document, dict):
        raise CaseError([Problem(file, 0, "", Text("must be a JSON object", "应为 JSON 对象"))])
    case = Case(document, {}, {}, {}, {}, {}, {}, [], None, None)
    for name, written in document.items():
        if written is not None:
            _read_part(reader, case, name, written)
        elif name == "events":
            reader.add(name, Text("must be a list; `[]` says that there are none", "应为列表；`[]` 表示没有事件"))
        elif name in vocabulary.nouns and name != "message":
            case.nouns[name] = reader.nothing_known(name)
    action = case.nouns.get("action", {})
    kind = one_word(action.get("action.kind"))
    if kind in CONTACTS:
        action.setdefault("action.channel", v.Words(frozenset({kind})))
    named = action.get("action.debts")
    if not document.get("debts") and isinstance(named, v.Members):
        case.debts = {debt: {} for debt in sorted(named.sure)}  # ids alone: every fact of theirs is unknown
    _read_events(reader, case)
    _check(reader, case)
    if reader.problems:
        raise CaseError(reader.problems)
    return case


def _read_part(reader: _Reader, case: Case, name: str, written: Any) -> None:
    nouns = reader.vocabulary.parts
    if name in _LISTS:
        if not isinstance(written, list):
            reader.add(name, Text("must be a list", "应为列表"))
        elif name in {"persons", "addresses"}:
            _read_entries(reader, case, name, written)
        elif name == "debts":
            _read_debts(reader, case, written)
    elif name == "history":
        _read_history(reader, case, written)
    elif name in nouns:
        case.nouns[name] = reader.noun(name, written, name, case.lists)
    else:
        hint = did_you_mean(name, nouns | _LISTS)
        reader.add(name, Text(f"unknown part of a case{hint.en}", f"案情中未知的部分{hint.zh}"))


def _read_history(reader: _Reader, case: Case, written: Any) -> None:
    if not isinstance(written, dict) or set(written) - {"complete_since"}:
        reader.add("history", Text("may hold `complete_since` only", "只能含 `complete_since`"))
        return
    since = written.get("complete_since")
    if since is not None:
        date = Fact("complete_since", "date", Text("", ""), "complete_since")
        value = reader.decode(date, since, "history.complete_since")
        if isinstance(value, v.Range) and value.lo == value.hi:
            case.complete_since = value.lo


def _read_entries(reader: _Reader, case: Case, name: str, written: list[Any]) -> None:
    noun = next((n.name for n in reader.vocabulary.nouns.values() if n.list == name), "")
    for i, entry in enumerate(written):
        key = entry.get("id") if isinstance(entry, dict) else None
        if not noun or not isinstance(key, str):
            reader.add(f"{name}[{i}].id", Text("an id is missing", "缺少 id"))
            continue
        values, entries = reader.noun(noun, entry, f"{name}[{i}]", case.lists), case.persons if name == "persons" else case.addresses
        if key in entries:
            reader.twice(key, f"{name}[{i}].id")
        entries[key] = values


def _read_debts(reader: _Reader, case: Case, written: list[Any]) -> None:
    for i, entry in enumerate(written):
        key = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(key, str):
            reader.add(f"debts[{i}].id", Text("an id is missing", "缺少 id"))
            continue
        if key in case.debts:
            reader.twice(key, f"debts[{i}].id")
        lists = case.debt_lists.setdefault(key, {})
        nouns = {"debt": reader.noun("debt", entry, f"debts[{i}]", lists)}
        for name, child in entry.items():
            noun = reader.vocabulary.nouns.get(name)
            if noun and noun.within == "debts":
                nouns[name] = reader.nothing_known(name) if child is None else reader.noun(name, child, f"debts[{i}].{name}", lists)
        case.debts[key] = nouns


def _read_events(reader: _Reader, case: Case) -> None:
    written = case.document.get("events") or []
    if not isinstance(written, list):
        return
    if len(written) > MAX_EVENTS:
        reader.add("events", Text(f"more than {MAX_EVENTS} events; send fewer", f"事件超过 {MAX_EVENTS} 条；请减少"))
        return
    events = _amended(reader, [e for e in written if isinstance(e, dict)], case)
    if len(events) + sum(e.get("kind") == "amendment" for e in written if isinstance(e, dict)) != len(written):
        reader.add("events", Text("each event must be a mapping", "每个事件应为映射"))
    fact, debts = reader.vocabulary.facts["events"], list(case.debts)
    for i, entry in events:
        item = reader.item(fact, entry, f"events[{i}]", i)
        item.kind = one_word(item.values.get("kind")) or ""
        if item.at is None and item.day is None:
            reader.add(f"events[{i}].at", Text("the time of the event is missing", "缺少事件时间"))
        if "kind" not in entry:
            reader.add(f"events[{i}].kind", Text("the kind of the event is missing", "缺少事件种类"))
        _complete(item, entry, case, debts)
        item.foreign = _file(entry, case) is not None
        case.events.append(item)


def _amended(reader: _Reader, written: list[dict[str, Any]], case: Case) -> list[tuple[int, dict[str, Any]]]:
    """Amendments made by now rewrite the events they name before anything is judged, in the order of their time."""
    events = [(i, dict(e)) for i, e in enumerate(written) if e.get("kind") != "amendment"]
    planned = case.nouns.get("action", {}).get("action.at")
    now = planned.hi if isinstance(planned, v.Range) else v.BIG
    at = reader.vocabulary.events["at"]
    dated = [(reader.decode(at, e.get("at"), "events"), i, e) for i, e in enumerate(written) if e.get("kind") == "amendment"]
    amendments = sorted((d.lo, i, e) for d, i, e in dated if isinstance(d, v.Range) and d.lo <= now)
    for _, _, amendment in amendments:
        names, changes = amendment.get("amends"), amendment.get("set")
        if not isinstance(names, dict) or not isinstance(changes, dict) or not names:
            reader.add("events", Text("an amendment needs `amends` and `set`", "更正事件须有 `amends` 与 `set`"))
            continue
        if "debtor" in changes:
            reader.add("events", Text("an amendment cannot move an event to another debtor's file", "更正不能将事件移入其他债务人的卷宗"))
            continue
        for _, event in events:
            # what is written in one file changes nothing in another
            if _file(event, case) == _file(amendment, case) and all(event.get(k) == x for k, x in names.items()):
                event.update(changes)
    return events


def _file(entry: dict[str, Any], case: Case) -> Any:
    """Whose file an event is in: another debtor's id, None for the case's own; without a debtor's id no file is another's."""
    own = one_word(case.nouns.get("debtor", {}).get("debtor.id"))
    written = entry.get("debtor")
    return None if own is None or written == own else written


def _complete(item: Item, entry: dict[str, Any], case: Case, debts: list[str]) -> None:
    """Attributes that follow from others: channel, role, household, place; openness; which debts it counts for."""
    values = item.values
    if "channel" not in values and item.kind in CONTACTS:
        values["channel"] = values["kind"]
    for key, entries, follows in (("person", case.persons, _OF_PERSON), ("address", case.addresses, _OF_ADDRESS)):
        source = entries.get(entry[key]) if isinstance(entry.get(key), str) else None
        for name, fact in follows if source else ():
            if name not in values and source and fact in source:
                values[name] = source[fact]
    state = entry.get("state")
    item.open = state in ("reserved", "unresolved") or (state == "committed" and values.get("outcome", v.ANY_WORD) == v.ANY_WORD)
    item.debts = _attribution(item, debts)


_OF_PERSON = (("role", "recipient.role"), ("household", "recipient.household"))
_OF_ADDRESS = (("place", "address.place"),)


def _named(item: Item, name: str) -> v.Members | None:
    """The debts an event names; null is as if absent."""
    found = item.values.get(name)
    return found if isinstance(found, v.Members) and found != v.ANY_MEMBERS else None


def _attribution(item: Item, debts: list[str]) -> dict[str, int]:
    """For each debt: 2 the event counts for it, 1 perhaps, 0 not (``docs/measures.md``, debt)."""
    named = _named(item, "counts_for")
    if named is None and one_word(item.values.get("outcome")) == "conversation":
        named = _named(item, "discussed")
    if named is not None:
        return {d: 2 if d in named.sure else 0 for d in debts}
    about = _named(item, "about")
    # a notice, a suit or a plan is about all the debts it names; a contact was about one of them
    all_named = about is not None and item.kind != "" and item.kind not in CONTACTS
    about = about or _named(item, "discussed")
    among = about.sure if about is not None else frozenset(debts)
    return {d: (2 if all_named or len(among) == 1 else 1) if d in among else 0 for d in debts}


def _check(reader: _Reader, case: Case) -> None:
    action = case.nouns.get("action", {})
    at = action.get("action.at")
    if not isinstance(at, v.Range) or at.lo != at.hi:
        reader.add("action.at", Text("the planned time is missing", "缺少计划时间"))
    if "action.kind" not in action:
        reader.add("action.kind", Text("the kind of action is missing", "缺少动作种类"))
    named = action.get("action.debts")
    for debt in sorted(named.sure) if isinstance(named, v.Members) else []:
        if debt not in case.debts:
            reader.add("action.debts", Text(f"no debt `{debt}` in `debts`", f"`debts` 中没有 `{debt}`"))
    if isinstance(named, v.Members) and len(named.sure) > MAX_DEBTS:
        reader.add("action.debts", Text(f"more than {MAX_DEBTS} debts; split the action", f"债务超过 {MAX_DEBTS} 笔；请拆分"))
    if len(reader.currencies) > 1:
        found = ", ".join(sorted(reader.currencies))
        reader.add("", Text(f"one currency per case, got {found}", f"一个案情只能用一种币种，实有 {found}"))
    case.currency = next(iter(reader.currencies), None)
