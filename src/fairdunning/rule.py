"""Rules: the shape of one wrong, bound to parameter values.

`bind` resolves the names of a rule (parameters, measures, definitions, facts) to expressions and its conditions to trees; with
`Parameter` placeholders it only checks types. Not yet read, and refused with a clear error: periods, `term`, `interest`, tables,
shared definitions, `by:` values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fairdunning import condition as c
from fairdunning import measure as m
from fairdunning import value as v
from fairdunning import when
from fairdunning.condition import And, Expr, Leaf, Or, Tree, opposite
from fairdunning.errors import did_you_mean
from fairdunning.facts import Context, Item
from fairdunning.vocabulary import Fact, Vocabulary
from fairdunning.yamlfile import Node, Problems

RULE_KEYS = {"title", "parameters", "scope", "measures", "define", "wrong_when", "when", "requires", "moment", "unless",
             "message", "why"}
_STRICTER = {"lower", "higher", "shorter", "longer", "fewer", "more", "narrower", "wider"}
_ORDERED = {"at_least": (0, True), "more_than": (1, True), "at_most": (0, False), "less_than": (-1, False),
            "not_before": (0, True), "after": (1, True), "not_after": (0, False), "before": (-1, False)}
_PREDICATES = {*_ORDERED, "between", "inside", "outside", "covers", "contains", "contains_all", "contains_only", "exists",
               "known", "not", "is"}
_PARAMETER_TYPES = (v.NUMERIC - {"datetime"}) | {"enum", "set", "period", "timetable"}


@dataclass(frozen=True)
class Parameter:
    """A declared parameter of a rule."""

    type: str
    stricter: str


@dataclass(frozen=True)
class Bound:
    """A rule with values: what is wrong, its premise (scope and when), exceptions by name, names for messages."""

    wrong: Tree
    premise: Tree
    unless: dict[str, Tree]
    names: dict[str, Expr]


@dataclass
class Scope:
    """What a name may mean at one place: vocabulary, clock, calendar, local names, attributes of the item looked at."""

    vocabulary: Vocabulary
    problems: Problems
    clock: str
    calendar: when.Calendar | None = None
    values: dict[str, tuple[str, object]] = field(default_factory=dict)
    names: dict[str, Expr] = field(default_factory=dict)
    pending: dict[str, Node] = field(default_factory=dict)
    item: dict[str, Fact] | None = None
    item_list: str = ""

    def inside_list(self, name: str, attributes: dict[str, Fact]) -> Scope:
        """The same place, within a condition over the items of a list."""
        return Scope(self.vocabulary, self.problems, self.clock, self.calendar, self.values, self.names, self.pending,
                     attributes, name)


def parameters_of(rule: Node, problems: Problems) -> dict[str, Parameter]:
    """The declared parameters of a rule file."""
    found = {}
    for name, node in rule.mapping.get("parameters", rule).mapping.items() if "parameters" in rule.mapping else ():
        kind = node.mapping["type"].text if "type" in node.mapping else ""
        if kind not in _PARAMETER_TYPES:
            hint = did_you_mean(kind, _PARAMETER_TYPES)
            problems.add(node, f"unknown type `{kind}`{hint.en}", f"未知的类型 `{kind}`{hint.zh}")
        stricter = node.mapping["stricter"].text if "stricter" in node.mapping else ""
        if stricter and stricter not in _STRICTER:
            problems.add(node, f"unknown direction `{stricter}`", f"未知的方向 `{stricter}`")
        found[name] = Parameter(kind, stricter)
    return found


def literal(kind: str, node: Node, problems: Problems) -> object | None:
    """A parameter's value read by its type: int, frozenset, Period, Timetable or word; None after noting a problem."""
    try:
        if kind == "set":
            return frozenset(n.text for n in node.items)
        if kind == "enum":
            return frozenset({node.text})
        if kind == "period":
            return when.parse_period(node.text)
        if kind == "timetable":
            return when.parse_timetable(node.plain())
        return v.parse_number(kind, node.text)
    except (ValueError, KeyError):
        problems.add(node, f"must be a {kind}, got `{node.text or node.plain()}`", f"应为 {kind}，实为 `{node.text or node.plain()}`")
        return None


