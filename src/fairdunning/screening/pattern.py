"""Patterns, contexts and word lists of the lexicon, compiled; each knows the beginnings of words that a text must have for it to match."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from operator import add
from typing import NamedTuple

# what a gap may cross: never the end of a sentence; in Chinese a few characters, in English a few words
_GAP_WORD = r"(?>[\s,:'’\-]+[^\s.!?]+)"  # atomic: a row of dashes could be divided among words in countless ways
_GAPS = {
    "zh": {"..": r"[^。！？!?\n；;]{0,6}", "...": r"[^。！？!?\n；;]{0,16}"},
    "en": {"..": rf"(?:{_GAP_WORD}){{0,4}}?[\s,:\-]+", "...": rf"(?:{_GAP_WORD}){{0,9}}?[\s,:\-]+"},
}
_NO_WORD = re.compile(r"[^a-z0-9]+")
_LITERAL = re.compile(r"[^\\.*+?()\[\]{}|^$]+(?![*?{])")


class Read(NamedTuple):
    """A normalised text as one language looks at it: ``spaced`` has blanks for marks and at its ends, ``starts`` all that a word may begin with."""

    text: str
    spaced: str
    starts: frozenset[str]


def read_as(language: str, text: str) -> Read:
    """The text with its words (en) or its characters and pairs of them (zh)."""
    spaced = f" {_NO_WORD.sub(' ', text)} "
    if language == "en":
        return Read(text, spaced, frozenset(("", *spaced.split())))
    return Read(text, spaced, frozenset(("", *text, *map(add, text, text[1:]))))


@dataclass(frozen=True)
class Words:
    """Plain words looked for in a text: those that are a start, English ones of several words by their first, and those found anywhere."""

    short: frozenset[str]
    long: dict[str, tuple[str, ...]]
    anywhere: tuple[str, ...]

    def within(self, read: Read) -> bool:
        """Whether one of them is in the text."""
        if not self.short.isdisjoint(read.starts):
            return True
        for word in self.anywhere:
            if word in read.text:
                return True
        if not self.long:
            return False
        return any(w in read.spaced for start in self.long.keys() & read.starts for w in self.long[start])


def _words(short: Iterable[str], long: Iterable[str], anywhere: Iterable[str]) -> Words:
    by_start: dict[str, list[str]] = {}
    for words in sorted(set(long)):
        by_start.setdefault(words.split()[0], []).append(f" {words} ")
    return Words(frozenset(short), {k: tuple(v) for k, v in by_start.items()}, tuple(anywhere))


@dataclass(frozen=True)
class Context:
    """Words that change what a sentence means; ``needs`` is none where they cannot tell whether it may match."""

    regex: re.Pattern[str]
    needs: Words | None

    def possible(self, read: Read) -> bool:
        """Whether any sentence of the text may hold it."""
        return self.needs is None or self.needs.within(read)


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern; ``starts`` of its most telling part find it, and the text needs one start of each of ``needs``."""

    regex: re.Pattern[str]
    starts: frozenset[str]
    needs: tuple[frozenset[str], ...]

    def possible(self, read: Read) -> bool:
        """Whether the text has a word for every part that must be there."""
        for need in self.needs:  # noqa: SIM110 (as above)
            if need.isdisjoint(read.starts):
                return False
        return True


class Token(NamedTuple):
    """One part of a pattern as written, and the words it stands for (none for a gap)."""

    text: str
    words: tuple[str, ...]


def optional(token: str) -> bool:
    """Whether a part may be left out."""
    return token.endswith("?") and len(token) > 1


def split(text: str, language: str) -> list[str]:
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


def pattern(tokens: list[Token], language: str) -> Pattern:
    """A pattern of its parts."""
    needs = [starts for t in tokens if (starts := _token_starts(t, language))]
    telling = max(needs, key=lambda s: min(map(len, s)) + 1 / len(s), default=frozenset({""}))
    return Pattern(re.compile(_source(tokens, language)), telling, tuple(n for n in needs if n is not telling))


def _token_starts(token: Token, language: str) -> frozenset[str]:
    """How the words of a part begin; none where it may be left out or is no plain word."""
    if not token.words or optional(token.text) or any(".*" in w or "\\" in w or not w[0].isalnum() for w in token.words):
        return frozenset()
    return frozenset(start for w in token.words for start in _starts(w, language))


def _starts(word: str, language: str) -> set[str]:
    """The beginning of a word as a text has it: two characters, or in English its first run of letters, an apostrophe read or not."""
    if language == "zh":
        return {word[:2]}
    return {_NO_WORD.split(word)[0], _NO_WORD.split(word.replace("'", ""))[0]}


def _source(tokens: list[Token], language: str) -> str:
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
        found.append(f"(?:{space}{body})?" if optional(token.text) else space + body)
        joint = False
    return "".join(found)


def _alternation(words: Iterable[str], language: str) -> str:
    chosen = sorted(set(words), key=lambda w: (-len(w), w))
    body = "|".join(_word(w) for w in chosen)
    return rf"(?<![a-z0-9])(?:{body})(?![a-z0-9])" if language == "en" else f"(?:{body})"


def _word(word: str) -> str:
    if ".*" in word or "\\" in word:
        return word
    escaped = re.escape(word).replace("\\ ", r"\s+")
    return escaped.replace("'", "['’]?")


def context(words: list[str], language: str) -> Context:
    """A context of its words, each a plain one or a regular expression."""
    chosen = sorted(set(words), key=lambda w: (-len(w), w))
    whole = {w for w in chosen if language == "en" and w[:1].isalnum() and w[-1:].isalnum()}
    edge = [rf"(?<![a-z0-9]){_word(w)}(?![a-z0-9])" if w in whole else _word(w) for w in chosen]
    return Context(re.compile("|".join(edge) if edge else "(?!)"), _needs(chosen, whole, language))


def _needs(chosen: list[str], whole: set[str], language: str) -> Words | None:
    """What a text must hold for one of a context's words to match; none when that cannot be told."""
    literals = {w: w if _word(w) != w or w.isalnum() else _begins(w) for w in chosen}
    if not all(literals.values()):
        return None
    if language == "zh":
        return _words((w[:2] for w in literals.values()), (), ())
    plain = {w for w in whole if literals[w] == w}
    spoken = {_NO_WORD.sub(" ", form).strip() for w in plain for form in (w, w.replace("'", ""))}
    marks = [w.split("'")[0] or w for key, w in literals.items() if key not in plain]
    return _words((w for w in spoken if " " not in w), (w for w in spoken if " " in w), marks)


def _begins(regex: str) -> str:
    """What every match of a regular expression begins with; nothing when that is not plain."""
    found = _LITERAL.match(regex)
    return found[0] if found and "|" not in re.sub(r"\([^()]*\)", "", regex) else ""


def plain_words(words: list[str], language: str) -> Words:
    """Word lists of one meaning."""
    if language == "zh":
        return _words((w for w in words if len(w) <= 2), (), (w for w in words if len(w) > 2))
    whole = {w: _NO_WORD.sub(" ", w) for w in words if w[:1].isalnum() and w[-1:].isalnum()}
    return _words((w for w in whole.values() if " " not in w), (w for w in whole.values() if " " in w), (w for w in words if w not in whole))
