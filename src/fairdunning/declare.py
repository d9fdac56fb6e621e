"""Reads what a rule declares over lists: measures and periods, as names that conditions can use."""

from __future__ import annotations

from collections.abc import Callable

from fairdunning import condition as c
from fairdunning import measure as m
from fairdunning import spans, when
from fairdunning import value as v
from fairdunning.condition import Expr
from fairdunning.errors import did_you_mean
from fairdunning.facts import Context, Item, key_of
from fairdunning.formula import BASES, ROUNDINGS, facts_of, tree_key
from fairdunning.kinds import kinds_in
from fairdunning.names import Scope, attribute_of, local_date, operand, period_operand, stored
from fairdunning.predicate import tree
from fairdunning.selection import FAR, Selection, place, select
from fairdunning.vocabulary import Fact
from fairdunning.yamlfile import Node

_SHARED = {"where", "same", "within", "this", "since", "until"}
KEYS = {
    "count": _SHARED, "distinct": _SHARED, "total": _SHARED, "latest": _SHARED | {"by"}, "earliest": _SHARED | {"by"},
    "interest": {"where", "rate", "basis", "since", "until", "skipping", "round"},
    "term": {"from", "lasts", "restarted_by", "held_by", "in_last", "roll", "same"},
}
SAME = ("person", "address", "debt", "debt_group", "creditor", "collector", "channel", "place", "household", "session")
UNITS = ("day", "week", "month", "year", "week from sunday")


def measure(name: str, node: Node, scope: Scope) -> None:
    """Adds the names of one measure to the scope."""
    parts = node.mapping
    found = [k for k in KEYS if k in parts]
    if len(found) != 1:
        hint = did_you_mean(next(iter(parts), ""), KEYS)
        scope.problems.add(node, f"one measure is expected{hint.en}", f"应为一种度量{hint.zh}")
        return
    how = found[0]
    _known(node, KEYS[how] | {how}, scope)
    listed = parts[how].text
    source = listed if listed in scope.vocabulary.facts else listed.rpartition(".")[0]
    fact = scope.vocabulary.facts.get(source)
    if fact is None or fact.type != "list":
        hint = did_you_mean(listed, [f.name for f in scope.vocabulary.facts.values() if f.type == "list"])
        scope.problems.add(parts[how], f"unknown list `{listed}`{hint.en}", f"未知的列表 `{listed}`{hint.zh}")
        return
    _MAKERS[how](name, node, source, fact, scope)


def _known(node: Node, keys: set[str], scope: Scope) -> None:
    for key, child in node.mapping.items():
        if key not in keys:
            hint = did_you_mean(key, keys)
            scope.problems.add(child, f"unknown key `{key}`{hint.en}", f"未知的键 `{key}`{hint.zh}")


def selection(name: str, node: Node, source: str, fact: Fact, scope: Scope, where: Node | None = None) -> Selection:
    """Which items of a list count, read from the keys of a measure; ``where`` replaces its condition."""
    parts = node.mapping
    chosen = where or parts.get("where")
    found = tree(chosen, scope.inside_list(source, dict(fact.of))) if chosen else c.ALWAYS
    within = period_operand(parts["within"], scope) if "within" in parts else None
    this = parts["this"].text if "this" in parts else ""
    if this and this not in UNITS:
        scope.problems.add(parts["this"], f"unknown unit `{this}`; one of {', '.join(UNITS)}", f"未知的单位 `{this}`，应为 {'、'.join(UNITS)} 之一")
    if this and within:
        scope.problems.add(parts["this"], "either `within` or `this`", "`within` 与 `this` 只能取其一")
    same = tuple(n.text for n in parts["same"].items) if "same" in parts else ()
    for key in same:
        if key not in SAME:
            hint = did_you_mean(key, SAME)
            scope.problems.add(parts["same"], f"unknown key `{key}`{hint.en}", f"未知的键 `{key}`{hint.zh}")
    since, until = (operand(parts[k], "any", scope) if k in parts else None for k in ("since", "until"))
    by = _by(parts["by"], fact, scope) if "by" in parts else None
    facts = facts_of(found, *(e for e in (since, until) if e))
    chosen_key = key_of("select", source, tree_key(found), same, scope.clock, within, this, since and since.key, until and until.key,
           by and by.name, scope.calendar and scope.calendar.name)
    return Selection(chosen_key, source, found, kinds_in(found), same, scope.clock, scope.calendar, within, this, since, until, by,
                       facts | {f"{source}: {name}"})


