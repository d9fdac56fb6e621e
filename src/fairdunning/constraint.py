"""Constraints: a rule bound to an authority by dated, cited values; read from policy files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from fairdunning import condition as c
from fairdunning import rule as r
from fairdunning import when
from fairdunning.book import FOREVER, Book, Cite, Line, Place, check_line, check_sources, cite_of, dates, law_date, rule_of
from fairdunning.condition import Expr, Slot, Tree, slots_of
from fairdunning.definition import uses
from fairdunning.errors import Text, did_you_mean
from fairdunning.folder import both, date_of, known, mappings
from fairdunning.names import Scope, expression, literal, words_of
from fairdunning.polarity import check_polarity
from fairdunning.predicate import tree
from fairdunning.stricter import stricter
from fairdunning.yamlfile import Node, Problems

FORCES = ("prohibition", "presumption", "guidance", "advice")
STATUSES = ("enforced", "shadow", "disabled")
PLACE = re.compile(r"\{([a-z_0-9.]+)\}")
_CONSTRAINT_KEYS = r.RULE_KEYS | {"rule", "force", "values", "as_of", "confidence", "checked_on", "status", "because", "calendar", "bind"}
_OWN = r.SECTIONS - {"scope", "moment", "unless"}
_POLICY_KEYS = {"title", "zone", "clock", "sources", "constraints", "calendar", "definitions", "tables"}


@dataclass(frozen=True)
class Variant:
    """One dated line of a constraint, for one word of its `by:` fact: in force from ``start`` (in) to ``end`` (out).

    ``word`` says when it is the line's word; ``complete``: the words of the line leave nothing out.
    """

    start: int
    end: int
    force: str
    status: str
    cite: Cite
    values: dict[str, tuple[str, object]]
    bound: r.Bound
    unless: dict[str, str]
    word: Tree = c.ALWAYS
    complete: bool = True


@dataclass(frozen=True)
class Constraint:
    """A rule bound to an authority; its id is its path."""

    id: str
    rule: str
    clock: str
    zone: str
    law_date: Expr
    variants: tuple[Variant, ...]
    moment: str
    title: Text
    message: Text
    why: Text
    node: Node

    @cached_property
    def places(self) -> tuple[str, ...]:
        """The names that its message speaks of."""
        return tuple(sorted(set(PLACE.findall(self.message.en + self.message.zh))))

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Everything that its dated lines read."""
        return tuple(s for var in self.variants for part in (var.bound.wrong, var.bound.premise, var.word, *var.bound.unless.values())
                     for s in slots_of(part))

    @cached_property
    def reads_events(self) -> bool:
        """Whether anything of it is read from the events."""
        return any(fact.partition(": ")[0] == "events" for slot in self.slots for fact in slot.facts)


# --- policy files ------------------------------------------------------------------------------------------------------


def constraints_of(name: str, file: Node, book: Book) -> list[Constraint]:
    """The constraints of one policy file; problems are noted in the book."""
    problems, parts = book.problems, file.mapping
    known(file, _POLICY_KEYS, problems)
    mappings(file, ("sources", "constraints", "definitions", "tables"), problems)
    check_sources(file, problems)
    zone = parts["zone"].text if "zone" in parts else ""
    try:
        when.zone(zone)
    except ValueError:
        problems.add(parts.get("zone", file), f"unknown zone `{zone}`; write one such as Asia/Shanghai", f"未知的时区 `{zone}`；应如 Asia/Shanghai")
        zone = "UTC"
    clock = parts["clock"].text if "clock" in parts else "authority"
    if clock not in {"authority", "debtor"}:
        problems.add(parts["clock"], "must be authority or debtor", "应为 authority 或 debtor")
    clock = zone if clock == "authority" else "debtor"
    usual = book.calendar(parts.get("calendar"))
    found = []
    for key, node in parts["constraints"].mapping.items() if "constraints" in parts else ():
        if not isinstance(node.value, dict):
            problems.add(node, "must be a mapping", "应为映射")
            continue
        known(node, _CONSTRAINT_KEYS, problems)
        mappings(node, (*r.MAPPINGS, "values", "bind"), problems)
        check_polarity(node, r.parameters_of(node, problems), problems)
        for own in sorted(_OWN & set(node.mapping)) if "rule" in node.mapping else ():
            problems.add(node.mapping[own], f"either `rule` or `{own}`: the condition is the rule's", f"`rule` 与 `{own}` 只能取其一：条件由规则规定")
        rule = rule_of(node, book)
        if rule is not None:
            chosen = book.calendar(node.mapping["calendar"]) if "calendar" in node.mapping else usual
            constraint = _constraint(f"{name}.{key}", Place(book, file, node, rule, clock, zone, chosen))
            found += [constraint] if constraint else []
    return found


