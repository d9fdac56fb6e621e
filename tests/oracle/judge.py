"""The answer of the oracle: wrong, undecided, silent or not in force."""

from itertools import product

from tests.oracle.oracle import INF, NO, PERHAPS, YES, Facts, Num, Words, is_none, local_day, number
from tests.oracle.reading import Reading

SECTIONS = ("scope", "when", "periods", "measures", "define", "wrong_when", "requires", "unless")


def lines_of(constraint):
    """First day (in), last day (out) and values of each dated line; repealed spans are left out."""
    dated = sorted((number("date", k), x) for k, x in constraint["values"].items())
    ends = [d for d, _ in dated[1:]] + [INF]
    return [(start, end, x) for (start, x), end in zip(dated, ends, strict=True) if x is not None]


def versions(line, facts):
    """The values of a line for each word that its `by:` facts may be, how surely it is that word, and whether words are left out."""
    facts_named = {x["by"] for x in line.values() if isinstance(x, dict) and "by" in x}
    choices, complete = [], True
    for name in sorted(facts_named):
        value = facts.fact(name)
        named = {k for x in line.values() if isinstance(x, dict) and x.get("by") == name for k in x if k not in {"by", "other"}}
        other = any("other" in x for x in line.values() if isinstance(x, dict) and x.get("by") == name)
        complete = complete and other
        options = [(name, w, _is_word(value, w)) for w in sorted(named)]
        if other:
            options.append((name, None, _is_other(value, named)))
        choices.append(options)
    for combination in product(*choices):
        chosen = {}
        for key, x in line.items():
            if isinstance(x, dict) and "by" in x:
                word = next(w for n, w, _ in combination if n == x["by"])
                chosen[key] = x.get(word, x.get("other")) if word else x["other"]
            else:
                chosen[key] = x
        if None not in chosen.values():
            yield chosen, min((t for _, _, t in combination), default=YES), complete


def _is_word(value, word):
    if not isinstance(value.may, frozenset):
        return PERHAPS
    return (YES if value == Words(frozenset({word})) else PERHAPS) if word in value.may else NO


def _is_other(value, named):
    if not isinstance(value.may, frozenset):
        return PERHAPS
    return YES if not value.may & named else (PERHAPS if value.may - named else NO)


def judge(constraint, document, vocabulary, policy, calendar, tables, records=None):
    """The worst over debts and zones, as the word that a case file expects."""
    debts = document["action"].get("debts") or sorted(d["id"] for d in document.get("debts") or []) or [""]
    zones = (document.get("debtor") or {}).get("timezones") or [None]
    worst, in_force = NO, False
    for debt, debtor_zone in product(debts, zones):
        facts = Facts(document, vocabulary, debt, policy["zone"], policy["clock"], debtor_zone, calendar, records)
        status, dated = _one(constraint, facts, policy, tables)
        worst, in_force = max(worst, status), in_force or dated
    return {NO: "silent", PERHAPS: "undecided", YES: "wrong"}[worst] if in_force else "not_in_force"


def _law_date(constraint, facts):
    name = constraint.get("as_of", "action.at")
    value = facts.fact(name)
    if facts.vocabulary["facts"][name]["type"] == "datetime" and not is_none(value) and abs(value.lo) != INF:
        return Num(local_day(value.lo, facts.law_tz), local_day(value.hi, facts.law_tz), value.none)
    return value


def _one(constraint, facts, policy, tables):
    law = _law_date(constraint, facts)
    if is_none(law):
        return NO, False
    statuses, spans = [], []
    for start, end, line in lines_of(constraint):
        if law.lo < end and start <= law.hi:
            found = _line(constraint, line, facts, tables)
            if found is not None:
                statuses.append(found)
            spans.append((start, end))
    if not statuses:
        return NO, False
    reached = law.lo
    for start, end in spans:
        reached = end if start <= reached < end else reached
    covered = reached > law.hi and not law.none
    if covered and min(statuses) == YES:
        return YES, True
    return (PERHAPS if max(statuses) else NO), True


def _line(constraint, line, facts, tables):
    found, sure = [], False
    for values, word, complete in versions({k: x for k, x in line.items() if k in constraint.get("parameters", {})}, facts):
        if word != NO:
            found.append(_status(constraint, values, facts, tables))
            sure = sure or word == YES or complete
    if not found:
        return None
    return YES if sure and min(found) == YES else (PERHAPS if max(found) else NO)


def _status(constraint, values, facts, tables):
    types = {k: p["type"] for k, p in constraint.get("parameters", {}).items()}
    reading = Reading(facts, {k: constraint[k] for k in SECTIONS if k in constraint}, values, types, tables)
    parts = [reading.truth(constraint[k]) for k in ("scope", "when") if k in constraint]
    parts.append(reading.truth(constraint["wrong_when"]) if "wrong_when" in constraint else YES - reading.truth(constraint["requires"]))
    status = min(parts)
    for exception in constraint.get("unless", {}).values():
        if reading.truth(exception["when"]) == YES:
            return NO
    return status
