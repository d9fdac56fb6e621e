"""Both engines on each check: an answer counts only when they agree."""

from __future__ import annotations

from fairdunning.engines.compiled import CompiledEngine
from fairdunning.engines.durable import DurableEngine
from fairdunning.errors import Disagreement
from fairdunning.program import Program, Vector


class PairEngine:
    """The compiled engine, checked by durable-rules; raises EngineUnavailable when that is not installed."""

    name = "compiled+durable"

    def __init__(self, program: Program) -> None:
        self.compiled, self.durable = CompiledEngine(program), DurableEngine(program)

    def judge(self, vector: Vector) -> list[int]:
        """One status per unit; raises Disagreement or EngineLost."""
        first, second = self.compiled.judge(vector), self.durable.judge(vector)
        if first != second:
            raise Disagreement("the engines disagree")
        return first

    def close(self) -> None:
        """Ends the child."""
        self.durable.close()
