"""Constraints: a rule bound to an authority by dated, cited values; read from policy files, with shared definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from fairdunning import condition as c
from fairdunning import rule as r
from fairdunning import value as v
from fairdunning import when
from fairdunning.condition import Expr, Tree
from fairdunning.errors import Text, did_you_mean
from fairdunning.facts import Context, Item, key_of
from fairdunning.folder import Folder, both, calendar, date_of, known, table
from fairdunning.formula import define
from fairdunning.names import Marks, Scope, expression, literal, local_date, words_of
from fairdunning.polarity import check_polarity
from fairdunning.predicate import tree
from fairdunning.stricter import stricter
from fairdunning.table import Table
from fairdunning.vocabulary import Vocabulary
from fairdunning.yamlfile import Node, Problems

FORCES = ("prohibition", "presumption", "guidance", "advice")
STATUSES = ("enforced", "shadow", "disabled")
CONFIDENCE = ("text", "secondary", "recall")
FOREVER = 10**9
PLACE = re.compile(r"\{([a-z_0-9.]+)\}")
_LINE_KEYS = {"cite", "force", "status", "because", "confidence", "checked_on"}
_CONSTRAINT_KEYS = r.RULE_KEYS | {"rule", "force", "values", "as_of", "confidence", "checked_on", "status", "because", "calendar", "bind"}
_POLICY_KEYS = {"title", "zone", "clock", "sources", "constraints", "calendar", "definitions", "tables"}


@dataclass(frozen=True)
class Cite:
    """A place in a source: key, place, titles, day it took effect, how sure we are."""

    source: str
    at: str
    title: Text
    since: str
    confidence: str


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


@dataclass
class Book:
    """What every constraint of a folder is read with."""

    folder: Folder
    vocabulary: Vocabulary
    tighten: dict[str, Node] = field(default_factory=dict)
    calendars: dict[str, when.Calendar | None] = field(default_factory=dict)
    tables: dict[str, Table | None] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)

    @property
    def problems(self) -> Problems:
        """Where everything wrong is noted."""
        return self.folder.problems

    def calendar(self, node: Node | None) -> when.Calendar | None:
        """The calendar a node names; None after noting a problem, or without one."""
        if node is None:
            return None
        if node.text not in self.folder.calendars:
            hint = did_you_mean(node.text, self.folder.calendars)
            self.problems.add(node, f"there is no calendar `{node.text}`{hint.en}", f"没有日历 `{node.text}`{hint.zh}")
            return None
        if node.text not in self.calendars:
            self.calendars[node.text] = calendar(node.text, self.folder.calendars[node.text], self.problems)
        return self.calendars[node.text]

    def table(self, file: Node, node: Node, scope: Scope) -> Table | None:
        """A table of the file itself, or of a series file by its path; None after noting a problem."""
        own = file.mapping["tables"].mapping if "tables" in file.mapping else {}
        found = own.get(node.text) or self.folder.series.get(node.text)
        if found is None:
            hint = did_you_mean(node.text, [*own, *self.folder.series])
            self.problems.add(node, f"there is no table `{node.text}`{hint.en}", f"没有表 `{node.text}`{hint.zh}")
            return None
        key = f"{found.file} {node.text}"
        if key not in self.tables:
            self.tables[key] = table(node.text, found, scope)
        return self.tables[key]

    def scope(self, file: Node, clock: str, chosen: when.Calendar | None) -> Scope:
        """An empty scope for a rule of this policy file."""
        scope = Scope(self.vocabulary, self.problems, clock, chosen, define=define, marks=self.marks)
        scope.tables = lambda node: self.table(file, node, scope)
        return scope


# --- policy files ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """A constraint being read: its file, node, rule, clock and zone."""

    book: Book
    file: Node
    node: Node
    rule: Node
    clock: str
    zone: str
    calendar: when.Calendar | None

    @property
    def problems(self) -> Problems:
        return self.book.problems

    @property
    def own(self) -> bool:
        """Whether the constraint carries its own condition."""
        return self.rule is self.node

    def text(self, key: str, *above: Node) -> str:
        """A word of the nearest mapping that has the key."""
        return next((n.mapping[key].text for n in (*above, self.node) if key in n.mapping), "")


def constraints_of(name: str, file: Node, book: Book) -> list[Constraint]:
    """The constraints of one policy file; problems are noted in the book."""
    problems, parts = book.problems, file.mapping
    known(file, _POLICY_KEYS, problems)
    zone = parts["zone"].text if "zone" in parts else ""
    try:
        when.zone(zone)
    except ValueError:
        problems.add(parts.get("zone", file), f"unknown zone `{zone}`", f"未知的时区 `{zone}`")
        return []
    clock = parts["clock"].text if "clock" in parts else "authority"
    if clock not in {"authority", "debtor"}:
        problems.add(parts["clock"], "must be authority or debtor", "应为 authority 或 debtor")
    clock = zone if clock == "authority" else "debtor"
    usual = book.calendar(parts.get("calendar"))
    found = []
    for key, node in parts["constraints"].mapping.items() if "constraints" in parts else ():
        known(node, _CONSTRAINT_KEYS, problems)
        check_polarity(node, r.parameters_of(node, problems), problems)
        rule = _rule_of(node, book)
        if rule is not None:
            chosen = book.calendar(node.mapping["calendar"]) if "calendar" in node.mapping else usual
            constraint = _constraint(f"{name}.{key}", _Place(book, file, node, rule, clock, zone, chosen))
            found += [constraint] if constraint else []
    return found


def _rule_of(node: Node, book: Book) -> Node | None:
    name = node.mapping["rule"].text if "rule" in node.mapping else ""
    found = book.folder.rules.get(name, node if not name else None)
    if found is None:
        hint = did_you_mean(name, book.folder.rules)
        book.problems.add(node.mapping["rule"], f"there is no rule `{name}`{hint.en}", f"没有规则 `{name}`{hint.zh}")
    return found


def _constraint(name: str, place: _Place) -> Constraint | None:
    node, problems = place.node, place.problems
    moment = place.text("moment", place.node, place.rule) or "before"
    if moment not in r.MOMENTS:
        problems.add(node, f"moment must be one of {', '.join(r.MOMENTS)}", f"moment 应为 {'、'.join(r.MOMENTS)} 之一")
    if moment == "after" and "due" not in place.rule.mapping:
        problems.add(node, "`moment: after` needs `due`", "`moment: after` 须有 `due`")
    law = _law_date(node, place)
    variants = tuple(v_ for line in _dated(name, place) for v_ in _variants(line, place))
    if law is None:
        return None
    rule = "" if place.own else place.node.mapping["rule"].text
    title, message, why = (both(node, key, problems, place.rule) for key in ("title", "message", "why"))
    return Constraint(name, rule, place.clock, place.zone, law, variants, moment, title, message, why, node)


def _law_date(node: Node, place: _Place) -> Expr | None:
    """The date that chooses the line: the planned moment, or the one that `as_of` names."""
    named = node.mapping["as_of"].text if "as_of" in node.mapping else "action.at"
    found = expression(named, node.mapping.get("as_of", node), place.book.scope(place.file, place.zone, place.calendar))
    if found is not None and found.type not in {"date", "datetime"}:
        place.problems.add(node, f"`{named}` is no date", f"`{named}` 不是日期")
        return None
    return local_date(found, place.zone) if found else None


@dataclass(frozen=True)
class _Line:
    start: int
    end: int
    node: Node
    house: Node | None = None


def _dated(name: str, place: _Place) -> list[_Line]:
    """The lines of `values`, in order, cut where the profile tightens them."""
    lines = _dates(place.node, place.problems)
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
            found.append(_Line(line.start, line.end, line.node, house))
        else:
            found += [_Line(line.start, start, line.node), _Line(start, line.end, line.node, house)]
    return found


def _dates(node: Node, problems: Problems) -> list[_Line]:
    lines = node.mapping["values"].mapping if "values" in node.mapping else {}
    if not lines:
        problems.add(node, "`values` with a date and a citation are missing", "缺少带日期与出处的 `values`")
    dated: list[tuple[int, Node]] = []
    for text, line in lines.items():
        day = date_of(Node(text, line.file, line.line, line.key), problems)
        if day is not None:
            dated.append((day, line))
    dated.sort(key=lambda d: d[0])
    ends = [*(d for d, _ in dated[1:]), FOREVER]
    return [_Line(start, end, line) for (start, line), end in zip(dated, ends, strict=True) if line.value is not None]


def _variants(line: _Line, place: _Place) -> Iterator[Variant]:
    """One variant per word that a `by:` value names, one without; a disabled line says nothing."""
    status = place.text("status", line.node) or "enforced"
    if status not in STATUSES:
        place.problems.add(line.node, f"status must be one of {', '.join(STATUSES)}", f"status 应为 {'、'.join(STATUSES)} 之一")
    if status != "enforced" and not any("because" in n.mapping for n in (line.node, place.node)):
        place.problems.add(line.node, "`because` is missing", "缺少 `because`")
    declared = r.parameters_of(place.rule, Problems())
    _check_line(line, declared, place)
    given = {k: n for k, n in line.node.mapping.items() if k in declared}
    for words, complete, chosen in _by_words(given):
        found = _variant(line, status, declared, chosen, words, complete, place)
        if found is not None and status != "disabled":
            yield found


def _check_line(line: _Line, declared: dict[str, r.Parameter], place: _Place) -> None:
    for key, child in line.node.mapping.items():
        if key not in declared and key not in _LINE_KEYS:
            hint = did_you_mean(key, declared)
            place.problems.add(child, f"unknown parameter `{key}`{hint.en}", f"未知参数 `{key}`{hint.zh}")
    for key in sorted(set(declared) - set(line.node.mapping)):
        place.problems.add(line.node, f"parameter `{key}` has no value", f"参数 `{key}` 没有值")


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
        is_word: Tree = c.Leaf(c.one_of(fact, words_of(words)), ">=", 1)
        parts.append(is_word if named else c.opposite(is_word))
    return c.And(tuple(parts))


def _variant(line: _Line, status: str, declared: dict[str, r.Parameter], given: dict[str, Node], words: tuple[tuple[str, frozenset[str], bool], ...],
             complete: bool, place: _Place) -> Variant | None:
    scope = place.book.scope(place.file, place.clock, place.calendar)
    cite = cite_of(line.node, place.node, place.file, place.problems)
    values = {key: (declared[key].type, literal(declared[key].type, child, scope)) for key, child in given.items()}
    force = place.text("force", line.node)
    if force not in FORCES:
        place.problems.add(place.node, f"force must be one of {', '.join(FORCES)}", f"force 应为 {'、'.join(FORCES)} 之一")
    if cite is None or set(declared) - set(values) or any(x[1] is None for x in values.values()):
        return None
    if line.house is not None:
        values = _tightened(line.house, values, declared, scope)
    word = _word_tree(words, place.book.scope(place.file, place.clock, place.calendar), line.node)
    bound = r.bind(place.rule, values, scope, _uses(place))
    granted, exceptions = _granted(place, bound, scope)
    if not place.own and "scope" in place.node.mapping:
        own = tree(place.node.mapping["scope"], scope)
        bound = r.Bound(c.And((own, bound.wrong)), c.And((own, bound.premise)), {}, bound.names, bound.due)
    bound = r.Bound(bound.wrong, bound.premise, exceptions, bound.names, bound.due)
    return Variant(line.start, line.end, force, status, cite, values, bound, granted, word, complete)


def _tightened(house: Node, values: dict[str, tuple[str, object]], declared: dict[str, r.Parameter], scope: Scope) -> dict[str, tuple[str, object]]:
    """On each date a profile's value is the stricter of law and profile."""
    found = dict(values)
    for key, node in house.mapping.items():
        if key in {"from", "because"}:
            continue
        if key not in declared or not declared[key].stricter:
            scope.problems.add(node, f"`{key}` cannot be tightened", f"`{key}` 不能收紧")
            continue
        own = literal(declared[key].type, node, scope)
        best = stricter(declared[key].stricter, values[key][1], own)
        if best is None:
            scope.problems.add(node, "cannot be compared with the law's value; use its unit", "无法与法定值比较；请使用相同单位")
        elif best != own:
            scope.problems.add(node, "is looser than the law; a profile may only tighten", "比法律宽松；机构配置只能收紧")
        found[key] = (declared[key].type, best)
    return found


