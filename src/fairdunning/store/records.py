"""Records: written in the transaction of what they record, sealed into a tree by one sealer, erased by body and salt."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import rfc8785
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from fairdunning import proof
from fairdunning.audit import Frontier, Signer
from fairdunning.errors import StoreError, Text
from fairdunning.store import schema as t
from fairdunning.store.database import Store
from fairdunning.store.prepared import Prepared

SEALER, BATCH = "fairdunning sealer", 1000
_RECORD, _BODY = Prepared(insert(t.records)), Prepared(insert(t.bodies))
_ERASED = Prepared(select(t.erased.c.at).where(t.erased.c.debtor == bindparam("who")))
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
_NUMBERS = re.compile(r"(?:[:\[,]|^)-?(?:\d+[.eE]|\d{16})")
"""Fractions, and whole numbers beyond 2^53: the RFC writes them its own way or not at all."""
_PLACE = update(t.records).where(t.records.c.id == bindparam("number")).values(seq=bindparam("place"))


def canonical(body: Any) -> str:
    """RFC 8785 JSON; raises StoreError for what it cannot say."""
    try:
        text = _PLAIN.encode(body)
        # what the standard library writes is then the same, and ten times as fast; beyond U+FFFF the RFC sorts otherwise
        if len(text.encode("utf-16-le")) == 2 * len(text) and not _NUMBERS.search(text):
            return text
        return rfc8785.dumps(body).decode()
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(Text(f"not plain JSON: {error}", f"不是规范的 JSON：{error}")) from error


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def record(connection: Connection, number: str, kind: str, body: dict[str, Any], debtor: str | None = None) -> str:
    """Writes a record and, apart, its body; returns the record's hash, the receipt."""
    at, salt, text = int(time.time()), secrets.token_hex(16), canonical(body)
    entry = {"id": number, "kind": kind, "at": at, "commitment": proof.commitment(salt, text)}
    sealed = proof.leaf(proof.entry(entry)).hex()
    _RECORD.run(connection, {**entry, "hash": sealed})
    _BODY.run(connection, {"record": number, "debtor": debtor, "salt": salt, "body": text})
    return sealed


def body_of(connection: Connection, number: str) -> tuple[Any, str | None] | None:
    """A record and its body (None: erased); None when there is no such record."""
    row = connection.execute(select(t.records).where(t.records.c.id == number)).one_or_none()
    return None if row is None else (row, connection.scalar(select(t.bodies.c.body).where(t.bodies.c.record == number)))


def verdict(connection: Connection, number: str) -> dict[str, Any] | None:
    """A recorded verdict by its id; its body is missing when it was erased; None when there is no such verdict."""
    found = body_of(connection, number)
    if found is None or found[0].kind != "verdict":
        return None
    row, body = found
    at = datetime.fromtimestamp(row.at, UTC).isoformat()
    head = {"id": row.id, "at": at, "receipt": row.hash, "sealed": row.seq is not None, "erased": body is None}
    return {**head, **(json.loads(body) if body is not None else {})}


# --- sealing -----------------------------------------------------------------------------------------------------------


def last_checkpoint(connection: Connection) -> Any:
    """The newest checkpoint, None before the first."""
    return connection.execute(select(t.checkpoints).order_by(t.checkpoints.c.size.desc()).limit(1)).one_or_none()


def seal(store: Store, signer: Signer) -> dict[str, Any] | None:
    """Puts what is not sealed yet into the tree and signs it; None when there is nothing, or another process seals."""
    with store.alone(SEALER) as connection:
        if connection is None:
            return None
        fresh = connection.execute(
            select(t.records.c.id, t.records.c.hash).where(t.records.c.seq.is_(None)).order_by(t.records.c.at, t.records.c.id).limit(BATCH)
        ).all()
        if not fresh:
            return None
        last = last_checkpoint(connection)
        size, frontier = (last.size, Frontier.read(last.frontier)) if last else (0, Frontier())
        connection.execute(_PLACE, [{"number": row.id, "place": size + i} for i, row in enumerate(fresh)])
        for row in fresh:
            frontier.append(bytes.fromhex(row.hash))
        size += len(fresh)
        found = signer.checkpoint(size, frontier.root(), datetime.now(UTC).isoformat(timespec="milliseconds"))
        connection.execute(insert(t.checkpoints).values(**found, frontier=frontier.written()))
        return found


