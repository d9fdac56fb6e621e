"""The facts a condition may speak of: their types, words and names, read from ``rules/vocabulary/*.yaml``.

A dotted key is a fact, a key without a dot describes a noun. `Fact.decode` turns one JSON value of a case into a `value.Value`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from fairdunning import value as v
from fairdunning import when
from fairdunning.errors import Text, did_you_mean
from fairdunning.yamlfile import Node, Problems

TYPES = (*sorted(v.NUMERIC), "enum", "id", "set", "timetable", "list")
CONTACTS = ("call", "sms", "im", "email", "letter", "visit", "app_message")
_FACT_KEYS = {"type", "words", "optional", "silent", "derived", "assumable", "asserted", "of", "required", "sharpens", "key", "en", "zh"}
_NOUN_KEYS = {"list", "by", "within", "en", "zh"}


@dataclass(frozen=True)
class Word:
    """A word of an enum: ``silent`` kinds of event count as none when the record is complete, ``lasting`` ones have an end."""

    text: Text
    silent: bool = False
    lasting: bool = False


@dataclass(frozen=True)
class Fact:
    """One fact or attribute: ``key`` is its name in the case document, ``of`` the attributes of a list's items."""

    name: str
    type: str
    text: Text
    key: str
    optional: bool = False
    silent: bool = False
    words: dict[str, Word] = field(default_factory=dict)
    of: dict[str, Fact] = field(default_factory=dict)
    derived: Node | None = None
    assumable: bool = False
    required: frozenset[str] = frozenset()
    sharpens: frozenset[str] = frozenset()

    @cached_property
    def decoded(self) -> dict[str | tuple[str, ...], v.Value]:
        """Values that were decoded before, by their text: the same words come again and again."""
        return {}

    def unknown(self) -> v.Value:
        """Everything this fact may be."""
        return v.unknown(self.type, optional=self.optional)

    def silence(self) -> v.Value:
        """What silence means where the record is complete: false, none or no member."""
        return v.FALSE if self.type == "bool" else v.nothing(self.type)

    def decode(self, written: Any) -> v.Value:
        """The value of a JSON scalar or array; raises ValueError with a `Text` when it does not fit the type."""
        if written is None:
            return self.unknown()
        if written == "none" and self.optional:
            return v.nothing(self.type)
        if written == "none" and "none" not in self.words and self.type != "timetable":
            raise ValueError(Text("cannot be none: write null or leave it out when it is not known", "不能为 none：不知道时写 null 或省略"))
        try:
            return _DECODERS.get(self.type, _number)(self, written)
        except (ValueError, TypeError, KeyError) as error:
            if error.args and isinstance(error.args[0], Text):
                raise
            raise ValueError(_expected(self, written)) from error


_FORMS = {
    "bool": Text("true or false", "true 或 false"),
    "count": Text("a whole number", "整数"),
    "days": Text("a whole number of days", "整数天数"),
    "money": Text("an amount with its currency such as `6499.20 CNY`", "带币种的金额，如 `6499.20 CNY`"),
    "rate": Text("a rate such as `24%`", "比率，如 `24%`"),
    "date": Text("a date such as `2026-11-23`", "日期，如 `2026-11-23`"),
    "datetime": Text("a time with its offset such as `2026-11-23T10:00:00+08:00`", "带时区偏移的时间，如 `2026-11-23T10:00:00+08:00`"),
    "id": Text("text", "文本"),
    "set": Text("a list of words", "词的列表"),
    "timetable": Text("hours such as `08:00-20:00`", "时段，如 `08:00-20:00`"),
}


def _expected(fact: Fact, written: Any) -> Text:
    got = repr(written)[:60]
    words = [w for w in (written if isinstance(written, list) else [written]) if isinstance(w, str) and w not in fact.words]
    if fact.words and words:
        hint = did_you_mean(words[0], fact.words)
        return Text(f"unknown word `{words[0][:60]}`{hint.en}", f"未知的词 `{words[0][:60]}`{hint.zh}")
    form = _FORMS.get(fact.type, Text("one of its words", "规定的词"))
    return Text(f"must be {form.en}, got `{got}`", f"应为{form.zh}，实为 `{got}`")