def bind(rule: Node, values: dict[str, tuple[str, object]], scope: Scope) -> Bound:
    """Resolves a rule; problems are noted in the scope."""
    parts = rule.mapping
    scope.values = values
    for section in ("measures", "define"):
        for name, node in parts[section].mapping.items() if section in parts else ():
            if name in scope.pending or name in values:
                scope.problems.add(node, f"`{name}` is declared twice", f"`{name}` 重复声明")
            scope.pending[name] = node
    premise = And(tuple(tree(parts[k], scope) for k in ("scope", "when") if k in parts))
    wrong = c.NEVER
    if "wrong_when" in parts:
        wrong = tree(parts["wrong_when"], scope)
    elif "requires" in parts:
        wrong = opposite(tree(parts["requires"], scope))
    unless = {name: tree(node, scope) for name, node in parts["unless"].mapping.items()} if "unless" in parts else {}
    for name, node in list(scope.pending.items()):
        expression(name, node, scope)
    return Bound(And((premise, wrong)), premise, unless, dict(scope.names))


# --- conditions --------------------------------------------------------------------------------------------------------


def tree(node: Node, scope: Scope) -> Tree:
    """A condition as a tree; lines are joined by *and*."""
    if not isinstance(node.value, dict):
        scope.problems.add(node, "a condition must be a mapping", "条件应为映射")
        return c.NEVER
    return And(tuple(_line(name, child, scope) for name, child in node.value.items()))


def _line(name: str, node: Node, scope: Scope) -> Tree:
    if name in {"any", "all"} and isinstance(node.value, list):
        parts = tuple(tree(n, scope) for n in node.value)
        return Or(parts) if name == "any" else And(parts)
    if name == "not":
        return opposite(tree(node, scope))
    expr = expression(name, node, scope)
    return _predicate(expr, node, scope) if expr else c.NEVER


def _predicate(expr: Expr, node: Node, scope: Scope) -> Tree:
    if not isinstance(node.value, dict):
        return _is(expr, node, scope)
    parts = []
    for name, operand in node.value.items():
        if name not in _PREDICATES:
            hint = did_you_mean(name, _PREDICATES)
            scope.problems.add(operand, f"unknown predicate `{name}`{hint.en}", f"未知的谓词 `{name}`{hint.zh}")
            continue
        parts.append(_one(expr, name, operand, scope))
    return And(tuple(parts))


def _one(expr: Expr, name: str, operand: Node, scope: Scope) -> Tree:
    if name == "not":
        return opposite(_predicate(expr, operand, scope))
    if name == "is":
        return _is(expr, operand, scope)
    if name in {"exists", "known"}:
        slot = c.presence(expr) if name == "exists" else c.knowledge(expr)
        return _truth_of(slot, operand, scope)
    if name in _ORDERED:
        return _ordered(expr, name, operand, scope)
    if name == "between" and len(operand.items) == 2:
        low, high = operand.items
        return And((_ordered(expr, "at_least", low, scope), _ordered(expr, "at_most", high, scope)))
    if name in {"inside", "outside", "covers"}:
        other = _operand(operand, "datetime" if name == "covers" else "timetable", scope)
        if other is None:
            return c.NEVER
        moment, hours = (other, expr) if name == "covers" else (expr, other)
        return Leaf(c.inside(moment, hours, scope.clock, scope.calendar, outside=name == "outside"), ">=", 1)
    if name.startswith("contains"):
        words = _operand(operand, "set", scope)
        how = {"contains": "any", "contains_all": "all", "contains_only": "only"}[name]
        return Leaf(c.contains(expr, words, how), ">=", 1) if words else c.NEVER
    scope.problems.add(operand, f"`{name}` does not read this operand", f"`{name}` 不接受此操作数")
    return c.NEVER


def _truth_of(slot: c.Slot, operand: Node, scope: Scope) -> Tree:
    if operand.text not in {"true", "false"}:
        scope.problems.add(operand, f"must be true or false, got `{operand.text}`", f"应为 true 或 false，实为 `{operand.text}`")
    return Leaf(slot, ">=", 1) if operand.text == "true" else Leaf(slot, "<=", 0)


