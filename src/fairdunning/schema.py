"""JSON Schemas of what people write: rule, policy, profile, cases, vocabulary, table, calendar, and of a case document."""

from __future__ import annotations

from typing import Any

from fairdunning import rule as r
from fairdunning import value as v
from fairdunning.book import CONFIDENCE
from fairdunning.constraint import FORCES, STATUSES
from fairdunning.declare import KEYS, SAME, UNITS
from fairdunning.vocabulary import TYPES, Fact, Vocabulary

KINDS = ("rule", "policy", "profile", "cases", "vocabulary", "table", "calendar", "articles", "handbook", "case")
Schema = dict[str, Any]
_SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
_TEXT: Schema = {
    "type": "object",
    "required": ["en", "zh"],
    "properties": {"en": {"type": "string"}, "zh": {"type": "string"}},
    "additionalProperties": False,
}
_DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
_WORDS: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_CONDITION: Schema = {"type": "object", "minProperties": 1}


def _object(properties: Schema, required: tuple[str, ...] = (), **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False, **more}


def _named(entry: Schema) -> Schema:
    return {"type": "object", "additionalProperties": entry}


def _rule_parts() -> Schema:
    measure = _object(
        {
            **{k: {"type": "string"} for k in KEYS},
            "where": _CONDITION,
            "same": {"type": "array", "items": {"enum": list(SAME)}},
            "within": _SCALAR,
            "this": {"enum": list(UNITS)},
            "since": _SCALAR,
            "until": _SCALAR,
            "by": _SCALAR,
            "rate": _SCALAR,
            "basis": _SCALAR,
            "skipping": _SCALAR,
            "round": _SCALAR,
            "from": _SCALAR,
            "lasts": _SCALAR,
            "restarted_by": _CONDITION,
            "held_by": _CONDITION,
            "in_last": _SCALAR,
            "roll": {"const": "next_workday"},
        }
    )
    period = _object(
        {
            "opens": _CONDITION,
            "closes": {"anyOf": [_CONDITION, {"type": "array", "items": _CONDITION}]},
            "lasts": _SCALAR,
            "same": {"type": "array", "items": {"enum": list(SAME)}},
            "by": _SCALAR,
        },
        ("opens",),
    )
    parameter = _object(
        {
            "type": {"enum": [*sorted(v.NUMERIC - {"datetime"}), "enum", "set", "period", "timetable", "table"]},
            "stricter": {"enum": list(r.STRICTER)},
        },
        ("type",),
    )
    return {
        "parameters": _named(parameter),
        "uses": {"type": "array", "items": {"type": "string"}},
        "scope": _CONDITION,
        "periods": _named(period),
        "measures": _named(measure),
        "define": _named({"type": "object"}),
        "wrong_when": _CONDITION,
        "when": _CONDITION,
        "requires": _CONDITION,
        "moment": {"enum": list(r.MOMENTS)},
        "due": {"type": "string"},
        "unless": {"type": "object"},
        "title": _TEXT,
        "message": _TEXT,
        "why": _TEXT,
    }


def _rule() -> Schema:
    return _object({**_rule_parts(), "gives": {"type": "array", "items": {"type": "string"}}}, ("title",))


def _line() -> Schema:
    known = {
        "cite": {"type": "string"},
        "force": {"enum": list(FORCES)},
        "status": {"enum": list(STATUSES)},
        "because": _TEXT,
        "confidence": {"enum": list(CONFIDENCE)},
        "checked_on": _DATE,
    }
    return {"anyOf": [{"type": "null"}, {"type": "object", "properties": known, "required": ["cite"]}]}


