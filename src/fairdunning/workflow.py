"""The verbs behind every face: check documents, run the cases beside the law, list facts, make an organisation's folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairdunning import value as v
from fairdunning.engines.compiled import CompiledEngine
from fairdunning.engines.pair import PairEngine
from fairdunning.errors import CaseError, EngineUnavailable, LoadError, Problem, Text
from fairdunning.evaluate import context, debts_of, evaluate, status_of, vector, zones_of
from fairdunning.facts import read_case
from fairdunning.policy import Constraint, Folder, Policy, load, lower, read_folder, rule_alone
from fairdunning.program import Engine
from fairdunning.verdict import Verdict
from fairdunning.vocabulary import Fact, Vocabulary
from fairdunning.yamlfile import Node

MAX_DOCUMENT = 20 * 1024 * 1024
EXPECTATIONS = ("wrong", "undecided", "silent", "not_in_force")
_WORDS = {2: "wrong", 1: "undecided", 0: "silent"}


@dataclass
class Report:
    """Failed cases as problems, how many ran, and which expectations each constraint was proved to meet."""

    failures: list[Problem] = field(default_factory=list)
    ran: int = 0
    proved: dict[str, set[str]] = field(default_factory=dict)


def parse_json(text: str, file: str) -> Any:
    """A JSON document without NaN and without duplicate keys; raises CaseError."""

    def pairs(entries: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(entries)
        if len(found) < len(entries):
            raise ValueError("duplicate key")
        return found

    def refuse(name: str) -> Any:
        raise ValueError(name)

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise CaseError([Problem(file, 0, "", Text(f"not a valid JSON document: {error}", f"不是有效的 JSON 文档：{error}"))]) from error


def documents(path: str, text: str) -> Iterator[tuple[str, Any]]:
    """The case documents of a JSON file, or of each line of JSONL, with how problems call them."""
    if len(text.encode("utf-8", "replace")) > MAX_DOCUMENT:
        raise CaseError([Problem(path, 0, "", Text("larger than 20 MiB; split it", "超过 20 MiB；请拆分"))])
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if path.endswith(".jsonl") or (path == "-" and len(lines) > 1 and lines[0][1].rstrip().endswith("}")):
        for i, line in lines:
            yield f"{path}:{i}", parse_json(line, f"{path}:{i}")
    else:
        yield path, parse_json(text, path)


def engine_for(policy: Policy) -> Engine:
    """Both engines, or the compiled one alone where durable-rules is not installed (each verdict says which)."""
    try:
        return PairEngine(policy.program)
    except EngineUnavailable:
        return CompiledEngine(policy.program)


def check(document: Any, policy: Policy, file: str, engine: Engine | None = None) -> Verdict:
    """The verdict on one document."""
    return evaluate(document, policy, engine, file)


def run_cases(profile: str, own: Path | None = None) -> Report:
    """Runs every case file of the folders; raises LoadError when the policy itself does not load."""
    policy, folder, report = load(profile, own), read_folder(own), Report()
    for name, node in folder.cases.items():
        for case in node.mapping["cases"].items if "cases" in node.mapping else ():
            try:
                _run(case, node, name, policy, folder, report, own)
            except (CaseError, LoadError) as error:
                text = "; ".join(f"{p.key}: {p.text.en}" for p in error.problems)
                zh = "；".join(f"{p.key}: {p.text.zh}" for p in error.problems)
                report.failures.append(Problem(case.file, case.line, _name(case), Text(text, zh)))
            report.ran += 1
    return report


def _name(case: Node) -> str:
    return case.mapping["name"].text if "name" in case.mapping else case.key


def _run(case: Node, file: Node, name: str, policy: Policy, folder: Folder, report: Report, own: Path | None) -> None:
    shared = file.mapping["given"].plain() if "given" in file.mapping else {}
    given = merge(shared, case.mapping["given"].plain() if "given" in case.mapping else {})
    document = typed(given, policy.vocabulary)
    expected = case.mapping.get("expect")
    if expected is None:
        raise LoadError([Problem(case.file, case.line, "expect", Text("the case expects nothing", "该用例没有期望"))])
    if isinstance(expected.value, dict):
        chosen = file.mapping["profile"].text if "profile" in file.mapping else policy.profile
        verdict = evaluate(document, policy if chosen == policy.profile else load(chosen, own), file=case.file)
        got = {"outcome": verdict.outcome.word, "findings": sorted({f.constraint for f in verdict.findings})}
        want = {k: sorted(n.text for n in x.items) if k == "findings" else x.text for k, x in expected.value.items()}
        if want != {k: got[k] for k in want if k in got}:
            _fail(case, str(want), str(got), report)
        return
    if name.startswith("rules/"):
        found = judge_alone(document, rule_alone(name.removeprefix("rules/"), case, folder, policy.vocabulary), policy, case)
        if found != expected.text:
            _fail(case, expected.text, found, report)
        return
    place = case.mapping["constraint"].text if "constraint" in case.mapping else ""
    constraint = name.removeprefix("policies/").replace("/", ".") + "." + place
    found = judge_alone(document, named(constraint, policy, case), policy, case)
    if found != expected.text:
        _fail(case, expected.text, found, report)
    else:
        report.proved.setdefault(constraint, set()).add(found)


def _fail(case: Node, want: str, got: str, report: Report) -> None:
    text = Text(f"expected {want}, got {got}", f"期望 {want}，实为 {got}")
    report.failures.append(Problem(case.file, case.line, _name(case), text))


def named(constraint: str, policy: Policy, case: Node) -> Constraint:
    """The constraint of this id; raises LoadError at the case that names it."""
    chosen = [c for c in policy.constraints if c.id == constraint]
    if not chosen:
        raise LoadError([Problem(case.file, case.line, "constraint", Text(f"there is no constraint `{constraint}`", f"没有约束 `{constraint}`"))])
    return chosen[0]


def judge_alone(document: Any, constraint: Constraint, policy: Policy, case: Node) -> str:
    """What one constraint alone says of a case: the worst over debts and zones."""
    chosen = (constraint,)
    slots, units, program = lower(chosen)
    alone = Policy(policy.profile, policy.digest, policy.vocabulary, chosen, program, slots, units, policy.records, policy.raised)
    read = read_case(document, policy.vocabulary, case.file)
    worst, in_force = 0, False
    for debt in debts_of(read):
        for zone in zones_of(read, case.file):
            ctx = context(read, alone, debt, zone)
            statuses = CompiledEngine(program).judge(vector(ctx, alone))
            status, dated = status_of(ctx, [(c, x, s) for (c, x), s in zip(units, statuses, strict=True)])
            worst, in_force = max(worst, status), in_force or dated
    return _WORDS[worst] if in_force else "not_in_force"


def merge(below: Any, above: Any) -> Any:
    """Mappings are merged, everything else is replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {k: merge(below[k], above[k]) if k in below and k in above else above.get(k, below.get(k)) for k in {**below, **above}}
    return above


