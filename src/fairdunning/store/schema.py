"""Tables of the store; another schema version is refused, never changed silently."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

VERSION = "2"
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
    Column("id", String(64), primary_key=True),
    Column("seq", BigInteger, unique=True),  # its place in the tree, none until it is sealed
    Column("kind", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("commitment", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("records_by_time", "at"),
)

bodies = Table(  # apart from the record, so that it can be erased
    "bodies",
    metadata,
    Column("record", String(64), primary_key=True),
    Column("debtor", String(200)),
    Column("salt", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Index("bodies_by_debtor", "debtor"),
)

erased = Table("erased", metadata, Column("debtor", String(200), primary_key=True), Column("at", BigInteger, nullable=False))

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True),
    Column("root", String(64), nullable=False),
    Column("at", String(40), nullable=False),
    Column("key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
    Column("frontier", Text, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("digest", String(80), primary_key=True),
    Column("files", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(64), nullable=False),
)

in_force = Table(
    "in_force",
    metadata,
    Column("profile", String(200), primary_key=True),
    Column("digest", String(80), nullable=False),
    Column("at", BigInteger, nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("verdict", String(64), nullable=False),
    Column("debtor", String(200), nullable=False),
    Column("action", String(200), nullable=False),
    Column("planner", String(64), nullable=False),
    Column("agency", String(200)),
    Column("state", String(16), nullable=False),
    Column("findings", Text, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("claimed_by", String(64)),
    Column("decision", String(16)),
    Column("decided_by", String(64)),
    Column("reason", Text),
    Column("until", BigInteger),
    Index("reviews_by_state", "state", "opened"),
    Index("reviews_by_action", "debtor", "action"),
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
    Column("shadow", String(200)),
    Column("revoked", Integer, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
)