def _policy() -> Schema:
    values = {"type": "object", "patternProperties": {r"^\d{4}-\d{2}-\d{2}$": _line()}, "additionalProperties": False}
    constraint = _object(
        {
            **_rule_parts(),
            "rule": {"type": "string"},
            "force": {"enum": list(FORCES)},
            "values": values,
            "as_of": {"type": "string"},
            "confidence": {"enum": list(CONFIDENCE)},
            "checked_on": _DATE,
            "status": {"enum": list(STATUSES)},
            "because": _TEXT,
            "calendar": {"type": "string"},
            "bind": _named({"type": "string"}),
        },
        ("values",),
    )
    source = _object({"title": _TEXT, "body": _SCALAR, "number": _SCALAR, "from": _DATE, "until": _DATE}, ("title",))
    definition = _object(
        {
            "rule": {"type": "string"},
            "values": values,
            "as_of": {"type": "string"},
            "confidence": {"enum": list(CONFIDENCE)},
            "checked_on": _DATE,
            "bind": _named({"type": "string"}),
        },
        ("rule", "values"),
    )
    return _object(
        {
            "title": _TEXT,
            "zone": {"type": "string"},
            "clock": {"enum": ["authority", "debtor"]},
            "calendar": {"type": "string"},
            "sources": _named(source),
            "definitions": _named(definition),
            "tables": _named(_table()),
            "constraints": _named(constraint),
        },
        ("zone",),
    )


def _profile() -> Schema:
    record = _object({"complete_since": _DATE, "kept_in": _SCALAR}, ("complete_since",))
    tighter = {"type": "object", "properties": {"from": _DATE, "because": _TEXT}, "required": ["because"]}
    return _object(
        {
            "title": _TEXT,
            "use": {"type": "array", "items": {"type": "string"}},
            "records": _named(record),
            "given": {"type": "object"},
            "assume": {"type": "object"},
            "raise": _named({"const": "block"}),
            "tighten": _named(tighter),
        },
        ("use",),
    )


def _cases() -> Schema:
    whole = _object(
        {
            "outcome": {"enum": ["allow", "flag", "block"]},
            "cause": _SCALAR,
            **dict.fromkeys(("findings", "obligations", "advice", "shadow", "unknown"), _WORDS),
        }
    )
    case = _object(
        {
            "name": {"type": "string"},
            "constraint": {"type": "string"},
            "profile": {"type": "string"},
            "given": {"type": "object"},
            "with": {"type": "object"},
            "unless": _WORDS,
            "expect": {"anyOf": [{"enum": ["wrong", "undecided", "silent", "not_in_force"]}, whole]},
        },
        ("name", "expect"),
    )
    return _object(
        {
            "profile": {"type": "string"},
            "calendar": {"type": "string"},
            "zone": {"type": "string"},
            "given": {"type": "object"},
            "cases": {"type": "array", "items": case},
        },
        ("cases",),
    )


def _table() -> Schema:
    return _object(
        {
            "title": _TEXT,
            "sources": {"type": "object"},
            "by": _WORDS,
            "gives": {"type": "string"},
            "rows": {"type": "object"},
            "known_until": _DATE,
            "cite": {"type": "string"},
            "confidence": {"enum": list(CONFIDENCE)},
            "checked_on": _DATE,
        },
        ("by", "gives", "rows", "cite"),
    )


def _calendar() -> Schema:
    days = {"type": "array", "items": _DATE}
    year = _object({"cite": {"type": "string"}, "holidays": days, "workdays": days}, ("cite",))
    return _object(
        {
            "title": _TEXT,
            "zone": {"type": "string"},
            "sources": {"type": "object"},
            "known_from": _DATE,
            "known_until": _DATE,
            "years": {"type": "object", "patternProperties": {r"^\d{4}$": year}, "additionalProperties": False},
        },
        ("title", "known_from", "known_until"),
    )


def _articles() -> Schema:
    number = {"type": ["integer", "string"], "pattern": r"^\d+$"}
    left = {"from": number, "to": number, "left": {"enum": ["people", "out_of_scope"]}, "because": _TEXT}
    part = _object({**left, "title": _TEXT}, ("from", "to", "title", "left", "because"))
    single = _object(left, ("from", "to", "left", "because"))
    names = {"type": "array", "items": {"type": "string"}}
    lists = {"chapters": {"type": "array", "items": part}, "articles": {"type": "array", "items": single}}
    return _object({"title": _TEXT, "sources": names, **lists}, ("title", "sources", "chapters"))