def typed(given: Any, vocabulary: Vocabulary) -> Any:
    """The text of a YAML case as JSON, by the types of the vocabulary."""
    if not isinstance(given, dict):
        return given
    found: dict[str, Any] = {}
    for name, part in given.items():
        if name == "events" and isinstance(part, list):
            found[name] = [_typed_entry(e, {f.key: f for f in vocabulary.events.values()}, vocabulary) for e in part]
        elif isinstance(part, list):
            noun = next((n.name for n in vocabulary.nouns.values() if n.list == name), name)
            found[name] = [_typed_entry(e, {f.key: f for f in vocabulary.of_noun(noun)}, vocabulary) for e in part]
        else:
            found[name] = _typed_entry(part, {f.key: f for f in vocabulary.of_noun(name)}, vocabulary)
    return found


def _typed_entry(entry: Any, facts: dict[str, Fact], vocabulary: Vocabulary) -> Any:
    if not isinstance(entry, dict):
        return entry
    found = {}
    for key, written in entry.items():
        fact = facts.get(key)
        if fact is None and key in vocabulary.nouns:
            found[key] = _typed_entry(written, {f.key: f for f in vocabulary.of_noun(key)}, vocabulary)
        elif fact is not None and fact.type == "list" and isinstance(written, list):
            found[key] = [_typed_entry(e, {f.key: f for f in fact.of.values()}, vocabulary) for e in written]
        else:
            found[key] = _typed_scalar(written, fact.type if fact else "")
    return found


def _typed_scalar(written: Any, kind: str) -> Any:
    if kind == "bool" and written in {"true", "false"}:
        return written == "true"
    if kind in {"count", "days"} and isinstance(written, str):
        try:
            return v.parse_integer(written)
        except ValueError:
            return written
    return written


_PROFILE = """title: {en: Our house rules, zh: 本机构配置}
use: ["cn.*", "house.*"]
"""
_HOUSE = """# House rules of our own: stricter than the law, never looser.
zone: Asia/Shanghai
clock: authority
sources:
  board: {title: {en: Decision of the board, zh: 董事会决定}, body: our board, from: 2026-01-01}
constraints:
  calls:
    rule: contact/too-many-conversations
    force: guidance
    confidence: text
    checked_on: 2026-01-01
    values:
      2026-01-01: {cap: 2, cite: "board decision 1"}
"""
_CASES = """given:
  action: {id: A1, kind: call, at: "2026-11-23T10:00:00+08:00", person: P1, address: N1, debts: [D1], purpose: demand}
  persons: [{id: P1, roles: [debtor]}]
  debts: [{id: D1, kind: online_consumer_loan, due: 2026-10-05}]
  history: {complete_since: 2026-01-01}
cases:
  - name: second conversation was the last
    constraint: calls
    given:
      events:
        - {id: E1, kind: call, at: "2026-11-23T08:30:00+08:00", direction: outbound, outcome: conversation, person: P1}
        - {id: E2, kind: call, at: "2026-11-23T09:30:00+08:00", direction: outbound, outcome: conversation, person: P1}
    expect: wrong
  - name: one conversation so far
    constraint: calls
    given:
      events:
        - {id: E1, kind: call, at: "2026-11-23T08:30:00+08:00", direction: outbound, outcome: conversation, person: P1}
    expect: silent
"""


def init(folder: Path) -> list[Path]:
    """Makes an organisation's folder; refuses to overwrite anything."""
    files = {"profiles/house.yaml": _PROFILE, "house/contact.yaml": _HOUSE, "house/contact.cases.yaml": _CASES}
    made = []
    for name in files:
        if (folder / name).exists():
            raise LoadError([Problem(str(folder / name), 0, "", Text("exists already; choose another folder", "已存在；请换一个文件夹"))])
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        made.append(path)
    return made
