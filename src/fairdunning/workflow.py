"""The verbs behind every face: check documents, run the cases beside the law, list facts, make an organisation's folder."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from fairdunning import starter
from fairdunning.book import Book
from fairdunning.casefile import read_case
from fairdunning.constraint import Constraint, rule_alone
from fairdunning.engines.compiled import CompiledEngine
from fairdunning.engines.durable import CHECK_SECONDS
from fairdunning.engines.pair import PairEngine
from fairdunning.errors import CaseError, EngineUnavailable, LoadError, Problem, Text, did_you_mean
from fairdunning.evaluate import context, debts_of, evaluate, status_of, vector, zones_of
from fairdunning.folder import Folder, known, read_folder
from fairdunning.policy import Policy, load, lower, reading
from fairdunning.program import Engine
from fairdunning.screening.lexicon import Lexicon, load_lexicon
from fairdunning.screening.screen import content_facts, screen
from fairdunning.timeline import planned
from fairdunning.verdict import Verdict
from fairdunning.vocabulary import Vocabulary, merge, parse_vocabulary, typed
from fairdunning.yamlfile import Node, Problems, parse

MAX_DOCUMENT = 20 * 1024 * 1024
EXPECTATIONS = ("wrong", "undecided", "silent", "not_in_force")
CASE_KEYS = {"name", "constraint", "profile", "given", "with", "unless", "expect"}
_MONEY = re.compile(r"-?\d+(?:\.\d+)? ([A-Z]{3})")
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
            twice = next(key for key, _ in entries if sum(key == k for k, _ in entries) > 1)
            raise ValueError(f"duplicate key `{twice[:60]}`; keep one")
        return found

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no number")

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=refuse, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        said = Text("nested too deeply", "嵌套过深") if isinstance(error, RecursionError) else Text(str(error), str(error))
        line = 0 if re.search(r":\d+$", file) else getattr(error, "lineno", 0)  # a line of JSONL has its number already
        raise CaseError([Problem(file, line, "", Text(f"not a valid JSON document: {said.en}", f"不是有效的 JSON 文档：{said.zh}"))]) from error


def _whole(digits: str) -> int:
    if len(digits) > 30:
        raise ValueError(f"a number of {len(digits)} digits is too large")
    return int(digits)


def texts(path: str, text: str) -> Iterator[tuple[str, str]]:
    """The texts of the case documents of a JSON file, or of each line of JSONL, with how problems call them; raises CaseError."""
    if len(text.encode("utf-8", "replace")) > MAX_DOCUMENT:
        raise CaseError([Problem(path, 0, "", Text("larger than 20 MiB; split it", "超过 20 MiB；请拆分"))])
    lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
    if path.endswith(".jsonl") or (path == "-" and len(lines) > 1 and lines[0][1].rstrip().endswith("}")):
        yield from ((f"{path}:{i}", line) for i, line in lines)
    else:
        yield path, text


def located(error: CaseError, text: str) -> CaseError:
    """The same problems with the line of each field in the text of its document, where that can be told."""
    try:
        node = parse(text.encode(), "case")
    except (LoadError, UnicodeEncodeError):
        return error
    found = [(p, _line_of(node, p.key)) for p in error.problems]
    return CaseError([replace(p, line=line) if depth and not p.line else p for p, (line, depth) in found])


def engine_for(policy: Policy, choice: str = "both", limit: float = CHECK_SECONDS) -> Engine:
    """Both engines, or the compiled one alone where it is chosen or durable-rules is not installed (each verdict says which).

    ``limit``: how many seconds durable-rules has for one check.
    """
    if choice == "compiled":
        return policy.compiled
    try:
        return PairEngine(policy.program, limit)
    except EngineUnavailable:
        return policy.compiled


def check(document: Any, policy: Policy, file: str, engine: Engine | None = None) -> Verdict:
    """The verdict on one document, its text screened first, with when it becomes lawful and what would be lawful instead."""
    full = screened(document, file, lexicon(policy.places[1], policy.places[0]))
    verdict = evaluate(full, policy, engine, file)
    if full is not document:
        verdict = replace(verdict, content="screened")
    return planned(full, policy, verdict, file)


@lru_cache
def lexicon(own: Path | None = None, base: Path | None = None) -> Lexicon:
    """The lexicon, read once."""
    return load_lexicon(own, base)


def screened(document: Any, file: str = "case", words: Lexicon | None = None) -> Any:
    """The document with the content facts of its ``message.text``; facts that the caller gives stand. Raises CaseError."""
    message = document.get("message") if isinstance(document, dict) else None
    if not isinstance(message, dict) or "text" not in message:
        return document
    if not isinstance(message["text"], str):
        raise CaseError([Problem(file, 0, "message.text", Text("must be text", "应为文本"))])
    found = content_facts(screen(message["text"], words or lexicon()))
    given = {k: x for k, x in message.items() if k != "text"}
    if found["amounts"] and not _currencies({**document, "message": given}) <= {a["amount"][-3:] for a in found["amounts"]}:
        found["amounts"] = None  # another currency than the ledger's: nothing to compare, so unknown
    return {**document, "message": {**found, **given}}


def _currencies(value: Any) -> set[str]:
    """The currencies of every amount in a document."""
    if isinstance(value, dict):
        return set().union(*(_currencies(v) for v in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(_currencies(v) for v in value)) if value else set()
    found = _MONEY.fullmatch(value) if isinstance(value, str) else None
    return {found[1]} if found else set()


@dataclass
class Survey:
    """Outcomes of many checks: by outcome, by constraint and outcome, and how many were flagged for missing facts alone, by fact."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: Counter[tuple[str, str]] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    undecided: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


