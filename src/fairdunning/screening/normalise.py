"""One plain spelling for a text, with a map back to the places of the original: width, hidden marks, spacing, scripts, evasions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

# letters of other alphabets that look like Latin ones (Unicode confusables, the ones met in messages)
_LOOKALIKES = str.maketrans(dict(zip("аеорсухіјѕԁһӏвкмнтгɑɡıαεικνορτυχ", "aeopcyxijsdhlbkmhtragiaeikvoptyx", strict=True)))
_LEET = str.maketrans("013457@$!", "oleastasi")
_CJK = "\u3400-\u9fff"
_MARKS = r"[\s.·•*_~\-+/\\|^`'=#&]{1,3}"
_BETWEEN = re.compile(rf"(?<=[{_CJK}a-z]){_MARKS}(?=[{_CJK}])|(?<=[{_CJK}]){_MARKS}(?=[a-z]{{1,6}}[{_CJK}])")
_SPACED = re.compile(r"\b(?:[a-z][ .\-_*]){2,}[a-z]\b")
_LEETED = re.compile(r"[a-z0-9@$!]*[a-z][a-z0-9@$!]*")


class Plain(NamedTuple):
    """The plain text, and for each of its characters the place in the original it came from."""

    text: str
    places: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that a span of the plain text stands for."""
        return (self.places[start], self.places[end - 1] + 1) if start < end else (0, 0)


def normalise(text: str, spellings: dict[str, str], traditional: dict[str, str]) -> Plain:
    """Compatibility forms, hidden marks, traditional characters, look-alikes, pushed-in marks and known evasive spellings undone."""
    chars: list[str] = []
    places: list[int] = []
    for index, char in enumerate(text):
        for plain in _characters(char, traditional):
            chars.append(plain)
            places.append(index)
    found = Plain("".join(chars), tuple(places))
    found = _replaced(found, _BETWEEN, lambda _match: "")
    found = _replaced(found, _SPACED, lambda match: re.sub(r"[ .\-_*]", "", match[0]))
    found = _replaced(found, _LEETED, _unleeted)
    if spellings:
        pattern = re.compile("|".join(re.escape(s) for s in sorted(spellings, key=len, reverse=True)))
        found = _replaced(found, pattern, lambda match: spellings[match[0]])
    return found


def _characters(char: str, traditional: dict[str, str]) -> str:
    if unicodedata.category(char) in {"Cf", "Mn", "Me", "Cs", "Co"}:
        return ""
    plain = unicodedata.normalize("NFKC", char).lower().translate(_LOOKALIKES)
    if not plain.isascii() and not re.match(f"[{_CJK}]", plain):
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if unicodedata.category(c) != "Mn")
    return traditional.get(plain, plain)


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
    return Plain("".join(chars) + plain.text[at:], (*places, *plain.places[at:]))
