"""Published policies by digest, and which digest each profile runs."""

from __future__ import annotations

import json
import time

from sqlalchemy import Connection, bindparam, delete, insert, select

from fairdunning.errors import StoreError, Text
from fairdunning.store import schema as t
from fairdunning.store.prepared import Prepared

_DIGEST = Prepared(select(t.in_force.c.digest).where(t.in_force.c.profile == bindparam("profile")))


def keep(connection: Connection, digest: str, files: tuple[tuple[str, str], ...], who: str) -> None:
    """Keeps the text of a policy, once."""
    if connection.scalar(select(t.policies.c.digest).where(t.policies.c.digest == digest)) is None:
        connection.execute(insert(t.policies).values(digest=digest, files=json.dumps(files, ensure_ascii=False), at=int(time.time()), by=who))


def files_of(connection: Connection, digest: str) -> list[list[str]]:
    """The text of a policy by name; raises StoreError when it was never kept."""
    found = connection.scalar(select(t.policies.c.files).where(t.policies.c.digest == digest))
    if found is None:
        raise StoreError(Text(f"the store has no policy {digest}", f"存储中没有策略 {digest}"), missing=True)
    files: list[list[str]] = json.loads(found)
    return files


def digest_in_force(connection: Connection, profile: str) -> str | None:
    """The digest that was published for a profile, None when none was."""
    found: str | None = _DIGEST.run(connection, {"profile": profile}).scalar()
    return found


def point(connection: Connection, profile: str, digest: str) -> None:
    """Sets what a profile runs from now on."""
    connection.execute(delete(t.in_force).where(t.in_force.c.profile == profile))
    connection.execute(insert(t.in_force).values(profile=profile, digest=digest, at=int(time.time())))


def pointers(connection: Connection) -> dict[str, str]:
    """What each profile runs that was published."""
    return {r.profile: r.digest for r in connection.execute(select(t.in_force))}
