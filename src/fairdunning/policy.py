"""Policies: dated, cited constraints bound to rules, and the profile that uses them.

`load` reads rules, policies and a profile, reports everything wrong at once, and returns a `Policy` with its program.
"""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fairdunning import condition as c
from fairdunning import rule as r
from fairdunning import when
from fairdunning.condition import Expr, Slot, Tree
from fairdunning.errors import LoadError, Problem, Text, did_you_mean
from fairdunning.facts import Context, Item
from fairdunning.program import All, Plain, Program, Test, Unit
from fairdunning.vocabulary import Vocabulary, parse_vocabulary
from fairdunning.yamlfile import Node, Problems, read

FORCES = ("prohibition", "presumption", "guidance", "advice")
CONFIDENCE = ("text", "secondary", "recall")
_LINE_KEYS = {"cite", "force", "status", "because", "confidence", "checked_on"}
_CONSTRAINT_KEYS = {"rule", "force", "scope", "values", "unless", "as_of", "confidence", "checked_on", "title", "message", "why",
                    "wrong_when", "requires", "when", "moment", "status", "because"}
_POLICY_KEYS = {"zone", "clock", "sources", "constraints"}
_PROFILE_KEYS = {"title", "use", "records", "raise"}


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
    """One dated line of a constraint: in force from ``start`` (in) to ``end`` (out, None: open)."""

    start: int
    end: int | None
    force: str
    cite: Cite
    values: dict[str, tuple[str, object]]
    bound: r.Bound
    unless: dict[str, str]


@dataclass(frozen=True)
class Constraint:
    """A rule bound to an authority; its id is its path."""

    id: str
    rule: str
    clock: str
    law_date: Expr
    variants: tuple[Variant, ...]
    moment: str
    status: str
    title: Text
    message: Text
    why: Text
    node: Node


@dataclass(frozen=True)
class Policy:
    """Everything one profile runs, immutable: constraints, program, slots, digest of every file it came from."""

    profile: str
    digest: str
    vocabulary: Vocabulary
    constraints: tuple[Constraint, ...]
    program: Program
    slots: tuple[Slot, ...]
    units: tuple[tuple[Constraint, Variant], ...]
    records: dict[str, int]
    raised: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def shipped() -> Path:
    """The folder that holds ``rules/`` and ``policies/``: the repository's when run from it, else the wheel's own."""
    repository = Path(__file__).resolve().parents[2]
    if (repository / "rules").is_dir() and (repository / "policies").is_dir():
        return repository
    return Path(str(importlib.resources.files("fairdunning").joinpath("law")))


@dataclass
class Folder:
    """All files by id: vocabulary, rules, policies, profiles, cases; and the digest of what judges."""

    vocabulary: list[Node] = field(default_factory=list)
    rules: dict[str, Node] = field(default_factory=dict)
    policies: dict[str, Node] = field(default_factory=dict)
    profiles: dict[str, Node] = field(default_factory=dict)
    cases: dict[str, Node] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)
    digest: str = ""


def read_folder(own: Path | None = None) -> Folder:
    """Reads the shipped files and an organisation's folder laid over them; problems are collected, not raised."""
    folder, base, seen = Folder(), shipped(), hashlib.sha256()
    places: list[tuple[Path, str, str]] = [(p, "rules", n) for p, n in _files(base / "rules")]
    places += [(p, "policies", n) for p, n in _files(base / "policies")]
    if own is not None:
        places += [(p, "rules" if n.startswith("rules/") else "policies", n.removeprefix("rules/")) for p, n in _files(own)]
    for path, kind, name in places:
        try:
            node = read(path, _shown(path))
        except LoadError as error:
            folder.problems.found += error.problems
            continue
        _place(folder, kind, name, node)
        if not name.endswith(".cases"):
            seen.update(f"{kind}/{name}\0".encode() + path.read_bytes())
    folder.digest = "sha256:" + seen.hexdigest()
    return folder


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
    elif kind == "rules" and name.startswith("vocabulary/"):
        folder.vocabulary.append(node)
    elif name.startswith("profiles/"):
        folder.profiles[name.removeprefix("profiles/")] = node
    else:
        table = folder.rules if kind == "rules" else folder.policies
        key = name if kind == "rules" else name.replace("/", ".")
        if key in table:
            folder.problems.add(node, f"`{key}` is shipped already; choose another path", f"`{key}` 已随产品提供；请换路径")
        table[key] = node


