"""`evaluate(document, policy) -> Verdict`: read this first.

A case is judged once per debt and candidate zone. Facts become one vector of integers, an engine says wrong, undecided or not
wrong per dated line of each constraint, and what the answer means follows from the force of the law.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from fairdunning import __version__, when
from fairdunning import condition as c
from fairdunning import value as v
from fairdunning.book import matches
from fairdunning.casefile import read_case
from fairdunning.constraint import PLACE, Constraint, Variant
from fairdunning.definition import covers
from fairdunning.errors import CaseError, Disagreement, EngineError, Problem, Text
from fairdunning.facts import Case, Context, key_of
from fairdunning.names import local_date
from fairdunning.policy import Policy
from fairdunning.program import NOT_WRONG, UNDECIDED, WRONG, Engine, Vector
from fairdunning.table import Table
from fairdunning.verdict import Finding, Outcome, Verdict
from fairdunning.vocabulary import typed_scalar

MAX_ZONES = 8


def evaluate(document: Any, policy: Policy, engine: Engine | None = None, file: str = "case") -> Verdict:
    """Judges one case document; raises CaseError when it cannot be read."""
    full, assumed = with_profile(document, policy, file)
    return verdict_of(read_case(full, policy.vocabulary, file), policy, engine, assumed, file)


def verdict_of(case: Case, policy: Policy, engine: Engine | None = None, assumed: Iterable[str] = (), file: str = "case") -> Verdict:
    """Judges a case that has been read, with what the profile assumed of it; raises CaseError for a zone that does not exist."""
    engine, assumed = engine or policy.compiled, set(assumed)
    findings: list[Finding] = []
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


def with_profile(document: Any, policy: Policy, file: str) -> tuple[Any, set[str]]:
    """The case with what the profile gives and assumes, and what was assumed; raises CaseError when it says otherwise."""
    if not isinstance(document, dict) or (policy.given is None and policy.assume is None):
        return document, set()
    full, assumed = dict(document), set()
    for section, is_given in ((policy.given, True), (policy.assume, False)):
        for name, node in section.mapping.items() if section else ():
            fact = policy.vocabulary.facts[name]
            noun = name.partition(".")[0]
            part = full.get(noun)
            if part is not None and not isinstance(part, dict):
                continue  # the reader says what is wrong
            value, stated = typed_scalar(node.plain(), fact.type), (part or {}).get(fact.key)
            if is_given and stated is not None and stated != value:
                text = Text(f"the profile says `{value}`; remove it or use another profile", f"机构配置为 `{value}`；请删除或改用其他配置")
                raise CaseError([Problem(file, 0, name, text)])
            if fact.key not in (part or {}):
                full[noun] = {**(part or {}), fact.key: value}
                assumed |= set() if is_given else {f"{name}: {value}"}
    return full, assumed


def context(case: Case, policy: Policy, debt: str, zone: when.Zone | None) -> Context:
    """The case seen for one debt and one debtor zone at its planned moment."""
    at = case.nouns["action"]["action.at"]
    return Context(case, policy.vocabulary, debt, at.lo if isinstance(at, v.Range) else 0, zone, policy.records)


def vector(ctx: Context, policy: Policy) -> Vector:
    """The slots of the policy read from a case, as far as they decide (others stay 0)."""
    slots, cache = policy.slots, ctx.cache
    lo, hi, seen = [0] * len(slots), [0] * len(slots), bytearray(len(slots))

    def read(i: int) -> bool:
        slot = slots[i]
        pair = cache.get(slot.key)
        if pair is None:
            pair = cache[slot.key] = slot.read(ctx, None)
        lo[i], hi[i] = pair
        seen[i] = 1
        return True

    policy.reading(lo, hi, seen, read)
    return Vector(lo, hi)


def _read(ctx: Context, slot: c.Slot) -> tuple[int, int]:
    if slot.key not in ctx.cache:
        ctx.cache[slot.key] = slot.read(ctx, None)
    pair: tuple[int, int] = ctx.cache[slot.key]
    return pair


Lines = list[tuple[Constraint, Variant, int]]


def lines_of(policy: Policy, statuses: list[int]) -> list[Lines]:
    """The statuses of the variants of each constraint of which one is wrong or undecided."""
    said = dict.fromkeys(policy.units[i][0].id for i, status in enumerate(statuses) if status)
    return [[(*policy.units[i], statuses[i]) for i in policy.lines[name]] for name in said]


class Ruling(NamedTuple):
    """What one constraint says of a case: the line that spoke, how surely, what follows and by when it is due."""

    constraint: Constraint
    variant: Variant
    status: int
    outcome: Outcome
    raised: bool
    due: v.Range


def rulings(ctx: Context, policy: Policy, engine: Engine) -> list[Ruling]:
    """The rulings of one debt and zone."""
    found = [_ruling(ctx, policy, lines) for lines in lines_of(policy, engine.judge(vector(ctx, policy)))]
    return [r for r in found if r]


def judge(ctx: Context, policy: Policy, engine: Engine, zone: str) -> list[Finding]:
    """The findings of one debt and zone."""
    found = rulings(ctx, policy, engine)
    pending = _pending(ctx, policy, found) if any(item.open for item in ctx.case.events) else frozenset()
    return [_finding(ctx, r, zone, pending=r.constraint.id in pending) for r in found]


def _pending(ctx: Context, policy: Policy, found: list[Ruling]) -> frozenset[str]:
    """What is undecided through open contacts alone: without them it is not even undecided."""
    open_still = tuple(r.constraint.id for r in found if r.status == UNDECIDED and r.constraint.reads_events)
    if not open_still:
        return frozenset()
    settled = Context(ctx.case, ctx.vocabulary, ctx.debt, ctx.now, ctx.debtor_zone, ctx.records)
    settled.without_open = True
    part = policy.part(open_still)
    return frozenset(open_still) - {r.constraint.id for r in rulings(settled, part, part.compiled)}


def status_of(ctx: Context, lines: Lines) -> tuple[int, bool]:
    """The status of a constraint over the variants that may be in force, and whether any may be."""
    law = c.number(lines[0][0].law_date)(ctx, None)
    dated: dict[tuple[int, int], Lines] = {}
    for line in lines:
        if law.lo <= law.hi and law.lo < line[1].end and line[1].start <= law.hi:
            dated.setdefault((line[1].start, line[1].end), []).append(line)
    found = [s for s in (_status_by_word(ctx, group) for group in dated.values()) if s is not None]
    if not found:
        return NOT_WRONG, False
    if min(found) == WRONG and covers(list(dated), law):
        return WRONG, True
    return (UNDECIDED if max(found) else NOT_WRONG), True


def _status_by_word(ctx: Context, lines: Lines) -> int | None:
    """The status of one dated line over the words that its `by:` fact may be; None: the line says nothing for its word."""
    shown = [(c.truth(variant.word, ctx), status) for _, variant, status in lines]
    possible = [status for word, status in shown if word != c.FALSE]
    if not possible:
        return None
    sure = lines[0][1].complete or any(word == c.TRUE for word, _ in shown)
    return WRONG if sure and min(possible) == WRONG else (UNDECIDED if max(possible) else NOT_WRONG)


def _ruling(ctx: Context, policy: Policy, lines: Lines) -> Ruling | None:
    status, _ = status_of(ctx, lines)
    if not status:
        return None
    constraint, variant, _ = max((x for x in lines if x[2]), key=lambda x: x[2])
    due = c.number(local_date(variant.bound.due, constraint.clock))(ctx, None) if variant.bound.due else v.NONE
    outcome = _outcome(ctx, constraint, variant, status, due)
    raised = outcome == Outcome.FLAG and status == WRONG and any(matches(constraint.id, p) for p in policy.raised)
    return Ruling(constraint, variant, status, Outcome.BLOCK if raised else outcome, raised, due)


def _finding(ctx: Context, ruling: Ruling, zone: str, *, pending: bool) -> Finding:
    """A ruling in words, with the facts that decided and those that are missing."""
    constraint, variant, status, outcome, raised, due = ruling
    law = c.number(constraint.law_date)(ctx, None)
    names = _names(ctx, constraint, variant)
    return Finding(
        constraint.id, constraint.rule, ctx.debt, zone, outcome, variant.force, raised,
        status == WRONG, when.format_date(law.lo) if law.lo == law.hi else "", variant.cite,
        {k: x[0] for k, x in names.items()}, _missing(ctx, constraint, variant) if status == UNDECIDED else (),
        Text(_fill(constraint.message.en, names, 0), _fill(constraint.message.zh, names, 1)), constraint.why,
        when.format_date(due.lo) if due.lo == due.hi else "", shadow=variant.status == "shadow", pending=pending)


def _outcome(ctx: Context, constraint: Constraint, variant: Variant, status: int, due: v.Range) -> Outcome:
    """The table of `moment`: what a wrong or an undecided wrong means before, during and after the action."""
    if variant.force == "advice":
        return Outcome.ALLOW
    if status == UNDECIDED and c.truth(variant.bound.premise, ctx) != c.TRUE:
        return Outcome.FLAG  # an unknown scope or `when` flags at every moment
    if constraint.moment == "during" and status == UNDECIDED:
        return Outcome.ALLOW
    if constraint.moment == "after":
        zone = ctx.zone(constraint.clock)
        running = zone is not None and due.lo <= due.hi and not due.none and zone.day_of(ctx.now) <= due.lo
        return Outcome.ALLOW if running else Outcome.FLAG
    return Outcome.BLOCK if status == WRONG and variant.force == "prohibition" else Outcome.FLAG


def _names(ctx: Context, constraint: Constraint, variant: Variant) -> dict[str, tuple[str, str]]:
    """What a message names, written in English and Chinese."""
    found: dict[str, tuple[str, str]] = {}
    for name in constraint.places:
        if name in variant.values:
            text = _literal(variant.values[name][1])
            found[name] = (text, text)
            continue
        expr = variant.bound.names.get(name) or _fact_named(name, ctx)
        if expr is not None:
            value = expr.read(ctx, None)
            zone = ctx.zone(constraint.clock) or when.zone("UTC")
            found[name] = (written(value, expr, ctx, "en", zone), written(value, expr, ctx, "zh", zone))
    return found


def _fact_named(name: str, ctx: Context) -> c.Expr | None:
    fact = ctx.vocabulary.facts.get(name)
    if fact is None or fact.derived:
        return None
    return c.Expr(key_of("fact", name), fact.type, lambda ctx, _item: ctx.fact(fact), source=fact)


def _literal(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if isinstance(value, v.Money):
        return v.format_money(*value)
    if isinstance(value, Table):
        return value.name
    if isinstance(value, when.Timetable):
        spans = sorted({f"{a // 3600:02}:{a % 3600 // 60:02}-{b // 3600 % 24:02}:{b % 3600 // 60:02}" for d in value.days for a, b in d})
        return ", ".join(spans)
    return str(value)


def written(value: v.Value, expr: c.Expr, ctx: Context, lang: str, zone: when.Zone) -> str:
    """A value as text: every possibility, a range when it is not known, ``?`` when nothing is."""
    words = expr.source.words if expr.source else {}
    none = {"en": "none", "zh": "无"}[lang]

    def word(w: str | None) -> str:
        return none if w is None else (getattr(words[w].text, lang) if w in words else w)

    if isinstance(value, v.Words) and value.possible is not None:
        return " / ".join(sorted(word(w) for w in value.possible))
    if isinstance(value, v.Members) and value.may is not None:
        return ", ".join(sorted(word(w) for w in value.may)) or none
    if isinstance(value, v.Range) and value.lo > value.hi:
        return none
    if isinstance(value, v.Range) and expr.type == "bool":
        said = {"en": ("no", "yes"), "zh": ("否", "是")}[lang]
        return said[value.lo] if value.lo == value.hi else "?"
    if isinstance(value, v.Range) and value.lo > -v.BIG // 2:
        low = _number(value.lo, expr.type, ctx, zone)
        if value.lo == value.hi:
            return low
        return f"{low}+" if value.hi >= v.BIG // 2 else f"{low}..{_number(value.hi, expr.type, ctx, zone)}"
    return "?"


def _number(number: int, kind: str, ctx: Context, zone: when.Zone) -> str:
    if kind == "money":
        return v.format_money(number, ctx.case.currency or "CNY")
    if kind == "date":
        return when.format_date(number)
    if kind == "datetime":
        return zone.format(number)
    if kind == "rate":
        return v.format_rate(number)
    return str(number)


def _fill(template: str, names: dict[str, tuple[str, str]], lang: int) -> str:
    return PLACE.sub(lambda found: names[found[1]][lang] if found[1] in names else found[0], template)


def _missing(ctx: Context, constraint: Constraint, variant: Variant) -> tuple[str, ...]:
    """The facts that would decide: stored facts that are unknown, the reach of the record, else the list or table that leaves it open."""
    dated = {f for f in constraint.law_date.facts if f in ctx.vocabulary.facts and not v.is_point(ctx.fact(ctx.vocabulary.facts[f]))}
    names = set(dated)  # facts, the law date's first, and the reach of the record
    lists: set[str] = set()  # lists that nobody gave
    incomplete: set[str] = set()  # tables that end too early, lists with an attribute left out
    for slot in variant.bound.slots:
        lo, hi = _read(ctx, slot)
        if lo == hi:
            continue
        for name in slot.facts:
            source, _, part = name.partition(": ")
            fact = ctx.vocabulary.facts.get(source)
            if source == "events":
                names.add("history.complete_since" if ctx.case.complete_since is None else "events")
            elif source.startswith("table#"):
                incomplete.add(source.removeprefix("table#"))
            elif part:
                (lists if ctx.list(source) is None else incomplete).add(source)
            elif fact and not v.is_point(ctx.fact(fact)):
                names.add(name)
    return tuple(sorted(lists | (names or incomplete)))


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


def outcome_of(findings: Iterable[Finding]) -> tuple[Outcome, str]:
    """The worst outcome and its cause; undecided through open contacts alone blocks."""
    real = [f for f in findings if f.outcome > Outcome.ALLOW]
    outcome = max((f.outcome for f in real), default=Outcome.ALLOW)
    if outcome == Outcome.FLAG and any(f.pending for f in real):
        return Outcome.BLOCK, "pending"
    return outcome, "finding" if real else "none"


def _verdict(findings: list[Finding], assumed: set[str], case: Case, policy: Policy, engine: Engine) -> Verdict:
    # A law on the authority's clock gives the same finding in each zone: once is enough.
    distinct = {(f.constraint, f.debt, f.outcome, f.decided): f for f in reversed(findings)}
    every = sorted(distinct.values(), key=lambda f: (-f.outcome, f.constraint, f.debt))
    ordered = [f for f in every if not f.shadow]
    real = tuple(f for f in ordered if f.outcome > Outcome.ALLOW)
    outcome, cause = outcome_of(real)
    return Verdict(
        outcome, cause, policy.profile, policy.digest,
        "given" if "message" in case.nouns else "not_screened", real,
        tuple(f for f in ordered if f.force == "advice" and f.decided),
        tuple(f for f in ordered if f.outcome == Outcome.ALLOW and f.force != "advice"),
        tuple(f for f in every if f.shadow),
        tuple(sorted(assumed)), {"fairdunning": __version__, "tzdata": when.tzdata_version(), "engine": engine.name})
