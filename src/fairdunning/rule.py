"""Rules: the shape of one wrong, bound to parameter values, and shared definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from fairdunning import condition as c
from fairdunning import declare
from fairdunning import value as v
from fairdunning.condition import And, Expr, Tree, opposite
from fairdunning.errors import did_you_mean
from fairdunning.formula import define
from fairdunning.names import Scope, expression, operand
from fairdunning.predicate import tree
from fairdunning.yamlfile import Node, Problems

SECTIONS = {"parameters", "uses", "scope", "periods", "measures", "define", "wrong_when", "when", "requires", "moment", "due", "unless"}
MAPPINGS = ("parameters", "periods", "measures", "define", "unless")
RULE_KEYS = SECTIONS | {"title", "message", "why"}
DEFINITION_KEYS = {"title", "parameters", "uses", "periods", "measures", "define", "gives"}
MOMENTS = ("before", "during", "after")
MAX_NAMES = 64
STRICTER = ("lower", "higher", "shorter", "longer", "fewer", "more", "narrower", "wider")
_DIRECTIONS = {"period": ("shorter", "longer"), "set": ("fewer", "more"), "timetable": ("narrower", "wider"), "table": (), "enum": (), "bool": ()}
_PARAMETER_TYPES = (v.NUMERIC - {"datetime"}) | {"enum", "set", "period", "timetable", "table"}


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
    names: dict[str, Expr] = field(default_factory=dict)
    due: Expr | None = None

    @cached_property
    def slots(self) -> tuple[c.Slot, ...]:
        """Every slot of what is wrong, in order."""
        return tuple(c.slots_of(self.wrong))


Uses = Callable[[str], dict[str, Expr]]


def parameters_of(rule: Node, problems: Problems) -> dict[str, Parameter]:
    """The declared parameters of a rule file."""
    found = {}
    for name, node in rule.mapping["parameters"].mapping.items() if "parameters" in rule.mapping else ():
        kind = node.mapping["type"].text if "type" in node.mapping else ""
        if kind not in _PARAMETER_TYPES:
            hint = did_you_mean(kind, _PARAMETER_TYPES)
            problems.add(node, f"unknown type `{kind}`{hint.en}", f"未知的类型 `{kind}`{hint.zh}")
        stricter = node.mapping["stricter"].text if "stricter" in node.mapping else ""
        if stricter and stricter not in STRICTER:
            hint = did_you_mean(stricter, STRICTER)
            problems.add(node, f"unknown direction `{stricter}`{hint.en}", f"未知的方向 `{stricter}`{hint.zh}")
        elif stricter and kind in _PARAMETER_TYPES and stricter not in _DIRECTIONS.get(kind, ("lower", "higher")):
            fits = " / ".join(_DIRECTIONS.get(kind, ("lower", "higher")))
            problems.add(node, f"`{stricter}` does not fit a {kind}" + (f"; use {fits}" if fits else ""),
                         f"`{stricter}` 不适用于 {kind}" + (f"；应为 {fits}" if fits else ""))
        found[name] = Parameter(kind, stricter)
    return found


def declare_names(rule: Node, values: dict[str, tuple[str, object]], scope: Scope, uses: Uses) -> None:
    """Puts the local names of a rule into the scope: they are built when first used."""
    parts = rule.mapping
    scope.values, scope.define = values, define
    makers = {"periods": declare.period, "measures": declare.measure, "define": _definition}
    for section, make in makers.items():
        for name, node in parts[section].mapping.items() if section in parts else ():
            if name in scope.pending or name in values:
                scope.problems.add(node, f"`{name}` is declared twice", f"`{name}` 重复声明")
            scope.declared.add(name)
            scope.pending[name] = lambda s, make=make, name=name, node=node: make(name, node, s)  # type: ignore[misc]
    if len(scope.pending) + len(values) > MAX_NAMES:
        scope.problems.add(rule, f"more than {MAX_NAMES} names; split the rule", f"名称超过 {MAX_NAMES} 个；请拆分规则")
    for used in parts["uses"].items if "uses" in parts else ():
        scope.declared.add(used.text)
        scope.pending[used.text] = lambda s, used=used.text: s.names.update(uses(used))  # type: ignore[misc]


def _definition(name: str, node: Node, scope: Scope) -> None:
    found = define(name, node, scope)
    if found is not None:
        scope.names[name] = found


def bind(rule: Node, values: dict[str, tuple[str, object]], scope: Scope, uses: Uses) -> Bound:
    """Resolves a rule; problems are noted in the scope."""
    parts = rule.mapping
    declare_names(rule, values, scope, uses)
    premise = And(tuple(tree(parts[k], scope) for k in ("scope", "when") if k in parts))
    wrong = c.NEVER
    if "wrong_when" in parts and "requires" in parts:
        scope.problems.add(parts["requires"], "either `wrong_when` or `requires`", "`wrong_when` 与 `requires` 只能取其一")
    if "wrong_when" in parts:
        wrong = tree(parts["wrong_when"], scope)
    elif "requires" in parts:
        wrong = opposite(tree(parts["requires"], scope))
    else:
        scope.problems.add(rule, "`wrong_when` or `requires` is missing", "缺少 `wrong_when` 或 `requires`")
    exceptions = parts["unless"].mapping if "unless" in parts else {}
    unless = {name: tree(node, scope) for name, node in exceptions.items() if "cite" not in node.mapping}
    due = operand(parts["due"], "date", scope) if "due" in parts else None
    _resolve_all(scope)
    return Bound(And((premise, wrong)), premise, unless, dict(scope.names), due)


def _resolve_all(scope: Scope) -> None:
    """What no condition uses is still checked, and may be named in a message."""
    while scope.pending:
        name = next(iter(scope.pending))
        scope.pending.pop(name)(scope.outside(name))


def bind_definition(rule: Node, prefix: str, values: dict[str, tuple[str, object]], scope: Scope, uses: Uses) -> dict[str, Expr]:
    """What a shared definition gives, as ``prefix.name``; problems are noted in the scope."""
    declare_names(rule, values, scope, uses)
    found = {}
    for node in rule.mapping["gives"].items if "gives" in rule.mapping else ():
        expr = expression(node.text, node, scope)
        if expr is not None:
            found[f"{prefix}.{node.text}"] = expr
    _resolve_all(scope)
    return found
