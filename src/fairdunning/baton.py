"""One thread of a process computes at a time; while it waits for a child, a disk or a lock, the next one does.

The interpreter runs one thread at a time anyway: without the baton threads that could all go on take it from each other at each system
call, which cost a third of the server's time. It orders work and protects nothing: who has waited too long goes on without it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 1.0
_baton = threading.Lock()
_queue = threading.Lock()  # whoever stands first in it waits for the baton: the event loop, which does not queue, has only him before it
_mine = threading.local()


def held() -> bool:
    """Whether this thread has the baton."""
    return getattr(_mine, "held", False)


def take() -> None:
    """Waits for the baton in the queue."""
    queued = _queue.acquire(timeout=PATIENCE_SECONDS)
    take_first()
    if queued:
        _queue.release()


def take_first() -> None:
    """Waits for the baton ahead of the queue."""
    _mine.held = _baton.acquire(timeout=PATIENCE_SECONDS)


def give() -> None:
    """Gives it on, when this thread has it."""
    if held():
        _mine.held = False
        _baton.release()


@contextmanager
def computing() -> Iterator[None]:
    """Work of this thread, alone as far as it does not wait; work within work is part of it."""
    if held():
        yield
        return
    take()
    try:
        yield
    finally:
        give()


@contextmanager
def waiting() -> Iterator[None]:
    """A wait, during which another thread computes."""
    had = held()
    give()
    try:
        yield
    finally:
        if had:
            take()
