"""What an engine runs: plain trees over integer slots, and nothing else."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

NOT_WRONG, UNDECIDED, WRONG = 0, 1, 2


class Test(NamedTuple):
    """One end of one integer slot against one constant."""

    slot: int
    end: Literal["lo", "hi"]
    op: Literal[">=", "<="]
    bound: int


class All(NamedTuple):
    """True when every part is; empty: true."""

    parts: tuple[Plain, ...]


class Any(NamedTuple):
    """True when one part is; empty: false."""

    parts: tuple[Plain, ...]


Plain = Test | All | Any


class Unit(NamedTuple):
    """One dated version of one constraint: must true = wrong, only may true = undecided."""

    name: str
    must: Plain
    may: Plain


class Program(NamedTuple):
    """All units of a policy over one vector of slots."""

    slots: int
    units: tuple[Unit, ...]


class Vector(NamedTuple):
    """The lower and upper end of every slot; ``lo[i] <= hi[i]``, both below 2^53 in size."""

    lo: list[int]
    hi: list[int]


class Engine(Protocol):
    """Maps a vector to one status per unit, in the program's order."""

    name: str

    def judge(self, vector: Vector) -> list[int]:
        """NOT_WRONG, UNDECIDED or WRONG per unit; raises EngineError when it cannot answer."""
        ...


def negate(plain: Plain) -> Plain:
    """The two-valued opposite of a plain tree."""
    if isinstance(plain, All):
        return Any(tuple(negate(p) for p in plain.parts))
    if isinstance(plain, Any):
        return All(tuple(negate(p) for p in plain.parts))
    if plain.op == ">=":
        return plain._replace(op="<=", bound=plain.bound - 1)
    return plain._replace(op=">=", bound=plain.bound + 1)


def holds(plain: Plain, vector: Vector) -> bool:
    """Whether a plain tree is true of a vector, read the slow way."""
    if isinstance(plain, All):
        return all(holds(p, vector) for p in plain.parts)
    if isinstance(plain, Any):
        return any(holds(p, vector) for p in plain.parts)
    value = (vector.lo if plain.end == "lo" else vector.hi)[plain.slot]
    return value >= plain.bound if plain.op == ">=" else value <= plain.bound


MAX_GROUPS = 13
MAX_SLOTS = 90
"""What one rule of durable-rules holds: groups of and / or, and slots (two properties each) in a message."""


def simplified(plain: Plain) -> Plain:
    """The same tree without empty, single or nested groups of one kind."""
    if isinstance(plain, Test):
        return plain
    kind = type(plain)
    other = Any if kind is All else All
    parts: list[Plain] = []
    for part in map(simplified, plain.parts):
        if isinstance(part, other) and not part.parts:
            return part
        parts += part.parts if isinstance(part, kind) else [part]
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def groups(plain: Plain) -> int:
    """How many groups of and / or a simplified tree has."""
    found = simplified(plain)
    return 0 if isinstance(found, Test) else 1 + sum(groups(p) for p in found.parts)


def slots_in(plain: Plain) -> set[int]:
    """The slots a tree reads."""
    return {plain.slot} if isinstance(plain, Test) else set().union(*(slots_in(p) for p in plain.parts))