def _granted(place: _Place, bound: r.Bound, scope: Scope) -> tuple[dict[str, str], dict[str, Tree]]:
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


def cite_of(line: Node, node: Node, file: Node, problems: Problems) -> Cite | None:
    """The citation of a line; None after noting a problem."""
    text = line.mapping["cite"].text if "cite" in line.mapping else ""
    key, _, place = text.partition(" ")
    sources = file.mapping["sources"].mapping if "sources" in file.mapping else {}
    if not text:
        problems.add(line, "a value without a citation does not load; add `cite`", "没有出处的值不能载入；请添加 `cite`")
        return None
    if key not in sources:
        hint = did_you_mean(key, sources)
        problems.add(line.mapping["cite"], f"there is no source `{key}`{hint.en}", f"没有出处 `{key}`{hint.zh}")
        return None
    confidence = next((n.mapping["confidence"].text for n in (line, node) if "confidence" in n.mapping), "")
    if confidence not in CONFIDENCE:
        problems.add(node, f"confidence must be one of {', '.join(CONFIDENCE)}", f"confidence 应为 {'、'.join(CONFIDENCE)} 之一")
    source = sources[key]
    since = source.mapping["from"].text if "from" in source.mapping else ""
    return Cite(key, place, both(source, "title", problems), since, confidence)