def _is(expr: Expr, node: Node, scope: Scope) -> Tree:
    if expr.type == "set":
        words = _operand(node, "set", scope)
        return Leaf(c.contains(expr, words, "any"), ">=", 1) if words else c.NEVER
    if expr.type in {"enum", "id"}:
        words = _operand(node, "words", scope)
        return Leaf(c.one_of(expr, words), ">=", 1) if words else c.NEVER
    if expr.type == "bool" and not node.text.startswith("$"):
        value = node.text
        if value not in {"true", "false"}:
            scope.problems.add(node, f"must be true or false, got `{value}`", f"应为 true 或 false，实为 `{value}`")
        return Leaf(c.at_least(expr), ">=", 1) if value == "true" else Leaf(c.at_most(expr), "<=", 0)
    return And((_ordered(expr, "at_least", node, scope), _ordered(expr, "at_most", node, scope)))


def _ordered(expr: Expr, name: str, operand: Node, scope: Scope) -> Tree:
    if expr.type not in v.NUMERIC:
        scope.problems.add(operand, f"`{name}` does not fit a {expr.type}", f"`{name}` 不适用于 {expr.type}")
        return c.NEVER
    shift, floor = _ORDERED[name]
    right = _operand(operand, expr.type, scope)
    if right is None:
        return c.NEVER
    left, right = _aligned(expr, right, scope)
    constant = right.key[1] if isinstance(right.key, tuple) and right.key[0] == "number" else None
    op = ">=" if floor else "<="
    if isinstance(constant, int):
        return Leaf(c.at_least(left) if floor else c.at_most(left), op, constant + shift)
    return Leaf(c.difference(left, right, floor=floor), op, shift)


def _aligned(left: Expr, right: Expr, scope: Scope) -> tuple[Expr, Expr]:
    """A datetime against a date compares its local date."""
    if {left.type, right.type} == {"date", "datetime"}:
        return (local_date(left, scope.clock), right) if left.type == "datetime" else (left, local_date(right, scope.clock))
    return left, right


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

    return expr._replace(key=("date", expr.key, clock), type="date", read=read)


def _operand(node: Node, kind: str, scope: Scope) -> Expr | None:
    """What stands right of a predicate: a literal of this type, or ``$name``."""
    if node.text.startswith("$"):
        return expression(node.text[1:], node, scope)
    if kind in {"set", "words"}:
        words = frozenset(n.text for n in node.items)
        return _words(words)
    if kind == "datetime" and len(node.text) == 10:
        kind = "date"
    value = literal(kind, node, scope.problems)
    return _constant(kind, value) if value is not None else None


def _words(words: frozenset[str]) -> Expr:
    value = v.Members(words, words)
    return Expr(("words", words), "set", lambda _ctx, _item: value)


def _constant(kind: str, value: object) -> Expr | None:
    if isinstance(value, frozenset):
        return _words(value)
    if isinstance(value, when.Timetable):
        hours = v.Hours(value)
        return Expr(("hours", value), "timetable", lambda _ctx, _item: hours)
    if isinstance(value, int):
        number = v.Range(value, value)
        return Expr(("number", value), kind, lambda _ctx, _item: number)
    return None


# --- names -------------------------------------------------------------------------------------------------------------


def expression(name: str, node: Node, scope: Scope) -> Expr | None:
    """What a name stands for here: an attribute of the item, a parameter, a measure or definition, a fact."""
    if scope.item is not None and "." not in name and name not in scope.pending and name not in scope.values:
        return _attribute(name, node, scope)
    if name in scope.values:
        return _constant(*scope.values[name])
    head, _, tail = name.partition(".")
    if head in scope.pending and head not in scope.names:
        _resolve(head, scope)
    if name in scope.names:
        return scope.names[name]
    if head in scope.names:
        scope.problems.add(node, f"`{head}` has no `{tail}`", f"`{head}` 没有 `{tail}`")
        return None
    return _fact(name, node, scope)


def _fact(name: str, node: Node, scope: Scope) -> Expr | None:
    fact = scope.vocabulary.facts.get(name)
    if fact is None or fact.type == "list":
        options = [*scope.vocabulary.facts, *scope.pending, *scope.values]
        hint = did_you_mean(name, options)
        scope.problems.add(node, f"unknown name `{name}`{hint.en}", f"未知的名称 `{name}`{hint.zh}")
        return None
    if fact.derived is not None:
        inner = Scope(scope.vocabulary, scope.problems, scope.clock, scope.calendar)
        return _define(name, fact.derived, inner)
    return Expr(("fact", name), fact.type, lambda ctx, _item: ctx.fact(fact), frozenset({name}))