def _by(node: Node, fact: Fact, scope: Scope) -> Fact | None:
    found = fact.of.get(node.text)
    if found is None or found.type not in {"date", "datetime"}:
        hint = did_you_mean(node.text, fact.of)
        scope.problems.add(node, f"unknown date `{node.text}`{hint.en}", f"未知的日期属性 `{node.text}`{hint.zh}")
        return None
    return None if node.text == "at" else found


def _items_text(ctx: Context, spec: Selection) -> v.Value:
    """What was counted, as words for a message."""
    found = select(ctx, spec)

    def said(items: list[Item]) -> frozenset[str]:
        return frozenset(_said(ctx, spec, i) for i in items)

    return v.Members(said(found.yes), said(found.yes + found.perhaps))


def _said(ctx: Context, spec: Selection, item: Item) -> str:
    kind = item.values.get("kind")
    word = next(iter(kind.possible or ()), None) if isinstance(kind, v.Words) else None
    day = place(ctx, spec, item, ctx.zone(spec.clock)).day
    date = when.format_date(day.lo) if day.lo == day.hi and abs(day.lo) < FAR else ""
    return " ".join(part for part in (word or item.id, date) if part)


def _add_items(name: str, spec: Selection, scope: Scope) -> None:
    scope.names[f"{name}.items"] = Expr(key_of("items", spec.key), "set", lambda ctx, _i: _items_text(ctx, spec), spec.facts)


def _count(name: str, node: Node, source: str, fact: Fact, scope: Scope) -> None:
    spec = selection(name, node, source, fact, scope)
    scope.names[name] = Expr(key_of("count", spec.key), "count", lambda ctx, _i: m.count(ctx, spec), spec.facts)
    _add_items(name, spec, scope)


def _of_attribute(name: str, node: Node, source: str, fact: Fact, scope: Scope) -> None:
    how = "total" if "total" in node.mapping else "distinct"
    listed = node.mapping[how]
    attribute = fact.of.get(listed.text.rpartition(".")[2]) if listed.text != source else None
    if attribute is None or (how == "total" and attribute.type not in {"money", "count", "days"}):
        hint = did_you_mean(listed.text, [f"{source}.{a}" for a in fact.of])
        scope.problems.add(listed, f"unknown attribute `{listed.text}`{hint.en}", f"未知的属性 `{listed.text}`{hint.zh}")
        return
    spec = selection(name, node, source, fact, scope)
    compute = m.total if how == "total" else m.distinct
    kind = attribute.type if how == "total" else "count"
    scope.names[name] = Expr(key_of(how, attribute.name, spec.key), kind, lambda ctx, _i: compute(ctx, spec, attribute), spec.facts)
    _add_items(name, spec, scope)


def _item(name: str, node: Node, source: str, fact: Fact, scope: Scope) -> None:
    latest = "latest" in node.mapping
    spec = selection(name, node, source, fact, scope)

    def reader(get: Callable[[Context, Item], v.Value], kind: str) -> Callable[[Context, Item | None], v.Value]:
        def read(ctx: Context, _item: Item | None) -> v.Value:
            found = m.extreme(ctx, spec, latest=latest)
            values = [get(ctx, i) for i in found.items]
            if found.may_be_none:
                values.append(v.nothing(kind))
            if found.unseen:
                values.append(v.unknown(kind, optional=True))
            return v.hull(values)
        return read

    def add(attribute: str, kind: str, get: Callable[[Context, Item], v.Value], origin: Fact | None = None) -> None:
        scope.names[f"{name}.{attribute}"] = Expr(key_of(attribute, latest, spec.key), kind, reader(get, kind), spec.facts, source=origin)

    for attribute in fact.of.values():
        add(attribute.name, attribute.type, lambda ctx, i, a=attribute: stored(ctx, i, a, spec.clock), attribute)  # type: ignore[misc]
    for special in ("at", "date", "days_ago", "in_force") if source == "events" else ():
        found = attribute_of(special, source, fact.of, scope.clock)
        if found is not None:
            add(special, found.type, found.read)

    def exists(ctx: Context, _item: Item | None) -> v.Value:
        found = select(ctx, spec)
        return v.Range(int(bool(found.yes)), int(bool(found.yes or found.perhaps) or not found.closed))

    present = Expr(key_of("exists", spec.key), "bool", exists, spec.facts)
    scope.names[name] = scope.names[f"{name}.exists"] = present
    _add_items(name, spec, scope)