# --- shared definitions ------------------------------------------------------------------------------------------------


def _uses(place: _Place) -> r.Uses:
    """Finds what a rule `uses`: the definition of the policy file, or the one that `bind` picks."""

    def find(name: str) -> dict[str, Expr]:
        own = place.file.mapping["definitions"].mapping if "definitions" in place.file.mapping else {}
        bound = place.node.mapping["bind"].mapping if "bind" in place.node.mapping else {}
        wanted = bound[name].text if name in bound else name
        file, entry = place.file, own.get(wanted)
        if entry is None and "." in wanted:
            there, _, last = wanted.rpartition(".")
            file = place.book.folder.policies.get(there, place.file)
            entry = file.mapping["definitions"].mapping.get(last) if "definitions" in file.mapping else None
        if entry is None:
            hint = did_you_mean(wanted, own)
            place.problems.add(place.node, f"there is no definition `{wanted}`{hint.en}", f"没有定义 `{wanted}`{hint.zh}")
            return {}
        rule = _rule_of(entry, place.book)
        if rule is None or rule is entry:
            return {}
        known(entry, {"rule", "values", "as_of", "confidence", "checked_on", "bind"}, place.problems)
        return _definition(name, _Place(place.book, file, entry, rule, place.clock, place.zone, place.calendar))

    return find


