"""The durable-rules engine as its parent sees it: a child process with a time limit.

Every accident of the child (death, silence, lateness, nonsense) is `EngineLost`; it is started anew with the next check.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import select
import subprocess
import sys
import time
from array import array
from typing import Any

from fairdunning.errors import EngineLost, EngineUnavailable
from fairdunning.program import All, Plain, Program, Test, Vector

START_SECONDS, RETRY_SECONDS = 20.0, 1.0
CHECK_SECONDS = float(os.environ.get("FAIRDUNNING_ENGINE_SECONDS", "0.2"))
"""How long one check may take; a machine shared with other work may need more (`docs/integration.md`)."""
_STATUSES = frozenset("012")
_DIGITS = bytes.maketrans(b"012", bytes((0, 1, 2)))


def durable_version() -> str | None:
    """The installed version of durable-rules, None without it."""
    try:
        return importlib.metadata.version("durable-rules")
    except importlib.metadata.PackageNotFoundError:
        return None


class DurableEngine:
    """Judges through durable-rules; raises EngineUnavailable when it is not installed."""

    name = "durable"

    def __init__(self, program: Program, command: list[str] | None = None, limit: float = CHECK_SECONDS) -> None:
        if durable_version() is None:
            raise EngineUnavailable("durable-rules is not installed / 未安装 durable-rules")
        self.program, self.limit = program, limit
        self.command = command or [sys.executable, "-m", "fairdunning.engines.durable_child"]
        self.child: subprocess.Popen[bytes] | None = None
        self.losses = 0
        self._lost_at = float("-inf")
        self._rest = b""

    def judge(self, vector: Vector) -> list[int]:
        """One status per unit; raises EngineLost."""
        if self.child is None:
            self._start()
        ends = array("q", bytes(16 * len(vector.lo)))
        ends[0::2], ends[1::2] = array("q", vector.lo), array("q", vector.hi)
        answer = self._ask(ends.tobytes().hex(), self.limit)
        if len(answer) != len(self.program.units) or not set(answer) <= _STATUSES:
            raise self._lose("answered nonsense")
        return list(answer.encode().translate(_DIGITS))

    def _start(self) -> None:
        if time.monotonic() - self._lost_at < RETRY_SECONDS:
            raise EngineLost("durable-rules was lost less than a second ago")
        self._rest = b""
        self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        units = [[_plain(u.must), _plain(u.may)] for u in self.program.units]
        if self._ask(json.dumps(units), START_SECONDS) != "ready":
            raise self._lose("did not start")

    def _ask(self, message: str, limit: float) -> str:
        child = self.child
        if child is None or child.stdin is None:
            raise EngineLost("durable-rules is closed")
        try:
            child.stdin.write(message.encode() + b"\n")
            return self._line(time.monotonic() + limit)
        except (OSError, ValueError) as error:
            raise self._lose(str(error)) from error

    def _line(self, deadline: float) -> str:
        child = self.child
        if child is None or child.stdout is None:
            raise EngineLost("durable-rules is closed")
        ready = select.poll()  # not `select`: a server may hold more than its 1024 files
        ready.register(child.stdout, select.POLLIN)
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not ready.poll(1000 * left):
                raise self._lose("was late")
            part = child.stdout.read(1 << 16)
            if not part:
                raise self._lose("died")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def _lose(self, why: str) -> EngineLost:
        self._lost_at, self.losses = time.monotonic(), self.losses + 1
        self.close()
        return EngineLost(f"durable-rules {why}")

    def close(self) -> None:
        """Ends the child."""
        child, self.child = self.child, None
        if child is not None:
            child.kill()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
            child.wait()

    def __enter__(self) -> DurableEngine:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the child."""
        self.close()


def _plain(plain: Plain) -> list[Any]:
    if isinstance(plain, Test):
        return list(plain)
    return ["all" if isinstance(plain, All) else "any", [_plain(p) for p in plain.parts]]
