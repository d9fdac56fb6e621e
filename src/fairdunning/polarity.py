"""Which way a parameter is stricter, derived from where it stands; the keyword in the file is checked against it.

Read from comparisons and timetables in conditions; a parameter used in another way (a window, a set, a definition) is left to its keyword.
"""

from __future__ import annotations

from collections.abc import Iterator

from fairdunning.rule import Parameter
from fairdunning.yamlfile import Node, Problems

_FLOORS, _CEILINGS = {"at_least", "more_than", "after", "not_before"}, {"at_most", "less_than", "before", "not_after"}
_OPPOSITE = {"lower": "higher", "higher": "lower", "narrower": "wider", "wider": "narrower"}


def directions(condition: Node, *, wrong: bool) -> Iterator[tuple[str, str, Node]]:
    """Each parameter named right of a comparison, the direction in which more is wrong, and where it stands."""
    if isinstance(condition.value, list):
        for child in condition.value:
            yield from directions(child, wrong=wrong)
    for name, child in condition.mapping.items():
        found = "lower" if name in _FLOORS else ("higher" if name in _CEILINGS else {"outside": "narrower", "inside": "wider"}.get(name, ""))
        if found and child.text.startswith("$"):
            yield child.text[1:], found if wrong else _OPPOSITE[found], child
        yield from directions(child, wrong=wrong != (name == "not"))


def check_polarity(rule: Node, parameters: dict[str, Parameter], problems: Problems) -> None:
    """Notes parameters whose keyword says the opposite of the condition, or that stand both ways."""
    parts = rule.mapping
    sections = [(parts[k], k in {"wrong_when", "scope", "when"}) for k in ("scope", "when", "wrong_when", "requires", "unless") if k in parts]
    seen: dict[str, str] = {}
    for section, wrong in sections:
        for name, found, node in directions(section, wrong=wrong):
            if name not in parameters or not parameters[name].stricter:
                continue
            if seen.setdefault(name, found) != found:
                problems.add(node, f"`{name}` stands both ways: neither more nor less of it is stricter", f"`{name}` 在条件中双向使用，无法判断宽严")
            elif parameters[name].stricter in _OPPOSITE and parameters[name].stricter != found:
                problems.add(node, f"`{name}` is stricter when {found}, the file says {parameters[name].stricter}",
                             f"`{name}` 应为 {found} 更严，文件写作 {parameters[name].stricter}")
