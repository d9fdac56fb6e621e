"""Concepts and frames as compliance officers write them in ``rules/content/lexicon/*.yaml``, compiled to patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fairdunning.errors import LoadError, did_you_mean
from fairdunning.folder import known, shipped
from fairdunning.yamlfile import Node, Problems, read

_KEYS = {"language", "spellings", "concepts", "contexts", "frames", "says", "discloses", "marketing", "traditional", "simplified"}
_FRAME_KEYS = {"id", "category", "gives", "unless", "sure", "denial", "conditional", "debt", "patterns"}
# what a gap may cross: never the end of a sentence; in Chinese a few characters, in English a few words
_GAP_WORD = r"[\s,:'’\-]+[^\s.!?]+"
_GAPS = {
    "zh": {"..": r"[^。！？!?\n；;]{0,6}", "...": r"[^。！？!?\n；;]{0,16}"},
    "en": {"..": rf"(?:{_GAP_WORD}){{0,4}}?[\s,:\-]+", "...": rf"(?:{_GAP_WORD}){{0,9}}?[\s,:\-]+"},
}


@dataclass(frozen=True)
class Frame:
    """One wrong way to say something: the content facts a hit makes true (or, when not sure, unknown).

    ``denial``: its own words deny something, so a negation in it is no guard. ``debt``: only in a text that speaks of a debt.
    ``conditional``: contexts in which the text gives what one needs to check the claim, so that only the facts of the case can tell.
    """

    id: str
    category: str
    language: str
    tags: frozenset[str]
    claims: frozenset[str]
    sure: bool
    denial: bool
    debt: bool
    unless: tuple[str, ...]
    conditional: tuple[str, ...]
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Language:
    """Everything read for one language."""

    name: str
    frames: tuple[Frame, ...]
    contexts: dict[str, re.Pattern[str]]
    says: dict[str, re.Pattern[str]]
    discloses: re.Pattern[str]
    marketing: re.Pattern[str]


@dataclass
class Lexicon:
    """All languages, known evasive spellings and traditional characters."""

    languages: list[Language] = field(default_factory=list)
    spellings: dict[str, str] = field(default_factory=dict)
    traditional: dict[str, str] = field(default_factory=dict)


def load_lexicon(own: Path | None = None, base: Path | None = None) -> Lexicon:
    """Reads the shipped lexicon and an organisation's ``content/lexicon`` folder; raises LoadError with everything wrong."""
    problems, lexicon = Problems(), Lexicon()
    folders = [(base or shipped()) / "rules" / "content" / "lexicon", *([own / "rules" / "content" / "lexicon"] if own else [])]
    for path in sorted(p for folder in folders for p in folder.glob("*.yaml")):
        try:
            _add(lexicon, read(path), problems)
        except LoadError as error:
            problems.found += error.problems
    problems.raise_if_any()
    return lexicon


def _add(lexicon: Lexicon, node: Node, problems: Problems) -> None:
    known(node, _KEYS, problems)
    parts = node.mapping
    if "traditional" in parts and "simplified" in parts:
        lexicon.traditional.update(zip(parts["traditional"].text, parts["simplified"].text, strict=True))
    for word, evasive in parts["spellings"].mapping.items() if "spellings" in parts else ():
        lexicon.spellings.update({n.text.lower(): word for n in evasive.items})
    if "frames" in parts:
        lexicon.languages.append(_language(parts, problems))


def _language(parts: dict[str, Node], problems: Problems) -> Language:
    name = parts["language"].text
    concepts = {key: [n.text.lower() for n in node.items] for key, node in parts["concepts"].mapping.items()}
    frames = tuple(f for f in (_frame(n, name, concepts, parts, problems) for n in parts["frames"].items) if f)
    contexts = {key: _any([n.text for n in node.items], name, loose=True) for key, node in parts["contexts"].mapping.items()}
    says = {key: _any([n.text for n in node.items], name, loose=True) for key, node in parts["says"].mapping.items()}
    lists = (_any([n.text for n in parts[key].items], name, loose=True) for key in ("discloses", "marketing"))
    return Language(name, frames, contexts, says, *lists)


