"""Judging over the ledger: a case at its moment, or a contact at every moment of its window of start.

An instant has the second it lies in, so a window of milliseconds is judged at the second, or the two seconds, that it touches.
Throughout a window the verdict is constant between breakpoints, and open contacts move with the moment judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairdunning import review, when
from fairdunning.evaluate import evaluate, verdict_of
from fairdunning.inforce import Loaded
from fairdunning.store.ledger import Ledger
from fairdunning.timeline import Walk
from fairdunning.verdict import Outcome, Verdict

Window = tuple[int, int]
"""The first and last instant at which a contact may begin, UTC microseconds."""


@dataclass(frozen=True)
class Asked:
    """A case as it was asked, what releases lift for it, and when its debtor's history was erased (UTC seconds)."""

    case: dict[str, Any]
    lifted: frozenset[str] = frozenset()
    erased: int | None = None

    @property
    def brought(self) -> list[dict[str, Any]]:
        """The events that came with the case."""
        return self.case.get("events") or []

    def seen(self, ledger: Ledger | None, at: int, without: str = "") -> dict[str, Any]:
        """The case at an instant, the store's events before those it brings: under one id the store's stands, what was erased is unknown."""
        found = {**self.case, "action": {**self.case["action"], "at": when.zone("UTC").format(at)}}
        if ledger is None:
            return found
        stored = ledger.seen(at, without)
        ids = {e["id"] for e in stored}
        found["events"] = stored + [e for e in self.brought if e.get("id") not in ids]
        if self.erased is not None and "history" in found:
            day = when.format_date(self.erased // when.DAY + 1)
            found["history"] = {**found["history"], "complete_since": max(day, str(found["history"].get("complete_since", day)))}
        return found

    def kept(self, seen: dict[str, Any]) -> int:
        """How many of the events seen, at their end, came with the case."""
        ids = {e.get("id") for e in self.brought}
        return sum(1 for e in (seen.get("events") or [])[-len(ids) :] if e.get("id") in ids) if ids else 0


def at_its_moment(asked: Asked, found: Loaded, ledger: Ledger | None) -> tuple[Verdict, dict[str, Any]]:
    """The verdict at the planned moment, and the case that it was given on."""
    written = asked.case["action"]["at"]
    seen = asked.seen(ledger, when.parse_datetime(written))
    seen["action"]["at"] = written
    verdict = review.released(evaluate(seen, found.policy, found.engine), asked.lifted)
    return found.planned(seen, verdict, asked.lifted), seen


def over_window(asked: Asked, found: Loaded, ledger: Ledger, window: Window, without: str = "") -> tuple[Verdict, dict[str, Any]]:
    """The worst verdict over the window of start, and the case that it was given on; ``without``: the contact that is judged itself."""
    first, last = (at // when.MICROS for at in window)
    seen = asked.seen(ledger, first, without)
    walk = Walk(seen, found.policy)
    worst: tuple[Verdict, dict[str, Any]] | None = None
    for at in walk.breakpoints(last, also=ledger.edges()) if first < last else [first]:
        if at > first:
            seen = asked.seen(ledger, at, without)
            walk = Walk(seen, found.policy)
        verdict = review.released(verdict_of(walk.case, found.policy, found.engine, walk.assumed), asked.lifted)
        if worst is None or verdict.outcome > worst[0].outcome:
            worst = verdict, seen
        if verdict.outcome == Outcome.BLOCK:
            break
    assert worst is not None
    return worst
