"""The messages written for this project: reading them, and how alike any two of them are."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Message(NamedTuple):
    """One written message: improper, proper, or a claim that only the facts of a case make true or false."""

    label: str
    kinds: tuple[str, ...]
    topic: str
    text: str
    file: str


def read(part: str, language: str) -> list[Message]:
    """The messages of one part (`train` or `eval`) in one language, in the order of their files."""
    found = []
    for path in sorted((HERE / part).glob(f"{language}-*.tsv")):
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                kinds = tuple(k for k in row["categories"].split(",") if k)
                found.append(Message(row["label"], kinds, row["topic"], row["text"], path.stem))
    return found


def grams(text: str, size: int = 5) -> set[str]:
    """The runs of ``size`` characters in a text, its blanks and case left out of account."""
    plain = "".join(text.lower().split())
    return {plain[i : i + size] for i in range(max(1, len(plain) - size + 1))}


def distinct_share(messages: list[Message]) -> float:
    """How many of all 5-grams occur in one message only: near 1 for texts written one by one, low for filled templates."""
    counts = Counter(g for m in messages for g in grams(m.text))
    return sum(c == 1 for c in counts.values()) / len(counts)


def closest(one: list[Message], other: list[Message]) -> tuple[float, str, str]:
    """The two messages, one of each list, that share the largest part of their 5-grams (Jaccard)."""
    index: dict[str, list[int]] = {}
    sets = [grams(m.text) for m in other]
    for i, found in enumerate(sets):
        for gram in found:
            index.setdefault(gram, []).append(i)
    best = (0.0, "", "")
    for message in one:
        mine = grams(message.text)
        shared = Counter(i for g in mine for i in index.get(g, ()))
        for i, count in shared.items():
            alike = count / (len(mine) + len(sets[i]) - count)
            if alike > best[0]:
                best = (alike, message.text, other[i].text)
    return best
