"""The closed list of functions behind `derived` and `define`: exact integers, rounded once a line, without law in them."""

from __future__ import annotations

from collections.abc import Callable

from fairdunning import condition as c
from fairdunning import value as v
from fairdunning import when
from fairdunning.condition import Expr, Tree
from fairdunning.errors import did_you_mean
from fairdunning.facts import Context, Item, Key, key_of
from fairdunning.names import Scope, local_date, operand, period_operand, word_of
from fairdunning.predicate import tree
from fairdunning.selection import FAR
from fairdunning.spans import days_between, rounded, year_of
from fairdunning.table import Table
from fairdunning.yamlfile import Node

MAX_CHOICES = 6
NOTHING = key_of("none")
BASES = ("actual/365", "actual/360", "30/360")
ROUNDINGS = ("half_up", "up", "down")
_KEYS = {"plus": {"roll"}, "look_up": {"at"}, "product": {"round"}, "interest": {"round"}}


def define(name: str, node: Node, scope: Scope) -> Expr | None:
    """One definition; None after noting a problem."""
    functions = set(node.mapping) & set(_READERS)
    if len(functions) != 1:
        hint = did_you_mean(next(iter(node.mapping), ""), _READERS)
        scope.problems.add(node, f"one function is expected{hint.en}", f"应为一个函数{hint.zh}")
        return None
    function = functions.pop()
    for key, child in node.mapping.items():
        if key != function and key not in _KEYS.get(function, set()):
            scope.problems.add(child, f"`{key}` is not read here", f"此处不读取 `{key}`")
    return _READERS[function](name, node, node.mapping[function], scope)


def facts_of(*parts: Expr | Tree) -> frozenset[str]:
    """Every fact that these expressions and conditions come from."""
    found: set[str] = set()
    for part in parts:
        found |= part.facts if isinstance(part, Expr) else set().union(*(s.facts for s in c.slots_of(part)))
    return frozenset(found)


def tree_key(found: Tree) -> Key:
    """A condition as a key."""
    if isinstance(found, c.Leaf):
        return key_of(found.slot.key, found.op, found.bound)
    return key_of(type(found).__name__, *[tree_key(p) for p in found.parts])


def _operands(nodes: list[Node], scope: Scope, count: int | None = None) -> list[Expr] | None:
    args = [operand(n, "any", scope) for n in nodes]
    known = [a for a in args if a is not None]
    if len(known) < len(args) or not known:
        return None
    if count is not None and len(known) != count:
        scope.problems.add(nodes[0], f"{count} operands are expected", f"应有 {count} 个操作数")
        return None
    return known


# --- arithmetic over ranges --------------------------------------------------------------------------------------------


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
    sure = [a for a in present if not a.none]
    groups = [sure, present] if sure else [present, *([a] for a in present)]
    lows, highs = [pick([a.lo for a in g]) for g in groups], [pick([a.hi for a in g]) for g in groups]
    return v.Range(min(lows), max(highs), all(a.none for a in args))


_ARITHMETIC: dict[str, Callable[[list[v.Range]], v.Range]] = {
    "sum": _sum,
    "difference": _minus,
    "days_between": lambda args: _minus(args[::-1]),
    "smallest": lambda args: _extreme(args, min),
    "largest": lambda args: _extreme(args, max),
}


def _arithmetic(function: str) -> Callable[[str, Node, Node, Scope], Expr | None]:
    def read_node(_name: str, _node: Node, right: Node, scope: Scope) -> Expr | None:
        args = _operands(right.items, scope, 2 if function in {"difference", "days_between"} else None)
        if args is None:
            return None
        if function == "days_between" or {a.type for a in args} == {"date", "datetime"}:
            args = [local_date(a, scope.clock) for a in args]
        types = {a.type for a in args if a.key != NOTHING}
        if len(types) > 1 and types - {"count", "days"}:
            scope.problems.add(right, f"of one type are expected, got {', '.join(sorted(types))}", f"应为同一类型，实为 {'、'.join(sorted(types))}")
            return None
        dates = function == "difference" and types <= {"date"}
        kind = "days" if function == "days_between" or dates else min(types, default="date")
        readers, compute = [c.number(a) for a in args], _ARITHMETIC[function]
        key = key_of(function, *(a.key for a in args))
        return Expr(key, kind, lambda ctx, i: compute([r(ctx, i) for r in readers]), facts_of(*args))

    return read_node


def _date_of(_name: str, _node: Node, right: Node, scope: Scope) -> Expr | None:
    found = operand(right.items[0], "any", scope) if right.items else None
    return local_date(found, scope.clock) if found else None


