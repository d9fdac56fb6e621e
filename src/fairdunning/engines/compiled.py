"""The fast path: one generated Python function over the ends of all slots."""

from __future__ import annotations

from collections.abc import Callable

from fairdunning.program import All, Any, Plain, Program, Test, Vector, simplified, slots_in

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


Reading = Callable[[list[int], list[int], bytearray, Callable[[int], bool]], None]
"""Fills the slots that decide: ``lo``, ``hi``, which slots have been read, and what reads one (and says True)."""


def compile_reading(program: Program, costs: list[int]) -> Reading:
    """Generates the function: a unit reads its cheapest slots first, and no more once one of them shows that it is not wrong.

    INVARIANT: a slot that stays unread belongs only to units in which a slot that was read makes `may` false, whatever it holds.
    """
    parts = []
    for unit in program.units:
        slots = sorted(slots_in(unit.must) | slots_in(unit.may))
        rest = " and ".join(f"(seen[{i}] or read({i}))" for i in slots) or "True"
        parts.append(f"    {_reading(simplified(unit.may), costs)} and {rest}\n")
    space: dict[str, Reading] = {}
    exec(compile("def fill(lo, hi, seen, read):\n" + "".join(parts), "<reading>", "exec"), space)
    return space["fill"]


def _cost(plain: Plain, costs: list[int]) -> int:
    return max((costs[i] for i in slots_in(plain)), default=0)


def _reading(plain: Plain, costs: list[int]) -> str:
    if isinstance(plain, Test):
        return f"(seen[{plain.slot}] or read({plain.slot})) and {_source(plain)}"
    ordered = sorted(plain.parts, key=lambda part: _cost(part, costs))
    return _joined(plain, [f"({_reading(part, costs)})" for part in ordered])


def _source(plain: Plain) -> str:
    if isinstance(plain, Test):
        return f"{plain.end}[{plain.slot}] {plain.op} {plain.bound}"
    return _joined(plain, [_source(part) for part in plain.parts])


def _joined(plain: All | Any, parts: list[str]) -> str:
    if not parts:
        return "True" if isinstance(plain, All) else "False"
    return "(" + (" and " if isinstance(plain, All) else " or ").join(parts) + ")"
