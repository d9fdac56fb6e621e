"""Concepts, frames and signals as compliance officers write them in ``rules/content/lexicon/*.yaml``, compiled; and the weights beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from fairdunning.errors import LoadError, Problem, Text, did_you_mean
from fairdunning.folder import known, shipped
from fairdunning.screening.model import Model, Signals, read_model, signals
from fairdunning.screening.normalise import table
from fairdunning.screening.template import SLOTS, Template, digest, template
from fairdunning.yamlfile import Node, Problems, read

_LISTS = ("concepts", "contexts", "says", "signals")
_KEYS = {"language", "spellings", *_LISTS, "frames", "kinds", "templates", "discloses", "marketing", "traditional", "simplified"}
_FRAME_KEYS = {"id", "category", "gives", "unless", "unless_beside", "sure", "denial", "conditional", "patterns"}
# what a gap may cross: never the end of a sentence; in Chinese a few characters, in English a few words
_GAP_WORD = r"[\s,:'’\-]+[^\s.!?]+"
_GAPS = {
    "zh": {"..": r"[^。！？!?\n；;]{0,6}", "...": r"[^。！？!?\n；;]{0,16}"},
    "en": {"..": rf"(?:{_GAP_WORD}){{0,4}}?[\s,:\-]+", "...": rf"(?:{_GAP_WORD}){{0,9}}?[\s,:\-]+"},
}


@dataclass(frozen=True)
class Frame:
    """One wrong way to say something: the content facts a hit makes true (or, when not sure, unknown).

    ``denial``: its own words deny something, so a negation in it is no guard.
    ``unless`` names contexts that silence it anywhere in the text read at once, ``unless_beside`` in its own sentence.
    ``conditional``: contexts in which the text gives what one needs to check the claim, so that only the facts of the case can tell.
    ``own``: not from the shipped ``zh.yaml`` or ``en.yaml``, so the weights have no say in it.
    """

    id: str
    category: str
    language: str
    tags: frozenset[str]
    claims: frozenset[str]
    sure: bool
    denial: bool
    own: bool
    unless: tuple[str, ...]
    unless_beside: tuple[str, ...]
    conditional: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """Plain words looked for in a text: in English whole ones."""

    whole: tuple[str, ...]
    anywhere: tuple[str, ...]

    def within(self, text: str, spaced: str) -> bool:
        """Whether one of them is in the text; ``spaced`` is the text with blanks for marks and at its ends."""
        return any(w in spaced for w in self.whole) or any(w in text for w in self.anywhere)


@dataclass(frozen=True)
class Kind:
    """What a kind of wrong makes unknown when only the weights speak of it."""

    tags: frozenset[str]
    claims: frozenset[str]


@dataclass(frozen=True)
class Language:
    """Everything read for one language; ``index`` finds the patterns that can match by a word (en) or two characters (zh) they need."""

    name: str
    index: dict[str, tuple[tuple[Frame, re.Pattern[str]], ...]]
    contexts: dict[str, re.Pattern[str]]
    says: dict[str, Words]
    discloses: Words
    marketing: Words
    signals: Signals
    model: Model | None


@dataclass
class Lexicon:
    """All languages, known evasive spellings, single-character look-ups, and the facts behind each kind of wrong."""

    languages: list[Language] = field(default_factory=list)
    spellings: dict[str, str] = field(default_factory=dict)
    single: dict[int, str] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    templates: list[Template] = field(default_factory=list)


@dataclass
class _Raw:
    """One language's lists from all files, before they are compiled."""

    lists: dict[str, dict[str, list[str]]] = field(default_factory=lambda: {k: {} for k in (*_LISTS, "plain")})
    frames: list[tuple[Node, bool]] = field(default_factory=list)


def load_lexicon(own: Path | None = None, base: Path | None = None) -> Lexicon:
    """Reads the shipped lexicon and weights and, over them, an organisation's ``content/lexicon``; raises LoadError with everything wrong."""
    problems, lexicon, raw = Problems(), Lexicon(), dict[str, _Raw]()
    shipped_folder = (base or shipped()) / "rules" / "content" / "lexicon"
    folders = [shipped_folder, *([own / "rules" / "content" / "lexicon"] if own else [])]
    for path in (p for folder in folders for p in sorted(folder.glob("*.yaml"))):
        try:
            _gather(lexicon, raw, read(path), problems)
        except LoadError as error:
            problems.found += error.problems
    for name in sorted(raw, reverse=True):
        weights = shipped_folder / f"model.{name}.json"
        lexicon.languages.append(_language(name, raw[name], problems, _model(weights, problems) if weights.exists() else None))
    problems.raise_if_any()
    return lexicon


