"""The reviewers' desk: claiming and deciding in the store, each step with its record."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from fairdunning import review, when
from fairdunning.store import records, reviews
from fairdunning.store.database import Store
from fairdunning.store.keys import Key


class Desk:
    """Reviews of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def listed(self, state: str | None, limit: int) -> list[dict[str, Any]]:
        """Reviews, the oldest first."""
        with self.store.engine.connect() as connection:
            return [found.document() for found in reviews.listed(connection, state, limit)]

    def show(self, number: str) -> dict[str, Any]:
        """A review with its verdict and case; raises StoreError."""
        with self.store.engine.connect() as connection:
            found = reviews.get(connection, number)
            return {**found.document(), "recorded": records.verdict(connection, found.verdict)}

    def claim(self, number: str, key: Key) -> dict[str, Any]:
        """Claims a review for a key; raises StoreError."""
        return self._step(number, "claim", lambda found, _: review.claimed(found, key.id, key.collector))

    def decide(self, number: str, key: Key, decision: str, reason: str, until: int | None) -> dict[str, Any]:
        """Decides a claimed review, a release until an instant (UTC seconds); raises StoreError."""
        return self._step(number, decision, lambda found, now: review.decided(found, key.id, key.collector, decision, reason, until, now))

    def _step(self, number: str, step: str, change: Callable[[review.Review, int], review.Review]) -> dict[str, Any]:
        with self.store.writing((f"review:{number}",)) as connection:
            found = change(reviews.get(connection, number), self.store.now(connection) // when.MICROS)
            reviews.save(connection, found)
            body = {"review": found.id, "step": step, "by": found.decided_by or found.claimed_by, "reason": found.reason, "until": found.until}
            receipt = records.record(connection, "D-" + secrets.token_hex(8), "review", body, found.debtor)
            return {**found.document(), "receipt": receipt}
