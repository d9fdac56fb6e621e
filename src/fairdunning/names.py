"""What a name may mean where it stands: a fact, an attribute of an item, a parameter, a period, a measure, a definition."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fairdunning import condition as c
from fairdunning import value as v
from fairdunning import when
from fairdunning.condition import Expr
from fairdunning.errors import Text, did_you_mean
from fairdunning.facts import Context, Item, key_of
from fairdunning.table import Table
from fairdunning.vocabulary import Fact, Vocabulary
from fairdunning.yamlfile import Node, Problems


@dataclass
class Marks:
    """Timetables and clock spans that were read: where a verdict may change in the course of a day.

    A span added to the planned moment itself is negative: what it is compared with changes the verdict that much earlier.
    """

    timetables: set[when.Timetable] = field(default_factory=set)
    clock_spans: set[when.Period] = field(default_factory=set)

    def note(self, value: object) -> None:
        """Remembers a literal that works within a day."""
        if isinstance(value, when.Timetable):
            self.timetables.add(value)
        elif isinstance(value, when.Period) and value.is_clock:
            self.clock_spans.add(value)


@dataclass
class Scope:
    """Vocabulary, clock, calendar and local names of one place; ``pending`` builds a local name when it is first used."""

    vocabulary: Vocabulary
    problems: Problems
    clock: str
    calendar: when.Calendar | None = None
    tables: Callable[[Node], Table | None] = lambda _node: None
    values: dict[str, tuple[str, object]] = field(default_factory=dict)
    names: dict[str, Expr] = field(default_factory=dict)
    pending: dict[str, Callable[[Scope], None]] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    item: dict[str, Fact] | None = None
    item_list: str = ""
    resolving: tuple[str, ...] = ()
    marks: Marks = field(default_factory=Marks)
    define: Callable[[str, Node, Scope], Expr | None] = lambda _name, _node, _scope: None

    def inside_list(self, name: str, attributes: dict[str, Fact]) -> Scope:
        """The same place, within a condition over the items of a list."""
        return replace(self, item=attributes, item_list=name)

    def outside(self, name: str) -> Scope:
        """The same place, outside of any list, while this name is resolved."""
        return replace(self, item=None, item_list="", resolving=(*self.resolving, name))

    def alone(self, name: str) -> Scope:
        """The vocabulary alone, while this derived fact is resolved."""
        return replace(self, values={}, names={}, pending={}, declared=set(), item=None, item_list="", resolving=(*self.resolving, name))


def literal(kind: str, node: Node, scope: Scope) -> object | None:
    """A parameter's value by its type: int, frozenset, Period, Timetable, Table or word; None after noting a problem."""
    value = _parsed(kind, node, scope)
    scope.marks.note(value)
    return value


def _parsed(kind: str, node: Node, scope: Scope) -> object | None:
    try:
        if kind == "set":
            return frozenset(n.text for n in node.items)
        if kind == "enum":
            return frozenset({node.text})
        if kind == "period":
            return when.parse_period(node.text)
        if kind == "timetable":
            return when.parse_timetable(node.plain())
        if kind == "table":
            return scope.tables(node)
        if kind == "money":
            return 0 if node.text == "0" else v.parse_money(node.text)  # nothing is nothing in every currency
        return v.parse_number(kind, node.text)
    except (ValueError, KeyError):
        hint = Text("; nothing equals none, use `exists`", "；none 不等于任何值，请用 `exists`") if node.text == "none" else Text("", "")
        got = str(node.text or node.plain())[:60]
        scope.problems.add(node, f"must be a {kind}, got `{got}`{hint.en}", f"应为 {kind}，实为 `{got}`{hint.zh}")
        return None


_FORMS = (
    ("date", re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)),
    ("money", re.compile(r"[+-]?\d[\d.]* [A-Z]{3}", re.ASCII)),
    ("rate", re.compile(r"[+-]?\d[\d.]*%|[+-]?\d+\.\d+", re.ASCII)),
    ("count", re.compile(r"[+-]?\d+", re.ASCII)),
    ("bool", re.compile("true|false")),
)