def _model(path: Path, problems: Problems) -> Model | None:
    try:
        return read_model(path)
    except (ValueError, KeyError, TypeError) as error:
        problems.found.append(Problem(str(path), 0, "", Text(f"no weights of this version: {error}", f"不是本版本的权重文件：{error}")))
        return None


def _gather(lexicon: Lexicon, raw: dict[str, _Raw], node: Node, problems: Problems) -> None:
    known(node, _KEYS, problems)
    parts = node.mapping
    if "traditional" in parts and "simplified" in parts:
        lexicon.single |= table(dict(zip(parts["traditional"].text, parts["simplified"].text, strict=True)))
    for word, evasive in parts["spellings"].mapping.items() if "spellings" in parts else ():
        lexicon.spellings.update({n.text.lower(): word for n in evasive.items})
    for kind, gives in parts["kinds"].mapping.items() if "kinds" in parts else ():
        lexicon.kinds[kind] = Kind(*_given(gives))
    for entry in parts["templates"].items if "templates" in parts else ():
        lexicon.templates += _approved(entry, problems)
    if "language" not in parts:
        return
    language = parts["language"].text
    own = not node.file.endswith(f"{language}.yaml")
    found = raw.setdefault(language, _Raw())
    for key in _LISTS:
        for name, words in parts[key].mapping.items() if key in parts else ():
            found.lists[key].setdefault(name, []).extend(n.text.lower() for n in words.items)
    for key in ("discloses", "marketing"):
        found.lists["plain"].setdefault(key, []).extend(n.text.lower() for n in (parts[key].items if key in parts else ()))
    found.frames += [(n, own) for n in parts["frames"].items] if "frames" in parts else []


def _approved(node: Node, problems: Problems) -> list[Template]:
    """The template of an entry, none when its text is no longer the one that was approved."""
    known(node, {"id", "text", "approved"}, problems)
    fields = node.mapping
    if not {"id", "text", "approved"} <= set(fields):
        problems.add(node, "a template needs `id`, `text` and `approved`", "模板须有 `id`、`text` 与 `approved`")
        return []
    text = fields["text"].text
    try:
        compiled = template(fields["id"].text, text)
    except KeyError as error:
        hint = did_you_mean(error.args[0], SLOTS)
        problems.add(node, f"unknown slot `{error.args[0]}`{hint.en}", f"未知的变量类型 `{error.args[0]}`{hint.zh}")
        return []
    return [compiled] if fields["approved"].text == digest(text) else []


def _given(node: Node) -> tuple[frozenset[str], frozenset[str]]:
    lists = {key: frozenset(n.text for n in child.items) for key, child in node.mapping.items()}
    return lists.get("tags", frozenset()), lists.get("claims", frozenset())


def _language(name: str, raw: _Raw, problems: Problems, model: Model | None) -> Language:
    index: dict[str, list[tuple[Frame, re.Pattern[str]]]] = {}
    for node, own in raw.frames:
        frame = _frame(node, name, raw.lists, problems, own=own)
        for pattern in node.mapping["patterns"].items if frame else ():
            tokens = [_Token(t, _words(t, pattern, raw.lists["concepts"], problems)) for t in _tokens(pattern.text, name)]
            compiled = re.compile(_source(tokens, name))
            for anchor in _anchors(tokens, name):
                index.setdefault(anchor, []).append((frame, compiled))  # type: ignore[arg-type]
    plain = {k: _plain(raw.lists["plain"].get(k, []), name) for k in ("discloses", "marketing")}
    return Language(
        name,
        {k: tuple(v) for k, v in index.items()},
        {k: _any(words, name) for k, words in raw.lists["contexts"].items()},
        {k: _plain(words, name) for k, words in raw.lists["says"].items()},
        plain["discloses"],
        plain["marketing"],
        signals(name, raw.lists["signals"]),
        model,
    )


