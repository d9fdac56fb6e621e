"""Patterns, contexts and word lists of the lexicon, compiled; each knows the beginnings of words that a text must have for it to match."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from operator import add
from typing import NamedTuple

# what a gap may cross: never the end of a sentence; in Chinese a few characters, in English a few words
_GAP_WORD = r"[\s,:'’\-]+[^\s.!?]+"
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
    """Plain words looked for in a text, in English whole ones: short enough to be a start, of several parts, or anywhere."""

    short: frozenset[str]
    long: tuple[str, ...]
    anywhere: tuple[str, ...]

    def within(self, read: Read) -> bool:
        """Whether one of them is in the text."""
        if not self.short.isdisjoint(read.starts):
            return True
        return _holds(read.spaced, self.long) or _holds(read.text, self.anywhere)


def _holds(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 (a generator costs as much as the search)
        if word in text:
            return True
    return False


@dataclass(frozen=True)
class Context:
    """Words that change what a sentence means; ``starts`` is none where they cannot tell whether it may match."""

    regex: re.Pattern[str]
    starts: frozenset[str] | None
    marks: tuple[str, ...]

    def possible(self, read: Read) -> bool:
        """Whether any sentence of the text may hold it."""
        return self.starts is None or not self.starts.isdisjoint(read.starts) or _holds(read.text, self.marks)


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
    starts: set[str] | None = set()
    marks: list[str] = []
    for word in chosen:
        literal = word if _word(word) != word or word.isalnum() else _begins(word)
        if not literal:
            starts = None
        elif language == "zh" and starts is not None:
            starts |= _starts(literal, language)
        elif word in whole and literal == word and starts is not None:
            starts |= _starts(word, language)
        else:
            marks.append(literal.split("'")[0] or literal)
    return Context(re.compile("|".join(edge) if edge else "(?!)"), None if starts is None else frozenset(starts), tuple(marks))


def _begins(regex: str) -> str:
    """What every match of a regular expression begins with; nothing when that is not plain."""
    found = _LITERAL.match(regex)
    return found[0] if found and "|" not in re.sub(r"\([^()]*\)", "", regex) else ""


def plain_words(words: list[str], language: str) -> Words:
    """Word lists of one meaning."""
    if language == "zh":
        return Words(frozenset(w for w in words if len(w) <= 2), (), tuple(w for w in words if len(w) > 2))
    whole = {w: _NO_WORD.sub(" ", w) for w in words if w[:1].isalnum() and w[-1:].isalnum()}
    short = frozenset(w for w in whole.values() if " " not in w)
    return Words(short, tuple(f" {w} " for w in whole.values() if " " in w), tuple(w for w in words if w not in whole))