def _attribute(name: str, node: Node, scope: Scope) -> Expr | None:
    clock = scope.clock
    special: dict[str, tuple[str, Callable[[Context, Item], v.Value]]] = {
        "date": ("date", lambda ctx, item: item.date(ctx.zone(clock))),
        "at": ("datetime", lambda ctx, item: item.instants(ctx.zone(clock))),
        "in_force": ("bool", lambda ctx, item: _in_force(ctx, item, clock)),
    }
    if scope.item_list == "events" and name in special:
        kind, get = special[name]
        return Expr(("item", name, clock), kind, lambda ctx, item: get(ctx, item) if item else v.MAYBE_TRUE, local=True)
    fact = (scope.item or {}).get(name)
    if fact is None:
        hint = did_you_mean(name, scope.item or {})
        scope.problems.add(node, f"unknown attribute `{name}`{hint.en}", f"未知的属性 `{name}`{hint.zh}")
        return None
    unknown = fact.unknown()

    def read(ctx: Context, item: Item | None) -> v.Value:
        if item is None:
            return unknown
        found = item.values.get(name)
        if found is None and fact.silent and ctx.case.complete_since is not None:
            return fact.silence() if item.date(ctx.zone(clock)).lo >= ctx.case.complete_since else unknown
        return unknown if found is None else found

    return Expr(("item", name), fact.type, read, local=True)


def _in_force(ctx: Context, item: Item, clock: str) -> v.Value:
    zone = ctx.zone(clock)
    begun = item.instants(zone)
    day = item.values.get("until_day")
    if isinstance(day, v.Range) and zone is not None:
        open_still = v.Range(int(zone.day_of(ctx.now) <= day.lo), int(zone.day_of(ctx.now) <= day.hi))
    else:
        until = item.values.get("until", v.NONE)
        ends = until if isinstance(until, v.Range) else v.NONE
        open_still = v.TRUE if ends.lo > ends.hi else v.Range(int(ctx.now < ends.lo), int(ctx.now < ends.hi))
    return v.Range(min(int(begun.hi <= ctx.now), open_still.lo), min(int(begun.lo <= ctx.now), open_still.hi))


def _resolve(name: str, scope: Scope) -> None:
    node = scope.pending.pop(name)
    outer = Scope(scope.vocabulary, scope.problems, scope.clock, scope.calendar, scope.values, scope.names, scope.pending)
    if set(node.mapping) & _MEASURES:
        _measure(name, node, outer)
    else:
        found = _define(name, node, outer)
        if found:
            scope.names[name] = found


_MEASURES = {"count", "distinct", "total", "latest", "earliest", "interest", "term"}
_MEASURE_KEYS = {"where", "same", "within", "this", "since", "until"}


def _measure(name: str, node: Node, scope: Scope) -> None:
    parts = node.mapping
    how = next(iter(set(parts) & _MEASURES))
    for key, child in parts.items():
        if key not in _MEASURE_KEYS | {how}:
            scope.problems.add(child, f"`{key}` is not read here", f"此处不读取 `{key}`")
    listed = parts[how].text
    source = listed if listed in scope.vocabulary.facts else listed.rpartition(".")[0]
    fact = scope.vocabulary.facts.get(source)
    if how in {"interest", "term"} or fact is None or fact.type != "list":
        scope.problems.add(node, f"unknown list `{listed}`, or `{how}` is not read yet", f"未知的列表 `{listed}`，或尚不支持 `{how}`")
        return
    spec = _selection(name, node, source, fact, scope)
    if how == "count":
        scope.names[name] = Expr((name, spec.key), "count", lambda ctx, _i: m.count(ctx, spec), spec.facts)
    elif how in {"latest", "earliest"}:
        _item_names(name, how, spec, fact, scope)
    else:
        attribute = fact.of.get(listed.rpartition(".")[2])
        if attribute is None:
            scope.problems.add(parts[how], f"unknown attribute `{listed}`", f"未知的属性 `{listed}`")
        elif how == "total":
            scope.names[name] = Expr((name, spec.key), attribute.type, lambda ctx, _i: m.total(ctx, spec, attribute), spec.facts)
        else:
            scope.names[name] = Expr((name, spec.key), "count", lambda ctx, _i: m.distinct(ctx, spec, attribute), spec.facts)


