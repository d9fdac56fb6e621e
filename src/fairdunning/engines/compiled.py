"""The fast path: one generated Python function over the ends of all slots."""

from __future__ import annotations

from collections.abc import Callable

from fairdunning.program import All, Any, Plain, Program, Test, Vector, simplified

Judge = Callable[[list[int], list[int]], list[int]]


class CompiledEngine:
    """Judges by Python generated from the trees; never from text of a policy."""

    name = "compiled"

    def __init__(self, program: Program) -> None:
        self._judge = compile_program(program)

    def judge(self, vector: Vector) -> list[int]:
        """One status per unit."""
        return self._judge(vector.lo, vector.hi)


def compile_program(program: Program) -> Judge:
    """Generates the function; `must` is read only where `may` is true."""
    parts = [f"(2 if {_source(simplified(u.must))} else 1) if {_source(simplified(u.may))} else 0" for u in program.units]
    text = "def judge(lo, hi):\n    return [" + ",\n        ".join(parts) + "]\n"
    space: dict[str, Judge] = {}
    exec(compile(text, "<program>", "exec"), space)
    return space["judge"]


def _source(plain: Plain) -> str:
    if isinstance(plain, Test):
        return f"{plain.end}[{plain.slot}] {plain.op} {plain.bound}"
    if not plain.parts:
        return "True" if isinstance(plain, All) else "False"
    joint = " and " if isinstance(plain, All) else " or "
    assert isinstance(plain, All | Any)
    return "(" + joint.join(_source(p) for p in plain.parts) + ")"
