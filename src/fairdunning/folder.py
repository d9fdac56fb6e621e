"""The files of law: shipped and an organisation's own, laid over each other, with the tables and calendars among them."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fairdunning import value as v
from fairdunning import when
from fairdunning.errors import LoadError, Text, did_you_mean
from fairdunning.names import Scope, literal
from fairdunning.proof import policy_digest
from fairdunning.table import Rows, Table
from fairdunning.yamlfile import Node, Problems, read


@dataclass
class Folder:
    """What was read, by name; ``digest`` covers every file but cases, lists of articles and handbooks; ``files`` are
    those, by name and text; ``places``: the base folder and the organisation's own.
    """

    vocabulary: list[Node] = field(default_factory=list)
    rules: dict[str, Node] = field(default_factory=dict)
    policies: dict[str, Node] = field(default_factory=dict)
    profiles: dict[str, Node] = field(default_factory=dict)
    cases: dict[str, Node] = field(default_factory=dict)
    series: dict[str, Node] = field(default_factory=dict)
    calendars: dict[str, Node] = field(default_factory=dict)
    articles: dict[str, Node] = field(default_factory=dict)
    handbooks: dict[str, Node] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)
    digest: str = ""
    files: list[tuple[str, str]] = field(default_factory=list)
    places: tuple[Path, Path | None] = (Path(), None)


def shipped() -> Path:
    """The folder that holds ``rules/`` and ``policies/``: the repository's when run from it, else the wheel's own."""
    repository = Path(__file__).resolve().parents[2]
    if (repository / "rules").is_dir() and (repository / "policies").is_dir():
        return repository
    return Path(str(importlib.resources.files("fairdunning").joinpath("law")))


def read_folder(own: Path | None = None, base: Path | None = None) -> Folder:
    """Reads the shipped files (or those under ``base``) and, over them, an organisation's own; problems are noted in the folder."""
    base = base or shipped()
    folder = Folder(places=(base, own))
    for path in sorted((base / "rules" / "content" / "lexicon").glob("*.json")):
        _keep(folder, f"rules/content/lexicon/{path.name}", path)  # the weights of the screening
    places = [(p, "rules", n) for p, n in _files(base / "rules")]
    places += [(p, "policies", n) for p, n in _files(base / "policies")]
    if own is not None:
        places += [(p, "rules" if n.startswith("rules/") else "policies", n.removeprefix("rules/")) for p, n in _files(own)]
    for path, kind, name in places:
        if "content/lexicon/" in f"{kind}/{name}":
            _keep(folder, f"{kind}/{name}", path)  # read by the screening, part of the digest
            continue
        try:
            node = read(path, _shown(path))
        except LoadError as error:
            folder.problems.found += error.problems
            continue
        if not isinstance(node.value, dict):
            folder.problems.add(node, "the file must hold a mapping", "文件内容应为映射")
            continue
        if own is not None and name.endswith(".cases") and not path.is_relative_to(own):
            continue  # the shipped cases speak of the shipped profiles
        _place(folder, kind, name, node)
        if not name.endswith(".cases") and not {"articles", "handbook"} & set(name.split("/")):
            _keep(folder, f"{kind}/{name}", path)
    for path in sorted(own.rglob("*.yml")) if own is not None else ():
        folder.problems.add(Node(None, _shown(path), 0, ""), "is not read; name it .yaml", "不会被读取；请以 .yaml 命名")
    folder.digest = policy_digest([list(f) for f in folder.files])
    return folder


def _keep(folder: Folder, name: str, path: Path) -> None:
    folder.files.append((name, path.read_bytes().decode("utf-8", "replace")))


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(root.rglob("*.yaml")):
        yield path, path.relative_to(root).as_posix().removesuffix(".yaml")


def _place(folder: Folder, kind: str, name: str, node: Node) -> None:
    if name.endswith(".cases"):
        folder.cases[f"{kind}/{name.removesuffix('.cases')}"] = node
        return
    if kind == "rules" and name.startswith("vocabulary/"):
        folder.vocabulary.append(node)
        return
    if name.startswith("profiles/"):
        table, key = folder.profiles, name.removeprefix("profiles/")
    elif kind == "rules":
        table, key = folder.rules, name
    else:
        places = {"series": folder.series, "calendars": folder.calendars, "articles": folder.articles, "handbook": folder.handbooks}
        table, key = places.get(name.split("/")[-2:][0], folder.policies), name.replace("/", ".")
    if key in table:
        folder.problems.add(node, f"`{key}` is there already; choose another path", f"`{key}` 已存在；请换路径")
    table[key] = node


def known(node: Node, keys: set[str], problems: Problems) -> None:
    """Notes every key of a mapping that is not among these."""
    for key, child in node.mapping.items():
        if key not in keys:
            hint = did_you_mean(key, keys)
            problems.add(child, f"unknown key `{key}`{hint.en}", f"未知的键 `{key}`{hint.zh}")


def mappings(node: Node, keys: Iterable[str], problems: Problems) -> None:
    """Notes every one of these keys that is there and holds no mapping."""
    for key in keys:
        if key in node.mapping and not isinstance(node.mapping[key].value, dict):
            problems.add(node.mapping[key], f"`{key}` must be a mapping", f"`{key}` 应为映射")


