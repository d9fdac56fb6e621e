"""Both engines on each check: an answer counts only when they agree."""

from __future__ import annotations

import threading
import time

from fairdunning.engines.compiled import CompiledEngine
from fairdunning.engines.durable import CHECK_SECONDS, DurableEngine
from fairdunning.errors import Disagreement, EngineLost
from fairdunning.program import Program, Vector

LOSSES, WITHIN_SECONDS = 3, 60.0


class PairEngine:
    """The compiled engine, checked by durable-rules; raises EngineUnavailable when that is not installed.

    After three losses of the child in a minute the compiled engine goes on alone, and the name says so.
    """

    def __init__(self, program: Program, limit: float = CHECK_SECONDS) -> None:
        self.compiled, self.durable = CompiledEngine(program), DurableEngine(program, limit=limit)
        self.name, self.alone = "compiled+durable", False
        self._lock = threading.Lock()
        self._losses: list[float] = []

    def judge(self, vector: Vector) -> list[int]:
        """One status per unit; raises Disagreement or EngineLost."""
        first = self.compiled.judge(vector)
        if self.alone:
            return first
        with self._lock:  # one child, one question at a time
            second = self._second(vector)
        if first != second:
            raise Disagreement("the engines disagree")
        return first

    def _second(self, vector: Vector) -> list[int]:
        before = self.durable.losses
        try:
            return self.durable.judge(vector)
        except EngineLost:
            now = time.monotonic()
            self._losses = [t for t in self._losses if now - t < WITHIN_SECONDS] + [now] * (self.durable.losses - before)
            if len(self._losses) >= LOSSES:
                self.name, self.alone = "compiled alone: durable lost", True
            raise

    def close(self) -> None:
        """Ends the child."""
        self.durable.close()
