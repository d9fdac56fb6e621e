"""One plain spelling for a text, with a map back to the places of the original: width, hidden marks, spacing, scripts, evasions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add
from typing import NamedTuple

# letters of other alphabets that look like Latin ones (Unicode confusables, the ones met in messages)
_LOOKALIKES = str.maketrans(dict(zip("аеорсухіјѕԁһӏвкмнтгɑɡıαεικνορτυχ", "aeopcyxijsdhlbkmhtragiaeikvoptyx", strict=True)))
_LEET = str.maketrans("013457@$!", "oleastasi")
_CJK = "\u3400-\u9fff"
_MARKS = r"[\s.·•*_~\-+/\\|^`'=#&]{1,3}"
_BETWEEN = re.compile(rf"(?<=[{_CJK}a-z]){_MARKS}(?=[{_CJK}])|(?<=[{_CJK}]){_MARKS}(?=[a-z]{{1,6}}[{_CJK}])")
_SPACED = re.compile(r"\b(?:[a-z][ .\-_*]){2,}[a-z]\b")
_MIXED = re.compile(r"[a-z][0134579@$!]|[0134579@$!][a-z]")
_LEETED = re.compile(r"[a-z0-9@$!]*[a-z][a-z0-9@$!]*")
# what needs no second look: printing ASCII, CJK and its punctuation
_PLAIN = re.compile(rf"[\n\x20-\x7e{_CJK}\u3001-\u3011\u2018-\u201d¥]*")


class Plain(NamedTuple):
    """The plain text, and for each of its characters the place in the original it came from."""

    text: str
    places: Sequence[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that a span of the plain text stands for."""
        return (self.places[start], self.places[end - 1] + 1) if start < end else (0, 0)


@dataclass(frozen=True)
class Spellings:
    """Known evasive spellings and the words they stand for, by the two characters (or the one) that they begin with."""

    words: dict[str, str]
    starts: dict[str, tuple[str, ...]]

    def within(self, text: str) -> list[str]:
        """Those that a text holds."""
        met = self.starts.keys() & {*text, *map(add, text, text[1:])}
        return [s for start in met for s in self.starts[start] if s in text]


def spellings(words: dict[str, str]) -> Spellings:
    """An index over spellings and the words they stand for."""
    starts: dict[str, list[str]] = {}
    for spelling in words:
        starts.setdefault(spelling[:2], []).append(spelling)
    return Spellings(words, {k: tuple(v) for k, v in starts.items()})


def table(traditional: dict[str, str]) -> dict[int, str]:
    """One look-up for what stays one character: traditional, full width, look-alikes, capitals."""
    wide = {c: unicodedata.normalize("NFKC", chr(c)).lower() for c in range(0xFF01, 0xFF5F)}
    capitals = {c: chr(c).lower() for c in range(ord("A"), ord("Z") + 1)}
    return {**{ord(t): s for t, s in traditional.items()}, **wide, 0x3000: " ", **capitals}


def normalise(text: str, evasive: Spellings, single: dict[int, str]) -> Plain:
    """Compatibility forms, hidden marks, traditional characters, look-alikes, pushed-in marks and known evasive spellings undone.

    ``single`` is what ``table`` returns.
    """
    found = Plain(text.translate(single), range(len(text)))
    if not _PLAIN.fullmatch(found.text):
        found = _unfolded(text, single)
    found = _replaced(found, _BETWEEN, lambda _match: "")
    found = _replaced(found, _SPACED, lambda match: re.sub(r"[ .\-_*]", "", match[0]))
    if _MIXED.search(found.text):
        found = _replaced(found, _LEETED, _unleeted)
    used = evasive.within(found.text)
    if used:
        pattern = re.compile("|".join(re.escape(s) for s in sorted(used, key=len, reverse=True)))
        found = _replaced(found, pattern, lambda match: evasive.words[match[0]])
    return found


def _unfolded(text: str, single: dict[int, str]) -> Plain:
    chars: list[str] = []
    places: list[int] = []
    for index, char in enumerate(text):
        for plain in _characters(char, single):
            chars.append(plain)
            places.append(index)
    return Plain("".join(chars), places)


def _characters(char: str, single: dict[int, str]) -> str:
    if unicodedata.category(char) in {"Cf", "Mn", "Me", "Cs", "Co"}:
        return ""
    plain = unicodedata.normalize("NFKC", char).lower().translate(_LOOKALIKES)
    if not plain.isascii() and not re.match(f"[{_CJK}]", plain):
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if unicodedata.category(c) != "Mn")
    return plain.translate(single)


def _unleeted(match: re.Match[str]) -> str:
    word = match[0]
    letters = sum(c.isalpha() for c in word)
    mixed = letters < len(word) and letters >= 2 and word[0] not in "0123456789$" and not word.endswith("!")
    return word.translate(_LEET) if mixed and len(word) >= 4 and not word[-1].isdigit() else word


def _replaced(plain: Plain, pattern: re.Pattern[str], with_: Callable[[re.Match[str]], str]) -> Plain:
    """Each match replaced; what replaces it lies where the match began, its last character where the match ended."""
    chars: list[str] = []
    places: list[int] = []
    at = 0
    for match in pattern.finditer(plain.text):
        new = with_(match)
        chars.append(plain.text[at : match.start()])
        places += plain.places[at : match.start()]
        if new:
            chars.append(new)
            inside = plain.places[match.start() : match.end()]
            places += [inside[min(i, len(inside) - 1)] for i in range(len(new) - 1)] + [inside[-1]]
        at = match.end()
    return Plain("".join(chars) + plain.text[at:], [*places, *plain.places[at:]]) if chars else plain
