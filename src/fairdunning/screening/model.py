"""A linear model over character and word n-grams and signals: integer weights in JSON, look-ups only; trained by data/screening/train.py."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

_DIGITS = re.compile(r"\d+")
_SENTENCE = re.compile(r"[。！？!?\n；;]+|[.](?=\s|$)")
_WORD = re.compile(r"[a-z0-9$£€₹&][a-z0-9$£€₹&'’-]*")
_MARK = re.compile(r"[?!:;*#@\"“”()\[\]…—]|\.\.\.|[^\x00-\u04ff\u2000-\u206f\u3000-\u9fff\uff00-\uffef]")
_ENDINGS = ("ing", "ed", "es", "s", "ly")
_NEAR = {"zh": 24, "en": 12}
_APART = 5
_FEW = 24


@dataclass(frozen=True)
class Signals:
    """Words of one meaning, by name: ``words`` gives the names of each word, ``lengths`` the lengths to try after a first character or word."""

    language: str
    words: dict[str, tuple[str, ...]]
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
        grams = {plain[i : i + n] for n in (1, 2, 3) for i in range(len(plain) - n + 1)}
        return {"grams": grams, "signals": _pairs(_SENTENCE.split(plain), known)}
    sentences = _SENTENCE.split(plain)
    return {"grams": _inside_words(plain), "words": _word_pairs(sentences, plain), "signals": _pairs(sentences, known)}


def _inside_words(text: str) -> set[str]:
    found: set[str] = set()
    for word in set(text.split()):
        padded = f" {word} "
        found.update(padded[i : i + n] for n in (2, 3, 4, 5) for i in range(len(padded) - n + 1))
    return found


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _word_pairs(sentences: list[str], text: str) -> set[str]:
    found = set(_MARK.findall(text))
    for sentence in sentences:
        stems = [_stem(w) for w in _WORD.findall(sentence)]
        found.update(stems)
        for i, stem in enumerate(stems):
            found.update(f"{stem}~{other}" for other in stems[i + 1 : i + _APART])
    return found


def _pairs(sentences: list[str], known: Signals) -> set[str]:
    """Signals, and ordered pairs of them that stand near each other in a sentence."""
    near = _NEAR[known.language]
    found: set[str] = set()
    for sentence in sentences:
        tags = _tagged(sentence, known)
        for i, (at, names) in enumerate(tags):
            found.update(names)
            for other, others in tags[i + 1 :]:
                if other - at > near:
                    break
                found.update(f"{a}>{b}" for a in names for b in others)
    return found


def _tagged(sentence: str, known: Signals) -> list[tuple[int, tuple[str, ...]]]:
    """Places and names of signals, the longest word first."""
    spaced = known.language == "en"
    parts = _WORD.findall(sentence.replace("’", "'")) if spaced else sentence
    join, words, lengths = (" " if spaced else ""), known.words, known.lengths
    found: list[tuple[int, tuple[str, ...]]] = []
    at = 0
    while at < len(parts):
        for length in lengths.get(parts[at], ()):
            names = words.get(join.join(parts[at : at + length]))
            if names and at + length <= len(parts):
                found.append((at, names))
                at += length
                break
        else:
            names = words.get(_stem(parts[at])) if spaced else None
            if names:
                found.append((at, names))
            at += 1
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
            total += sum(map(weights.__getitem__, names & weights.keys())) / root(names)
    return round(total)


def kinds(found: dict[str, set[str]], model: Model) -> list[str]:
    """The kinds of wrong whose own score is above zero, the most likely first; the most likely one when none is."""
    names = set().union(*found.values())
    sums = dict.fromkeys(model.kind_bias, 0)
    for name in names & model.kinds.keys():
        for kind, weight in model.kinds[name].items():
            sums[kind] += weight
    scores = {kind: model.kind_bias[kind] + total / root(names) for kind, total in sums.items()}
    ranked = sorted(scores, key=lambda k: -scores[k])
    return [k for k in ranked if scores[k] > 0] or ranked[:1]
