"""`evaluate(document, policy) -> Verdict`: read this first.

A case is judged once per debt and candidate zone. Facts become one vector of integers, an engine says wrong, undecided or not
wrong per dated line of each constraint, and what the answer means follows from the force of the law.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fairdunning import __version__, when
from fairdunning import condition as c
from fairdunning import value as v
from fairdunning.engines.compiled import CompiledEngine
from fairdunning.errors import CaseError, Disagreement, EngineError, Problem, Text
from fairdunning.facts import MAX_ZONES, Case, Context, read_case
from fairdunning.policy import Constraint, Policy, Variant, matches
from fairdunning.program import UNDECIDED, WRONG, Engine, Vector
from fairdunning.verdict import Finding, Outcome, Verdict


def evaluate(document: Any, policy: Policy, engine: Engine | None = None, file: str = "case") -> Verdict:
    """Judges one case document; raises CaseError when it cannot be read."""
    case = read_case(document, policy.vocabulary, file)
    engine = engine or CompiledEngine(policy.program)
    findings: list[Finding] = []
    assumed: set[str] = set()
    for debt in debts_of(case):
        for zone in zones_of(case, file):
            ctx = context(case, policy, debt, zone)
            try:
                findings += judge(ctx, policy, engine, zone.name if zone else "")
            except EngineError as error:
                return _failed(error, case, policy, engine)
            assumed |= ctx.assumed
    return _verdict(findings, assumed, case, policy, engine)


def _failed(error: EngineError, case: Case, policy: Policy, engine: Engine) -> Verdict:
    """An engine that cannot answer blocks: nothing is ever allowed by accident."""
    cause = "disagreement" if isinstance(error, Disagreement) else "engine_lost"
    return replace(_verdict([], set(), case, policy, engine), outcome=Outcome.BLOCK, cause=cause)


def context(case: Case, policy: Policy, debt: str, zone: when.Zone | None) -> Context:
    """The case seen for one debt and one debtor zone at its planned moment."""
    at = case.nouns["action"]["action.at"]
    return Context(case, policy.vocabulary, debt, at.lo if isinstance(at, v.Range) else 0, zone, policy.records)


def vector(ctx: Context, policy: Policy) -> Vector:
    """Every slot of the policy read from a case."""
    pairs = [ctx.cached(slot.key, lambda slot=slot: slot.read(ctx, None)) for slot in policy.slots]  # type: ignore[misc]
    return Vector([lo for lo, _ in pairs], [hi for _, hi in pairs])


def judge(ctx: Context, policy: Policy, engine: Engine, zone: str) -> list[Finding]:
    """The findings of one debt and zone."""
    statuses = engine.judge(vector(ctx, policy))
    by_constraint: dict[str, list[tuple[Constraint, Variant, int]]] = {}
    for (constraint, variant), status in zip(policy.units, statuses, strict=True):
        by_constraint.setdefault(constraint.id, []).append((constraint, variant, status))
    found = [_finding(ctx, policy, lines, zone) for lines in by_constraint.values()]
    return [f for f in found if f]


def status_of(ctx: Context, lines: list[tuple[Constraint, Variant, int]]) -> tuple[int, bool]:
    """The status of a constraint over the dated lines that may be in force, and whether any may be."""
    law = c.number(lines[0][0].law_date)(ctx, None)
    possible, certain = [], False
    for _, variant, status in lines:
        end = variant.end if variant.end is not None else 10**9
        if law.lo <= law.hi and law.lo < end and variant.start <= law.hi:
            possible.append(status)
            certain = certain or (variant.start <= law.lo and law.hi < end)
    if not possible:
        return 0, False
    covered = certain or (law.lo >= min(x.start for _, x, _ in lines) and len(possible) == len(lines))
    if covered and min(possible) == WRONG:
        return WRONG, True
    return (UNDECIDED if max(possible) else 0), True


def _finding(ctx: Context, policy: Policy, lines: list[tuple[Constraint, Variant, int]], zone: str) -> Finding | None:
    status, _ = status_of(ctx, lines)
    if not status:
        return None
    constraint, variant, _ = max((x for x in lines if x[2]), key=lambda x: x[2])
    premise = c.truth(variant.bound.premise, ctx)
    conduct = status == UNDECIDED and constraint.moment == "during" and premise == c.TRUE
    outcome = _outcome(variant.force, status, conduct)
    raised = outcome == Outcome.FLAG and status == WRONG and any(matches(constraint.id, p) for p in policy.raised)
    law = c.number(constraint.law_date)(ctx, None)
    names = _names(ctx, constraint, variant)
    return Finding(
        constraint.id, constraint.rule, ctx.debt, zone, Outcome.BLOCK if raised else outcome, variant.force, raised,
        status == WRONG, when.format_date(law.lo) if law.lo == law.hi else "", variant.cite,
        {k: x[0] for k, x in names.items()}, _missing(ctx, variant) if status == UNDECIDED else (),
        Text(_fill(constraint.message.en, names, 0), _fill(constraint.message.zh, names, 1)), constraint.why)


def _outcome(force: str, status: int, conduct: bool) -> Outcome:
    if conduct or force == "advice":
        return Outcome.ALLOW
    return Outcome.BLOCK if status == WRONG and force == "prohibition" else Outcome.FLAG


_PLACE = re.compile(r"\{([a-z_0-9.]+)\}")


def _names(ctx: Context, constraint: Constraint, variant: Variant) -> dict[str, tuple[str, str]]:
    """What a message names, written in English and Chinese."""
    found: dict[str, tuple[str, str]] = {}
    for name in sorted(set(_PLACE.findall(constraint.message.en + constraint.message.zh))):
        if name in variant.values:
            text = _literal(variant.values[name][1])
            found[name] = (text, text)
        elif name in variant.bound.names:
            expr = variant.bound.names[name]
            text = written(expr.read(ctx, None), expr.type, ctx)
            found[name] = (text, text)
        elif name in ctx.vocabulary.facts and not ctx.vocabulary.facts[name].derived:
            fact = ctx.vocabulary.facts[name]
            text = written(ctx.fact(fact), fact.type, ctx)
            found[name] = (text, text)
    return found


def _literal(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if isinstance(value, when.Timetable):
        spans = sorted({f"{a // 3600:02}:{a % 3600 // 60:02}-{b // 3600 % 24:02}:{b % 3600 // 60:02}" for d in value.days for a, b in d})
        return ", ".join(spans)
    return str(value)


def written(value: v.Value, kind: str, ctx: Context) -> str:
    """A value as text: a range when it is not known."""
    if isinstance(value, v.Words) and value.possible is not None:
        return " / ".join(sorted(w or "none" for w in value.possible))
    if isinstance(value, v.Range) and value.lo > value.hi:
        return "none"
    if isinstance(value, v.Range) and value.lo > -v.BIG:
        low = _number(value.lo, kind, ctx)
        if value.lo == value.hi:
            return low
        return f"{low}+" if value.hi >= v.BIG else f"{low}..{_number(value.hi, kind, ctx)}"
    return "?"


def _number(number: int, kind: str, ctx: Context) -> str:
    if kind == "money":
        return v.format_money(number, ctx.case.currency or "CNY")
    if kind == "date":
        return when.format_date(number)
    if kind == "rate":
        return v.format_rate(number)
    return str(number)


def _fill(template: str, names: dict[str, tuple[str, str]], lang: int) -> str:
    return _PLACE.sub(lambda found: names[found[1]][lang] if found[1] in names else found[0], template)


def _missing(ctx: Context, variant: Variant) -> tuple[str, ...]:
    """The facts that would decide: stored facts that are unknown, or the reach of the record."""
    names: set[str] = set()
    for slot in c.slots_of(variant.bound.wrong):
        lo, hi = slot.read(ctx, None)
        if lo == hi:
            continue
        for name in slot.facts:
            fact = ctx.vocabulary.facts.get(name)
            if fact and not v.is_point(ctx.fact(fact)):
                names.add(name)
            elif name.startswith("events: "):
                names.add("history.complete_since" if ctx.case.complete_since is None else "events")
    return tuple(sorted(names))


def debts_of(case: Case) -> list[str]:
    """The debts the action is about; without a list all of the case, without any one nameless debt."""
    named = case.nouns["action"].get("action.debts")
    if isinstance(named, v.Members) and named.sure:
        return sorted(named.sure)
    return sorted(case.debts) or [""]


def zones_of(case: Case, file: str) -> list[when.Zone | None]:
    """The candidate zones of the debtor, None when unknown; raises CaseError for a zone that does not exist."""
    named = case.nouns.get("debtor", {}).get("debtor.timezones")
    if not isinstance(named, v.Members) or not named.sure:
        return [None]
    if len(named.sure) > MAX_ZONES:
        raise CaseError([Problem(file, 0, "debtor.timezones", Text(f"more than {MAX_ZONES} zones", f"时区超过 {MAX_ZONES} 个"))])
    try:
        return [when.zone(name) for name in sorted(named.sure)]
    except ValueError as error:
        text = Text(f"unknown time zone `{error}`", f"未知的时区 `{error}`")
        raise CaseError([Problem(file, 0, "debtor.timezones", text)]) from error


def _verdict(findings: list[Finding], assumed: set[str], case: Case, policy: Policy, engine: Engine) -> Verdict:
    # A law on the authority's clock gives the same finding in each zone: once is enough.
    distinct = {(f.constraint, f.debt, f.outcome, f.decided): f for f in reversed(findings)}
    ordered = sorted(distinct.values(), key=lambda f: (-f.outcome, f.constraint, f.debt))
    real = tuple(f for f in ordered if f.outcome > Outcome.ALLOW)
    outcome = max((f.outcome for f in real), default=Outcome.ALLOW)
    return Verdict(
        outcome, "finding" if real else "none", policy.profile, policy.digest,
        "given" if "message" in case.nouns else "not_screened", real,
        tuple(f for f in ordered if f.force == "advice" and f.decided),
        tuple(f for f in ordered if f.outcome == Outcome.ALLOW and f.force != "advice"),
        tuple(sorted(assumed)), {"fairdunning": __version__, "tzdata": when.tzdata_version(), "engine": engine.name})
