"""Reviews, pure: the states of a flagged action that waits for a person, and who may decide.

open -> claimed -> decided. Whoever planned the action, or works for the agency that planned it, does not decide. A release lifts
the named findings of that action until it expires, and acts only through the next check; a block is never released.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fairdunning.errors import StoreError, Text
from fairdunning.verdict import Outcome, Verdict

DECISIONS = ("release", "uphold", "reschedule")
MAX_RELEASE_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class Review:
    """A flagged action: its verdict, who planned it (a key, perhaps of an agency), its findings, and what became of it; times in UTC seconds."""

    id: str
    verdict: str
    debtor: str
    action: str
    planner: str
    agency: str | None
    state: str
    findings: tuple[str, ...]
    opened: int
    claimed_by: str | None = None
    decision: str | None = None
    decided_by: str | None = None
    reason: str | None = None
    until: int | None = None

    def document(self) -> dict[str, object]:
        """The JSON form."""
        return {**self.__dict__, "findings": list(self.findings)}


def _refuse(en: str, zh: str) -> StoreError:
    return StoreError(Text(en, zh))


def claimed(found: Review, reviewer: str, agency: str | None) -> Review:
    """The review claimed by a reviewer; raises StoreError when another has it or the reviewer planned the action."""
    _other_eyes(found, reviewer, agency)
    if found.state == "claimed" and found.claimed_by == reviewer:
        return found
    if found.state != "open":
        raise _refuse(f"the review is {found.state} already", f"该复核已为 {found.state}")
    return replace(found, state="claimed", claimed_by=reviewer)


def decided(found: Review, reviewer: str, agency: str | None, decision: str, reason: str, until: int | None, now: int) -> Review:
    """The review decided by who claimed it; raises StoreError for anything else, an empty reason or a release without an end."""
    _other_eyes(found, reviewer, agency)
    if found.state != "claimed" or found.claimed_by != reviewer:
        raise _refuse("claim the review first", "请先领取该复核")
    if decision not in DECISIONS:
        raise _refuse(f"decide one of {', '.join(DECISIONS)}", f"决定应为 {', '.join(DECISIONS)} 之一")
    if not reason.strip():
        raise _refuse("a decision needs a reason", "决定须写明理由")
    if decision == "release" and (until is None or not now < until <= now + MAX_RELEASE_SECONDS):
        raise _refuse("a release needs an end within 30 days", "放行须有三十日内的截止时间")
    return replace(found, state="decided", decision=decision, decided_by=reviewer, reason=reason.strip(),
                   until=until if decision == "release" else None)


def _other_eyes(found: Review, reviewer: str, agency: str | None) -> None:
    if reviewer == found.planner or (agency is not None and agency == found.agency):
        raise _refuse("who planned the action, or works for the agency that did, cannot review it", "计划人或其所属机构不得复核")


def released(verdict: Verdict, lifted: frozenset[str]) -> Verdict:
    """The verdict without the flags that a release lifts; a block, its other findings and the cause of a run stand."""
    if verdict.outcome != Outcome.FLAG or verdict.cause != "finding":
        return verdict
    left = tuple(f for f in verdict.findings if f.constraint not in lifted)
    if len(left) == len(verdict.findings):
        return verdict
    outcome = max((f.outcome for f in left), default=Outcome.ALLOW)
    return replace(verdict, outcome=outcome, cause="finding" if left else "none", findings=left)