def load(profile: str, own: Path | None = None) -> Policy:
    """The policy of a profile; raises LoadError with everything wrong in any file."""
    folder = read_folder(own)
    vocabulary = parse_vocabulary(folder.vocabulary, folder.problems)
    check_rules(folder, vocabulary)
    found = [con for name, node in folder.policies.items() for con in _constraints(name, node, folder, vocabulary)]
    chosen = folder.profiles.get(profile)
    if chosen is None:
        hint = did_you_mean(profile, folder.profiles)
        folder.problems.found.append(Problem(f"profiles/{profile}.yaml", 0, "", Text(
            f"there is no such profile{hint.en}", f"没有这个机构配置{hint.zh}")))
    folder.problems.raise_if_any()
    assert chosen is not None
    policy = _profile(profile, chosen, found, folder, vocabulary)
    folder.problems.raise_if_any()
    return policy


def check_rules(folder: Folder, vocabulary: Vocabulary) -> None:
    """Checks the keys and both languages of every rule."""
    for node in folder.rules.values():
        _known(node, r.RULE_KEYS, folder.problems)
        r.parameters_of(node, folder.problems)
        for key in ("title", "message", "why"):
            _both(node, key, folder.problems)
    if "events" not in vocabulary.facts:
        folder.problems.found.append(Problem("rules/vocabulary", 0, "events", Text("the list `events` is missing", "缺少 `events` 列表")))


def _known(node: Node, keys: set[str], problems: Problems) -> None:
    for key, child in node.mapping.items():
        if key not in keys:
            hint = did_you_mean(key, keys)
            problems.add(child, f"unknown key `{key}`{hint.en}", f"未知的键 `{key}`{hint.zh}")


def _both(node: Node, key: str, problems: Problems, fallback: Node | None = None) -> Text:
    found = node.mapping.get(key) or (fallback.mapping.get(key) if fallback else None)
    parts = found.mapping if found else {}
    if not (parts.get("en") and parts.get("zh")):
        problems.add(found or node, f"`{key}` in `en` and `zh` is missing", f"缺少 `{key}` 的 `en` 与 `zh`")
        return Text("", "")
    return Text(parts["en"].text, parts["zh"].text)


def _constraints(name: str, node: Node, folder: Folder, vocabulary: Vocabulary) -> list[Constraint]:
    problems = folder.problems
    _known(node, _POLICY_KEYS, problems)
    parts = node.mapping
    zone = parts["zone"].text if "zone" in parts else ""
    try:
        when.zone(zone)
    except ValueError:
        problems.add(parts.get("zone", node), f"unknown zone `{zone}`", f"未知的时区 `{zone}`")
        return []
    clock = parts["clock"].text if "clock" in parts else "authority"
    if clock not in {"authority", "debtor"}:
        problems.add(parts["clock"], "must be authority or debtor", "应为 authority 或 debtor")
    clock = zone if clock == "authority" else "debtor"
    body = parts["constraints"].mapping if "constraints" in parts else {}
    found = [_constraint(f"{name}.{key}", child, clock, zone, node, folder, vocabulary) for key, child in body.items()]
    return [f for f in found if f]


def _constraint(name: str, node: Node, clock: str, zone: str, file: Node, folder: Folder, vocabulary: Vocabulary) -> Constraint | None:
    problems, parts = folder.problems, node.mapping
    _known(node, _CONSTRAINT_KEYS, problems)
    rule_name = parts["rule"].text if "rule" in parts else ""
    rule = folder.rules.get(rule_name, node if not rule_name else None)
    if rule is None:
        hint = did_you_mean(rule_name, folder.rules)
        problems.add(parts["rule"], f"there is no rule `{rule_name}`{hint.en}", f"没有规则 `{rule_name}`{hint.zh}")
        return None
    force = parts["force"].text if "force" in parts else ""
    if force not in FORCES:
        problems.add(parts.get("force", node), f"force must be one of {', '.join(FORCES)}", f"force 应为 {'、'.join(FORCES)} 之一")
    variants = _variants(node, rule, force, clock, file, folder, vocabulary)
    law = r.expression(parts["as_of"].text if "as_of" in parts else "action.at", parts.get("as_of", node),
                       r.Scope(vocabulary, problems, zone))
    if law is None or not variants:
        return None
    moment = next((n.mapping["moment"].text for n in (node, rule) if "moment" in n.mapping), "before")
    return Constraint(name, rule_name, clock, r.local_date(law, zone), variants, moment,
                      parts["status"].text if "status" in parts else "enforced", _both(node, "title", problems, rule),
                      _both(node, "message", problems, rule), _both(node, "why", problems, rule), node)