def _rounding(node: Node, scope: Scope) -> str:
    how = node.mapping["round"].text if "round" in node.mapping else "half_up"
    if how not in ROUNDINGS:
        scope.problems.add(node.mapping["round"], f"round must be one of {', '.join(ROUNDINGS)}", f"round 应为 {'、'.join(ROUNDINGS)} 之一")
    return how


def _product(_name: str, node: Node, right: Node, scope: Scope) -> Expr | None:
    args, how = _operands(right.items, scope, 2), _rounding(node, scope)
    if args is None:
        return None
    kinds = {a.type for a in args}
    kind = "money" if "money" in kinds else ("rate" if "rate" in kinds else min(kinds))
    if kinds - {"money", "rate", "count", "days"} or [a.type for a in args] == ["money", "money"]:
        scope.problems.add(right, "two numbers, rates or an amount and one of them are expected", "应为两个数、比率，或金额与其一")
        return None
    scale = v.RATE_UNIT if kinds in ({"rate"}, {"money", "rate"}) else 1
    readers = [c.number(a) for a in args]

    def read(ctx: Context, item: Item | None) -> v.Value:
        a, b = (r(ctx, item) for r in readers)
        if a.lo > a.hi or b.lo > b.hi:
            return v.NONE
        ends = [rounded(x * y, scale, how) for x in a[:2] for y in b[:2]]
        return _clamp(min(ends), max(ends), a.none or b.none)

    return Expr(key_of("product", how, *(a.key for a in args)), kind, read, facts_of(*args))


def _holds(name: str, _node: Node, right: Node, scope: Scope) -> Expr | None:
    held = tree(right, scope)

    def read(ctx: Context, item: Item | None) -> v.Value:
        found = c.truth(held, ctx, item)
        return v.Range(int(found == c.TRUE), int(found != c.FALSE))

    return Expr(key_of(name, tree_key(held)), "bool", read, facts_of(held))


def _plus(name: str, node: Node, right: Node, scope: Scope) -> Expr | None:
    if len(right.items) != 2:
        scope.problems.add(right, "a date and a period are expected", "应为日期与期间")
        return None
    start, period = operand(right.items[0], "date", scope), period_operand(right.items[1], scope)
    if start is None or period is None:
        return None
    if start.type not in {"date", "datetime"}:
        scope.problems.add(right, "a date and a period are expected", "应为日期与期间")
        return None
    roll, calendar = "roll" in node.mapping, scope.calendar
    if roll and node.mapping["roll"].text != "next_workday":
        scope.problems.add(node.mapping["roll"], "must be next_workday", "应为 next_workday")
    if period.is_clock:
        return _later(start, period, scope)
    read_start = c.number(local_date(start, scope.clock))

    def moved(day: int) -> tuple[int | None, int | None]:
        end = when.add(day, period, calendar) if abs(day) <= FAR else None
        return (None, None) if end is None else when.rolled(end, calendar, roll=roll)

    def read(ctx: Context, item: Item | None) -> v.Value:
        day = read_start(ctx, item)
        if day.lo > day.hi or period.is_endless:
            return v.NONE
        lo, hi = moved(day.lo)[0], moved(day.hi)[1]
        return v.Range(-v.BIG if lo is None else lo, v.BIG if hi is None else hi, day.none)

    key = key_of(name, "plus", start.key, period, roll, calendar and calendar.name, scope.clock)
    return Expr(key, "date", read, start.facts)