def survey(cases: Iterable[dict[str, Any]], policy: Policy) -> Survey:
    """Checks many actions on the compiled engine and keeps one example of each outcome."""
    found, engine = Survey(), policy.compiled
    shown: dict[str, dict[str, Any]] = {}
    for case in cases:
        verdict = evaluate(case, policy, engine)
        found.outcomes[verdict.outcome.word] += 1
        found.findings.update({(f.constraint, f.outcome.word) for f in verdict.findings})
        if verdict.findings and not any(f.decided for f in verdict.findings):
            found.undecided += 1
            found.missing.update({fact for f in verdict.findings for fact in f.missing})
        shown.setdefault(verdict.outcome.word, case)
    found.examples = [shown[word] for word in sorted(shown)]
    return found


def run_cases(profile: str, own: Path | None = None) -> Report:
    """Runs every case file of the folders; raises LoadError when the policy itself does not load."""
    policy, folder, report = load(profile, own), read_folder(own), Report()
    runner = _Runner(policy, folder, report, own)
    for name, node in folder.cases.items():
        for case in node.mapping["cases"].items if "cases" in node.mapping else ():
            try:
                runner.run(case, node, name)
            except CaseError as error:
                report.failures += [_placed(p, case, node) for p in error.problems]
            except LoadError as error:
                report.failures += [p if p.line else replace(p, line=case.line) for p in error.problems]
            report.ran += 1
    return report


_FILE_KEYS = {"title", "profile", "calendar", "zone", "given", "cases"}
_WHOLE = {"outcome", "cause", "findings", "obligations", "advice", "shadow", "unknown"}


def lint(profile: str, own: Path | None = None) -> Policy:
    """The policy of a profile when nothing is wrong in any file, cases among them; raises LoadError with everything that is."""
    folder = read_folder(own)
    vocabulary, misread = parse_vocabulary(folder.vocabulary, Problems()), Problems()
    for name, node in folder.cases.items():
        _check_cases(name, node, folder, vocabulary, misread)
    try:
        found = load(profile, own)
    except LoadError as error:
        raise LoadError([*error.problems, *misread.found]) from error
    misread.raise_if_any()
    return found


