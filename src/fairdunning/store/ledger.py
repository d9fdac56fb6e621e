"""The ledger: events appended once, contacts held and settled, a debtor's history as it counts."""

from __future__ import annotations

import json
import time
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from fairdunning import when
from fairdunning.errors import StoreError, Text
from fairdunning.store import schema as t
from fairdunning.store.records import canonical, digest

GRACE_SECONDS = 60
HELD = ("reserved", "committed")


def keys_of(debtor: str | None, address: str | None) -> tuple[str, ...]:
    """What a check or an event of this debtor and address must be alone with."""
    return tuple(f"{kind}:{name}" for kind, name in (("debtor", debtor), ("address", address)) if name)


# --- events ------------------------------------------------------------------------------------------------------------


def append(connection: Connection, debtor: str, entry: dict[str, Any]) -> bool:
    """Appends an event once: False when it was there already; raises StoreError when the id has other content."""
    body = canonical(entry)
    found = connection.execute(select(t.events.c.digest, t.events.c.debtor).where(t.events.c.id == entry["id"])).one_or_none()
    if found is not None:
        if found.digest != digest(body) or found.debtor != debtor:
            raise StoreError(
                Text(
                    f"event `{entry['id']}` is there with other content; send a correction as a new event",
                    f"事件 `{entry['id']}` 已存在且内容不同；请以新事件更正",
                )
            )
        return False
    text = str(entry.get("at", ""))
    at = when.parse_datetime(text) if len(text) > 10 else when.parse_date(text) * when.DAY
    connection.execute(
        insert(t.events).values(
            id=entry["id"], debtor=debtor, person=entry.get("person"), address=entry.get("address"), at=at, digest=digest(body), body=body
        )
    )
    return True


def history(connection: Connection, debtor: str, address: str | None, at: int) -> list[dict[str, Any]]:
    """The debtor's events, and contacts of others at the same address, with every contact that is held, seen from an instant."""
    mine = t.events.c.debtor == debtor
    near = or_(mine, t.events.c.address == address) if address else mine
    rows = connection.execute(select(t.events.c.body, t.events.c.debtor).where(near).order_by(t.events.c.at)).all()
    found = [json.loads(r.body) if r.debtor == debtor else {**json.loads(r.body), "counts_for": []} for r in rows]
    who = or_(t.contacts.c.debtor == debtor, t.contacts.c.address == address) if address else t.contacts.c.debtor == debtor
    held = connection.execute(select(t.contacts).where(who, t.contacts.c.state.in_(HELD)).order_by(t.contacts.c.not_before)).all()
    now = int(time.time())
    return found + [_as_event(row._mapping, debtor, at, now) for row in held]


def _as_event(row: Any, debtor: str, at: int, now: int) -> dict[str, Any]:
    """A held contact as an event: an open one stands at the latest instant at or before the one judged, the worst for every window."""
    body = json.loads(row["body"])
    entry = {**body, "id": row["id"], "direction": "outbound"}
    if row["debtor"] != debtor:
        entry["counts_for"] = []
    if row["state"] == "committed" and (row["at"] <= at or at < row["not_before"]):
        return {**entry, "at": when.zone("UTC").format(row["at"]), "state": "committed"}
    worst = row["not_before"] if at < row["not_before"] else min(row["not_after"], at)
    if row["state"] == "committed":  # said to have begun after the instant judged: counted at that instant
        return {**entry, "at": when.zone("UTC").format(at), "state": "committed"}
    return {**entry, "at": when.zone("UTC").format(worst), "state": "unresolved" if now > row["deadline"] else "reserved"}


def later_held(connection: Connection, debtor: str, address: str | None, not_before: int) -> str | None:
    """A contact held for a later moment by the same debtor or address: a check before it could break what it relied on."""
    who = or_(t.contacts.c.debtor == debtor, t.contacts.c.address == address) if address else t.contacts.c.debtor == debtor
    found: str | None = connection.scalar(
        select(t.contacts.c.id).where(who, t.contacts.c.state.in_(HELD), t.contacts.c.not_before > not_before).limit(1)
    )
    return found


# --- contacts ----------------------------------------------------------------------------------------------------------


def hold(connection: Connection, number: str, debtor: str, body: dict[str, Any], not_before: int, not_after: int) -> None:
    """Holds a contact for a window of start."""
    connection.execute(
        insert(t.contacts).values(
            id=number,
            debtor=debtor,
            address=body.get("address"),
            not_before=not_before,
            not_after=not_after,
            deadline=not_after + GRACE_SECONDS,
            state="reserved",
            at=None,
            body=canonical(body),
        )
    )


def settle(connection: Connection, number: str, state: str, at: int | None) -> dict[str, Any]:
    """Commits or cancels a held contact; doing the same twice changes nothing; raises StoreError for anything else."""
    row = connection.execute(select(t.contacts).where(t.contacts.c.id == number)).one_or_none()
    if row is None:
        raise StoreError(Text(f"there is no reservation `{number}`", f"没有预留 `{number}`"), missing=True)
    if row.state not in {"reserved", state}:
        raise StoreError(Text(f"the reservation is {row.state} already", f"该预留已为 {row.state}"))
    inside = at is None or row.not_before <= at <= row.not_after
    if row.state == "reserved":
        connection.execute(update(t.contacts).where(t.contacts.c.id == number).values(state=state, at=at))
    return {
        "id": number,
        "state": state,
        "inside_window": inside if row.state == "reserved" else row.at is None or row.not_before <= row.at <= row.not_after,
    }
