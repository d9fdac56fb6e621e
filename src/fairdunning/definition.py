"""Shared definitions: bound per policy file with dated, cited values, read by rules that use them."""

from __future__ import annotations

from fairdunning import condition as c
from fairdunning import rule as r
from fairdunning import value as v
from fairdunning.book import Line, Place, check_line, cite_of, dates, law_date, rule_of
from fairdunning.condition import Expr
from fairdunning.errors import did_you_mean
from fairdunning.facts import Context, Item, key_of
from fairdunning.folder import known
from fairdunning.names import literal
from fairdunning.yamlfile import Problems


def uses(place: Place) -> r.Uses:
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
        if wanted in place.using:
            place.problems.add(entry, f"`{wanted}` depends on itself", f"`{wanted}` 循环引用自身")
            return {}
        rule = rule_of(entry, place.book)
        if rule is None or rule is entry:
            return {}
        place.book.read.add(entry.mapping["rule"].text)
        known(entry, {"rule", "values", "as_of", "confidence", "checked_on", "bind"}, place.problems)
        return _definition(name, Place(place.book, file, entry, rule, place.clock, place.zone, place.calendar, (*place.using, wanted)))

    return find


def _definition(name: str, place: Place) -> dict[str, Expr]:
    law = law_date(place.node, place)
    declared = r.parameters_of(place.rule, Problems())
    dated: list[tuple[Line, dict[str, Expr]]] = []
    for line in dates(place.node, place.problems):
        check_line(line, declared, place)
        if "confidence" in line.node.mapping or "confidence" in place.node.mapping:
            cite_of(line.node, place.node, place.file, place.problems)
        elif "cite" not in line.node.mapping:
            place.problems.add(line.node, "a value without a citation does not load; add `cite`", "没有出处的值不能载入；请添加 `cite`")
        scope = place.book.scope(place.file, place.clock, place.calendar)
        values = {k: (declared[k].type, literal(declared[k].type, n, scope)) for k, n in line.node.mapping.items() if k in declared}
        if set(declared) - set(values) or any(x[1] is None for x in values.values()):
            continue
        dated.append((line, r.bind_definition(place.rule, name, values, scope, uses(place))))
    if law is None or not dated:
        return {}
    return {key: _by_date(key, law, dated) for key in dated[0][1]}


def _by_date(key: str, law: Expr, dated: list[tuple[Line, dict[str, Expr]]]) -> Expr:
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