def _check_cases(name: str, file: Node, folder: Folder, vocabulary: Vocabulary, problems: Problems) -> None:
    known(file, _FILE_KEYS, problems)
    kind, _, place = name.partition("/")
    above = folder.rules.get(place) if kind == "rules" else folder.policies.get(place.replace("/", "."))
    if kind == "rules" and above is None:
        problems.add(file, f"there is no rule `{place}` beside these cases", f"没有与用例对应的规则 `{place}`")
    if "cases" not in file.mapping or not isinstance(file.mapping["cases"].value, list):
        problems.add(file, "`cases` must be a list", "`cases` 应为列表")
        return
    for case in file.mapping["cases"].items:
        known(case, CASE_KEYS, problems)
        expected = case.mapping.get("expect")
        if expected is None:
            problems.add(case, "the case expects nothing; add `expect`", "该用例没有期望；请添加 `expect`")
        elif isinstance(expected.value, dict):
            known(expected, _WHOLE, problems)
        elif expected.text not in EXPECTATIONS:
            hint = did_you_mean(expected.text, EXPECTATIONS)
            problems.add(expected, f"unknown expectation `{expected.text}`{hint.en}", f"未知的期望 `{expected.text}`{hint.zh}")
        elif kind == "policies":
            _check_named(case, above, problems)
        for node in (n.mapping["profile"] for n in (case, file) if "profile" in n.mapping):
            if node.text not in folder.profiles:
                hint = did_you_mean(node.text, folder.profiles)
                problems.add(node, f"there is no such profile{hint.en}", f"没有这个机构配置{hint.zh}")
        try:
            read_case(_given(case, file, vocabulary), vocabulary, case.file)
        except CaseError as error:
            problems.found += [_placed(p, case, file) for p in error.problems]


def _check_named(case: Node, policy: Node | None, problems: Problems) -> None:
    named = case.mapping["constraint"].text if "constraint" in case.mapping else ""
    constraints = policy.mapping["constraints"].mapping if policy and "constraints" in policy.mapping else {}
    if named not in constraints:
        hint = did_you_mean(named, constraints)
        problems.add(case.mapping.get("constraint", case), f"there is no constraint `{named}`{hint.en}", f"没有约束 `{named}`{hint.zh}")


def _given(case: Node, file: Node, vocabulary: Vocabulary) -> Any:
    """The document of a case: what all cases of the file share, overlaid by its own."""
    shared = file.mapping["given"].plain() if "given" in file.mapping else {}
    return typed(merge(shared, case.mapping["given"].plain() if "given" in case.mapping else {}), vocabulary)


def _placed(problem: Problem, case: Node, file: Node) -> Problem:
    """A problem of a document at the line where the case, else the file, says it."""
    own, shared = (_line_of(n.mapping["given"], problem.key) if "given" in n.mapping else (0, 0) for n in (case, file))
    if shared[1] > own[1]:
        return replace(problem, line=shared[0])
    return replace(problem, line=own[0] if own[1] else case.line, key=f"{_name(case)}: {problem.key}")


def _line_of(node: Node, key: str) -> tuple[int, int]:
    """The line of the deepest node on the way to a dotted key, and how deep it is."""
    depth = 0
    for part in re.findall(r"[^.\[\]]+", key):
        children = node.mapping or {str(i): n for i, n in enumerate(node.items) if isinstance(node.value, list)}
        if part not in children:
            break
        node, depth = children[part], depth + 1
    return node.line, depth


def _name(case: Node) -> str:
    return case.mapping["name"].text if "name" in case.mapping else case.key