def operand(node: Node, kind: str, scope: Scope) -> Expr | None:
    """What stands right of a predicate or in a definition: ``$name`` or a literal of this type (``any``: by its form)."""
    if node.text.startswith("$"):
        return expression(node.text[1:], node, scope)
    if kind == "any":
        if node.text == "none":
            return Expr(key_of("none",), "date", lambda _ctx, _item: v.NONE)
        kind = next((name for name, form in _FORMS if form.fullmatch(node.text)), "words")
    if kind in {"set", "words", "enum", "id"}:
        return words_of(frozenset(n.text for n in node.items))
    if kind == "datetime" and len(node.text) == 10:
        kind = "date"
    value = literal(kind, node, scope)
    return constant(kind, value) if value is not None else None


def period_operand(node: Node, scope: Scope) -> when.Period | None:
    """A literal period or a parameter of that type; None after noting a problem."""
    name = node.text[1:] if node.text.startswith("$") else ""
    value = scope.values[name][1] if name in scope.values else (None if name else literal("period", node, scope))
    if not isinstance(value, when.Period):
        if name:
            scope.problems.add(node, f"`{name}` is no period of this rule", f"`{name}` 不是本规则的期间参数")
        return None
    return value


def words_of(words: frozenset[str]) -> Expr:
    """A set of words."""
    value = v.Members(words, words)
    return Expr(key_of("words", words), "set", lambda _ctx, _item: value)


def word_of(words: frozenset[str]) -> Expr:
    """One word, as a fact of type enum has it."""
    value = v.Words(frozenset(words))
    return Expr(key_of("words", words), "enum", lambda _ctx, _item: value)


def constant(kind: str, value: object) -> Expr | None:
    """A value that no case changes."""
    if isinstance(value, frozenset):
        return word_of(value) if kind == "enum" else words_of(value)
    if isinstance(value, when.Timetable):
        hours = v.Hours(value)
        return Expr(key_of("hours", value), "timetable", lambda _ctx, _item: hours)
    if isinstance(value, v.Money):
        amount, unclear = v.Range(value.amount, value.amount), v.unknown("money")
        # another currency: nothing can be said of the comparison
        return Expr(key_of("money", *value), "money", lambda ctx, _item: amount if ctx.case.currency in {None, value.currency} else unclear)
    if isinstance(value, int):
        number = v.Range(value, value)
        return Expr(key_of("number", value), kind, lambda _ctx, _item: number)
    return None


def subject(name: str, node: Node, scope: Scope) -> Expr | None:
    """What stands left of a predicate: within a list an attribute of the item before any other name; None after noting a problem."""
    own = attribute_of(name, scope.item_list, scope.item, scope.clock) if scope.item is not None else None
    return own or expression(name, node, scope)


def expression(name: str, node: Node, scope: Scope) -> Expr | None:
    """What a name stands for here; None after noting a problem."""
    head, _, tail = name.partition(".")
    if scope.item is not None and "." not in name and name not in scope.declared and name not in scope.values and name not in scope.names:
        return _attribute(name, node, scope)
    if name in scope.values:
        found = constant(*scope.values[name])
        if found is None:
            scope.problems.add(node, f"`{name}` cannot be compared", f"`{name}` 不能用于比较")
        return found
    if head in scope.pending:
        scope.pending.pop(head)(scope.outside(head))
    if name in scope.names:
        return scope.names[name]
    if head in scope.resolving:
        scope.problems.add(node, f"`{head}` depends on itself", f"`{head}` 循环引用自身")
        return None
    if head in scope.declared and not any(known == head or known.startswith(head + ".") for known in scope.names):
        return None  # what is wrong with it was noted where it is declared
    if name not in scope.vocabulary.facts and any(known == head or known.startswith(head + ".") for known in scope.names):
        hint = did_you_mean(name, scope.names)
        scope.problems.add(node, f"`{head}` has no `{tail}`{hint.en}", f"`{head}` 没有 `{tail}`{hint.zh}")
        return None
    return _fact(name, node, scope)


def _fact(name: str, node: Node, scope: Scope) -> Expr | None:
    fact = scope.vocabulary.facts.get(name)
    if fact is None or fact.type == "list":
        hint = did_you_mean(name, [*scope.vocabulary.facts, *scope.pending, *scope.names, *scope.values])
        scope.problems.add(node, f"unknown name `{name}`{hint.en}", f"未知的名称 `{name}`{hint.zh}")
        return None
    if fact.derived is not None and name in scope.resolving:
        scope.problems.add(fact.derived, f"`{name}` depends on itself", f"`{name}` 循环引用自身")
        return None
    if fact.derived is not None:
        return scope.define(name, fact.derived, scope.alone(name))
    return Expr(key_of("fact", name), fact.type, lambda ctx, _item: ctx.fact(fact), frozenset({name}), source=fact)