def _variants(node: Node, rule: Node, force: str, clock: str, file: Node, folder: Folder, vocabulary: Vocabulary) -> tuple[Variant, ...]:
    problems, parts = folder.problems, node.mapping
    lines = parts["values"].mapping if "values" in parts else {}
    if not lines:
        problems.add(node, "`values` with a date and a citation are missing", "缺少带日期与出处的 `values`")
    dated: list[tuple[int, Node]] = []
    for text, line in lines.items():
        try:
            dated.append((when.parse_date(text), line))
        except ValueError:
            problems.add(line, f"must be a date, got `{text}`", f"应为日期，实为 `{text}`")
    dated.sort(key=lambda d: d[0])
    ends = [d for d, _ in dated[1:]] + [None]
    found = [_variant(start, end, line, node, rule, force, clock, file, folder, vocabulary)
             for (start, line), end in zip(dated, ends, strict=True) if line.value is not None]
    return tuple(f for f in found if f)


def _variant(start: int, end: int | None, line: Node, node: Node, rule: Node, force: str, clock: str, file: Node,
             folder: Folder, vocabulary: Vocabulary) -> Variant | None:
    problems = folder.problems
    cite = _cite(line, node, file, problems)
    declared = r.parameters_of(rule, Problems())
    values: dict[str, tuple[str, object]] = {}
    for key, child in line.mapping.items():
        if key in declared:
            value = r.literal(declared[key].type, child, problems)
            values[key] = (declared[key].type, value)
        elif key not in _LINE_KEYS:
            hint = did_you_mean(key, declared)
            problems.add(child, f"unknown parameter `{key}`{hint.en}", f"未知参数 `{key}`{hint.zh}")
    for key in sorted(set(declared) - set(values)):
        problems.add(line, f"parameter `{key}` has no value", f"参数 `{key}` 没有值")
    if cite is None or set(declared) - set(values) or any(x[1] is None for x in values.values()):
        return None
    scope = r.Scope(vocabulary, problems, clock)
    bound = r.bind(rule, values, scope)
    own = r.tree(node.mapping["scope"], scope) if "scope" in node.mapping and rule is not node else c.ALWAYS
    granted, exceptions = _granted(node, bound, scope, rule is node)
    bound = r.Bound(c.And((own, bound.wrong)), c.And((own, bound.premise)), exceptions, bound.names)
    own_force = line.mapping["force"].text if "force" in line.mapping else force
    return Variant(start, end, own_force, cite, values, bound, granted)


def _granted(node: Node, bound: r.Bound, scope: r.Scope, own: bool) -> tuple[dict[str, str], dict[str, Tree]]:
    granted: dict[str, str] = {}
    trees: dict[str, Tree] = {}
    entries = node.mapping["unless"].mapping if "unless" in node.mapping else {}
    for name, child in entries.items():
        if "when" in child.mapping and "cite" in child.mapping:
            granted[name], trees[name] = child.mapping["cite"].text, r.tree(child.mapping["when"], scope)
        elif name in bound.unless and child.text and not own:
            granted[name], trees[name] = child.text, bound.unless[name]
        else:
            hint = did_you_mean(name, bound.unless)
            scope.problems.add(child, f"the rule knows no exception `{name}`, or its citation is missing{hint.en}",
                               f"规则没有例外 `{name}`，或缺少出处{hint.zh}")
    return granted, trees