def _selection(name: str, node: Node, source: str, fact: Fact, scope: Scope) -> m.Selection:
    parts = node.mapping
    attributes = dict(fact.of)
    where = tree(parts["where"], scope.inside_list(source, attributes)) if "where" in parts else c.ALWAYS
    within = None
    if "within" in parts:
        text = parts["within"].text
        given = scope.values.get(text[1:]) if text.startswith("$") else ("period", literal("period", parts["within"], scope.problems))
        within = given[1] if given and isinstance(given[1], when.Period) else None
    this = parts["this"].text if "this" in parts else ""
    if this and this not in {"day", "week", "month", "year", "week from sunday"}:
        scope.problems.add(parts["this"], f"unknown unit `{this}`", f"未知的单位 `{this}`")
    same = tuple(n.text for n in parts["same"].items) if "same" in parts else ()
    since, until = (_operand(parts[k], "date", scope) if k in parts else None for k in ("since", "until"))
    kinds = m.kinds_in(where)
    facts = frozenset().union(*(s.facts for s in c.slots_of(where)), since.facts if since else (), until.facts if until else ())
    key = ("select", source, _key(where), same, scope.clock, within, this, since and since.key, until and until.key)
    return m.Selection(key, source, where, lambda _ctx: kinds, same, scope.clock, scope.calendar, within, this, since, until,
                       facts | {f"{source}: {name}"})


def _key(found: Tree) -> object:
    if isinstance(found, Leaf):
        return (found.slot.key, found.op, found.bound)
    return (type(found).__name__, *[_key(p) for p in found.parts])


def _item_names(name: str, how: str, spec: m.Selection, fact: Fact, scope: Scope) -> None:
    latest, clock = how == "latest", spec.clock

    def reader(get: Callable[[Context, Item], v.Value], kind: str) -> Callable[[Context, Item | None], v.Value]:
        def read(ctx: Context, _item: Item | None) -> v.Value:
            chosen, may_be_none, unseen = m.candidates(ctx, spec, latest)
            values = [get(ctx, i) for i in chosen]
            if may_be_none:
                values.append(v.nothing(kind))
            if unseen:
                values.append(v.unknown(kind, optional=True))
            return v.hull(values)
        return read

    def add(attribute: str, kind: str, get: Callable[[Context, Item], v.Value]) -> None:
        scope.names[f"{name}.{attribute}"] = Expr((name, attribute, spec.key), kind, reader(get, kind), spec.facts)

    for attribute in fact.of.values():
        add(attribute.name, attribute.type, lambda _ctx, i, a=attribute: i.values.get(a.name, a.unknown()))  # type: ignore[misc]
    add("at", "datetime", lambda ctx, i: i.instants(ctx.zone(clock)))
    add("date", "date", lambda ctx, i: i.date(ctx.zone(clock)))

    def exists(ctx: Context, _item: Item | None) -> v.Value:
        found = m.select(ctx, spec)
        return v.Range(int(bool(found.yes)), int(bool(found.yes or found.perhaps) or not found.closed))

    scope.names[name] = Expr((name, spec.key), "item", exists, spec.facts)
    scope.names[f"{name}.exists"] = Expr((name, "exists", spec.key), "bool", exists, spec.facts)


# --- definitions -------------------------------------------------------------------------------------------------------

_FUNCTIONS = {"sum", "difference", "smallest", "largest", "plus", "days_between", "date_of", "holds", "choose"}


def _define(name: str, node: Node, scope: Scope) -> Expr | None:
    functions = set(node.mapping) & _FUNCTIONS
    if len(functions) != 1:
        hint = did_you_mean(next(iter(node.mapping), ""), _FUNCTIONS)
        scope.problems.add(node, f"one function is expected{hint.en}", f"应为一个函数{hint.zh}")
        return None
    function = functions.pop()
    operand = node.mapping[function]
    if function == "holds":
        held = tree(operand, scope)
        return Expr((name, _key(held)), "bool", lambda ctx, i: v.Range(*_bounds(c.truth(held, ctx, i))),
                    frozenset().union(*(s.facts for s in c.slots_of(held))))
    if function == "choose":
        return _choose(name, operand, scope)
    if function == "plus":
        return _plus(name, node, operand, scope)
    args = [_operand(n, "date", scope) for n in operand.items]
    known = [a for a in args if a is not None]
    if len(known) < len(args) or not known:
        return None
    if function in {"date_of", "days_between"}:
        known = [local_date(a, scope.clock) for a in known]
    if function == "date_of":
        return known[0]
    kind = "days" if function == "days_between" else known[0].type
    readers = [c.number(a) for a in known]
    compute = _ARITHMETIC[function]
    return Expr((function, *(a.key for a in known)), kind, lambda ctx, i: compute([r(ctx, i) for r in readers]),
                frozenset().union(*(a.facts for a in known)))


