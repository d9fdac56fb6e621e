"""What a policy file is read with: the folder, calendars, tables, and the dated, cited lines of an entry."""

from __future__ import annotations

from dataclasses import dataclass, field

from fairdunning import rule as r
from fairdunning import when
from fairdunning.condition import Expr
from fairdunning.errors import Text, did_you_mean
from fairdunning.folder import Folder, both, calendar, date_of, known, table
from fairdunning.formula import define
from fairdunning.names import Marks, Scope, expression, local_date
from fairdunning.table import Table
from fairdunning.vocabulary import Vocabulary
from fairdunning.yamlfile import Node, Problems

CONFIDENCE = ("text", "secondary", "recall")
FOREVER = 10**9
LINE_KEYS = {"cite", "force", "status", "because", "confidence", "checked_on"}


@dataclass(frozen=True)
class Cite:
    """A place in a source: key, place, titles, day it took effect, how sure we are."""

    source: str
    at: str
    title: Text
    since: str
    confidence: str


@dataclass
class Book:
    """What every constraint of a folder is read with."""

    folder: Folder
    vocabulary: Vocabulary
    tighten: dict[str, Node] = field(default_factory=dict)
    calendars: dict[str, when.Calendar | None] = field(default_factory=dict)
    tables: dict[str, Table | None] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    read: set[str] = field(default_factory=set)
    tighter: dict[str, bool] = field(default_factory=dict)

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


@dataclass(frozen=True)
class Place:
    """A constraint being read: its file, node, rule, clock and zone."""

    book: Book
    file: Node
    node: Node
    rule: Node
    clock: str
    zone: str
    calendar: when.Calendar | None
    using: tuple[str, ...] = ()

    @property
    def problems(self) -> Problems:
        """Where everything wrong is noted."""
        return self.book.problems

    @property
    def own(self) -> bool:
        """Whether the constraint carries its own condition."""
        return self.rule is self.node

    def text(self, key: str, *above: Node) -> str:
        """A word of the nearest mapping that has the key."""
        return next((n.mapping[key].text for n in (*above, self.node) if key in n.mapping), "")


def matches(name: str, pattern: str) -> bool:
    """Whether an id is named by a pattern: itself, or everything below ``prefix.*``."""
    return name == pattern or pattern == "*" or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def rule_of(node: Node, book: Book) -> Node | None:
    """The rule that a constraint or definition names, the node itself without one; None after noting a problem."""
    name = node.mapping["rule"].text if "rule" in node.mapping else ""
    found = book.folder.rules.get(name, node if not name else None)
    if found is None:
        hint = did_you_mean(name, book.folder.rules)
        book.problems.add(node.mapping["rule"], f"there is no rule `{name}`{hint.en}", f"没有规则 `{name}`{hint.zh}")
    return found


def law_date(node: Node, place: Place) -> Expr | None:
    """The date that chooses the line: the planned moment, or the one that `as_of` names."""
    named = node.mapping["as_of"].text if "as_of" in node.mapping else "action.at"
    found = expression(named, node.mapping.get("as_of", node), place.book.scope(place.file, place.zone, place.calendar))
    if found is not None and found.type not in {"date", "datetime"}:
        place.problems.add(node, f"`{named}` is no date", f"`{named}` 不是日期")
        return None
    return local_date(found, place.zone) if found else None


@dataclass(frozen=True)
class Line:
    """One dated line of `values`, in force from ``start`` (in) to ``end`` (out), with what the profile tightens."""

    start: int
    end: int
    node: Node
    house: Node | None = None


def dates(node: Node, problems: Problems) -> list[Line]:
    """The lines of `values` in order of their dates; null repeals."""
    lines = node.mapping["values"].mapping if "values" in node.mapping else {}
    if not lines:
        problems.add(node, "`values` with a date and a citation are missing", "缺少带日期与出处的 `values`")
    dated: list[tuple[int, Node]] = []
    for text, line in lines.items():
        day = date_of(Node(text, line.file, line.line, line.key), problems)
        dated.append((0 if day is None else day, line))  # a line of a broken date is read all the same
    dated.sort(key=lambda d: d[0])
    ends = [*(d for d, _ in dated[1:]), FOREVER][: len(dated)]
    return [Line(start, end, line) for (start, line), end in zip(dated, ends, strict=True) if line.value is not None]


def check_line(line: Line, declared: dict[str, r.Parameter], place: Place) -> None:
    """Notes unknown and missing parameters of a line and a broken `checked_on`."""
    for node in (line.node, place.node):
        if "checked_on" in node.mapping:
            date_of(node.mapping["checked_on"], place.problems)
    for key, child in line.node.mapping.items():
        if key not in declared and key not in LINE_KEYS:
            hint = did_you_mean(key, [*declared, *LINE_KEYS])
            place.problems.add(child, f"unknown parameter `{key}`{hint.en}", f"未知参数 `{key}`{hint.zh}")
    for key in sorted(set(declared) - set(line.node.mapping)):
        place.problems.add(line.node, f"parameter `{key}` has no value", f"参数 `{key}` 没有值")


ByWords = tuple[tuple[tuple[str, frozenset[str], bool], ...], bool, dict[str, Node]]
_SOURCE_KEYS = {"title", "body", "number", "from", "until"}


def check_sources(file: Node, problems: Problems) -> None:
    """Notes what is wrong with the sources of a policy file."""
    for source in file.mapping["sources"].mapping.values() if "sources" in file.mapping else ():
        known(source, _SOURCE_KEYS, problems)
        both(source, "title", problems)
        for key in {"from", "until"} & set(source.mapping):
            date_of(source.mapping[key], problems)


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
