"""A linear model over character and word n-grams and signals: integer weights in JSON, look-ups only; trained by data/screening/train.py."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, repeat
from math import sqrt
from operator import add
from pathlib import Path

_DIGITS = re.compile(r"\d+")
_SENTENCE = re.compile(r"[。！？!?\n；;]+|[.](?=\s|$)")
_WORD = re.compile(r"[a-z0-9$£€₹&][a-z0-9$£€₹&'’-]*")
_MARK = re.compile(r"[?!:;*#@\"“”()\[\]…—]|\.\.\.|[^\x00-\u04ff\u2000-\u206f\u3000-\u9fff\uff00-\uffef]")
_ENDINGS = ("ing", "ed", "es", "s", "ly")
_NEAR = {"zh": 24, "en": 12}
_APART = 5
_FEW = 24
# the names of all signals that one word is of
Names = tuple[str, ...]


@dataclass(frozen=True)
class Signals:
    """Words of one meaning, by name: ``words`` gives the names of each word, ``lengths`` the lengths to try after a first character or word."""

    language: str
    words: dict[str, Names]
    lengths: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Weights:
    """Weights by block and feature; a score of ``flag`` says yes."""

    weights: dict[str, dict[str, int]]
    bias: int
    flag: int


@dataclass(frozen=True)
class Model:
    """Whether a text is improper, and whether it claims what only the facts of a case can tell. With a frame's hit a score of ``clear``
    is enough to be improper and ``sure`` to be surely so. ``kinds`` weighs kinds of wrong by feature.
    """

    improper: Weights
    claim: Weights
    clear: int
    sure: int
    kinds: dict[str, dict[str, int]] = field(default_factory=dict)
    kind_bias: dict[str, int] = field(default_factory=dict)


def read_model(path: Path) -> Model:
    """The model in a JSON file; raises ValueError when it is none."""
    document = json.loads(path.read_text("utf-8"))
    return Model(**document | {part: Weights(**document[part]) for part in ("improper", "claim")})


def signals(language: str, lists: dict[str, list[str]]) -> Signals:
    """An index over lists of words by name."""
    words: dict[str, set[str]] = {}
    lengths: dict[str, set[int]] = {}
    for name, entries in lists.items():
        for entry in entries:
            word = entry.lower()
            parts = word.split() if language == "en" else list(word)
            words.setdefault(word, set()).add(name)
            lengths.setdefault(parts[0], set()).add(len(parts))
    return Signals(
        language,
        {w: tuple(sorted(n)) for w, n in words.items()},
        {k: tuple(sorted(n, reverse=True)) for k, n in lengths.items()},
    )


def features(text: str, known: Signals) -> dict[str, set[str]]:
    """The features of a normalised text, by block."""
    plain = _DIGITS.sub("0", text)
    if known.language == "zh":
        pairs = list(map(add, plain, plain[1:]))
        grams = {*plain, *pairs, *map(add, pairs, plain[2:])}
        return {"grams": grams, "signals": _pairs(_SENTENCE.split(plain), known)}
    sentences = _SENTENCE.split(plain)
    return {"grams": _inside_words(plain), "words": _word_pairs(sentences, plain), "signals": _pairs(sentences, known)}


def _inside_words(text: str) -> set[str]:
    return set().union(*map(_word_grams, set(text.split())))


@lru_cache(maxsize=16384)
def _word_grams(word: str) -> frozenset[str]:
    padded = f" {word} "
    return frozenset(padded[i : i + n] for n in (2, 3, 4, 5) for i in range(len(padded) - n + 1))


@lru_cache(maxsize=16384)
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _word_pairs(sentences: list[str], text: str) -> set[str]:
    found = set(_MARK.findall(text))
    for sentence in sentences:
        stems = list(map(_stem, _WORD.findall(sentence)))
        found.update(stems)
        begun = [stem + "~" for stem in stems]
        for apart in range(1, _APART):
            found.update(map(add, begun, stems[apart:]))
    return found


def _pairs(sentences: list[str], known: Signals) -> set[str]:
    """Signals, and ordered pairs of them that stand near each other in a sentence."""
    near = _NEAR[known.language]
    met: set[Names] = set()
    beside: set[tuple[Names, Names]] = set()
    for sentence in sentences:
        tags = _tagged(sentence, known)
        for i, (at, names) in enumerate(tags, 1):
            met.add(names)
            for other, others in islice(tags, i, None):
                if other - at > near:
                    break
                beside.add((names, others))
    return set().union(*met, *map(_joined, beside))


@lru_cache(maxsize=65536)
def _joined(pair: tuple[Names, Names]) -> tuple[str, ...]:
    return tuple(f"{a}>{b}" for a in pair[0] for b in pair[1])


def _tagged(sentence: str, known: Signals) -> list[tuple[int, Names]]:
    """Places and names of signals, the longest word first."""
    return _tagged_words(sentence, known) if known.language == "en" else _tagged_characters(sentence, known)


def _tagged_characters(sentence: str, known: Signals) -> list[tuple[int, Names]]:
    words, lengths = known.words, known.lengths
    found: list[tuple[int, Names]] = []
    at, end = 0, len(sentence)
    while at < end:
        step = 1
        for length in lengths.get(sentence[at], ()):
            names = words.get(sentence[at : at + length])
            if names and at + length <= end:
                found.append((at, names))
                step = length
                break
        at += step
    return found


def _tagged_words(sentence: str, known: Signals) -> list[tuple[int, Names]]:
    words, lengths = known.words, known.lengths
    parts = _WORD.findall(sentence.replace("’", "'"))
    found: list[tuple[int, Names]] = []
    at, end = 0, len(parts)
    while at < end:
        step, word = 1, parts[at]
        for length in lengths.get(word, ()):
            names = words.get(" ".join(parts[at : at + length]) if length > 1 else word)
            if names and at + length <= end:
                step = length
                break
        else:
            names = words.get(_stem(word))
        if names:
            found.append((at, names))
        at += step
    return found


def root(names: set[str]) -> float:
    """What a block's sum is divided by, so that long texts and very short ones compare."""
    return sqrt(max(len(names), _FEW))


def score(found: dict[str, set[str]], by: Weights) -> int:
    """The sum of the weights of what was found; each block counts by the root of its size."""
    total = float(by.bias)
    for block, names in found.items():
        if names:
            weights = by.weights.get(block, {})
            total += sum(map(weights.get, names, repeat(0))) / root(names)
    return round(total)


def kinds(found: dict[str, set[str]], model: Model) -> list[str]:
    """The kinds of wrong whose own score is above zero, the most likely first; the most likely one when none is."""
    names = set().union(*found.values())
    sums, size = dict.fromkeys(model.kind_bias, 0), root(names)
    for weights in filter(None, map(model.kinds.get, names)):
        for kind, weight in weights.items():
            sums[kind] += weight
    scores = {kind: model.kind_bias[kind] + total / size for kind, total in sums.items()}
    ranked = sorted(scores, key=lambda k: -scores[k])
    return [k for k in ranked if scores[k] > 0] or ranked[:1]
