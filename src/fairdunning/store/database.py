"""One store: a SQLite file with one serving process, or PostgreSQL with many; the schema version and the locks."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, create_engine, event, insert, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from fairdunning.errors import StoreError, Text
from fairdunning.store import schema as t

_SCHEMA_LOCK = "fairdunning schema"


def url_of(written: str) -> URL:
    """``sqlite:///FILE`` or ``postgresql://...``; raises StoreError for anything else."""
    try:
        url = make_url(written)
    except ArgumentError:
        url = URL.create("none")
    if url.drivername == "sqlite" and url.database:
        return url
    if url.drivername in {"postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(Text(f"`{written}` is no store; use sqlite:///FILE or postgresql://USER@HOST/DATABASE",
                          f"`{written}` 不是存储地址；请使用 sqlite:///文件 或 postgresql://用户@主机/数据库"))


class Store:
    """Every write is one transaction; on SQLite under one writer's lock, on PostgreSQL under advisory locks of its keys."""

    def __init__(self, url: str | URL) -> None:
        self.url = url_of(url) if isinstance(url, str) else url
        self.is_file = self.url.drivername == "sqlite"
        self._writer, self._guard = threading.RLock(), None
        if self.is_file:
            self._guard = _alone(Path(str(self.url.database)))
            self.engine = create_engine(self.url, connect_args={"check_same_thread": False})
            event.listen(self.engine, "connect", _pragmas)
        else:
            self.engine = create_engine(self.url, pool_size=16, max_overflow=32, pool_pre_ping=True, connect_args={"connect_timeout": 5})
        with self.writing((_SCHEMA_LOCK,)) as connection:
            _schema(connection)

    @property
    def folder(self) -> Path:
        """Where files of the store lie by default: beside the SQLite file, else the working folder."""
        return Path(str(self.url.database)).parent if self.is_file else Path()

    @contextmanager
    def writing(self, keys: Iterable[str] = (), shared: str = "") -> Iterator[Connection]:
        """A transaction that is committed at the end or not at all; no other one with a key in common runs meanwhile.

        ``shared``: a key that such transactions hold together, and that nobody may hold alone meanwhile.
        """
        with self._writer if self.is_file else nullcontext(), self.engine.begin() as connection:
            if not self.is_file:
                if shared:
                    connection.execute(text("select pg_advisory_xact_lock_shared(hashtextextended(:key, 0))"), {"key": shared})
                for key in sorted(set(keys)):
                    connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
            yield connection

    @contextmanager
    def alone(self, key: str) -> Iterator[Connection | None]:
        """As ``writing``, but None at once when another process holds the key."""
        with self.writing() as connection:
            free = self.is_file or connection.scalar(text("select pg_try_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
            yield connection if free else None

    def close(self) -> None:
        """Lets another process use the file."""
        self.engine.dispose()
        if self._guard is not None:
            self._guard.close()


def _alone(path: Path) -> IO[str]:
    file = path.with_name(path.name + ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StoreError(Text(f"another process serves `{path}`; use its API", f"另一进程正在使用 `{path}`；请使用其接口")) from error
    return file


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _schema(connection: Connection) -> None:
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
