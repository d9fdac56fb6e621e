"""The event loop of the server: it takes its turn with the threads that check, instead of fighting them for the interpreter."""

from __future__ import annotations

import asyncio
import selectors

from fairdunning import baton


class _Selector(selectors.DefaultSelector):
    """Gives the baton on while it waits for sockets, and has it while what they brought is handled."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready."""
        baton.give()
        try:
            return super().select(timeout)
        finally:
            baton.take_first()

    def close(self) -> None:
        """Gives the baton on for good."""
        super().close()
        baton.give()


def loop() -> asyncio.AbstractEventLoop:
    """A new event loop."""
    return asyncio.SelectorEventLoop(_Selector())