class _Runner:
    def __init__(self, policy: Policy, folder: Folder, report: Report, own: Path | None) -> None:
        self.policy, self.folder, self.report, self.own = policy, folder, report, own
        self.profiles = {policy.profile: policy}
        self.constraints = {con.id: con for con in policy.constraints}

    def run(self, case: Node, file: Node, name: str) -> None:
        """Runs one case; a difference becomes a failure, a case that cannot be read raises."""
        problems = Problems()
        known(case, CASE_KEYS, problems)
        problems.raise_if_any()
        document = _given(case, file, self.policy.vocabulary)
        expected = case.mapping.get("expect")
        if expected is None:
            raise LoadError([Problem(case.file, case.line, "expect", Text("the case expects nothing", "该用例没有期望"))])
        if isinstance(expected.value, dict):
            self._whole(case, file, expected, document)
        elif name.startswith("rules/"):
            self._compare(case, expected.text, self._rule(case, file, name, document))
        else:
            place = case.mapping["constraint"].text if "constraint" in case.mapping else ""
            constraint = name.removeprefix("policies/").replace("/", ".") + "." + place
            found = judge_alone(document, self._named(constraint, case), self.policy, case.file)
            if self._compare(case, expected.text, found):
                self.report.proved.setdefault(constraint, set()).add(found)

    def _whole(self, case: Node, file: Node, expected: Node, document: Any) -> None:
        chosen = next((n.mapping["profile"].text for n in (case, file) if "profile" in n.mapping), self.policy.profile)
        if chosen not in self.profiles:
            self.profiles[chosen] = load(chosen, self.own)
        got = said(evaluate(document, self.profiles[chosen], file=case.file))
        want: dict[str, Any] = {k: x.text if k in {"outcome", "cause"} else sorted(n.text for n in x.items) for k, x in expected.mapping.items()}
        for key in sorted(set(want) - set(got)):
            raise LoadError([Problem(case.file, case.line, "expect", Text(f"unknown key `{key}`", f"未知的键 `{key}`"))])
        self._compare(case, str(want), str({k: got[k] for k in want}))

    def _rule(self, case: Node, file: Node, name: str, document: Any) -> str:
        book = Book(self.folder, self.policy.vocabulary)
        book.folder.problems.found.clear()
        constraint = rule_alone(name.removeprefix("rules/"), case, file, book)
        book.problems.raise_if_any()
        assert constraint is not None
        return judge_alone(document, constraint, self.policy, case.file)

    def _named(self, constraint: str, case: Node) -> Constraint:
        if constraint not in self.constraints:
            hint = did_you_mean(constraint, self.constraints)
            text = Text(f"there is no constraint `{constraint}`{hint.en}", f"没有约束 `{constraint}`{hint.zh}")
            raise LoadError([Problem(case.file, case.line, "constraint", text)])
        return self.constraints[constraint]

    def _compare(self, case: Node, want: str, got: str) -> bool:
        if want != got:
            text = Text(f"expected {want}, got {got}", f"期望 {want}，实为 {got}")
            self.report.failures.append(Problem(case.file, case.line, _name(case), text))
        return want == got


def said(verdict: Verdict) -> dict[str, Any]:
    """What a case may expect of a whole verdict: outcome, cause, and the constraints by how they are said."""
    groups = {"findings": verdict.findings, "obligations": verdict.obligations, "advice": verdict.advice, "shadow": verdict.shadow}
    return {"outcome": verdict.outcome.word, "cause": verdict.cause, **{k: sorted({f.constraint for f in g}) for k, g in groups.items()},
            "unknown": sorted({f.constraint for f in verdict.findings if not f.decided})}


def judge_alone(document: Any, constraint: Constraint, policy: Policy, file: str) -> str:
    """What one constraint alone says of a case: the worst over debts and zones."""
    slots, units, program = lower((constraint,))
    alone = replace(policy, constraints=(constraint,), program=program, slots=slots, units=units, reading=reading(program, slots))
    read = read_case(document, policy.vocabulary, file)
    engine = CompiledEngine(program)
    worst, in_force = 0, False
    for debt in debts_of(read):
        for zone in zones_of(read, file):
            ctx = context(read, alone, debt, zone)
            statuses = engine.judge(vector(ctx, alone))
            status, dated = status_of(ctx, [(*unit, s) for unit, s in zip(units, statuses, strict=True)]) if units else (0, False)
            worst, in_force = max(worst, status), in_force or dated
    return _WORDS[worst] if in_force else "not_in_force"


def init(folder: Path) -> list[Path]:
    """Makes an organisation's folder; refuses to overwrite anything."""
    files = {"profiles/house.yaml": starter.PROFILE, "house/contact.yaml": starter.HOUSE, "house/contact.cases.yaml": starter.CASES}
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
