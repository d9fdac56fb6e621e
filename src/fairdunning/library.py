"""What people ask of the law itself: describe, find, warn, list facts, begin a new file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairdunning import when
from fairdunning.book import FOREVER
from fairdunning.constraint import Constraint, Variant
from fairdunning.errors import LoadError, Problem, Text, did_you_mean
from fairdunning.evaluate import evaluate
from fairdunning.policy import Policy
from fairdunning.schema import fact_schema
from fairdunning.vocabulary import Fact, Vocabulary
from fairdunning.yamlfile import Node

_HEADS = {
    "en": ("force", "from", "until", "values", "by", "confidence", "unless", "why", "example"),
    "zh": ("效力", "自", "至", "取值", "依据", "可信度", "例外", "理由", "示例"),
}


def constraint_of(policy: Policy, name: str) -> Constraint:
    """The constraint of this id; raises KeyError with a hint."""
    for con in policy.constraints:
        if con.id == name:
            return con
    hint = did_you_mean(name, [c.id for c in policy.constraints])
    raise KeyError(f"there is no constraint `{name}`{hint.en} / 没有约束 `{name}`{hint.zh}")


def described(policy: Policy, name: str, lang: str) -> Iterator[str]:
    """A constraint in lines: title, each dated line with its source, exceptions, why; raises KeyError."""
    con = constraint_of(policy, name)
    heads = dict(zip(("force", "from", "until", "values", "by", "confidence", "unless", "why", "example"), _HEADS[lang], strict=True))
    yield f"{con.id}: {getattr(con.title, lang)}"
    for variant in con.variants:
        yield f"  {heads['force']} {variant.force}, {heads['from']} {_day(variant.start)} {heads['until']} {_day(variant.end)}"
        source = f"{getattr(variant.cite.title, lang)} {place(variant.cite.at, lang)}"
        yield f"    {heads['by']} {source} ({heads['confidence']}: {variant.cite.confidence})"
        for key, (_, value) in variant.values.items():
            yield f"    {heads['values']} {key}: {said(value)}"
        for key, cite in variant.unless.items():
            yield f"    {heads['unless']} {key}: {cite}"
        for line in _examples(variant, lang):
            yield f"    {heads['example']}: {line}"
    yield f"  {heads['why']}: {getattr(con.why, lang)}"


def _day(day: int) -> str:
    return "-" if abs(day) >= FOREVER else when.format_date(day)


def said(value: object) -> str:
    """A parameter's value as text."""
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if isinstance(value, when.Timetable):
        days = dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), value.days, strict=True)) | {"holiday": value.holiday or ()}
        return "; ".join(f"{d} {_spans(s)}" for d, s in days.items() if d != "holiday" or value.holiday is not None)
    return str(getattr(value, "name", value))


def _spans(spans: when.Spans) -> str:
    return ", ".join(f"{a // 3600:02}:{a % 3600 // 60:02}-{b // 3600:02}:{b % 3600 // 60:02}" for a, b in spans) or "none"


def _examples(variant: Variant, lang: str) -> Iterator[str]:
    """The calendar of an example for each span of days: windows count their first day, deadlines do not."""
    friday = when.parse_date("2026-11-13")
    for key, (_, value) in variant.values.items():
        if isinstance(value, when.Period) and value.unit in {"days", "weeks", "months", "years"}:
            last = when.add(friday, value)
            if last is not None:
                inside, deadline = when.format_date(last - 1), when.format_date(last)
                texts = {
                    "en": f"{key}: something on Friday 2026-11-13 lies inside a window to {inside}; a deadline from then ends on {deadline}",
                    "zh": f"{key}：2026-11-13（周五）发生的事件，窗口内至 {inside}；自该日起算的期限届满于 {deadline}",
                }
                yield texts[lang]


def place(at: str, lang: str) -> str:
    """A place in a source as people write it: words for what is no article number."""
    if lang == "en" or "§" in at:
        return at
    found = re.fullmatch(r"(point|item) (\d+)", at)
    if found:
        return f"第 {found[2]} {'点' if found[1] == 'point' else '项'}"
    return "条款号未核实" if "not verified" in at else ""


