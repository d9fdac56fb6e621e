"""Prints how right the screening is on the own split: `python data/screening/measure.py [--errors]`. Evaluation messages train nothing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import corpora

from fairdunning import workflow
from fairdunning.engines.compiled import CompiledEngine
from fairdunning.evaluate import evaluate
from fairdunning.policy import load
from fairdunning.screening.lexicon import Lexicon, load_lexicon
from fairdunning.screening.model import features, score
from fairdunning.screening.normalise import normalise
from fairdunning.screening.screen import Screening, screen

PROFILES = ("cn-consumer-finance-company", "cn-consumer-finance-company-strict")
CASE = {
    "action": {"id": "A1", "kind": "sms", "agent": "human", "at": "2026-11-23T10:00:00+08:00", "person": "P1", "address": "N1", "debts": ["D1"]},
    "debtor": {"id": "P1", "timezones": ["Asia/Shanghai"]},
    "persons": [{"id": "P1", "roles": ["debtor"]}],
    "debts": [{"id": "D1", "kind": "online_consumer_loan", "due": "2026-10-05", "principal": "6499.20 CNY", "contract": {"signed_on": "2025-06-11"}}],
    "creditor": {"kind": "consumer_finance_company"},
    "collector": {"kind": "creditor"},
    "events": [],
    "history": {"complete_since": "2026-01-01"},
}
Judge = Callable[[Screening], bool]


def interval(part: int, whole: int) -> str:
    """A share with its 95 % Wilson interval, in per cent."""
    if not whole:
        return "-"
    z, p = 1.96, part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return f"{100 * p:.1f} % ({100 * (middle - half):.0f} to {100 * (middle + half):.0f})"


def without_weights(lexicon: Lexicon) -> Lexicon:
    """Layer (b) alone: frames without their second key."""
    return replace(lexicon, languages=[replace(x, model=None) for x in lexicon.languages])


def without_frames(lexicon: Lexicon) -> Lexicon:
    """Layer (c) alone."""
    return replace(lexicon, languages=[replace(x, index={}) for x in lexicon.languages])


def line(name: str, messages: list[corpora.Message], said: list[bool]) -> str:
    """Precision and recall of one layer or level as a row of the table."""
    right = sum(s for m, s in zip(messages, said, strict=True) if m.label == "improper")
    wrong = sum(s for m, s in zip(messages, said, strict=True) if m.label == "proper")
    whole = sum(m.label == "improper" for m in messages)
    return f"| {name} | {interval(right, right + wrong)} | {interval(right, whole)} | {wrong} of {sum(m.label == 'proper' for m in messages)} |"


def outcomes(messages: list[corpora.Message], profile: str) -> dict[str, Counter[str]]:
    """What `check` says of each message, sent as a lawful SMS, by label."""
    policy = load(profile)
    engine = CompiledEngine(policy.program)
    found: dict[str, Counter[str]] = {}
    for message in messages:
        full = workflow.screened({**CASE, "message": {"text": message.text, "amounts": []}})
        found.setdefault(message.label, Counter())[evaluate(full, policy, engine).outcome.word] += 1
    return found


def measure(language: str, lexicon: Lexicon, *, errors: bool) -> None:
    """Prints the tables of one language."""
    messages, training = corpora.read("eval", language), corpora.read("train", language)
    alike, one, other = corpora.closest(messages, training)
    print(f"\n## {language}: {len(training)} messages to train on, {len(messages)} to measure on\n")
    print(f"Distinct 5-grams: {100 * corpora.distinct_share(training + messages):.1f} %.")
    print(f"Closest pair across the split: {alike:.2f} ({one} / {other}).\n")
    found = [screen(m.text, lexicon) for m in messages]
    print("| layer or level | precision (95 %) | recall (95 %) | false |\n|---|---|---|---|")
    print(line("frames alone", messages, [screen(m.text, without_weights(lexicon)).improper for m in messages]))
    print(line("weights alone", messages, [screen(m.text, without_frames(lexicon)).improper for m in messages]))
    print(line("together: flag", messages, [f.improper for f in found]))
    print(line("together: block", messages, [any(h.sure and not h.conditional for h in f.hits) for f in found]))
    print("\n| kind of wrong | found at all (95 %) | under this kind |\n|---|---|---|")
    for kind, count in Counter(k for m in messages if m.label == "improper" for k in m.kinds).most_common():
        of = [f for m, f in zip(messages, found, strict=True) if m.label == "improper" and kind in m.kinds]
        print(f"| {kind} | {interval(sum(f.improper for f in of), count)} | {sum(any(h.category == kind for h in f.hits) for f in of)} of {count} |")
    for profile in PROFILES:
        told = "; ".join(f"{label}: {dict(sorted(c.items()))}" for label, c in sorted(outcomes(messages, profile).items()))
        print(f"\n`check` as an SMS under {profile}: {told}")
    if errors:
        list_errors(language, messages, found, lexicon)


def list_errors(language: str, messages: list[corpora.Message], found: list[Screening], lexicon: Lexicon) -> None:
    """Prints every false alarm and the ten worst misses, the most mistaken first."""
    known = next(x for x in lexicon.languages if x.name == language)

    def weight(message: corpora.Message) -> int:
        plain = normalise(message.text, lexicon.spellings, lexicon.single).text
        return score(features(plain, known.signals), known.model.improper) if known.model else 0

    pairs = list(zip(messages, found, strict=True))
    false = sorted((m for m, f in pairs if m.label == "proper" and f.improper), key=weight, reverse=True)
    missed = sorted((m for m, f in pairs if m.label == "improper" and not f.improper), key=weight)
    print("\nFalse alarms:\n", *(f"- {m.text}" for m in false), sep="\n")
    print(f"\nThe ten worst of {len(missed)} misses:\n", *(f"- {m.text} ({', '.join(m.kinds)})" for m in missed[:10]), sep="\n")


if __name__ == "__main__":
    for chosen in ("zh", "en"):
        measure(chosen, load_lexicon(), errors="--errors" in sys.argv)
