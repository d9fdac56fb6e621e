"""Tables of the store; another schema version is refused, never changed silently."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

VERSION = "1"
metadata = MetaData()

meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", String(256), nullable=False))

events = Table(
    "events",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("debtor", String(200), nullable=False),
    Column("person", String(500)),
    Column("address", String(500)),
    Column("at", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Index("events_by_debtor", "debtor", "at"),
    Index("events_by_address", "address", "at"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("debtor", String(200), nullable=False),
    Column("address", String(500)),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("at", BigInteger),
    Column("body", Text, nullable=False),
    Index("contacts_by_debtor", "debtor", "not_after"),
    Index("contacts_by_address", "address", "not_after"),
)

records = Table(
    "records",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(128), nullable=False),
    Column("roles", String(200), nullable=False),
    Column("profile", String(200), nullable=False),
    Column("collector", String(200)),
    Column("mode", String(16), nullable=False),
    Column("revoked", Integer, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
)
