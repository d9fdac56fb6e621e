"""What a check answers: outcome, findings, obligations, and the facts that are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from fairdunning.book import Cite
from fairdunning.errors import Text


class Outcome(IntEnum):
    """Ordered: the worst wins."""

    ALLOW = 0
    FLAG = 1
    BLOCK = 2

    @property
    def word(self) -> str:
        """As it stands in JSON."""
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """One constraint that a planned action breaches or that cannot be decided."""

    constraint: str
    rule: str
    debt: str
    zone: str
    outcome: Outcome
    force: str
    raised: bool
    decided: bool
    law_date: str
    cite: Cite
    facts: dict[str, Any]
    missing: tuple[str, ...]
    message: Text
    why: Text
    due: str = ""
    lawful_from: str | None = None
    pending: bool = False
    shadow: bool = False

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        cite = {"source": self.cite.source, "at": self.cite.at, "title": self.cite.title._asdict(), "from": self.cite.since,
                "confidence": self.cite.confidence}
        return {"constraint": self.constraint, "rule": self.rule, "debt": self.debt, "zone": self.zone, "outcome": self.outcome.word,
                "force": self.force, "raised": self.raised, "decided": self.decided, "law_date": self.law_date, "cites": [cite],
                "facts": self.facts, "missing": list(self.missing), "message": self.message._asdict(), "why": self.why._asdict(),
                "due": self.due or None, "lawful_from": self.lawful_from}


@dataclass(frozen=True)
class Verdict:
    """The answer to one check; the same case, policy and versions give the same document, byte for byte."""

    outcome: Outcome
    cause: str
    profile: str
    digest: str
    content: str
    findings: tuple[Finding, ...] = ()
    advice: tuple[Finding, ...] = ()
    obligations: tuple[Finding, ...] = ()
    shadow: tuple[Finding, ...] = ()
    assumed: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    lawful_from: str | None = None
    lawful_from_why: Text | None = None
    instead: tuple[dict[str, Any], ...] = ()

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        why = self.lawful_from_why._asdict() if self.lawful_from_why else None
        unknown = [{"constraint": f.constraint, "facts": list(f.missing)} for f in self.findings if not f.decided]
        return {"outcome": self.outcome.word, "cause": self.cause, "policy": {"profile": self.profile, "digest": self.digest},
                "content": self.content, "findings": [f.document() for f in self.findings],
                "obligations": [f.document() for f in self.obligations], "advice": [f.document() for f in self.advice],
                "shadow": [f.document() for f in self.shadow],
                "unknown": unknown, "assumed": list(self.assumed), "lawful_from": self.lawful_from,
                "lawful_from_why": why, "instead": list(self.instead), "versions": self.versions}