def _constraint(name: str, place: Place) -> Constraint | None:
    node, problems = place.node, place.problems
    moment = place.text("moment", place.node, place.rule) or "before"
    if moment not in r.MOMENTS:
        problems.add(node, f"moment must be one of {', '.join(r.MOMENTS)}", f"moment 应为 {'、'.join(r.MOMENTS)} 之一")
    if moment == "after" and "due" not in place.rule.mapping:
        problems.add(node, "`moment: after` needs `due`", "`moment: after` 须有 `due`")
    law = law_date(node, place)
    variants = tuple(v_ for line in _dated(name, place) for v_ in _variants(line, place))
    if name in place.book.tighten:
        _check_tightens(place.book.tighten[name], place.book)
    if law is None:
        return None
    rule = "" if place.own else place.node.mapping["rule"].text
    title, message, why = (both(node, key, problems, place.rule) for key in ("title", "message", "why"))
    return Constraint(name, rule, place.clock, place.zone, law, variants, moment, title, message, why, node)


def _dated(name: str, place: Place) -> list[Line]:
    """The lines of `values`, in order, cut where the profile tightens them."""
    lines = dates(place.node, place.problems)
    house = place.book.tighten.get(name)
    if house is None:
        return lines
    start = date_of(house.mapping["from"], place.problems) if "from" in house.mapping else -FOREVER
    if "because" not in house.mapping:
        place.problems.add(house, "`because` is missing", "缺少 `because`")
    found = []
    for line in lines:
        if start is None or line.end <= start:
            found.append(line)
        elif start <= line.start:
            found.append(Line(line.start, line.end, line.node, house))
        else:
            found += [Line(line.start, start, line.node), Line(start, line.end, line.node, house)]
    return found


def _variants(line: Line, place: Place) -> Iterator[Variant]:
    """One variant per word that a `by:` value names, one without; a disabled line says nothing."""
    status = place.text("status", line.node) or "enforced"
    if status not in STATUSES:
        place.problems.add(line.node, f"status must be one of {', '.join(STATUSES)}", f"status 应为 {'、'.join(STATUSES)} 之一")
    if status != "enforced" and not any("because" in n.mapping for n in (line.node, place.node)):
        place.problems.add(line.node, "`because` is missing", "缺少 `because`")
    declared = r.parameters_of(place.rule, Problems())
    check_line(line, declared, place)
    given = {k: n for k, n in line.node.mapping.items() if k in declared}
    for words, complete, chosen in _by_words(given):
        found = _variant(line, status, declared, chosen, words, complete, place)
        if found is not None and status != "disabled":
            yield found


ByWords = tuple[tuple[tuple[str, frozenset[str], bool], ...], bool, dict[str, Node]]