def _frame(node: Node, language: str, concepts: dict[str, list[str]], parts: dict[str, Node], problems: Problems) -> Frame | None:
    known(node, _FRAME_KEYS, problems)
    fields = node.mapping
    if not {"id", "category", "gives", "patterns"} <= set(fields):
        problems.add(node, "a frame needs `id`, `category`, `gives` and `patterns`", "框架须有 `id`、`category`、`gives` 与 `patterns`")
        return None
    unless, conditional = (tuple(n.text for n in fields[k].items) if k in fields else () for k in ("unless", "conditional"))
    for context in (*unless, *conditional):
        if context not in parts["contexts"].mapping:
            hint = did_you_mean(context, parts["contexts"].mapping)
            problems.add(node, f"unknown context `{context}`{hint.en}", f"未知的语境 `{context}`{hint.zh}")
    sources = [_source(n, language, concepts, problems) for n in fields["patterns"].items]
    gives = {key: frozenset(n.text for n in child.items) for key, child in fields["gives"].mapping.items()}
    sure = fields["sure"].text != "false" if "sure" in fields else True
    return Frame(
        fields["id"].text,
        fields["category"].text,
        language,
        gives.get("tags", frozenset()),
        gives.get("claims", frozenset()),
        sure,
        "denial" in fields,
        "debt" in fields,
        unless,
        conditional,
        re.compile("|".join(f"(?:{s})" for s in sources)),
    )


def _source(node: Node, language: str, concepts: dict[str, list[str]], problems: Problems) -> str:
    """A frame's pattern as a regular expression; in English words are whole and stand apart."""
    found: list[str] = []
    joint = True
    for token in _tokens(node.text, language):
        if token in _GAPS[language]:
            found.append(_GAPS[language][token])
            joint = True
            continue
        optional = token.endswith("?") and len(token) > 1
        body = _token(token.removesuffix("?") if optional else token, node, language, concepts, problems)
        space = r"[\s,]+" if language == "en" and not joint else ""
        found.append(f"(?:{space}{body})?" if optional else space + body)
        joint = False
    return "".join(found)


def _tokens(text: str, language: str) -> list[str]:
    """Parts of a pattern; words of one English alternative stand together (`let us|want us to`)."""
    if language == "zh":
        return text.split()
    marked = re.split(r"\s(\.{2,3})\s", text.strip())
    found: list[str] = []
    for part in marked:
        if part in {"..", "..."} or " " not in part or ("|" in part and "<" not in part):
            found.append(part)
        else:
            found += _split_concepts(part)
    return found


def _split_concepts(part: str) -> list[str]:
    return [p.strip() for p in re.split(r"(<\w+>(?:\|<\w+>)*\??)", part) if p and p.strip()]


def _token(token: str, node: Node, language: str, concepts: dict[str, list[str]], problems: Problems) -> str:
    words: list[str] = []
    for one in token.split("|"):
        name = re.fullmatch(r"<(\w+)>", one)
        if name and name[1] in concepts:
            words += concepts[name[1]]
        elif name:
            hint = did_you_mean(name[1], concepts)
            problems.add(node, f"unknown concept `{name[1]}`{hint.en}", f"未知的概念 `{name[1]}`{hint.zh}")
        else:
            words.append(one.lower())
    return _alternation(words, language)


def _alternation(words: Iterable[str], language: str) -> str:
    chosen = sorted({w.strip() for w in words if w.strip()}, key=lambda w: (-len(w), w))
    body = "|".join(_word(w) for w in chosen)
    return rf"(?<![a-z0-9])(?:{body})(?![a-z0-9])" if language == "en" else f"(?:{body})"


def _word(word: str) -> str:
    if ".*" in word or "\\" in word:
        return word
    escaped = re.escape(word).replace("\\ ", r"\s+")
    return escaped.replace("'", "['’]?")


def _any(words: list[str], language: str, *, loose: bool) -> re.Pattern[str]:
    chosen = sorted({w.lower() for w in words}, key=lambda w: (-len(w), w))
    edge = [rf"(?<![a-z0-9]){_word(w)}(?![a-z0-9])" if language == "en" and w[:1].isalnum() and w[-1:].isalnum() else _word(w) for w in chosen]
    return re.compile("|".join(edge) if loose and edge else "(?!)")