def attribute_of(name: str, source: str, attributes: dict[str, Fact], clock: str) -> Expr | None:
    """An attribute of the item looked at: a stored one, or for events `date`, `at`, `in_force`, `days_ago`."""
    special: dict[str, tuple[str, Callable[[Context, Item], v.Value]]] = {
        "date": ("date", lambda ctx, item: item.date(ctx.zone(clock))),
        "at": ("datetime", lambda ctx, item: item.instants(ctx.zone(clock))),
        "in_force": ("bool", lambda ctx, item: _in_force(ctx, item, clock)),
        "days_ago": ("days", lambda ctx, item: _days_ago(ctx, item, clock)),
    }
    if source == "events" and name in special:
        kind, get = special[name]
        return Expr(key_of("item", name, clock), kind, lambda ctx, item: get(ctx, item) if item else v.unknown(kind), local=True)
    fact = attributes.get(name)
    if fact is None:
        return None
    read: c.Reader = (lambda ctx, item: stored(ctx, item, fact, clock)) if fact.silent or name == "until" else _plain(fact)
    return Expr(key_of("item", name), fact.type, read, local=True, source=fact)


def _plain(fact: Fact) -> c.Reader:
    """A stored attribute of which silence says nothing."""
    name, unknown = fact.name, fact.unknown()
    return lambda _ctx, item: item.values.get(name, unknown) if item is not None else unknown


def _attribute(name: str, node: Node, scope: Scope) -> Expr | None:
    found = attribute_of(name, scope.item_list, scope.item or {}, scope.clock)
    if found is None:
        hint = did_you_mean(name, [*(scope.item or {}), *scope.values, *scope.pending, *scope.names])
        scope.problems.add(node, f"unknown attribute `{name}`{hint.en}", f"未知的属性 `{name}`{hint.zh}")
    return found


def stored(ctx: Context, item: Item | None, fact: Fact, clock: str) -> v.Value:
    """A stored attribute; absent: what silence means where the record is complete, else unknown."""
    if item is None:
        return fact.unknown()
    found = item.stored(fact.name, ctx.zone(clock))
    if found is None and fact.silent and ctx.case.complete_since is not None:
        return fact.silence() if item.date(ctx.zone(clock)).lo >= ctx.case.complete_since else fact.unknown()
    return fact.unknown() if found is None else found


def _days_ago(ctx: Context, item: Item, clock: str) -> v.Value:
    zone, day = ctx.zone(clock), item.date(ctx.zone(clock))
    if zone is None or abs(day.lo) >= v.BIG or abs(day.hi) >= v.BIG:
        return v.unknown("days")
    today = zone.day_of(ctx.now)
    return v.Range(today - day.hi, today - day.lo)


def _in_force(ctx: Context, item: Item, clock: str) -> v.Value:
    zone = ctx.zone(clock)
    begun = item.instants(zone)
    day = item.values.get("until_day")
    if isinstance(day, v.Range):
        today = zone.day_of(ctx.now) if zone is not None else None
        open_still = v.MAYBE_TRUE if today is None else v.Range(int(today <= day.lo), int(today <= day.hi))
    else:
        until = item.values.get("until", v.NONE)
        ends = until if isinstance(until, v.Range) else v.NONE
        open_still = v.TRUE if ends.lo > ends.hi else v.Range(int(ctx.now < ends.lo), int(ctx.now < ends.hi))
    return v.Range(min(int(begun.hi <= ctx.now), open_still.lo), min(int(begun.lo <= ctx.now), open_still.hi))


def local_date(expr: Expr, clock: str) -> Expr:
    """The local date of a datetime on a clock."""
    if expr.type != "datetime":
        return expr
    read_number = c.number(expr)

    def read(ctx: Context, item: Item | None) -> v.Value:
        at, zone = read_number(ctx, item), ctx.zone(clock)
        if at.lo > at.hi:
            return v.NONE
        if zone is None or at.lo <= -v.BIG or at.hi >= v.BIG:
            return v.Range(-v.BIG, v.BIG, at.none)
        return v.Range(zone.day_of(at.lo), zone.day_of(at.hi), at.none)

    return expr._replace(key=key_of("date", expr.key, clock), type="date", read=read)
