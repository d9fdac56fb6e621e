"""Reads conditions: a mapping of lines joined by *and*, each a name and what is said of it."""

from __future__ import annotations

from fairdunning import condition as c
from fairdunning import value as v
from fairdunning.condition import And, Expr, Leaf, Or, Tree, opposite
from fairdunning.errors import did_you_mean
from fairdunning.names import Scope, local_date, operand, subject
from fairdunning.yamlfile import Node

MAX_NESTING = 4
_ORDERED = {"at_least": (0, True), "more_than": (1, True), "at_most": (0, False), "less_than": (-1, False),
            "not_before": (0, True), "after": (1, True), "not_after": (0, False), "before": (-1, False)}
_PREDICATES = {*_ORDERED, "between", "inside", "outside", "covers", "during", "contains", "contains_all", "contains_only", "exists",
               "known", "not", "is"}


def tree(node: Node, scope: Scope, depth: int = 0) -> Tree:
    """A condition as a tree; problems are noted in the scope."""
    if not isinstance(node.value, dict) or not node.value:
        scope.problems.add(node, "a condition must be a mapping with one line or more", "条件应为至少一行的映射")
        return c.NEVER
    if depth > MAX_NESTING:
        scope.problems.add(node, f"nested deeper than {MAX_NESTING}; split the condition", f"嵌套超过 {MAX_NESTING} 层；请拆分条件")
        return c.NEVER
    return And(tuple(_line(name, child, scope, depth) for name, child in node.value.items()))


def _line(name: str, node: Node, scope: Scope, depth: int) -> Tree:
    if name in {"any", "all"}:
        if not isinstance(node.value, list) or not node.value:
            scope.problems.add(node, f"`{name}` needs a list of conditions", f"`{name}` 须为条件列表")
            return c.NEVER
        parts = tuple(tree(n, scope, depth + 1) for n in node.value)
        return Or(parts) if name == "any" else And(parts)
    if name == "not":
        return opposite(tree(node, scope, depth + 1))
    expr = subject(name, node, scope)
    return _predicate(expr, node, scope) if expr else c.NEVER


def _predicate(expr: Expr, node: Node, scope: Scope) -> Tree:
    if not isinstance(node.value, dict):
        return _is(expr, node, scope)
    parts = []
    for name, right in node.value.items():
        if name not in _PREDICATES:
            hint = did_you_mean(name, _PREDICATES)
            scope.problems.add(right, f"unknown predicate `{name}`{hint.en}", f"未知的谓词 `{name}`{hint.zh}")
            continue
        parts.append(_one(expr, name, right, scope))
    return And(tuple(parts))


def _one(expr: Expr, name: str, right: Node, scope: Scope) -> Tree:
    if name == "not":
        return opposite(_predicate(expr, right, scope))
    if name == "is":
        return _is(expr, right, scope)
    if name in {"exists", "known"}:
        return _truth_of(c.presence(expr) if name == "exists" else c.knowledge(expr), right, scope)
    if name in _ORDERED:
        return _ordered(expr, name, right, scope)
    if name == "between" and len(right.items) == 2:
        low, high = right.items
        return And((_ordered(expr, "at_least", low, scope), _ordered(expr, "at_most", high, scope)))
    if name in {"inside", "outside", "covers"}:
        return _hours(expr, name, right, scope)
    if name == "during":
        return _during(expr, right, scope)
    if name.startswith("contains"):
        return _contains(expr, name, right, scope)
    scope.problems.add(right, f"`{name}` does not read this operand", f"`{name}` 不接受此操作数")
    return c.NEVER


def _hours(expr: Expr, name: str, right: Node, scope: Scope) -> Tree:
    other = operand(right, "datetime" if name == "covers" else "timetable", scope)
    if other is None:
        return c.NEVER
    moment, hours = (other, expr) if name == "covers" else (expr, other)
    if moment.type != "datetime" or hours.type != "timetable":
        scope.problems.add(right, f"`{name}` needs a time and a timetable", f"`{name}` 需要时间与时段表")
        return c.NEVER
    return Leaf(c.inside(moment, hours, scope.clock, scope.calendar, outside=name == "outside"), ">=", 1)