def _bounds(found: int) -> tuple[int, int]:
    return int(found == c.TRUE), int(found != c.FALSE)


def _clamp(lo: int, hi: int, none: bool) -> v.Range:
    return v.Range(max(lo, -v.BIG), min(hi, v.BIG), none)


def _sum(args: list[v.Range]) -> v.Range:
    present = [a for a in args if a.lo <= a.hi]
    if not present:
        return v.NONE
    lo = sum(min(a.lo, 0) if a.none else a.lo for a in present)
    hi = sum(max(a.hi, 0) if a.none else a.hi for a in present)
    return _clamp(lo, hi, all(a.none for a in args))


def _minus(args: list[v.Range]) -> v.Range:
    a, b = args
    if a.lo > a.hi or b.lo > b.hi:
        return v.NONE
    return _clamp(a.lo - b.hi, a.hi - b.lo, a.none or b.none)


def _extreme(args: list[v.Range], pick: Callable[[list[int]], int]) -> v.Range:
    present = [a for a in args if a.lo <= a.hi]
    if not present:
        return v.NONE
    sure = [a for a in present if not a.none] or present
    lows = [pick([a.lo for a in group]) for group in (sure, present)]
    highs = [pick([a.hi for a in group]) for group in (sure, present)]
    return v.Range(min(lows), max(highs), all(a.none for a in args))


_ARITHMETIC: dict[str, Callable[[list[v.Range]], v.Range]] = {
    "sum": _sum,
    "difference": _minus,
    "days_between": lambda args: _minus(args[::-1]),
    "smallest": lambda args: _extreme(args, min),
    "largest": lambda args: _extreme(args, max),
}


def _plus(name: str, node: Node, operand: Node, scope: Scope) -> Expr | None:
    if len(operand.items) != 2:
        scope.problems.add(operand, "a date and a period are expected", "应为日期与期间")
        return None
    start = _operand(operand.items[0], "date", scope)
    text = operand.items[1].text
    given = scope.values.get(text[1:]) if text.startswith("$") else ("period", literal("period", operand.items[1], scope.problems))
    if start is None or given is None or not isinstance(given[1], when.Period):
        scope.problems.add(operand, "a date and a period are expected", "应为日期与期间")
        return None
    period, calendar = given[1], scope.calendar
    roll = "roll" in node.mapping
    read_start = c.number(local_date(start, scope.clock))

    def moved(day: int) -> int | None:
        end = when.add(day, period, calendar)
        return when.next_workday(end, calendar) if roll and end is not None else end

    def read(ctx: Context, item: Item | None) -> v.Value:
        day = read_start(ctx, item)
        if day.lo > day.hi:
            return v.NONE
        if abs(day.lo) > m.FAR or abs(day.hi) > m.FAR:
            return v.Range(-v.BIG, v.BIG, day.none)
        ends = moved(day.lo), moved(day.hi)
        return v.Range(-v.BIG if ends[0] is None else ends[0], v.BIG if ends[1] is None else ends[1], day.none)

    return Expr((name, "plus", start.key, period, roll), "date", read, start.facts)


def _choose(name: str, operand: Node, scope: Scope) -> Expr | None:
    lines: list[tuple[Tree, Expr]] = []
    for line in operand.items:
        chosen = _operand(line.mapping["value"], "date", scope) if "value" in line.mapping else None
        if chosen is None:
            scope.problems.add(line, "a line needs `value`", "每行须有 `value`")
            return None
        lines.append((tree(line.mapping["when"], scope) if "when" in line.mapping else c.ALWAYS, chosen))

    def read(ctx: Context, item: Item | None) -> v.Value:
        possible = []
        for condition, chosen in lines:
            holds = c.truth(condition, ctx, item)
            if holds:
                possible.append(chosen.read(ctx, item))
            if holds == c.TRUE:
                return v.hull(possible)
        return v.hull([*possible, v.nothing(lines[0][1].type)])

    facts = frozenset().union(*(e.facts for _, e in lines), *(s.facts for t, _ in lines for s in c.slots_of(t)))
    return Expr((name, "choose", *((_key(t), e.key) for t, e in lines)), lines[0][1].type, read, facts)