def _later(start: Expr, period: when.Period, scope: Scope) -> Expr | None:
    """A time some minutes or hours later."""
    if start.type != "datetime":
        scope.problems.add(Node(None, "", 0, ""), "hours and minutes are added to a time", "小时与分钟只能加于时间")
        return None
    read_start = c.number(start)
    ahead = _ahead(start.key)
    if ahead is not None:
        scope.marks.clock_spans.add(when.Period(-(ahead + period.seconds) // 60, "minutes"))

    def read(ctx: Context, item: Item | None) -> v.Value:
        at = read_start(ctx, item)
        return v.NONE if at.lo > at.hi else _clamp(at.lo + period.seconds, at.hi + period.seconds, at.none)

    return Expr(key_of("plus", start.key, period), "datetime", read, start.facts)


def _ahead(key: Key) -> int | None:
    """Seconds that a time lies after the planned moment, None when it does not hang on it."""
    if key == key_of("fact", "action.at"):
        return 0
    if key.parts[0] == "plus" and isinstance(key.parts[-1], when.Period) and key.parts[-1].is_clock:
        before = _ahead(key.parts[1])
        return None if before is None else before + key.parts[-1].seconds
    return None


def _interest(name: str, node: Node, right: Node, scope: Scope) -> Expr | None:
    """Interest on one amount from a day (in) to a day (out)."""
    parts = right.mapping
    if set(parts) != {"on", "rate", "from", "to", "basis"} or parts["basis"].text not in BASES:
        scope.problems.add(right, f"`on`, `rate`, `from`, `to` and `basis` ({', '.join(BASES)}) are expected",
                           f"应有 `on`、`rate`、`from`、`to` 与 `basis`（{'、'.join(BASES)}）")
        return None
    args = _operands([parts[k] for k in ("on", "rate", "from", "to")], scope)
    if args is None:
        return None
    how, basis = _rounding(node, scope), parts["basis"].text
    readers = [c.number(local_date(a, scope.clock)) for a in args]

    def read(ctx: Context, item: Item | None) -> v.Value:
        amount, rate, start, end = (r(ctx, item) for r in readers)
        if any(x.lo > x.hi for x in (amount, rate, start, end)):
            return v.NONE
        none = any(x.none for x in (amount, rate, start, end))
        if any(abs(x) > FAR for x in (*start[:2], *end[:2])):
            return v.unknown("money", optional=none)
        days = [days_between(start.hi, end.lo, basis), days_between(start.lo, end.hi, basis)]
        found = [a * r * d for a in amount[:2] for r in rate[:2] for d in days]
        scale = v.RATE_UNIT * year_of(basis)
        return _clamp(rounded(min(found), scale, how), rounded(max(found), scale, how), none)

    return Expr(key_of(name, "interest", basis, how, *(a.key for a in args)), "money", read, facts_of(*args))


def _look_up(_name: str, node: Node, right: Node, scope: Scope) -> Expr | None:
    name = right.text.removeprefix("$")
    table = scope.values[name][1] if name in scope.values else None
    at = node.mapping.get("at")
    if not isinstance(table, Table) or at is None:
        scope.problems.add(node, "`look_up` names a parameter of type table, and `at` its key", "`look_up` 应指明 table 类型参数，并以 `at` 给出键")
        return None
    keys = _operands(at.items, scope, len(table.by))
    if keys is None:
        return None
    keys = [local_date(k, scope.clock) if kind == "date" else k for k, kind in zip(keys, table.by, strict=True)]

    def read(ctx: Context, item: Item | None) -> v.Value:
        if table.currency and ctx.case.currency not in {None, table.currency}:
            return v.unknown(table.gives)
        return table.look_up([k.read(ctx, item) for k in keys])

    return Expr(key_of("look_up", table.name, *(k.key for k in keys)), table.gives, read, facts_of(*keys) | {f"table#{table.name}"})


def _choose(name: str, _node: Node, right: Node, scope: Scope) -> Expr | None:
    lines: list[tuple[Tree, Expr]] = []
    if len(right.items) > MAX_CHOICES:
        scope.problems.add(right, f"more than {MAX_CHOICES} lines; write a table", f"超过 {MAX_CHOICES} 行；请改用表")
    for line in right.items:
        chosen = operand(line.mapping["value"], "any", scope) if "value" in line.mapping else None
        if chosen is None:
            scope.problems.add(line, "a line needs `value`", "每行须有 `value`")
            return None
        lines.append((tree(line.mapping["when"], scope) if "when" in line.mapping else c.ALWAYS, chosen))
    # a literal word stands for the word of an enum
    lines = [(t, word_of(e.key.parts[1]) if e.key.parts[0] == "words" and e.type == "set" else e) for t, e in lines]
    kind = next((e.type for _, e in lines if e.key != NOTHING), "date")

    def read(ctx: Context, item: Item | None) -> v.Value:
        possible = []
        for condition, chosen in lines:
            holds = c.truth(condition, ctx, item)
            if holds:
                possible.append(v.nothing(kind) if chosen.key == NOTHING else chosen.read(ctx, item))
            if holds == c.TRUE:
                return v.hull(possible)
        return v.hull([*possible, v.nothing(kind)])

    key = key_of(name, "choose", *((tree_key(t), e.key) for t, e in lines))
    return Expr(key, kind, read, facts_of(*(e for _, e in lines), *(t for t, _ in lines)))


_READERS: dict[str, Callable[[str, Node, Node, Scope], Expr | None]] = {
    **{name: _arithmetic(name) for name in _ARITHMETIC},
    "date_of": _date_of, "product": _product, "holds": _holds, "plus": _plus, "interest": _interest, "look_up": _look_up, "choose": _choose,
}
