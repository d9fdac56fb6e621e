"""One store: a SQLite file with one serving process, or PostgreSQL with many; the schema version and the locks."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from select import POLLIN, poll
from typing import IO, Any

from sqlalchemy import Connection, create_engine, event, insert, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DisconnectionError

from fairdunning.errors import StoreError, Text
from fairdunning.store import schema as t
from fairdunning.store.locks import Locks, Places, Writer
from fairdunning.store.prepared import Prepared

PLACES = 3
_SCHEMA_LOCK = "fairdunning schema"
_CLOCK = Prepared(text("select (extract(epoch from clock_timestamp()) * 1000000)::bigint"))
_SHARE = Prepared(text("select pg_advisory_xact_lock_shared(hashtextextended(:key, 0))"))
_TRY_SHARE = Prepared(text("select pg_try_advisory_xact_lock_shared(hashtextextended(:key, 0))"))
_TRY = Prepared(text("select bool_and(pg_try_advisory_xact_lock(hashtextextended(key, 0))) from unnest(cast(:keys as text[])) as key"))
# INVARIANT: every process waits for the locks of a turn in the same order, that of their hashes.
_LOCK = Prepared(text("""select pg_advisory_xact_lock(hash) from
    (select distinct hashtextextended(key, 0) as hash from unnest(cast(:keys as text[])) as key order by 1) as hashes"""))


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


class KeysHeld(Exception):
    """Another turn of the database holds one of these keys: who waited here for it could be waited for."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__(*keys)
        self.keys = frozenset(keys)


@dataclass(frozen=True)
class Turn:
    """A piece of work that is alone with its keys: what it reads, and where it writes once it knows what."""

    connection: Connection
    lock: Callable[[Iterable[str]], None]
    writing: Callable[[], AbstractContextManager[Connection]]


class Store:
    """On SQLite one process with locks of its own and one writer; on PostgreSQL a transaction each, under advisory locks.

    ``reading``: only reads, beside whoever serves the file; ``places``: how many threads work at a time.
    """

    def __init__(self, url: str | URL, *, reading: bool = False, places: int = PLACES) -> None:
        self.url = url_of(url) if isinstance(url, str) else url
        self.is_file = self.url.drivername == "sqlite"
        self.places, self._guard, self._writer = Places(places), None, None
        self._locks = Locks(self.places)
        if self.is_file:
            path = Path(str(self.url.database))
            if reading and not path.exists():
                raise StoreError(Text(f"there is no store `{path}`", f"没有存储 `{path}`"), missing=True)
            self._guard = None if reading else _alone(path)
            self.engine = create_engine(self.url, pool_size=16, max_overflow=48, pool_use_lifo=True, connect_args={"check_same_thread": False})
            event.listen(self.engine, "connect", _pragmas)
            self._writer = Writer(self.engine)
        else:
            self.engine = create_engine(self.url, pool_size=16, max_overflow=32, pool_use_lifo=True, connect_args={"connect_timeout": 5})
            event.listen(self.engine, "checkout", _still_open)
        if reading:
            with self.engine.connect() as connection:
                _same_version(connection)
            return
        with self.writing((_SCHEMA_LOCK,)) as connection:
            _schema(connection)

    @property
    def folder(self) -> Path:
        """Where files of the store lie by default: beside the SQLite file, else the working folder."""
        return Path(str(self.url.database)).parent if self.is_file else Path()

    def now(self, connection: Connection) -> int:
        """The store's clock in microseconds: the database's, for a file that of its process."""
        return time.time_ns() // 1000 if self.is_file else int(_CLOCK.run(connection, {}).scalar() or 0)

    @contextmanager
    def turn(self, keys: Iterable[str] = (), shared: str = "") -> Iterator[Turn]:
        """Work that ends durably or not at all; no other turn with a key in common runs meanwhile.

        ``shared``: a key that turns hold together, and that nobody holds alone meanwhile. Ask for more keys once at most; where that
        raises KeysHeld, end the turn and begin another with these keys.
        """
        work = self._turn_of_file if self._writer else self._turn_of_database
        with work(frozenset(keys), shared) as found:
            yield found

    @contextmanager
    def _turn_of_file(self, keys: frozenset[str], shared: str) -> Iterator[Turn]:
        assert self._writer is not None
        with ExitStack() as held:
            if shared:
                held.enter_context(self._locks.together(shared))
            held.enter_context(self._locks.alone(keys))
            connection = held.enter_context(self.engine.connect())
            yield Turn(connection, lambda more: held.enter_context(self._locks.alone(more)), self._writer.writing)

    @contextmanager
    def _turn_of_database(self, keys: frozenset[str], shared: str) -> Iterator[Turn]:
        with self.engine.begin() as connection:
            if shared and not _TRY_SHARE.run(connection, {"key": shared}).scalar():
                with self.places.aside():
                    _SHARE.run(connection, {"key": shared})
            if keys:
                with self.places.aside():
                    _LOCK.run(connection, {"keys": list(keys)})

            def lock(more: Iterable[str]) -> None:
                wanted = list(more)
                if wanted and not _TRY.run(connection, {"keys": wanted}).scalar():
                    raise KeysHeld(wanted)

            yield Turn(connection, lock, lambda: nullcontext(connection))

    @contextmanager
    def writing(self, keys: Iterable[str] = (), shared: str = "") -> Iterator[Connection]:
        """A turn that writes from its beginning to its end."""
        with self.turn(keys, shared) as turn, turn.writing() as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """For one statement that reads: no transaction is begun and taken back for it."""
        with self.engine.connect() as connection:
            yield connection if self.is_file else connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def alone(self, key: str) -> Iterator[Connection | None]:
        """As ``writing``, but None at once when another process holds the key."""
        with self.writing((key,) if self.is_file else ()) as connection:
            free = self.is_file or connection.scalar(text("select pg_try_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
            yield connection if free else None

    def close(self) -> None:
        """Lets another process use the file."""
        if self._writer is not None:
            self._writer.close()
        self.engine.dispose()
        if self._guard is not None:
            self._guard.close()


def _still_open(connection: Any, _record: Any, _proxy: Any) -> None:
    """A connection that nobody uses has nothing to say: when there is something to read, the database has hung up."""
    ready = poll()
    ready.register(connection.fileno(), POLLIN)
    if ready.poll(0):
        raise DisconnectionError


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
    if connection.scalar(select(t.meta.c.value).where(t.meta.c.key == "version")) is None:
        connection.execute(insert(t.meta).values(key="version", value=t.VERSION))
    _same_version(connection)


def _same_version(connection: Connection) -> None:
    found = connection.scalar(select(t.meta.c.value).where(t.meta.c.key == "version"))
    if found != t.VERSION:
        raise StoreError(
            Text(
                f"the store has schema version {found}, this program {t.VERSION}; use the matching version",
                f"存储的架构版本为 {found}，本程序为 {t.VERSION}；请使用匹配的版本",
            )
        )