def cites(con: Constraint, lang: str) -> str:
    """The sources of a constraint on one line."""
    return "; ".join(sorted({f"{getattr(v.cite.title, lang)} {place(v.cite.at, lang)}".strip() for v in con.variants}))


def found(policy: Policy, words: tuple[str, ...]) -> Iterator[Constraint]:
    """Constraints that say every word somewhere, in either language."""
    for con in policy.constraints:
        text = " ".join((con.id, con.rule, *con.title, *con.message, *con.why, cites(con, "en"), cites(con, "zh"))).lower()
        if all(word.lower() in text for word in words):
            yield con


def offended(policy: Policy, tags: frozenset[str], claims: frozenset[str]) -> list[tuple[str, str, str]]:
    """Constraints whose banned content or untrue claims are among these: id, title in both languages, sources."""
    entries = []
    for con in policy.constraints:
        for variant in con.variants:
            banned = {key: value for key, (_, value) in variant.values.items() if isinstance(value, frozenset)}
            if tags & banned.get("banned", frozenset()) or claims & banned.get("claims", frozenset()):
                entries.append((con.id, f"{con.title.en} / {con.title.zh}", cites(con, "zh")))
    return sorted(set(entries))


def warnings(policy: Policy) -> Iterator[Text]:
    """What deserves a look: constraints of the same place that the profile leaves out, twins, `not` on what may not exist."""
    for name in policy.unused:
        yield Text(f"{name}: not used by the profile", f"{name}：该配置未使用")
    seen: dict[str, str] = {}
    for con in policy.constraints:
        if "rule" in con.node.mapping:
            continue
        condition = repr(
            [con.node.mapping[k].plain() for k in ("scope", "wrong_when", "when", "requires", "measures", "define") if k in con.node.mapping]
        )
        if condition in seen:
            yield Text(f"{con.id}: the same condition as {seen[condition]}; make it a rule", f"{con.id}：条件与 {seen[condition]} 相同；请提取为规则")
        seen.setdefault(condition, con.id)
        yield from _not_on_optional(con, con.node, policy.vocabulary)


def _not_on_optional(con: Constraint, node: Node, vocabulary: Vocabulary) -> Iterator[Text]:
    for name, child in node.mapping.items():
        fact = vocabulary.facts.get(name)
        if fact is not None and fact.optional and "not" in child.mapping and "exists" not in child.mapping:
            yield Text(
                f"{child.file}:{child.line}: {con.id}: `not` on `{name}` is true when there is none; add `exists`",
                f"{child.file}:{child.line}: {con.id}：`{name}` 不存在时 `not` 为真；请加 `exists`",
            )
        yield from _not_on_optional(con, child, vocabulary)
    if isinstance(node.value, list):
        for child in node.value:
            yield from _not_on_optional(con, child, vocabulary)


# --- facts -------------------------------------------------------------------------------------------------------------


def facts_for(policy: Policy, action: str) -> Iterator[tuple[str, Fact, str]]:
    """Facts with what they are to a kind of action: required, sharpens or seldom (some constraint asks for it); all facts without one."""
    asked = _asked(policy, action) if action else frozenset()
    for name, fact in sorted(policy.vocabulary.facts.items()):
        if not action:
            yield name, fact, ""
        elif fact.derived is None:
            need = "required" if action in fact.required else ("sharpens" if action in fact.sharpens else "seldom")
            if need != "seldom" or name in asked:
                yield name, fact, need


def _asked(policy: Policy, action: str) -> frozenset[str]:
    """The facts that would decide something when nothing but the kind of action is known; none for a word that is no kind."""
    if action not in policy.vocabulary.facts["action.kind"].words:
        return frozenset()
    verdict = evaluate({"action": {"kind": action, "at": "2026-11-24T10:00:00+08:00"}, "message": {"tags": None}}, policy)
    return frozenset(name for found in (*verdict.findings, *verdict.obligations, *verdict.advice) for name in found.missing)