def _number(fact: Fact, written: Any) -> v.Value:
    if fact.type == "bool":
        if not isinstance(written, bool):
            raise TypeError
        return v.TRUE if written else v.FALSE
    if fact.type in {"count", "days"}:
        if isinstance(written, bool) or not isinstance(written, int) or abs(written) >= v.BIG:
            raise TypeError
        return v.Range(written, written)
    if not isinstance(written, str):
        raise TypeError
    number = v.parse_number(fact.type, written)
    return v.Range(number, number)


def _word(fact: Fact, written: Any) -> v.Value:
    if not isinstance(written, str) or not written or len(written) > 500 or (fact.words and written not in fact.words):
        raise ValueError
    return v.Words(frozenset({written}))


def _members(fact: Fact, written: Any) -> v.Value:
    if isinstance(written, dict) and set(written) == {"sure", "may"}:
        sure, may = (_members(fact, written[key]) for key in ("sure", "may"))
        assert isinstance(sure, v.Members)
        assert isinstance(may, v.Members)
        return v.Members(sure.sure, sure.sure | may.sure)
    members = [written] if isinstance(written, str) else written
    if not isinstance(members, list) or not all(isinstance(m, str) for m in members):
        raise TypeError
    for member in members:
        _word(fact, member)
    known = frozenset(members)
    return v.Members(known, known)


def _hours(_: Fact, written: Any) -> v.Value:
    return v.Hours(when.parse_timetable(written))


_DECODERS = {"enum": _word, "id": _word, "set": _members, "timetable": _hours}


@dataclass(frozen=True)
class Noun:
    """Where a noun stands in a case: at the top, as an entry of ``list`` named by the fact ``by``, or ``within`` each debt."""

    name: str
    list: str = ""
    by: str = ""
    within: str = ""


@dataclass(frozen=True)
class Vocabulary:
    """All nouns and facts; ``facts`` is keyed by dotted name, ``events`` holds the attributes of an event."""

    nouns: dict[str, Noun]
    facts: dict[str, Fact]

    @property
    def events(self) -> dict[str, Fact]:
        """The attributes of an event."""
        return self.facts["events"].of

    def of_noun(self, noun: str) -> list[Fact]:
        """The facts stored under one noun."""
        return list(self.by_key(noun).values())

    @cached_property
    def _stored(self) -> dict[str, dict[str, Fact]]:
        found: dict[str, dict[str, Fact]] = {}
        for name, fact in self.facts.items():
            noun, dot, _ = name.partition(".")
            if dot:
                found.setdefault(noun, {})[fact.key] = fact
        return found

    @cached_property
    def parts(self) -> frozenset[str]:
        """The parts of a case that are no lists."""
        return frozenset({noun.name for noun in self.nouns.values() if not noun.list} | {"history"})

    @cached_property
    def timetable_keys(self) -> frozenset[str]:
        """The keys under which a case holds timetables."""
        return frozenset(f.key for fact in self.facts.values() for f in (fact, *fact.of.values()) if f.type == "timetable")

    def by_key(self, noun: str) -> dict[str, Fact]:
        """The facts of a noun by the name they have in a case document."""
        return self._stored.get(noun, {})