def both(node: Node, key: str, problems: Problems, fallback: Node | None = None) -> Text:
    """A text that must be there in both languages, here or in the fallback."""
    found = node.mapping.get(key) or (fallback.mapping.get(key) if fallback else None)
    parts = found.mapping if found else {}
    if not (parts.get("en") and parts.get("zh")):
        problems.add(found or node, f"`{key}` in `en` and `zh` is missing", f"缺少 `{key}` 的 `en` 与 `zh`")
        return Text("", "")
    known(found or node, {"en", "zh"}, problems)
    return Text(parts["en"].text, parts["zh"].text)


def date_of(node: Node, problems: Problems) -> int | None:
    """A scalar as a day; None after noting a problem."""
    try:
        return when.parse_date(node.text)
    except ValueError:
        problems.add(node, f"must be a date such as 2026-01-31, got `{node.text}`", f"应为日期，如 2026-01-31，实为 `{node.text}`")
        return None


# --- calendars ---------------------------------------------------------------------------------------------------------

_CALENDAR_KEYS = {"title", "zone", "sources", "known_from", "known_until", "years"}


def calendar(name: str, node: Node, problems: Problems) -> when.Calendar | None:
    """Holidays and make-up workdays of the years a calendar file knows; None after noting a problem."""
    known(node, _CALENDAR_KEYS, problems)
    both(node, "title", problems)
    parts = node.mapping
    ends = [date_of(parts[k], problems) if k in parts else None for k in ("known_from", "known_until")]
    if None in ends:
        problems.add(node, "`known_from` and `known_until` are missing", "缺少 `known_from` 与 `known_until`")
        return None
    first, last = ends
    sets: dict[str, set[int]] = {"holidays": set(), "workdays": set()}
    for year in parts["years"].mapping.values() if "years" in parts else ():
        known(year, {"cite", *sets}, problems)
        if "cite" not in year.mapping:
            problems.add(year, "a year without a citation does not load; add `cite`", "没有出处的年份不能载入；请添加 `cite`")
        for kind in sets:
            sets[kind] |= _days(year.mapping.get(kind), problems)
    assert first is not None
    assert last is not None
    for day in sorted(d for days in sets.values() for d in days if not first <= d <= last):
        problems.add(node, f"{when.format_date(day)} lies outside the known days", f"{when.format_date(day)} 不在已知日期范围内")
    return when.Calendar(name, frozenset(sets["holidays"]), frozenset(sets["workdays"]), first, last)


def _days(node: Node | None, problems: Problems) -> set[int]:
    return {d for d in (date_of(n, problems) for n in (node.items if node else ())) if d is not None}


# --- tables ------------------------------------------------------------------------------------------------------------

_TABLE_KEYS = {"title", "sources", "by", "gives", "rows", "known_until", "cite", "confidence", "checked_on"}
_KEY_TYPES = ("date", "money", "count", "days", "rate", "word")


def table(name: str, node: Node, scope: Scope) -> Table | None:
    """A table of law; None after noting a problem."""
    problems, parts = scope.problems, node.mapping
    known(node, _TABLE_KEYS, problems)
    kinds = tuple(n.text for n in parts["by"].items) if "by" in parts else ()
    gives = parts["gives"].text if "gives" in parts else ""
    if not kinds or set(kinds) - set(_KEY_TYPES) or gives not in {*v.NUMERIC, "enum"} or "rows" not in parts:
        words = ", ".join(_KEY_TYPES)
        problems.add(node, f"a table needs `by` ({words}), `gives` and `rows`", f"表须有 `by`（{words}）、`gives` 与 `rows`")
        return None
    if "cite" not in parts:
        problems.add(node, "a table without a citation does not load; add `cite`", "没有出处的表不能载入；请添加 `cite`")
    currencies: set[str] = set()
    rows = _rows(parts["rows"], kinds, gives, scope, currencies)
    if len(currencies) > 1:
        problems.add(node, "one currency per table", "一张表只能用一种币种")
    until = date_of(parts["known_until"], problems) if "known_until" in parts else None
    return Table(name, kinds, gives, rows, until, min(currencies, default=""))


def _rows(node: Node, kinds: tuple[str, ...], gives: str, scope: Scope, currencies: set[str]) -> Rows:
    found: Rows = {}
    for text, child in node.mapping.items():
        key = _row_key(text, kinds[0], child, scope.problems, currencies)
        if key is None:
            continue
        if len(kinds) > 1:
            found[key] = _rows(child, kinds[1:], gives, scope, currencies)
            continue
        value = literal("enum" if gives == "enum" else gives, child, scope)
        if isinstance(value, v.Money):
            currencies.add(value.currency)
            found[key] = v.Range(value.amount, value.amount)
        elif isinstance(value, frozenset):
            found[key] = v.Words(value)
        elif isinstance(value, int):
            found[key] = v.Range(value, value)
    return found


def _row_key(text: str, kind: str, node: Node, problems: Problems, currencies: set[str]) -> int | str | None:
    try:
        if kind == "word":
            return text
        if kind == "money":
            amount = v.parse_money(text)
            currencies.add(amount.currency)
            return amount.amount
        return v.parse_number(kind, text)
    except ValueError:
        problems.add(node, f"must be a {kind}, got `{text}`", f"应为 {kind}，实为 `{text}`")
        return None


