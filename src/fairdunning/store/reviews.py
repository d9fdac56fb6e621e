"""Reviews in the store: opened by a flagged verdict, claimed by one, decided once; releases in force."""

from __future__ import annotations

import json
import secrets
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from fairdunning.errors import StoreError, Text
from fairdunning.review import Review
from fairdunning.store import schema as t
from fairdunning.store.prepared import Prepared

_OF_ACTION = (t.reviews.c.debtor == bindparam("who"), t.reviews.c.action == bindparam("what"))
_RELEASED = Prepared(select(t.reviews.c.findings).where(
    *_OF_ACTION, t.reviews.c.decision == bindparam("decision"), t.reviews.c.until > bindparam("now")))


def _read(row: Any) -> Review:
    return Review(**{**row._mapping, "findings": tuple(json.loads(row.findings))})


def open_review(connection: Connection, found: Review) -> str:
    """Opens a review, or returns the one that waits for the same action and findings."""
    waiting = connection.execute(
        select(t.reviews.c.id).where(
            t.reviews.c.debtor == found.debtor,
            t.reviews.c.action == found.action,
            t.reviews.c.state.in_(("open", "claimed")),
            t.reviews.c.findings == json.dumps(found.findings),
        )
    ).scalar()
    if waiting is not None:
        return str(waiting)
    number = "W-" + secrets.token_hex(8)
    connection.execute(insert(t.reviews).values(**{**found.__dict__, "id": number, "findings": json.dumps(found.findings)}))
    return number


def get(connection: Connection, number: str) -> Review:
    """A review by its id; raises StoreError."""
    row = connection.execute(select(t.reviews).where(t.reviews.c.id == number)).one_or_none()
    if row is None:
        raise StoreError(Text(f"there is no review `{number}`", f"没有复核 `{number}`"), missing=True)
    return _read(row)


def listed(connection: Connection, state: str | None, limit: int) -> list[Review]:
    """Reviews, the oldest first."""
    query = select(t.reviews).order_by(t.reviews.c.opened, t.reviews.c.id).limit(limit)
    return [_read(r) for r in connection.execute(query.where(t.reviews.c.state == state) if state else query)]


def save(connection: Connection, found: Review) -> None:
    """Writes what became of a review."""
    values = {k: getattr(found, k) for k in ("state", "claimed_by", "decision", "decided_by", "reason", "until")}
    connection.execute(update(t.reviews).where(t.reviews.c.id == found.id).values(**values))


def lifted(connection: Connection, debtor: str, action: str, now: int) -> frozenset[str]:
    """The constraints that releases in force lift for an action."""
    found = _RELEASED.run(connection, {"who": debtor, "what": action, "decision": "release", "now": now}).scalars()
    return frozenset(name for names in found for name in json.loads(names))