def _frame(node: Node, language: str, lists: dict[str, dict[str, list[str]]], problems: Problems, *, own: bool) -> Frame | None:
    known(node, _FRAME_KEYS, problems)
    fields = node.mapping
    if not {"id", "category", "gives", "patterns"} <= set(fields):
        problems.add(node, "a frame needs `id`, `category`, `gives` and `patterns`", "框架须有 `id`、`category`、`gives` 与 `patterns`")
        return None
    contexts = [tuple(n.text for n in fields[k].items) if k in fields else () for k in ("unless", "unless_beside", "conditional")]
    for context in chain(*contexts):
        if context not in lists["contexts"]:
            hint = did_you_mean(context, lists["contexts"])
            problems.add(node, f"unknown context `{context}`{hint.en}", f"未知的语境 `{context}`{hint.zh}")
    sure = "sure" not in fields or fields["sure"].text != "false"
    tags, claims = _given(fields["gives"])
    named = (fields["id"].text, fields["category"].text, language, tags, claims)
    return Frame(*named, sure, "denial" in fields, own, *contexts)


@dataclass(frozen=True)
class _Token:
    """One part of a pattern as written, and the words it stands for (none for a gap)."""

    text: str
    words: tuple[str, ...]


def _source(tokens: list[_Token], language: str) -> str:
    """A frame's pattern as a regular expression; in English words are whole and stand apart."""
    found: list[str] = []
    joint = True
    for token in tokens:
        if token.text in _GAPS[language]:
            found.append(_GAPS[language][token.text])
            joint = True
            continue
        body = _alternation(token.words, language)
        space = r"[\s,]+" if language == "en" and not joint else ""
        found.append(f"(?:{space}{body})?" if _optional(token.text) else space + body)
        joint = False
    return "".join(found)


def _optional(token: str) -> bool:
    return token.endswith("?") and len(token) > 1


def _anchors(tokens: list[_Token], language: str) -> set[str]:
    """What a text must have for the pattern to match: the beginnings of the words of its most telling part; "" when nothing tells."""
    best: tuple[float, set[str]] = (0.0, {""})
    for token in tokens:
        if not token.words or _optional(token.text) or any(".*" in w or "\\" in w or not w[0].isalnum() for w in token.words):
            continue
        starts = {w[:2] if language == "zh" else re.split(r"[^a-z0-9]", w)[0] for w in token.words}
        telling = min(map(len, starts)) + 1 / len(starts)
        best = max(best, (telling, starts), key=lambda b: b[0])
    return best[1]


def _tokens(text: str, language: str) -> list[str]:
    """Parts of a pattern; words of one English alternative stand together (`let us|want us to`)."""
    if language == "zh":
        return text.split()
    found: list[str] = []
    for part in re.split(r"\s(\.{2,3})\s", text.strip()):
        if part in {"..", "..."} or " " not in part or ("|" in part and "<" not in part):
            found.append(part)
        else:
            found += [p.strip() for p in re.split(r"(<\w+>(?:\|<\w+>)*\??)", part) if p and p.strip()]
    return found


def _words(token: str, node: Node, concepts: dict[str, list[str]], problems: Problems) -> tuple[str, ...]:
    if token in {"..", "..."}:
        return ()
    words: list[str] = []
    for one in (token[:-1] if _optional(token) else token).split("|"):
        name = re.fullmatch(r"<(\w+)>", one)
        if name and name[1] in concepts:
            words += concepts[name[1]]
        elif name:
            hint = did_you_mean(name[1], concepts)
            problems.add(node, f"unknown concept `{name[1]}`{hint.en}", f"未知的概念 `{name[1]}`{hint.zh}")
        else:
            words.append(one.lower())
    return tuple(w.strip() for w in words if w.strip())


def _alternation(words: Iterable[str], language: str) -> str:
    chosen = sorted(set(words), key=lambda w: (-len(w), w))
    body = "|".join(_word(w) for w in chosen)
    return rf"(?<![a-z0-9])(?:{body})(?![a-z0-9])" if language == "en" else f"(?:{body})"


def _word(word: str) -> str:
    if ".*" in word or "\\" in word:
        return word
    escaped = re.escape(word).replace("\\ ", r"\s+")
    return escaped.replace("'", "['’]?")


def _any(words: list[str], language: str) -> re.Pattern[str]:
    chosen = sorted(set(words), key=lambda w: (-len(w), w))
    edge = [rf"(?<![a-z0-9]){_word(w)}(?![a-z0-9])" if language == "en" and w[:1].isalnum() and w[-1:].isalnum() else _word(w) for w in chosen]
    return re.compile("|".join(edge) if edge else "(?!)")


def _plain(words: list[str], language: str) -> Words:
    whole = [w for w in words if language == "en" and w[:1].isalnum() and w[-1:].isalnum()]
    return Words(tuple(f" {re.sub(r'[^a-z0-9]+', ' ', w)} " for w in whole), tuple(w for w in words if w not in whole))