def _by_words(given: dict[str, Node]) -> Iterator[ByWords]:
    """Each combination of words of the facts that `by:` names, with the values that hold for it."""
    facts: dict[str, set[str]] = {}
    others: dict[str, bool] = {}
    for node in (n for n in given.values() if "by" in n.mapping):
        name = node.mapping["by"].text
        facts.setdefault(name, set()).update(k for k in node.mapping if k not in {"by", "other"})
        others[name] = others.get(name, False) or "other" in node.mapping
    choices = [[(name, frozenset({w}), True) for w in sorted(words)] + ([(name, frozenset(words), False)] if others[name] else [])
               for name, words in facts.items()]
    for combination in product(*choices):
        chosen = {key: _chosen(node, combination) for key, node in given.items()}
        if all(n is not None for n in chosen.values()):
            yield combination, all(others.values()), {k: n for k, n in chosen.items() if n is not None}


def _chosen(node: Node, combination: tuple[tuple[str, frozenset[str], bool], ...]) -> Node | None:
    if "by" not in node.mapping:
        return node
    for name, words, named in combination:
        if name == node.mapping["by"].text:
            return (node.mapping.get(next(iter(words))) if named else None) or node.mapping.get("other")
    return None


def _word_tree(combination: tuple[tuple[str, frozenset[str], bool], ...], scope: Scope, node: Node) -> Tree:
    parts = []
    for name, words, named in combination:
        fact = expression(name, node, scope)
        if fact is None or fact.type != "enum":
            scope.problems.add(node, f"`by:` names a fact with words, not `{name}`", f"`by:` 应为枚举事实，而非 `{name}`")
            continue
        known_words = fact.source.words if fact.source else {}
        for word in sorted(words - set(known_words)) if known_words else ():
            hint = did_you_mean(word, known_words)
            scope.problems.add(node, f"`{name}` has no word `{word}`{hint.en}", f"`{name}` 没有词 `{word}`{hint.zh}")
        is_word: Tree = c.Leaf(c.one_of(fact, words_of(words)), ">=", 1)
        parts.append(is_word if named else c.opposite(is_word))
    return c.And(tuple(parts))


def _variant(line: Line, status: str, declared: dict[str, r.Parameter], given: dict[str, Node], words: tuple[tuple[str, frozenset[str], bool], ...],
             complete: bool, place: Place) -> Variant | None:
    scope = place.book.scope(place.file, place.clock, place.calendar)
    cite = cite_of(line.node, place.node, place.file, place.problems)
    values = {key: (declared[key].type, literal(declared[key].type, child, scope)) for key, child in given.items()}
    force = place.text("force", line.node)
    if force not in FORCES:
        place.problems.add(place.node, f"force must be one of {', '.join(FORCES)}", f"force 应为 {'、'.join(FORCES)} 之一")
    if cite is None or set(declared) - set(values) or any(x[1] is None for x in values.values()):
        return None
    if line.house is not None:
        values = _tightened(line.house, values, declared, scope, place.book)
    word = _word_tree(words, place.book.scope(place.file, place.clock, place.calendar), line.node)
    place.book.read.add("" if place.own else place.node.mapping["rule"].text)
    bound = r.bind(place.rule, values, scope, uses(place))
    _add_places(place, bound, values, scope)
    granted, exceptions = _granted(place, bound, scope)
    if not place.own and "scope" in place.node.mapping:
        own = tree(place.node.mapping["scope"], scope)
        bound = r.Bound(c.And((own, bound.wrong)), c.And((own, bound.premise)), {}, bound.names, bound.due)
    bound = r.Bound(bound.wrong, bound.premise, exceptions, bound.names, bound.due)
    return Variant(line.start, line.end, force, status, cite, values, bound, granted, word, complete)


def _add_places(place: Place, bound: r.Bound, values: dict[str, tuple[str, object]], scope: Scope) -> None:
    """Names of a message are parameters, names of the rule or facts; a derived fact is added to the names."""
    node = place.node.mapping.get("message") or place.rule.mapping.get("message")
    for text in node.mapping.values() if node else ():
        for name in set(PLACE.findall(text.text)) - set(values) - set(bound.names):
            expr = expression(name, text, scope)
            if expr is not None:
                bound.names[name] = expr