def _during(expr: Expr, right: Node, scope: Scope) -> Tree:
    period = operand(right, "any", scope)
    if period is None or period.holds_at is None or expr.type != "datetime":
        scope.problems.add(right, "`during` needs a time and a period of this rule", "`during` 需要时间与本规则的期间")
        return c.NEVER
    return Leaf(c.during(expr, period), ">=", 1)


def _contains(expr: Expr, name: str, right: Node, scope: Scope) -> Tree:
    words = operand(right, "set", scope)
    if words is None:
        return c.NEVER
    if expr.type != "set":
        scope.problems.add(right, f"`{name}` does not fit a {expr.type}", f"`{name}` 不适用于 {expr.type}")
        return c.NEVER
    _check_words(expr, words, right, scope)
    how = {"contains": "any", "contains_all": "all", "contains_only": "only"}[name]
    return Leaf(c.contains(expr, words, how), ">=", 1)


def _truth_of(slot: c.Slot, right: Node, scope: Scope) -> Tree:
    if right.text not in {"true", "false"}:
        scope.problems.add(right, f"must be true or false, got `{right.text}`", f"应为 true 或 false，实为 `{right.text}`")
    return Leaf(slot, ">=", 1) if right.text == "true" else Leaf(slot, "<=", 0)


def _is(expr: Expr, node: Node, scope: Scope) -> Tree:
    if expr.type in {"set", "enum", "id"}:
        words = operand(node, "set", scope)
        if words is None:
            return c.NEVER
        _check_words(expr, words, node, scope)
        return Leaf(c.contains(expr, words, "any") if expr.type == "set" else c.one_of(expr, words), ">=", 1)
    if expr.type == "bool" and not node.text.startswith("$"):
        return _truth_of(c.at_least(expr), node, scope) if node.text != "false" else Leaf(c.at_most(expr), "<=", 0)
    if isinstance(node.value, list):
        return Or(tuple(_is(expr, n, scope) for n in node.value))
    return And((_ordered(expr, "at_least", node, scope), _ordered(expr, "at_most", node, scope)))


def _check_words(expr: Expr, words: Expr, node: Node, scope: Scope) -> None:
    """A literal word that the fact does not have is a slip of the pen, not a condition."""
    known = expr.source.words if expr.source else {}
    named = words.key.parts
    if named[0] != "words":
        return
    if "none" in named[1] and "none" not in known:
        scope.problems.add(node, "nothing equals none, use `exists`", "none 不等于任何值，请用 `exists`")
    if not known:
        return
    for word in sorted(named[1] - set(known) - {"none"}):
        hint = did_you_mean(word, known)
        scope.problems.add(node, f"unknown word `{word}`{hint.en}", f"未知的词 `{word}`{hint.zh}")


def _ordered(expr: Expr, name: str, right_node: Node, scope: Scope) -> Tree:
    if expr.type not in v.NUMERIC:
        scope.problems.add(right_node, f"`{name}` does not fit a {expr.type}", f"`{name}` 不适用于 {expr.type}")
        return c.NEVER
    shift, floor = _ORDERED[name]
    right = operand(right_node, expr.type, scope)
    if right is None:
        return c.NEVER
    left, right = _aligned(expr, right, scope)
    if {left.type, right.type} - {"count", "days"} and left.type != right.type:
        scope.problems.add(right_node, f"a {left.type} cannot be compared with a {right.type}", f"{left.type} 不能与 {right.type} 比较")
        return c.NEVER
    op = ">=" if floor else "<="
    if right.key.parts[0] == "number":
        return Leaf(c.at_least(left) if floor else c.at_most(left), op, right.key.parts[1] + shift)
    return Leaf(c.difference(left, right, floor=floor), op, shift)


def _aligned(left: Expr, right: Expr, scope: Scope) -> tuple[Expr, Expr]:
    """A datetime against a date compares its local date."""
    if {left.type, right.type} == {"date", "datetime"}:
        return local_date(left, scope.clock), local_date(right, scope.clock)
    return left, right
