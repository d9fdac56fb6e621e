"""Concepts, frames and signals as compliance officers write them in ``rules/content/lexicon/*.yaml``, compiled; and the weights beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from fairdunning.errors import LoadError, Problem, Text, did_you_mean
from fairdunning.folder import known, shipped
from fairdunning.screening.model import Model, Signals, read_model, signals
from fairdunning.screening.normalise import Spellings, spellings, table
from fairdunning.screening.pattern import Context, Pattern, Token, Words, context, optional, pattern, plain_words, split
from fairdunning.screening.template import SLOTS, Template, digest, template
from fairdunning.yamlfile import Node, Problems, read

_LISTS = ("concepts", "contexts", "says", "signals")
_KEYS = {"language", "spellings", *_LISTS, "frames", "kinds", "templates", "discloses", "marketing", "traditional", "simplified"}
_FRAME_KEYS = {"id", "category", "gives", "unless", "unless_beside", "sure", "denial", "conditional", "patterns"}


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


class FramePattern(NamedTuple):
    """One way to say what a frame is about; ``order`` is its place among all of a language."""

    order: int
    frame: Frame
    pattern: Pattern


@dataclass(frozen=True)
class Kind:
    """What a kind of wrong makes unknown when only the weights speak of it."""

    tags: frozenset[str]
    claims: frozenset[str]


@dataclass(frozen=True)
class Language:
    """Everything read for one language; ``index`` finds the patterns that can match by the beginning of a word they need."""

    name: str
    index: dict[str, tuple[FramePattern, ...]]
    contexts: dict[str, Context]
    says: dict[str, Words]
    discloses: Words
    marketing: Words
    signals: Signals
    model: Model | None


@dataclass
class Lexicon:
    """All languages, known evasive spellings, single-character look-ups, and the facts behind each kind of wrong."""

    languages: list[Language] = field(default_factory=list)
    spellings: Spellings = field(default_factory=lambda: spellings({}))
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
    problems, lexicon, raw, evasions = Problems(), Lexicon(), dict[str, _Raw](), dict[str, str]()
    shipped_folder = (base or shipped()) / "rules" / "content" / "lexicon"
    folders = [shipped_folder, *([own / "rules" / "content" / "lexicon"] if own else [])]
    for path in (p for folder in folders for p in sorted(folder.glob("*.yaml"))):
        try:
            _gather(lexicon, raw, evasions, read(path), problems)
        except LoadError as error:
            problems.found += error.problems
    for name in sorted(raw, reverse=True):
        weights = shipped_folder / f"model.{name}.json"
        lexicon.languages.append(_language(name, raw[name], problems, _model(weights, problems) if weights.exists() else None))
    problems.raise_if_any()
    lexicon.spellings = spellings(evasions)
    return lexicon


def _model(path: Path, problems: Problems) -> Model | None:
    try:
        return read_model(path)
    except (ValueError, KeyError, TypeError) as error:
        problems.found.append(Problem(str(path), 0, "", Text(f"no weights of this version: {error}", f"不是本版本的权重文件：{error}")))
        return None


def _gather(lexicon: Lexicon, raw: dict[str, _Raw], evasions: dict[str, str], node: Node, problems: Problems) -> None:
    known(node, _KEYS, problems)
    parts = node.mapping
    if "traditional" in parts and "simplified" in parts:
        lexicon.single |= table(dict(zip(parts["traditional"].text, parts["simplified"].text, strict=True)))
    for word, evasive in parts["spellings"].mapping.items() if "spellings" in parts else ():
        evasions.update({n.text.lower(): word for n in evasive.items})
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
    index: dict[str, list[FramePattern]] = {}
    order = count()
    for node, own in raw.frames:
        frame = _frame(node, name, raw.lists, problems, own=own)
        for written in node.mapping["patterns"].items if frame else ():
            tokens = [Token(t, _words(t, written, raw.lists["concepts"], problems)) for t in split(written.text, name)]
            found = pattern(tokens, name)
            one = FramePattern(next(order), frame, found)  # type: ignore[arg-type]
            for start in found.starts:
                index.setdefault(start, []).append(one)
    plain = {k: plain_words(raw.lists["plain"].get(k, []), name) for k in ("discloses", "marketing")}
    return Language(
        name,
        {k: tuple(v) for k, v in index.items()},
        {k: context(words, name) for k, words in raw.lists["contexts"].items()},
        {k: plain_words(words, name) for k, words in raw.lists["says"].items()},
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
    for named in chain(*contexts):
        if named not in lists["contexts"]:
            hint = did_you_mean(named, lists["contexts"])
            problems.add(node, f"unknown context `{named}`{hint.en}", f"未知的语境 `{named}`{hint.zh}")
    sure = "sure" not in fields or fields["sure"].text != "false"
    tags, claims = _given(fields["gives"])
    return Frame(fields["id"].text, fields["category"].text, language, tags, claims, sure, "denial" in fields, own, *contexts)


def _words(token: str, node: Node, concepts: dict[str, list[str]], problems: Problems) -> tuple[str, ...]:
    if token in {"..", "..."}:
        return ()
    words: list[str] = []
    for one in (token[:-1] if optional(token) else token).split("|"):
        name = re.fullmatch(r"<(\w+)>", one)
        if name and name[1] in concepts:
            words += concepts[name[1]]
        elif name:
            hint = did_you_mean(name[1], concepts)
            problems.add(node, f"unknown concept `{name[1]}`{hint.en}", f"未知的概念 `{name[1]}`{hint.zh}")
        else:
            words.append(one.lower())
    return tuple(w.strip() for w in words if w.strip())
