"""Trains the weights of rules/content/lexicon/model.*.json on data/screening/train: `python data/screening/train.py` (needs scikit-learn)."""

from __future__ import annotations

import json
import sys
from collections import Counter

import corpora
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from fairdunning.folder import shipped
from fairdunning.screening.lexicon import Lexicon, load_lexicon
from fairdunning.screening.model import features, root
from fairdunning.screening.normalise import normalise

SCALE = 1000
STRENGTH = {"grams": 1.0, "words": 1.0, "signals": {"zh": 0.3, "en": 0.6}}
KEPT = {("improper", "zh"): 22_000, ("improper", "en"): 32_000, ("claim", "zh"): 4_000, ("claim", "en"): 4_000}
KINDS_KEPT = 250
PRECISION = {"improper": {"zh": 0.91, "en": 0.865}, "claim": 0.85, "clear": 0.87, "sure": 0.98}
Found = dict[str, set[str]]


def weigh(found: list[Found], language: str, chosen: list[int], kept: int | None, answer: np.ndarray) -> dict[tuple[str, str], float]:
    """Weights of the features of the chosen messages, with the bias under ("", ""); the ``kept`` that matter most are fitted once more."""
    counts = Counter((b, n) for i in chosen for b, names in found[i].items() for n in names)
    names = [k for k, c in counts.items() if c >= 2]
    for limit in (None, kept):
        if limit:
            names = sorted(names, key=lambda k: -abs(weights[k]) * counts[k] ** 0.5)[:limit]
        rarity = {k: np.log(len(chosen) / counts[k]) + 1 for k in names}
        matrix = table([found[i] for i in chosen], names, rarity, language)
        fit = LogisticRegression(C=3, max_iter=400).fit(matrix, answer[chosen])
        weights = {k: c * rarity[k] * strength(k[0], language) for k, c in zip(names, fit.coef_[0], strict=True)}
        weights[("", "")] = float(fit.intercept_[0])
        if not kept:
            break
    return weights


def strength(block: str, language: str) -> float:
    """How much a block of features counts against the others (chosen by cross-validation)."""
    found = STRENGTH[block]
    return found[language] if isinstance(found, dict) else found


def table(found: list[Found], names: list[tuple[str, str]], rarity: dict[tuple[str, str], float], language: str) -> csr_matrix:
    """One row a message, one column a feature."""
    column = {k: i for i, k in enumerate(names)}
    rows, columns, values = [], [], []
    for row, blocks in enumerate(found):
        for block, inside in blocks.items():
            each = strength(block, language) / root(inside)
            for name in inside:
                if (block, name) in column:
                    rows.append(row)
                    columns.append(column[block, name])
                    values.append(each * rarity[block, name])
    return csr_matrix((values, (rows, columns)), shape=(len(found), len(names)))


def scores(found: list[Found], weights: dict[tuple[str, str], float]) -> np.ndarray:
    """The same sum that the run time makes."""
    return np.array([weights["", ""] + sum(sum(weights.get((b, n), 0.0) for n in s) / root(s) for b, s in f.items()) for f in found])


def held_out(found: list[Found], messages: list[corpora.Message], language: str, answer: np.ndarray, kept: int) -> np.ndarray:
    """Each message's score by weights that never saw its file."""
    result = np.zeros(len(found))
    for file in sorted({m.file for m in messages}):
        rest = [i for i, m in enumerate(messages) if m.file != file]
        mine = [i for i, m in enumerate(messages) if m.file == file]
        result[mine] = scores([found[i] for i in mine], weigh(found, language, rest, kept, answer))
    return result


def threshold(score: np.ndarray, answer: np.ndarray, precision: float) -> float:
    """The lowest score at and above which so large a share is improper."""
    order = np.argsort(-score)
    share = np.cumsum(answer[order]) / np.arange(1, len(order) + 1)
    return float(score[order][np.where(share >= precision)[0][-1]])


def kinds(found: list[Found], messages: list[corpora.Message]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """By feature, what it says for each kind of wrong or claim, among messages that are one."""
    chosen = [i for i, m in enumerate(messages) if m.label != "proper" and m.kinds]
    flat = [set().union(*found[i].values()) for i in chosen]
    counts = Counter(n for f in flat for n in f)
    names = [n for n, c in counts.items() if c >= 3]
    column = {n: i for i, n in enumerate(names)}
    cells = [(r, column[n], 1 / root(f)) for r, f in enumerate(flat) for n in f if n in column]
    matrix = csr_matrix(([v for _, _, v in cells], ([r for r, _, _ in cells], [c for _, c, _ in cells])), shape=(len(flat), len(names)))
    weights: dict[str, dict[str, int]] = {}
    bias = {}
    for kind, count in sorted(Counter(k for i in chosen for k in messages[i].kinds).items()):
        if count < 8:
            continue
        fit = LogisticRegression(C=30, max_iter=300, class_weight={0: 1, 1: 2}).fit(matrix, [kind in messages[i].kinds for i in chosen])
        best = np.argsort(-np.abs(fit.coef_[0]))[:KINDS_KEPT]
        for i in best:
            weights.setdefault(names[i], {})[kind] = round(float(fit.coef_[0][i]) * SCALE)
        bias[kind] = round(float(fit.intercept_[0]) * SCALE)
    return weights, bias


def learned(found: list[Found], messages: list[corpora.Message], language: str, label: str) -> tuple[dict[str, object], np.ndarray]:
    """The weights that tell one label from the rest, their threshold, and the scores on files they never saw."""
    answer = np.array([m.label == label for m in messages])
    apart = held_out(found, messages, language, answer, KEPT[label, language])
    other = {"improper": "claim", "claim": ""}[label]
    judged = np.array([m.label != other for m in messages])
    wanted = PRECISION[label]
    flag = threshold(apart[judged], answer[judged], wanted[language] if isinstance(wanted, dict) else wanted)
    print(language, label, len(messages), "messages; held out by file: recall", round(float((apart >= flag)[answer].mean()), 3), "at", round(flag, 2))
    weights = weigh(found, language, list(range(len(messages))), KEPT[label, language], answer)
    blocks: dict[str, dict[str, int]] = {block: {} for block in found[0]}
    for (block, name), weight in sorted(weights.items()):
        if block and round(weight * SCALE):
            blocks[block][name] = round(weight * SCALE)
    return {"weights": blocks, "bias": round(weights["", ""] * SCALE), "flag": round(flag * SCALE)}, apart


def train(language: str, lexicon: Lexicon) -> None:
    """Writes one language's weights, and prints what they reach on files they never saw."""
    known = next(x.signals for x in lexicon.languages if x.name == language)
    messages = corpora.read("train", language)
    found = [features(normalise(m.text, lexicon.spellings, lexicon.single).text, known) for m in messages]
    improper, apart = learned(found, messages, language, "improper")
    judged = np.array([m.label != "claim" for m in messages])
    answer = np.array([m.label == "improper" for m in messages])[judged]
    kind_weights, kind_bias = kinds(found, messages)
    document = {
        "improper": improper,
        "claim": learned(found, messages, language, "claim")[0],
        **{name: round(threshold(apart[judged], answer, PRECISION[name]) * SCALE) for name in ("clear", "sure")},
        "kinds": kind_weights,
        "kind_bias": kind_bias,
    }
    target = shipped() / "rules" / "content" / "lexicon" / f"model.{language}.json"
    target.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")
    print(target.name, target.stat().st_size, "bytes", {k: document[k] for k in ("clear", "sure")})


if __name__ == "__main__":
    for chosen_language in sys.argv[1:] or ("zh", "en"):
        train(chosen_language, load_lexicon())
