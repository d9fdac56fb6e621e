"""The store: append events once, hold contacts, write records in the transaction of what they record."""

from __future__ import annotations

import fcntl
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import rfc8785
from sqlalchemy import Connection, create_engine, event, insert, or_, select, update

from fairdunning import when
from fairdunning.errors import StoreError, Text
from fairdunning.store import schema as t

GRACE_SECONDS = 60
HELD = ("reserved", "committed")
FIRST_HASH = "0" * 64


def canonical(body: Any) -> str:
    """RFC 8785 JSON; raises StoreError for what it cannot say."""
    try:
        return rfc8785.dumps(body).decode()
    except rfc8785.CanonicalizationError as error:
        raise StoreError(Text(f"not plain JSON: {error}", f"不是规范的 JSON：{error}")) from error


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """One SQLite file, one serving process; every write happens under one lock, in one transaction."""

    def __init__(self, path: Path) -> None:
        self.path, self.lock = path, threading.RLock()
        self._guard = self._alone(path)
        self.engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
        event.listen(self.engine, "connect", _pragmas)
        with self.engine.begin() as connection:
            t.metadata.create_all(connection)
            found = connection.scalar(select(t.meta.c.value).where(t.meta.c.key == "version"))
            if found is None:
                connection.execute(insert(t.meta).values(key="version", value=t.VERSION))
            elif found != t.VERSION:
                raise StoreError(
                    Text(
                        f"the store has schema version {found}, this program {t.VERSION}; use the matching version",
                        f"存储的架构版本为 {found}，本程序为 {t.VERSION}；请使用匹配的版本",
                    )
                )

    @staticmethod
    def _alone(path: Path) -> IO[str]:
        file = path.with_name(path.name + ".lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise StoreError(Text(f"another process serves `{path}`; use its API", f"另一进程正在使用 `{path}`；请使用其接口")) from error
        return file

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one writer: a transaction that is committed at the end or not at all."""
        with self.lock, self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Lets another process use the file."""
        self.engine.dispose()
        self._guard.close()


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


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


# --- records -----------------------------------------------------------------------------------------------------------


def record(connection: Connection, number: str, kind: str, body: dict[str, Any]) -> str:
    """Writes a record linked to the one before; returns its hash, the receipt."""
    previous = connection.scalar(select(t.records.c.hash).order_by(t.records.c.seq.desc()).limit(1)) or FIRST_HASH
    at, text = int(time.time()), canonical(body)
    sealed = digest(f"{previous}\n{number}\n{kind}\n{at}\n{text}")
    connection.execute(insert(t.records).values(id=number, kind=kind, at=at, body=text, previous=previous, hash=sealed))
    return sealed


def verify(connection: Connection) -> tuple[int, int | None]:
    """How many records there are, and the first whose hash or link does not hold (None: all hold)."""
    previous, count = FIRST_HASH, 0
    for row in connection.execute(select(t.records).order_by(t.records.c.seq)).yield_per(1000):
        expected = digest(f"{previous}\n{row.id}\n{row.kind}\n{row.at}\n{row.body}")
        if row.previous != previous or row.hash != expected:
            return count, row.seq
        previous, count = row.hash, count + 1
    return count, None