def _handbook() -> Schema:
    section = _object({"title": _TEXT, "constraints": {"type": "array", "items": {"type": "string"}}}, ("title", "constraints"))
    return _object({"title": _TEXT, "sections": {"type": "array", "items": section}}, ("title", "sections"))


def _vocabulary() -> Schema:
    fact = {"type": "object", "properties": {"type": {"enum": list(TYPES)}, "en": _SCALAR, "zh": _SCALAR}, "required": ["en", "zh"]}
    return {"type": "object", "additionalProperties": fact}


_FORMS: dict[str, Schema] = {
    "bool": {"type": "boolean"},
    "count": {"type": "integer"},
    "days": {"type": "integer"},
    "date": _DATE,
    "datetime": {"type": "string"},
    "money": {"type": "string", "pattern": r"^[+-]?\d+(\.\d+)? [A-Z]{3}$"},
    "rate": {"type": "string"},
    "id": {"type": "string"},
    "timetable": {"type": ["string", "object"]},
}


def fact_schema(fact: Fact) -> Schema:
    """The JSON form of one fact: its type, null for unknown, ``"none"`` where it may not exist."""
    if fact.type == "list":
        form: Schema = {"type": "array", "items": _object({f.key: fact_schema(f) for f in fact.of.values()} | {"id": {"type": "string"}})}
    elif fact.type == "set":
        word: Schema = {"enum": sorted(fact.words)} if fact.words else {"type": "string"}
        members: Schema = {"type": "array", "items": word}
        form = {"anyOf": [word, members, _object({"sure": members, "may": members}, ("sure", "may"))]}
    elif fact.type == "enum":
        form = {"enum": sorted(fact.words)} if fact.words else {"type": "string"}
    else:
        form = _FORMS[fact.type]
    also = [{"const": "none"}] if fact.optional else []
    return {"anyOf": [form, {"type": "null"}, *also], "description": f"{fact.text.en} / {fact.text.zh}"}


def case_schema(vocabulary: Vocabulary) -> Schema:
    """The schema of a case document."""

    def noun(name: str) -> Schema:
        return {f.key: fact_schema(f) for f in vocabulary.of_noun(name) if not f.derived}

    nouns_text: Schema = {"text": {"type": "string", "description": "the text itself, screened before the check / 文本，检查前先行筛查"}}
    within = {n.name: _object(noun(n.name)) for n in vocabulary.nouns.values() if n.within == "debts"}
    nouns = {n.name: _object(noun(n.name)) for n in vocabulary.nouns.values() if not n.list and n.name not in {"events", "action"}}
    nouns["message"]["properties"] |= nouns_text
    lists = {
        n.list: {"type": "array", "items": _object({**noun(n.name), **(within if n.list == "debts" else {}), "id": {"type": "string"}}, ("id",))}
        for n in vocabulary.nouns.values()
        if n.list
    }
    event = fact_schema(vocabulary.facts["events"])["anyOf"][0]
    event["items"]["properties"] |= {"set": {"type": "object"}, "amends": {"type": "object"}}
    event["items"]["required"] = ["kind", "at"]
    return _object(
        {
            "action": _object(noun("action"), ("kind", "at")),
            **nouns,
            **lists,
            "events": event,
            "history": _object({"complete_since": {"anyOf": [_DATE, {"type": "null"}]}}),
        },
        ("action",),
    )


def schema(kind: str, vocabulary: Vocabulary) -> Schema:
    """The JSON Schema of one kind of document; raises KeyError for another kind."""
    makers = {
        "rule": _rule,
        "policy": _policy,
        "profile": _profile,
        "cases": _cases,
        "table": _table,
        "calendar": _calendar,
        "vocabulary": _vocabulary,
        "articles": _articles,
        "handbook": _handbook,
    }
    body = case_schema(vocabulary) if kind == "case" else makers[kind]()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"fairdunning {kind}", **body}
