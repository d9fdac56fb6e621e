"""Everything wrong in a folder that reading its constraints does not meet: unused rules, definitions, tables, derived facts, profiles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fairdunning import rule as r
from fairdunning import value as v
from fairdunning import when
from fairdunning.book import Book, Place, matches
from fairdunning.condition import Expr
from fairdunning.constraint import PLACE
from fairdunning.definition import uses
from fairdunning.errors import Problem, Text, did_you_mean
from fairdunning.folder import both, date_of, known, mappings
from fairdunning.names import Marks, Scope, expression
from fairdunning.polarity import check_polarity
from fairdunning.vocabulary import Fact, typed_scalar
from fairdunning.yamlfile import Node, Problems

_PROFILE_KEYS = {"title", "use", "records", "raise", "given", "assume", "tighten"}
_ANY: dict[str, object] = {
    "set": frozenset(), "enum": frozenset(), "period": when.Period(1, "days"), "timetable": when.parse_timetable("none"), "money": v.Money(0, "XXX"),
}


def proofread(book: Book) -> None:
    """Notes what is wrong outside of what the constraints of the folder have read already."""
    _derived(book)
    _rules(book)
    for node in book.folder.policies.values():
        _file(node, book)
    for name in book.folder.calendars:
        book.calendar(Node(name, "", 0, ""))
    ids = [f"{name}.{key}" for name, node in book.folder.policies.items() for key in _keys(node, "constraints")]
    for node in book.folder.profiles.values():
        _profile(node, ids, book)


def _keys(node: Node, section: str) -> Iterable[str]:
    return node.mapping[section].mapping if section in node.mapping else ()


def _scope(book: Book, vocabulary_only: bool = False) -> Scope:
    scope = book.scope(Node({}, "", 0, ""), "UTC", None)
    scope.marks = Marks()
    return scope.alone("") if vocabulary_only else scope


def _derived(book: Book) -> None:
    if "events" not in book.vocabulary.facts:
        book.problems.found.append(Problem("rules/vocabulary", 0, "events", Text("the list `events` is missing", "缺少 `events` 列表")))
        return
    for name, fact in book.vocabulary.facts.items():
        if fact.derived is not None:
            expression(name, fact.derived, _scope(book, vocabulary_only=True))


# --- rules that no constraint uses -------------------------------------------------------------------------------------


def _rules(book: Book) -> None:
    for name, node in book.folder.rules.items():
        definition = name.startswith("definitions/")
        known(node, r.DEFINITION_KEYS if definition else r.RULE_KEYS, book.problems)
        mappings(node, r.MAPPINGS, book.problems)
        declared = r.parameters_of(node, book.problems)
        check_polarity(node, declared, book.problems)
        for key in ("title",) if definition else ("title", "message", "why"):
            both(node, key, book.problems)
        if name not in book.read and all(p.type in {*_ANY, *v.NUMERIC} for p in declared.values()):
            _alone(node, definition, declared, book)


def _alone(node: Node, definition: bool, declared: dict[str, r.Parameter], book: Book) -> None:
    """Reads a rule with any values, to find what is wrong with its conditions."""
    scope = _scope(book)
    values = {name: (p.type, _ANY.get(p.type, 0)) for name, p in declared.items()}
    if not all(f"definitions/{n.text}" in book.folder.rules for n in (node.mapping["uses"].items if "uses" in node.mapping else ())):
        return  # a policy file binds the definition under a name of its own
    if definition:
        r.bind_definition(node, "own", values, scope, _any_definition(book))
        return
    bound = r.bind(node, values, scope, _any_definition(book))
    for text in node.mapping["message"].mapping.values() if "message" in node.mapping else ():
        for name in set(PLACE.findall(text.text)) - set(values) - set(bound.names):
            expression(name, text, scope)


def _any_definition(book: Book, reading: tuple[str, ...] = ()) -> r.Uses:
    def find(name: str) -> dict[str, Expr]:
        rule = book.folder.rules[f"definitions/{name}"]
        if name in reading:
            book.problems.add(rule, f"`{name}` depends on itself", f"`{name}` 循环引用自身")
            return {}
        values = {key: (p.type, _ANY.get(p.type, 0)) for key, p in r.parameters_of(rule, Problems()).items()}
        return r.bind_definition(rule, name, values, _scope(book), _any_definition(book, (*reading, name)))

    return find


def _file(file: Node, book: Book) -> None:
    """Definitions and tables of a policy file."""
    parts = {k: file.mapping[k].mapping for k in ("definitions", "tables") if k in file.mapping}
    for name, entry in parts.get("definitions", {}).items():
        mappings(entry, ("values", "bind"), book.problems)
        if "rule" not in entry.mapping:
            book.problems.add(entry, "`rule` is missing", "缺少 `rule`")
        elif entry.mapping["rule"].text not in book.read:
            uses(Place(book, file, entry, entry, "UTC", "UTC", None))(name)
    scope = book.scope(file, "UTC", None)
    for name, entry in parts.get("tables", {}).items():
        book.table(file, Node(name, entry.file, entry.line, entry.key), scope)


# --- profiles ----------------------------------------------------------------------------------------------------------


def _profile(node: Node, ids: list[str], book: Book) -> None:
    problems, parts = book.problems, node.mapping
    known(node, _PROFILE_KEYS, problems)
    mappings(node, ("records", "given", "assume", "raise", "tighten"), problems)
    if "use" not in parts:
        problems.add(node, "`use` is missing: which constraints?", "缺少 `use`：使用哪些约束？")
    for pattern in parts["use"].items if "use" in parts else ():
        if not any(matches(name, pattern.text) for name in ids):
            problems.add(pattern, f"`{pattern.text}` names no constraint", f"`{pattern.text}` 没有对应的约束")
    for section in ("tighten", "raise"):
        for key in _keys(node, section):
            if not (key in ids or (section == "raise" and any(matches(name, key) for name in ids))):
                hint = did_you_mean(key, ids)
                problems.add(parts[section].mapping[key], f"there is no constraint `{key}`{hint.en}", f"没有约束 `{key}`{hint.zh}")
    for key in _keys(node, "raise"):
        if parts["raise"].mapping[key].text != "block":
            problems.add(parts["raise"].mapping[key], "a profile may only raise to `block`", "机构配置只能提升为 `block`")
    _records(parts, book)
    for section in ("given", "assume"):
        for name in _keys(node, section):
            _stated(section, name, parts[section].mapping[name], book)


def _records(parts: dict[str, Node], book: Book) -> None:
    events = book.vocabulary.facts.get("events")
    kinds = {*(events.of["kind"].words if events and "kind" in events.of else ()), *(n for n, f in book.vocabulary.facts.items() if f.silent)}
    for kind, entry in parts["records"].mapping.items() if "records" in parts else ():
        known(entry, {"complete_since", "kept_in"}, book.problems)
        if kind not in kinds:
            hint = did_you_mean(kind, kinds)
            book.problems.add(entry, f"unknown kind of record `{kind}`{hint.en}", f"未知的记录种类 `{kind}`{hint.zh}")
        if "complete_since" in entry.mapping:
            date_of(entry.mapping["complete_since"], book.problems)
        else:
            book.problems.add(entry, "`complete_since` is missing", "缺少 `complete_since`")


def _stated(section: str, name: str, node: Node, book: Book) -> None:
    fact = book.vocabulary.facts.get(name)
    if fact is None or fact.derived is not None:
        hint = did_you_mean(name, book.vocabulary.facts)
        book.problems.add(node, f"unknown fact `{name}`{hint.en}", f"未知的事实 `{name}`{hint.zh}")
        return
    if section == "given" and name.partition(".")[0] not in {"creditor", "collector"}:
        book.problems.add(node, "`given` speaks only of creditor and collector", "`given` 只能说明 creditor 与 collector")
    elif section == "assume" and not fact.assumable:
        book.problems.add(node, f"the vocabulary does not let `{name}` be assumed", f"词汇表不允许推定 `{name}`")
    else:
        _fits(fact, node, book.problems)


def _fits(fact: Fact, node: Node, problems: Problems) -> None:
    value: Any = typed_scalar(node.plain(), fact.type)
    try:
        fact.decode(value)
        for zone in node.items if fact.name == "debtor.timezones" else ():
            when.zone(zone.text)
    except ValueError as error:
        said = error.args[0] if isinstance(error.args[0], Text) else Text(f"unknown time zone `{error}`", f"未知的时区 `{error}`")
        problems.add(node, said.en, said.zh)