def _definition(name: str, place: _Place) -> dict[str, Expr]:
    law = _law_date(place.node, place)
    declared = r.parameters_of(place.rule, Problems())
    dated: list[tuple[_Line, dict[str, Expr]]] = []
    for line in _dates(place.node, place.problems):
        _check_line(line, declared, place)
        if "confidence" in line.node.mapping or "confidence" in place.node.mapping:
            cite_of(line.node, place.node, place.file, place.problems)
        elif "cite" not in line.node.mapping:
            place.problems.add(line.node, "a value without a citation does not load; add `cite`", "没有出处的值不能载入；请添加 `cite`")
        scope = place.book.scope(place.file, place.clock, place.calendar)
        values = {k: (declared[k].type, literal(declared[k].type, n, scope)) for k, n in line.node.mapping.items() if k in declared}
        if set(declared) - set(values) or any(x[1] is None for x in values.values()):
            continue
        dated.append((line, r.bind_definition(place.rule, name, values, scope, _uses(place))))
    if law is None or not dated:
        return {}
    return {key: _by_date(key, law, dated) for key in dated[0][1]}


def _by_date(key: str, law: Expr, dated: list[tuple[_Line, dict[str, Expr]]]) -> Expr:
    """A definition's value under every line that the law date may fall in."""
    read_law = c.number(law)
    lines = [(line, found[key]) for line, found in dated if key in found]
    kind = lines[0][1].type

    def read(ctx: Context, item: Item | None) -> v.Value:
        day = read_law(ctx, item)
        possible = [expr.read(ctx, item) for line, expr in lines if day.lo < line.end and line.start <= day.hi]
        if day.lo > day.hi or not covers([(line.start, line.end) for line, _ in lines], day):
            possible.append(v.unknown(kind))
        return v.hull(possible)

    facts = law.facts.union(*(e.facts for _, e in lines))
    return Expr(key_of("defined", key, law.key, tuple((line.start, e.key) for line, e in lines)), kind, read, facts)


def covers(spans: list[tuple[int, int]], day: v.Range) -> bool:
    """Whether every day of a range lies in one of these spans."""
    reached = day.lo
    for start, end in sorted(spans):
        if start <= reached < end:
            reached = end
    return reached > day.hi and day.lo <= day.hi and not day.none


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
    law = expression("action.date", case, scope.alone())
    if problems.found or law is None:
        return None
    bound = r.bind(rule, values, scope, _uses(_Place(book, file, case, rule, zone, zone, scope.calendar)))
    names = [n.text for n in case.mapping["unless"].items] if "unless" in case.mapping else []
    shown = r.Bound(bound.wrong, bound.premise, {n: bound.unless[n] for n in names if n in bound.unless}, bound.names, bound.due)
    cite, nothing = Cite("", "", Text("", ""), "", "text"), Text("", "")
    variant = Variant(-FOREVER, FOREVER, "prohibition", "enforced", cite, values, shown, {})
    moment = rule.mapping["moment"].text if "moment" in rule.mapping else "before"
    return Constraint(name, name, zone, zone, law, (variant,), moment, nothing, nothing, nothing, rule)