def unsealed(connection: Connection) -> tuple[int, int]:
    """How many records wait for the sealer, and for how many seconds the oldest has waited."""
    count, oldest = connection.execute(select(func.count(), func.min(t.records.c.at)).where(t.records.c.seq.is_(None))).one()
    return int(count), int(time.time()) - int(oldest) if count else 0


# --- verifying ---------------------------------------------------------------------------------------------------------


def count(connection: Connection) -> int:
    """How many records there are."""
    return int(connection.scalar(select(func.count()).select_from(t.records)) or 0)


def rows(connection: Connection) -> Iterator[Any]:
    """Every sealed record with its body, in the order of the tree, then what is not sealed yet."""
    joined = t.records.outerjoin(t.bodies, t.bodies.c.record == t.records.c.id)
    query = select(t.records, t.bodies.c.salt, t.bodies.c.body).select_from(joined)
    sealed = query.where(t.records.c.seq.is_not(None)).order_by(t.records.c.seq)
    yield from connection.execute(sealed.execution_options(yield_per=2000))
    yield from connection.execute(query.where(t.records.c.seq.is_(None)).order_by(t.records.c.at))


def checked(row: Any) -> str:
    """What is wrong with one record, empty when it holds."""
    entry = {"id": row.id, "kind": row.kind, "at": row.at, "commitment": row.commitment}
    if proof.leaf(proof.entry(entry)).hex() != row.hash:
        return "its entry was changed"
    if row.body is not None and proof.commitment(row.salt, row.body) != row.commitment:
        return "its body was changed"
    return ""


def verify(connection: Connection, step: Any = lambda: None) -> str:
    """Recomputes every hash, the tree and each checkpoint; says where the first break is, empty when all holds."""
    points = {row.size: row for row in connection.execute(select(t.checkpoints))}
    for point in points.values():
        try:
            proof.check_signature(dict(point._mapping), point.key)
        except proof.Broken as error:
            return str(error)
    frontier, size = Frontier(), 0
    for row in rows(connection):
        wrong = checked(row)
        if not wrong and row.seq is not None:
            wrong = f"its place is {row.seq}, expected {size}" if row.seq != size else ""
            frontier.append(bytes.fromhex(row.hash))
            size += 1
            if not wrong and size in points and frontier.root() != points[size].root:
                wrong = f"checkpoint {size} has another root"
        if wrong:
            return f"record {row.id}: {wrong}"
        step()
    last = max(points, default=0)
    return "" if last == size else f"the last checkpoint speaks of {last} sealed records, there are {size}"


# --- erasing -----------------------------------------------------------------------------------------------------------


def erase(connection: Connection, debtor: str, before: int) -> int:
    """Deletes bodies and salts of a debtor's records, and everything else that is kept of him but his id and the day.

    Raises StoreError while any record is younger than the retention term.
    """
    joined = t.records.join(t.bodies, t.bodies.c.record == t.records.c.id)
    youngest = connection.scalar(select(func.max(t.records.c.at)).select_from(joined).where(t.bodies.c.debtor == debtor))
    if youngest is not None and youngest >= before:
        day = datetime.fromtimestamp(youngest, UTC).date().isoformat()
        raise StoreError(Text(f"a record of {day} must still be kept", f"{day} 的记录仍在保存期内"))
    erased = connection.execute(delete(t.bodies).where(t.bodies.c.debtor == debtor)).rowcount
    for table, keys, column in ((t.events, t.event_keys, t.event_keys.c.event), (t.contacts, t.contact_keys, t.contact_keys.c.contact)):
        connection.execute(delete(keys).where(column.in_(select(table.c.id).where(table.c.debtor == debtor))))
    for table in (t.events, t.contacts, t.answers, t.reviews):
        connection.execute(delete(table).where(table.c.debtor == debtor))
    connection.execute(insert(t.erased).values(debtor=debtor, at=int(time.time())) if not _was_erased(connection, debtor) else select(1))
    return int(erased)


def _was_erased(connection: Connection, debtor: str) -> bool:
    return erased_at(connection, debtor) is not None


def erased_at(connection: Connection, debtor: str) -> int | None:
    """When a debtor's history was erased; nothing before is known any more."""
    found: int | None = _ERASED.run(connection, {"who": debtor}).scalar()
    return found


