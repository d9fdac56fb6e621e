"""Every exception of the product, and the problems they carry.

    FairdunningError
    ├── LoadError     rules, policies, profiles or case files that cannot be loaded (all problems at once)
    ├── CaseError     a case document that cannot be judged
    ├── StoreError    the store refuses, with what to do
    └── EngineError   an engine could not answer
        ├── EngineUnavailable   it is not installed
        ├── EngineLost          it died, hung, was late or answered nonsense
        └── Disagreement        two engines gave different answers

A message is lowercase, without a full stop, with user input in backticks, and says what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Text(NamedTuple):
    """One thing said to people, in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong at one place of one file: 1-based line (0: no line), dotted key, text."""

    file: str
    line: int
    key: str
    text: Text

    def say(self, lang: str = "en") -> str:
        """``file:line: key: what is wrong``."""
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return place + (f"{self.key}: " if self.key else "") + (self.text.zh if lang == "zh" else self.text.en)

    def __str__(self) -> str:
        """The English form."""
        return self.say()


class FairdunningError(Exception):
    """The root of every error that the product raises on purpose."""


class _Problems(FairdunningError):
    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class LoadError(_Problems):
    """Files that cannot be loaded; ``problems`` holds everything found, sorted by file and line."""


class CaseError(_Problems):
    """A case document that cannot be judged; ``problems`` name the field."""


class StoreError(FairdunningError):
    """The store refuses; ``missing`` when what was named is not there."""

    def __init__(self, text: Text, *, missing: bool = False) -> None:
        self.text, self.missing = text, missing
        super().__init__(text.en)


class EngineError(FairdunningError):
    """An engine could not answer."""


class EngineUnavailable(EngineError):
    """The engine is not installed."""


class EngineLost(EngineError):
    """The engine died, hung, was late or answered nonsense."""


class Disagreement(EngineError):
    """Two engines gave different answers for the same vector."""


def did_you_mean(word: str, options: Iterable[str]) -> Text:
    """A hint at the nearest option, empty when none is near."""
    near = difflib.get_close_matches(word, list(options), n=1)
    return Text(f"; did you mean `{near[0]}`?", f"；是否应为 `{near[0]}`？") if near else Text("", "")
