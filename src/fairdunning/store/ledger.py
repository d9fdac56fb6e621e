"""The ledger: events appended once, contacts held and settled, and what was under a set of keys, seen from an instant."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from fairdunning import when
from fairdunning.errors import StoreError, Text
from fairdunning.reach import keys_of_event
from fairdunning.store import schema as t
from fairdunning.store.prepared import Prepared
from fairdunning.store.records import canonical, digest

GRACE = 60 * when.MICROS
HELD = ("reserved", "committed")
_HOLD, _HOLD_KEYS = Prepared(insert(t.contacts)), Prepared(insert(t.contact_keys))


@lru_cache
def _under(count: int) -> tuple[Prepared, Prepared]:
    """The events and the contacts under so many keys."""
    wanted: list[Any] = [bindparam(f"key{i}") for i in range(count)]
    events = select(t.event_keys.c.event).where(t.event_keys.c.key.in_(wanted))
    contacts = select(t.contact_keys.c.contact).where(t.contact_keys.c.key.in_(wanted))
    return (Prepared(select(t.events.c.debtor, t.events.c.body).where(t.events.c.id.in_(events)).order_by(t.events.c.at, t.events.c.id)),
            Prepared(select(t.contacts).where(t.contacts.c.id.in_(contacts)).order_by(t.contacts.c.not_before, t.contacts.c.id)))


# --- events ------------------------------------------------------------------------------------------------------------


def append(connection: Connection, debtor: str, entry: dict[str, Any]) -> bool:
    """Appends an event once: False when it was there already; raises StoreError when the id has other content.

    An event under the id of a reservation says what became of it: the reservation ends.
    """
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
    connection.execute(insert(t.events).values(id=entry["id"], debtor=debtor, at=at, digest=digest(body), body=body))
    keys = [{"key": key, "at": at, "event": entry["id"]} for key in sorted(keys_of_event(debtor, entry))]
    connection.execute(insert(t.event_keys), keys)
    _reconciled(connection, entry["id"], debtor)
    return True


def _reconciled(connection: Connection, number: str, debtor: str) -> None:
    """Ends the reservation that an event stands for; raises StoreError for one of another debtor."""
    if not number.startswith("R-"):
        return
    owner = connection.scalar(select(t.contacts.c.debtor).where(t.contacts.c.id == number))
    if owner not in {None, debtor}:
        raise StoreError(Text(f"reservation `{number}` is another debtor's", f"预留 `{number}` 属于另一债务人"))
    connection.execute(update(t.contacts).where(t.contacts.c.id == number).values(state="reconciled"))
    connection.execute(delete(t.contact_keys).where(t.contact_keys.c.contact == number))


@dataclass(frozen=True)
class Ledger:
    """What stands under some keys: events with their debtor, and the rows of held contacts; ``now``: the store's clock, microseconds."""

    debtor: str
    events: tuple[tuple[str, dict[str, Any]], ...]
    contacts: tuple[Any, ...]
    now: int

    def seen(self, at: int, without: str = "") -> list[dict[str, Any]]:
        """Events and held contacts as they count at an instant (UTC seconds); a contact of that id is left out."""
        held = (_as_event(row, at, self.now) for row in self.contacts if row["id"] != without)
        return [_of_file(e, owner, self.debtor) for owner, e in (*self.events, *held)]

    def edges(self) -> set[int]:
        """The instants (UTC seconds) at which a held contact begins or ceases to move."""
        return {row[k] // when.MICROS for row in self.contacts for k in ("not_before", "not_after", "at") if row[k] is not None}

    def with_contact(self, row: dict[str, Any]) -> Ledger:
        """The same with one more contact held."""
        return Ledger(self.debtor, self.events, (*self.contacts, row), self.now)

    def after(self, not_before: int) -> list[Any]:
        """Contacts that may still begin at or after an instant (microseconds): what precedes them changes with what is held now."""
        return [row for row in self.contacts if (row["not_after"] if row["state"] == "reserved" else row["at"]) >= not_before]


def read(connection: Connection, debtor: str, keys: Iterable[str], now: int) -> Ledger:
    """Everything under these keys: one indexed query for events, one for contacts."""
    found = sorted(keys)
    if not found:
        return Ledger(debtor, (), (), now)
    found += found[-1:] * ((1 << max(0, len(found) - 1).bit_length()) - len(found))  # few statements serve every number of keys
    in_events, in_contacts = _under(len(found))
    wanted = {f"key{i}": key for i, key in enumerate(found)}
    events = tuple((owner, json.loads(body)) for owner, body in in_events.run(connection, wanted))
    rows = in_contacts.run(connection, wanted).mappings()
    held = tuple({**r, "body": json.loads(r["body"])} for r in rows if r["state"] in HELD)
    return Ledger(debtor, events, held, now)


def _of_file(entry: dict[str, Any], owner: str, debtor: str) -> dict[str, Any]:
    """An event of another debtor's file says so, whatever it says itself; it counts for the debts it names, and for none when it names none."""
    if owner == debtor:
        return {name: part for name, part in entry.items() if name != "debtor"}
    names = any(k in entry for k in ("counts_for", "about", "discussed"))
    return {**entry, "debtor": owner, **({} if names else {"counts_for": []})}


def _as_event(row: Any, at: int, now: int) -> tuple[str, dict[str, Any]]:
    """A held contact as an event: an open one stands at the latest instant at or before the one judged, the worst for every window."""
    first, last = row["not_before"] // when.MICROS, row["not_after"] // when.MICROS
    entry = {**row["body"], "id": row["id"], "state": "committed"}
    if row["state"] == "committed":
        began = row["at"] // when.MICROS
        stands = began if began <= at or at < first else at  # said to have begun after the instant judged: counted at that instant
    else:
        stands = first if at < first else min(last, at)
        entry["state"] = "unresolved" if now > row["deadline"] else "reserved"
    return row["debtor"], {**entry, "at": when.zone("UTC").format(stands)}


# --- contacts ----------------------------------------------------------------------------------------------------------


def held(number: str, verdict: str, debtor: str, body: dict[str, Any], window: tuple[int, int]) -> dict[str, Any]:
    """The row of a contact held for a window of start (microseconds)."""
    return {"id": number, "verdict": verdict, "debtor": debtor, "not_before": window[0], "not_after": window[1],
            "deadline": window[1] + GRACE, "state": "reserved", "at": None, "body": body}


def hold(connection: Connection, row: dict[str, Any]) -> None:
    """Holds a contact."""
    _HOLD.run(connection, {**row, "body": canonical(row["body"])})
    keys = [{"key": key, "not_after": row["not_after"], "contact": row["id"]} for key in sorted(keys_of_event(row["debtor"], row["body"]))]
    _HOLD_KEYS.run_all(connection, keys)


def contact(connection: Connection, number: str) -> Any:
    """The row of a contact; raises StoreError when there is none."""
    row = connection.execute(select(t.contacts).where(t.contacts.c.id == number)).mappings().one_or_none()
    if row is None:
        raise StoreError(Text(f"there is no reservation `{number}`", f"没有预留 `{number}`"), missing=True)
    return row


def settle(connection: Connection, number: str, state: str, at: int | None, now: int) -> dict[str, Any]:
    """Commits (begun at an instant, microseconds) or cancels a held contact; the same twice changes nothing; raises StoreError otherwise."""
    row = contact(connection, number)
    if row["state"] not in {"reserved", state}:
        raise StoreError(Text(f"the reservation is {row['state']} already", f"该预留已为 {row['state']}"))
    new = row["state"] == "reserved"
    if new:
        connection.execute(update(t.contacts).where(t.contacts.c.id == number).values(state=state, at=at))
    if new and state == "cancelled":
        connection.execute(delete(t.contact_keys).where(t.contact_keys.c.contact == number))
    began = at if new else row["at"]
    inside = began is None or row["not_before"] <= began <= row["not_after"]
    return {"id": number, "state": state, "inside_window": inside, "late": now > row["deadline"], "new": new}