def _tightened(house: Node, values: dict[str, tuple[str, object]], declared: dict[str, r.Parameter], scope: Scope,
               book: Book) -> dict[str, tuple[str, object]]:
    """On each date a profile's value is the stricter of law and profile."""
    found = dict(values)
    for key, node in house.mapping.items():
        if key in {"from", "because"}:
            continue
        if key not in declared or not declared[key].stricter:
            scope.problems.add(node, f"`{key}` cannot be tightened", f"`{key}` 不能收紧")
            continue
        own = literal(declared[key].type, node, scope)
        best = stricter(declared[key].stricter, values[key][1], own) if own is not None else None
        if own is not None and best is None:
            scope.problems.add(node, "cannot be compared with the law's value; use its unit", "无法与法定值比较；请使用相同单位")
        if best is not None:
            book.tighter[node.key] = book.tighter.get(node.key, False) or best == own
            found[key] = (declared[key].type, best)
    return found


def _check_tightens(house: Node, book: Book) -> None:
    """A value that is looser than the law on every date is a mistake; else the stricter of both holds on each date."""
    for node in house.mapping.values():
        if not book.tighter.get(node.key, True):
            book.problems.add(node, "is looser than the law; a profile may only tighten", "比法律宽松；机构配置只能收紧")


def _granted(place: Place, bound: r.Bound, scope: Scope) -> tuple[dict[str, str], dict[str, Tree]]:
    granted: dict[str, str] = {}
    trees: dict[str, Tree] = {}
    entries = place.node.mapping["unless"].mapping if "unless" in place.node.mapping else {}
    for name, child in entries.items():
        if "when" in child.mapping and "cite" in child.mapping:
            granted[name], trees[name] = child.mapping["cite"].text, tree(child.mapping["when"], scope)
        elif name in bound.unless and child.text and not place.own:
            granted[name], trees[name] = child.text, bound.unless[name]
        else:
            hint = did_you_mean(name, bound.unless)
            scope.problems.add(child, f"the rule knows no exception `{name}`, or its citation is missing{hint.en}",
                               f"规则没有例外 `{name}`，或缺少出处{hint.zh}")
    return granted, trees


# --- a rule by itself --------------------------------------------------------------------------------------------------


def rule_alone(name: str, case: Node, file: Node, book: Book) -> Constraint | None:
    """A rule as a constraint of no authority, with the parameters and exceptions of a case; None after noting a problem."""
    rule, problems = book.folder.rules[name], book.problems
    zone = file.mapping["zone"].text if "zone" in file.mapping else "UTC"
    scope = book.scope(file, zone, book.calendar(file.mapping.get("calendar")))
    declared = r.parameters_of(rule, problems)
    given = case.mapping["with"].mapping if "with" in case.mapping else {}
    values = {k: (declared[k].type, literal(declared[k].type, n, scope)) for k, n in given.items() if k in declared}
    for key in sorted(set(declared) ^ set(given)):
        problems.add(case, f"`with` must give the parameters of the rule, see `{key}`", f"`with` 须给出规则的参数，见 `{key}`")
    law = expression("action.date", case, scope.alone(""))
    if problems.found or law is None:
        return None
    bound = r.bind(rule, values, scope, uses(Place(book, file, case, rule, zone, zone, scope.calendar)))
    names = [n.text for n in case.mapping["unless"].items] if "unless" in case.mapping else []
    shown = r.Bound(bound.wrong, bound.premise, {n: bound.unless[n] for n in names if n in bound.unless}, bound.names, bound.due)
    cite, nothing = Cite("", "", Text("", ""), "", "text"), Text("", "")
    variant = Variant(-FOREVER, FOREVER, "prohibition", "enforced", cite, values, shown, {})
    moment = rule.mapping["moment"].text if "moment" in rule.mapping else "before"
    return Constraint(name, name, zone, zone, law, (variant,), moment, nothing, nothing, nothing, rule)
