"""Screens texts beside a bare Aho-Corasick pass over the same words: `python benchmarks/screening.py` (needs ahocorasick_rs)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import ahocorasick_rs

from fairdunning.screening.lexicon import load_lexicon
from fairdunning.screening.screen import screen

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data" / "screening"))

import corpora

SMS = {
    "zh": "【某消费金融】张先生您好，您的借款已逾期12天，应还6499.20元，请通过App还款，如有异议请拨打客服热线400-000-0000，感谢。",
    "en": "Hello John, your loan payment of $120.50 is past due. Please pay online.",
}


def each(work: Callable[[str], object], texts: list[str], least: float = 1.0) -> float:
    """Microseconds of processor time a text, over at least so many seconds."""
    rounds, begun = 0, time.process_time()
    while time.process_time() - begun < least:
        for text in texts:
            work(text)
        rounds += 1
    return (time.process_time() - begun) / (rounds * len(texts)) * 1e6


def main() -> None:
    """Prints one line a text kind: characters, microseconds of both, and their ratio."""
    lexicon = load_lexicon()
    words = sorted({w for x in lexicon.languages for w in x.signals.words})
    bare = ahocorasick_rs.AhoCorasick(words)
    print(len(words), "words")
    for language, text in SMS.items():
        corpus = [m.text for m in corpora.read("eval", language)]
        for name, texts in ((f"{language}: one SMS", [text]), (f"{language}: evaluation split", corpus)):
            mine, peer = each(lambda t: screen(t, lexicon), texts), each(bare.find_matches_as_indexes, texts)
            length = sum(map(len, texts)) / len(texts)
            print(f"{name}: {length:.0f} characters, screen {mine:.0f} us, bare Aho-Corasick {peer:.1f} us, {mine / peer:.0f} times")
            print(f"  100,000 such texts: {mine / 10:.0f} s")


if __name__ == "__main__":
    main()
