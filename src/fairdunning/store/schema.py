"""Tables of the store; another schema version is refused, never changed silently."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

VERSION = "3"
metadata = MetaData()

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False))

events = Table(
    "events",
    metadata,
    Column("id", String, primary_key=True),
    Column("debtor", String, nullable=False),
    Column("at", BigInteger, nullable=False),  # seconds
    Column("digest", String, nullable=False),
    Column("body", Text, nullable=False),
)

event_keys = Table(  # everything that an event may be counted by
    "event_keys",
    metadata,
    Column("key", String, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("event", String, primary_key=True),
    sqlite_with_rowid=False,
)

contacts = Table(  # times in microseconds
    "contacts",
    metadata,
    Column("id", String, primary_key=True),
    Column("debtor", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("at", BigInteger),
    Column("body", Text, nullable=False),
)

contact_keys = Table(
    "contact_keys",
    metadata,
    Column("key", String, primary_key=True),
    Column("not_after", BigInteger, primary_key=True),
    Column("contact", String, primary_key=True),
    sqlite_with_rowid=False,
)

records = Table(
    "records",
    metadata,
    Column("id", String, primary_key=True),
    Column("seq", BigInteger, unique=True),  # its place in the tree, none until it is sealed
    Column("kind", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("commitment", String, nullable=False),
    Column("hash", String, nullable=False),
    Index("records_unsealed", "seq", "at", "id"),
)

bodies = Table(  # apart from the record, so that it can be erased
    "bodies",
    metadata,
    Column("record", String, primary_key=True),
    Column("debtor", String),
    Column("salt", String, nullable=False),
    Column("body", Text, nullable=False),
    Index("bodies_by_debtor", "debtor"),
)

erased = Table("erased", metadata, Column("debtor", String, primary_key=True), Column("at", BigInteger, nullable=False))

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True),
    Column("root", String, nullable=False),
    Column("at", String, nullable=False),
    Column("key", String, nullable=False),
    Column("signature", String, nullable=False),
    Column("frontier", Text, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("digest", String, primary_key=True),
    Column("files", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String, nullable=False),
)

in_force = Table(
    "in_force",
    metadata,
    Column("profile", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("at", BigInteger, nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", String, primary_key=True),
    Column("verdict", String, nullable=False),
    Column("debtor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("planner", String, nullable=False),
    Column("agency", String),
    Column("state", String, nullable=False),
    Column("findings", Text, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("claimed_by", String),
    Column("decision", String),
    Column("decided_by", String),
    Column("reason", Text),
    Column("until", BigInteger),
    Index("reviews_by_state", "state", "opened"),
    Index("reviews_by_action", "debtor", "action"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("hash", String, nullable=False),
    Column("roles", String, nullable=False),
    Column("profile", String, nullable=False),
    Column("collector", String),
    Column("mode", String, nullable=False),
    Column("shadow", String),
    Column("revoked", Integer, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("key", String, primary_key=True),
    Column("debtor", String),
    Column("digest", String, nullable=False),
    Column("body", Text, nullable=False),
)
