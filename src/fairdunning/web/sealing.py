"""The sealer of a serving process: every half second and once more at the end; checkpoints are published in their order."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from fairdunning.service import Service
from fairdunning.store import records

EVERY_SECONDS, PUBLISH_SECONDS = 0.5, 10.0


class Publisher:
    """Appends each checkpoint to a file, or gives it to a command on its standard input; what failed goes first the next time."""

    def __init__(self, file: Path | None = None, command: str = "") -> None:
        self.file, self.command = file, command
        self._waiting: list[dict[str, Any]] = []

    def publish(self, checkpoint: dict[str, Any] | None) -> None:
        """Publishes it after those that wait; raises OSError or SubprocessError when the place does not take it."""
        self._waiting += [checkpoint] if checkpoint else []
        while self._waiting:
            self._send(json.dumps(self._waiting[0]) + "\n")
            del self._waiting[0]

    def _send(self, line: str) -> None:
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(line)
        if self.command:
            subprocess.run(self.command, shell=True, input=line.encode(), check=True, timeout=PUBLISH_SECONDS)


def sealing(service: Service, publisher: Publisher | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The lifespan of an application that seals what its store records."""
    place = publisher or Publisher()

    def once() -> bool:
        found = records.seal(service.store, service.signer)
        place.publish(found)
        return found is not None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        over = asyncio.Event()

        async def run() -> None:
            last = False
            while not last:
                last = over.is_set()
                try:
                    while await run_in_threadpool(once):
                        continue
                except (SQLAlchemyError, OSError, subprocess.SubprocessError):
                    service.sealing_failed += 1
                try:
                    await asyncio.wait_for(over.wait(), 0.01 if last else EVERY_SECONDS)
                except TimeoutError:
                    continue

        task = asyncio.create_task(run())
        yield
        over.set()
        await task

    return lifespan