def parse_vocabulary(files: Iterable[Node], problems: Problems) -> Vocabulary:
    """Reads vocabulary files that were laid over each other; a later fact adds words to an earlier enum of the same name."""
    nouns: dict[str, Noun] = {}
    facts: dict[str, Fact] = {}
    for file in files:
        for name, node in file.mapping.items():
            if "." in name or "type" in node.mapping:
                fact = _fact(name, node, problems)
                if fact and name in facts:
                    fact = _merge(facts[name], fact)
                if fact:
                    facts[name] = fact
            else:
                _known_keys(node, _NOUN_KEYS, problems)
                parts = {k: c.text for k, c in node.mapping.items() if k in {"list", "by", "within"}}
                nouns[name] = Noun(name, **parts)
    for name in facts:
        noun = name.partition(".")[0]
        nouns.setdefault(noun, Noun(noun))
    return Vocabulary(nouns, facts)


def _merge(old: Fact, new: Fact) -> Fact:
    of = {n: _merge(old.of[n], f) if n in old.of else f for n, f in new.of.items()}
    return replace(new, words={**old.words, **new.words}, of={**old.of, **of})


def _known_keys(node: Node, known: set[str], problems: Problems) -> None:
    for key, child in node.mapping.items():
        if key not in known:
            hint = did_you_mean(key, known)
            problems.add(child, f"unknown key `{key}`{hint.en}", f"未知的键 `{key}`{hint.zh}")


def _fact(name: str, node: Node, problems: Problems) -> Fact | None:
    parts = node.mapping
    _known_keys(node, _FACT_KEYS, problems)
    kind = parts["type"].text if "type" in parts else ""
    if kind not in TYPES:
        hint = did_you_mean(kind, TYPES)
        problems.add(node, f"unknown type `{kind}`{hint.en}", f"未知的类型 `{kind}`{hint.zh}")
        return None
    if not (parts.get("en") and parts.get("zh")):
        problems.add(node, "a description in `en` and `zh` is missing", "缺少 `en` 与 `zh` 说明")
    words = parts.get("words")
    table = {w: _word_of(n) for w, n in words.mapping.items()} if words and words.mapping else {}
    if words and not words.mapping:
        table = {n.text: Word(Text(n.text, n.text)) for n in words.items}
    inner = {n: _fact(n, c, problems) for n, c in parts["of"].mapping.items()} if "of" in parts else {}
    return Fact(
        name=name,
        type=kind,
        text=Text(_text(parts, "en"), _text(parts, "zh")),
        key=_text(parts, "key") or name.rpartition(".")[2],
        optional=_text(parts, "optional") == "true",
        silent="silent" in parts,
        words=table,
        of={n: f for n, f in inner.items() if f},
        derived=parts.get("derived"),
        assumable=_text(parts, "assumable") == "true",
        required=frozenset(n.text for n in parts["required"].items) if "required" in parts else frozenset(),
        sharpens=frozenset(n.text for n in parts["sharpens"].items) if "sharpens" in parts else frozenset(),
    )


def _text(parts: dict[str, Node], key: str) -> str:
    return parts[key].text if key in parts else ""


def _word_of(node: Node) -> Word:
    parts = node.mapping
    return Word(Text(_text(parts, "en"), _text(parts, "zh")), "silent" in parts, _text(parts, "lasting") == "true")


# --- YAML text as JSON values ------------------------------------------------------------------------------------------


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
        if key in {"set", "amends"} and isinstance(written, dict):
            found[key] = _typed_entry(written, facts, vocabulary)
        elif fact is None and key in vocabulary.nouns:
            found[key] = _typed_entry(written, {f.key: f for f in vocabulary.of_noun(key)}, vocabulary)
        elif fact is not None and fact.type == "list" and isinstance(written, list):
            found[key] = [_typed_entry(e, {f.key: f for f in fact.of.values()}, vocabulary) for e in written]
        else:
            found[key] = typed_scalar(written, fact.type if fact else "")
    return found


def typed_scalar(written: Any, kind: str) -> Any:
    """The text of a scalar as the JSON value of its type; what does not fit stays text."""
    if kind == "bool" and written in {"true", "false"}:
        return written == "true"
    if kind in {"count", "days"} and isinstance(written, str):
        try:
            return v.parse_integer(written)
        except ValueError:
            return written
    return written
