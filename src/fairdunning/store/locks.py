"""What one process needs to serve many threads: places to work in, names that are held, one writer of a file with group commit."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError, TimeoutError


class Places:
    """So many threads work at a time: more of them only take the interpreter, and the database its caches, from each other.

    Who waits for a key steps aside and comes back ahead of those who have not begun. Nothing is protected by it: who cannot come back
    soon goes on without a place, so that nobody waits for ever.
    """

    PATIENCE, BACK = 10.0, 1.0  # seconds

    def __init__(self, count: int) -> None:
        self._free, self._returning = count, 0
        lock = threading.Lock()
        self._begin, self._back, self._mine = threading.Condition(lock), threading.Condition(lock), threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Work in a place, once; raises the error of an exhausted pool when none becomes free."""
        if self.has():
            yield
            return
        with self._begin:
            if not self._begin.wait_for(lambda: self._free > 0 and not self._returning, self.PATIENCE):
                raise TimeoutError(f"no place to work in for {self.PATIENCE:.0f} s")
            self._sit()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A wait, during which another thread has the place."""
        if not self.has():
            yield
            return
        self._leave()
        try:
            yield
        finally:
            with self._back:
                self._returning += 1
                self._back.wait_for(lambda: self._free > 0, self.BACK)
                self._returning -= 1
                self._sit()

    def has(self) -> bool:
        """Whether this thread has a place."""
        return getattr(self._mine, "has", False)

    def _sit(self) -> None:
        self._mine.has = True
        self._free -= 1
        self._next()

    def _leave(self) -> None:
        with self._back:
            self._mine.has = False
            self._free += 1
            self._next()

    def _next(self) -> None:
        if self._free > 0:
            (self._back if self._returning else self._begin).notify()


class Locks:
    """Names held by one alone, or by many together; who asks for a name alone goes before those who come later to share it."""

    def __init__(self, places: Places) -> None:
        self._places, self._changed = places, threading.Condition()
        self._alone: set[str] = set()
        self._together: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()

    @contextmanager
    def alone(self, names: Iterable[str]) -> Iterator[None]:
        """Waits until nobody holds any of the names, then holds all of them: taken at once, so that no two can wait for each other."""
        wanted = frozenset(names)
        with self._changed:
            self._asked.update(wanted)
        self._wait(lambda: not wanted & self._alone and not wanted & self._together.keys(), lambda: self._alone.update(wanted))
        try:
            yield
        finally:
            with self._changed:
                self._alone -= wanted
                self._asked -= Counter(wanted)
                self._changed.notify_all()

    @contextmanager
    def together(self, name: str) -> Iterator[None]:
        """Waits until nobody holds the name alone or asks for it."""
        self._wait(lambda: not self._asked[name], lambda: self._together.update((name,)))
        try:
            yield
        finally:
            with self._changed:
                self._together -= Counter((name,))
                self._changed.notify_all()

    def _wait(self, free: Callable[[], bool], hold: Callable[[], None]) -> None:
        """Holds as soon as it is free; who must wait for that steps aside."""
        with self._changed:
            if free():
                hold()
                return
        with self._places.aside(), self._changed:
            self._changed.wait_for(free)
            hold()


class _Group:
    """Those who wrote since the last commit, and how it ended for all of them."""

    def __init__(self) -> None:
        self.over = False
        self.error: SQLAlchemyError | None = None


class Writer:
    """The one connection that writes: who writes does so in turn, and the first who is done commits for all who wrote meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._turn, self._committing = threading.Lock(), threading.Lock()
        self._group: _Group | None = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """What is written inside is durable when this returns, or not there at all when it raises."""
        with self._turn:
            group = self._begun()
            try:
                yield self._connection
                self._say("RELEASE one")
            except BaseException:
                self._undone(group)
                raise
        with self._committing:
            if not group.over:
                self._commit(group)
        if group.error is not None:
            raise group.error

    def _begun(self) -> _Group:
        if self._group is None:
            self._say("BEGIN IMMEDIATE")
            self._group = _Group()
        self._say("SAVEPOINT one")
        return self._group

    def _undone(self, group: _Group) -> None:
        """Takes back what one wrote; a file that is full may have taken back everything, and then it failed for all."""
        try:
            self._say("ROLLBACK TO one")
            self._say("RELEASE one")
        except SQLAlchemyError as error:
            self._end(group, error)

    def _commit(self, group: _Group) -> None:
        with self._turn:
            if group.over:
                return
            try:
                self._say("COMMIT")
                self._end(group, None)
            except SQLAlchemyError as error:
                self._end(group, error)

    def _end(self, group: _Group, error: SQLAlchemyError | None) -> None:
        group.over, group.error, self._group = True, error, None
        if error is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._say("ROLLBACK")

    def _say(self, statement: str) -> None:
        self._connection.exec_driver_sql(statement)

    def close(self) -> None:
        """Takes back what was not committed."""
        with self._turn:
            self._connection.close()
