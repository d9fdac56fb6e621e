"""API keys: hashed at rest, bound to a profile, a collector and roles."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from fairdunning.errors import StoreError, Text
from fairdunning.store import schema as t
from fairdunning.store.database import Store
from fairdunning.store.prepared import Prepared

_IN_FORCE = Prepared(select(t.keys).where(t.keys.c.id == bindparam("number"), t.keys.c.revoked == bindparam("revoked")))
ROLES = ("checker", "reviewer", "policy_editor", "auditor", "admin")


@dataclass(frozen=True)
class Key:
    """Who asks: id, roles, profile, collector, whether the answer binds (``observe``: it does not), a second profile run in the shadow."""

    id: str
    roles: frozenset[str]
    profile: str
    collector: str | None
    mode: str
    shadow: str | None = None


def _hash(secret: str, salt: str) -> str:
    return hashlib.scrypt(secret.encode(), salt=salt.encode(), n=2**12, r=8, p=1).hex()


def _made(connection: Connection, values: dict[str, Any]) -> str:
    number, secret, salt = secrets.token_hex(4), secrets.token_urlsafe(24), secrets.token_hex(8)
    connection.execute(insert(t.keys).values(id=number, hash=f"{salt}:{_hash(secret, salt)}", revoked=0, **values))
    return f"fd_{number}_{secret}"


class Keys:
    """The keys of a store; a key that was proved right is remembered until any key changes."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._proved: dict[str, str] = {}

    def new(self, roles: list[str], profile: str, collector: str | None = None, mode: str = "enforce", shadow: str | None = None) -> str:
        """Makes a key and returns its secret, which is stored only as a salted hash."""
        values = {"roles": ",".join(roles), "profile": profile, "collector": collector, "mode": mode, "shadow": shadow}
        with self.store.writing() as connection:
            return _made(connection, values)

    def rotate(self, number: str) -> str:
        """A new key with everything of the old one, which is revoked; raises StoreError when there is none in force."""
        with self.store.writing((f"key:{number}",)) as connection:
            row = connection.execute(select(t.keys).where(t.keys.c.id == number, t.keys.c.revoked == 0)).mappings().one_or_none()
            if row is None:
                raise StoreError(Text(f"there is no key `{number}` in force", f"没有有效的密钥 `{number}`"), missing=True)
            connection.execute(update(t.keys).where(t.keys.c.id == number).values(revoked=1))
            return _made(connection, {k: x for k, x in row.items() if k not in {"id", "hash", "revoked"}})

    def listed(self) -> list[dict[str, Any]]:
        """Every key without its secret."""
        columns = [c for c in t.keys.c if c.name != "hash"]
        with self.store.engine.connect() as connection:
            return [{**r, "revoked": bool(r["revoked"])} for r in connection.execute(select(*columns).order_by(t.keys.c.id)).mappings()]

    def revoke(self, number: str) -> bool:
        """Revokes a key; False when there is none."""
        with self.store.writing() as connection:
            return connection.execute(update(t.keys).where(t.keys.c.id == number).values(revoked=1)).rowcount > 0

    def any(self) -> bool:
        """Whether any key is in force."""
        with self.store.engine.connect() as connection:
            return connection.execute(select(t.keys.c.id).where(t.keys.c.revoked == 0).limit(1)).one_or_none() is not None

    def profiles(self) -> list[str]:
        """The profiles that keys in force are bound to."""
        with self.store.engine.connect() as connection:
            return list(connection.scalars(select(t.keys.c.profile).where(t.keys.c.revoked == 0).distinct().order_by(t.keys.c.profile)))

    def get(self, presented: str) -> Key | None:
        """The key that was presented, None when it is unknown, wrong or revoked."""
        parts = presented.split("_", 2)
        if len(parts) != 3 or parts[0] != "fd":
            return None
        with self.store.glance() as connection:
            row = _IN_FORCE.run(connection, {"number": parts[1], "revoked": 0}).one_or_none()
        if row is None or not self._right(parts[2], row.hash):
            return None
        return Key(row.id, frozenset(row.roles.split(",")), row.profile, row.collector, row.mode, row.shadow)

    def _right(self, secret: str, sealed: str) -> bool:
        """scrypt is slow on purpose: a secret that was right is known by its SHA-256 in this process."""
        quick = hashlib.sha256(secret.encode()).hexdigest()
        if self._proved.get(sealed) == quick:
            return True
        salt, _, found = sealed.partition(":")
        right = hmac.compare_digest(_hash(secret, salt), found)
        if right:
            self._proved[sealed] = quick
        return right