def rule_alone(name: str, case: Node, folder: Folder, vocabulary: Vocabulary) -> Constraint:
    """A rule as a constraint of no authority, with the parameters and exceptions of a case; raises LoadError."""
    problems, rule = Problems(), folder.rules[name]
    declared = r.parameters_of(rule, problems)
    given = case.mapping["with"].mapping if "with" in case.mapping else {}
    values = {k: (declared[k].type, r.literal(declared[k].type, n, problems)) for k, n in given.items() if k in declared}
    for key in sorted(set(declared) ^ set(given)):
        problems.add(case, f"`with` must give the parameters of the rule, see `{key}`", f"`with` 须给出规则的参数，见 `{key}`")
    problems.raise_if_any()
    scope = r.Scope(vocabulary, problems, "UTC")
    bound = r.bind(rule, values, scope)
    names = [n.text for n in case.mapping["unless"].items] if "unless" in case.mapping else []
    law = r.expression("action.date", case, scope)
    problems.raise_if_any()
    assert law is not None
    shown = r.Bound(bound.wrong, bound.premise, {n: bound.unless[n] for n in names if n in bound.unless}, bound.names)
    cite = Cite("", "", Text("", ""), "", "text")
    variant = Variant(when.parse_date("1900-01-01"), None, "prohibition", cite, values, shown, {})
    return Constraint(name, name, "UTC", law, (variant,), "before", "enforced", Text("", ""), Text("", ""), Text("", ""), rule)


def _cite(line: Node, node: Node, file: Node, problems: Problems) -> Cite | None:
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
    return Cite(key, place, _both(source, "title", problems), since, confidence)


def _profile(name: str, node: Node, found: list[Constraint], folder: Folder, vocabulary: Vocabulary) -> Policy:
    problems, parts = folder.problems, node.mapping
    _known(node, _PROFILE_KEYS, problems)
    patterns = [n.text for n in parts["use"].items] if "use" in parts else []
    used = tuple(con for con in found if any(matches(con.id, p) for p in patterns) and con.status == "enforced")
    if not used:
        problems.add(node, "the profile uses no constraint", "该配置没有使用任何约束")
    records = {}
    for kind, entry in parts["records"].mapping.items() if "records" in parts else ():
        records[kind] = when.parse_date(entry.mapping["complete_since"].text)
    raised = tuple(parts["raise"].mapping) if "raise" in parts else ()
    slots, units, program = lower(used)
    return Policy(name, folder.digest, vocabulary, used, program, slots, units, records, raised)


def matches(name: str, pattern: str) -> bool:
    """Whether an id is named by a pattern: itself, or everything below ``prefix.*``."""
    return name == pattern or pattern == "*" or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def lower(constraints: tuple[Constraint, ...]) -> tuple[tuple[Slot, ...], tuple[tuple[Constraint, Variant], ...], Program]:
    """One unit per dated line; slot i of a unit's gate is 1 when the line may be in force."""
    pairs = tuple((con, variant) for con in constraints for variant in con.variants)
    slots: list[Slot] = []
    numbers: dict[object, int] = {}

    def index(slot: Slot) -> int:
        if slot.key not in numbers:
            numbers[slot.key] = len(slots)
            slots.append(slot)
        return numbers[slot.key]

    units = []
    for con, variant in pairs:
        gate = index(_gate(con, variant))
        shut: tuple[Plain, ...] = tuple(c.not_shown(t, index) for t in variant.bound.unless.values())
        opened = (Test(gate, "hi", ">=", 1),)
        units.append(Unit(f"{con.id}@{when.format_date(variant.start)}", All((*opened, c.must(variant.bound.wrong, index), *shut)),
                          All((*opened, c.may(variant.bound.wrong, index), *shut))))
    return tuple(slots), pairs, Program(len(slots), tuple(units))


def _gate(con: Constraint, variant: Variant) -> Slot:
    read_date = c.number(con.law_date)

    content = any(f.startswith("message.") for slot in c.slots_of(variant.bound.wrong) for f in slot.facts)

    def read_gate(ctx: Context, item: Item | None) -> tuple[int, int]:
        if content and "message" not in ctx.case.nouns:
            return 0, 0  # no message in the case: content constraints are out of scope
        day = read_date(ctx, item)
        end = variant.end if variant.end is not None else 10**9
        if day.lo > day.hi:
            return 0, 0
        return int(variant.start <= day.lo and day.hi < end), int(day.lo < end and variant.start <= day.hi)

    return Slot(("gate", content, con.law_date.key, variant.start, variant.end), read_gate, con.law_date.facts)