def data_contract(policy: Policy, action: str) -> dict[str, Any]:
    """The facts of an action as a JSON Schema over dotted names."""
    entries = [(name, fact, need) for name, fact, need in facts_for(policy, action) if fact.derived is None]
    return {
        "type": "object",
        "required": [name for name, _, need in entries if need == "required"],
        "properties": {name: fact_schema(fact) for name, fact, _ in entries},
    }


# --- new files ---------------------------------------------------------------------------------------------------------

_RULE = """title: {en: TODO, zh: 待填写}
parameters: {cap: {type: count, stricter: lower}}
scope: {action.kind: call}
measures:
  calls: {count: events, where: {kind: call, direction: outbound}, same: [person, debt], this: day}
wrong_when: {calls: {at_least: $cap}}
message: {en: "{calls} calls (cap {cap}).", zh: "已拨打 {calls} 次（上限 {cap} 次）。"}
why: {en: Say why and what to do instead., zh: 说明理由及正确做法。}
"""
_GIVEN = """given:
  action: {id: A1, kind: call, at: "2026-11-24T10:00:00+08:00", person: P1, debts: [D1], purpose: demand}
  persons: [{id: P1, roles: [debtor]}]
  debts: [{id: D1, due: 2026-10-05, contract: {signed_on: 2026-01-10}}]
  history: {complete_since: 2026-01-01}
  events: [{id: E1, kind: call, direction: outbound, outcome: no_answer, at: "2026-11-24T09:00:00+08:00", person: P1, counts_for: [D1]}]
cases:
"""
_RULE_CASES = (
    _GIVEN
    + """  - {name: at the cap, with: {cap: 1}, given: {}, expect: wrong}
  - {name: one below the cap, with: {cap: 2}, given: {}, expect: silent}
  - {name: the record does not say, with: {cap: 2}, given: {history: {complete_since: null}, events: []}, expect: undecided}
"""
)
_POLICY = """zone: Asia/Shanghai
clock: authority
sources:
  board: {title: {en: Decision of the board, zh: 董事会决定}, body: our board, from: 2026-01-01}
constraints:
  calls-a-day:
    title: {en: Too many calls a day, zh: 当日拨打过多}
    message: {en: "{calls} calls (cap {cap}).", zh: "已拨打 {calls} 次（上限 {cap} 次）。"}
    why: {en: Say why and what to do instead., zh: 说明理由及正确做法。}
    force: guidance
    confidence: text
    checked_on: 2026-01-01
    parameters: {cap: {type: count, stricter: lower}}
    scope: {action.kind: call}
    measures:
      calls: {count: events, where: {kind: call, direction: outbound}, same: [person, debt], this: day}
    wrong_when: {calls: {at_least: $cap}}
    values:
      2026-01-01: {cap: 1, cite: "board decision 1"}
"""
_POLICY_CASES = (
    _GIVEN
    + """  - {name: at the cap, constraint: calls-a-day, given: {}, expect: wrong}
  - {name: no call yet, constraint: calls-a-day, given: {events: []}, expect: silent}
  - {name: the record does not say, constraint: calls-a-day, given: {history: {complete_since: null}, events: []}, expect: undecided}
  - {name: the day before, constraint: calls-a-day, given: {action: {at: "2025-12-31T10:00:00+08:00"}}, expect: not_in_force}
"""
)


def new(kind: str, path: Path) -> list[Path]:
    """Writes a rule or policy file with its cases; raises LoadError rather than overwrite anything."""
    texts = (_RULE, _RULE_CASES) if kind == "rule" else (_POLICY, _POLICY_CASES)
    stem = path.with_suffix("") if path.suffix == ".yaml" else path
    files = [stem.with_name(stem.name + ".yaml"), stem.with_name(stem.name + ".cases.yaml")]
    for file in files:
        if file.exists():
            raise LoadError([Problem(str(file), 0, "", Text("exists already; choose another name", "已存在；请换一个名称"))])
    stem.parent.mkdir(parents=True, exist_ok=True)
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    return files