def _term(name: str, node: Node, source: str, fact: Fact, scope: Scope) -> None:
    parts = node.mapping
    start = operand(parts["from"], "date", scope) if "from" in parts else None
    lasts = period_operand(parts["lasts"], scope) if "lasts" in parts else None
    if start is None or lasts is None:
        scope.problems.add(node, "a term needs `from` and `lasts`", "term 须有 `from` 与 `lasts`")
        return
    restarted, held = (selection(name, node, source, fact, scope, parts[k]) if k in parts else None for k in ("restarted_by", "held_by"))
    in_last = period_operand(parts["in_last"], scope) if "in_last" in parts else None
    if held and in_last is None:
        scope.problems.add(node, "`held_by` needs `in_last`", "`held_by` 须有 `in_last`")
    read_start = c.number(local_date(start, scope.clock))
    term = spans.Term(lambda ctx: read_start(ctx, None), lasts, restarted, held, in_last, scope.calendar, "roll" in parts)
    facts = start.facts.union(*(s.facts for s in (restarted, held) if s))
    key = key_of("term", start.key, lasts, restarted and restarted.key, held and held.key, in_last, "roll" in parts,
                              scope.calendar and scope.calendar.name)
    ends = Expr(key, "date", lambda ctx, _i: spans.term_ends(ctx, term), facts)
    scope.names[name] = scope.names[f"{name}.ends"] = ends


def _interest(name: str, node: Node, source: str, fact: Fact, scope: Scope) -> None:
    parts = node.mapping
    rate = operand(parts["rate"], "rate", scope) if "rate" in parts else None
    basis = parts["basis"].text if "basis" in parts else ""
    how = parts["round"].text if "round" in parts else "half_up"
    if rate is None or basis not in BASES or how not in ROUNDINGS:
        scope.problems.add(node, f"interest needs `rate` and `basis` ({', '.join(BASES)})", f"interest 须有 `rate` 与 `basis`（{'、'.join(BASES)}）")
        return
    bounds = [operand(parts[k], "date", scope) if k in parts else None for k in ("since", "until")]
    since, until = (local_date(b, scope.clock) if b else None for b in bounds)
    skipping = operand(parts["skipping"], "any", scope) if "skipping" in parts else None
    plain = Node({k: n for k, n in parts.items() if k == "where"}, node.file, node.line, node.key)
    spec = selection(name, plain, source, fact, scope)
    found = spans.Interest(spec, rate, basis, since, until, skipping, how)
    others = [e for e in (rate, since, until, skipping) if e]
    key = key_of("interest", spec.key, basis, how, *(e.key for e in others), since is None, until is None)
    scope.names[name] = Expr(key, "money", lambda ctx, _i: spans.interest(ctx, found), spec.facts | facts_of(*others))
    _add_items(name, spec, scope)


_MAKERS: dict[str, Callable[[str, Node, str, Fact, Scope], None]] = {
    "count": _count, "distinct": _of_attribute, "total": _of_attribute, "latest": _item, "earliest": _item, "term": _term, "interest": _interest,
}


def period(name: str, node: Node, scope: Scope) -> None:
    """Adds the names of one period: itself (yes or no), `.since` and `.ends`."""
    parts, fact = node.mapping, scope.vocabulary.facts["events"]
    _known(node, {"opens", "closes", "same", "lasts", "by"}, scope)
    if "opens" not in parts:
        scope.problems.add(node, "a period needs `opens`", "期间须有 `opens`")
        return
    lasts = period_operand(parts["lasts"], scope) if "lasts" in parts else None
    opens = selection(name, node, "events", fact, scope, parts["opens"])
    shut = Node({k: n for k, n in parts.items() if k == "same"}, node.file, node.line, node.key)
    closes = tuple(selection(name, shut, "events", fact, scope, n) for n in (parts["closes"].items if "closes" in parts else ()))
    key = key_of("period", opens.key, lasts, tuple(s.key for s in closes))
    span = spans.Span(key, opens, closes, lasts)
    facts = opens.facts.union(*(s.facts for s in closes))
    scope.names[name] = Expr(key, "bool", lambda ctx, _i: spans.holds(ctx, span), facts,
                             holds_at=lambda ctx, at: spans.holds_at(ctx, span, at, strict=True))
    scope.names[f"{name}.since"] = Expr(key_of(key, "since"), "date", lambda ctx, _i: spans.since(ctx, span), facts)
    scope.names[f"{name}.ends"] = Expr(key_of(key, "ends"), "date", lambda ctx, _i: spans.ends(ctx, span), facts)
