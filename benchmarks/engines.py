"""Microseconds per check: our engines, hand-written Python and two engines called from Python, on the same facts, equal findings asserted.

Then the whole check (JSON bytes in, verdict JSON out, 50 events, every shipped constraint) against pydantic validating the same document.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any, Literal

import pydantic

from fairdunning.engines.compiled import CompiledEngine
from fairdunning.engines.durable import DurableEngine
from fairdunning.evaluate import evaluate
from fairdunning.policy import load
from fairdunning.portfolio import portfolio
from fairdunning.program import All, Plain, Program, Test, Unit, Vector
from fairdunning.program import Any as Either

FACTS = 40


def program(size: int, rng: random.Random) -> Program:
    """Constraints as law has them: in force, in scope (a kind of action), over a limit or two, no exception."""

    def must(slots: list[int], limits: list[int], end: Literal["lo", "hi"]) -> Plain:
        gate, kind, count, other, consent = slots
        shut: Literal["lo", "hi"] = "lo" if end == "hi" else "hi"
        wrong = Either((Test(count, end, ">=", limits[0]), Test(other, end, ">=", limits[1])))
        return All((Test(gate, end, ">=", 1), Test(kind, end, ">=", 1), wrong, Test(consent, shut, "<=", 0)))

    units = []
    for i in range(size):
        slots, limits = [rng.randrange(FACTS) for _ in range(5)], [rng.randint(1, 6) for _ in range(2)]
        units.append(Unit(f"c{i}", must(slots, limits, "lo"), must(slots, limits, "hi")))
    return Program(FACTS, tuple(units))


def hand_written(found: Program) -> Callable[[Vector], list[int]]:
    """One Python function per constraint, as a careful programmer writes them: early return, plain comparisons."""
    text, names = [], []
    for i, unit in enumerate(found.units):
        assert isinstance(unit.may, All)
        gate, kind, wrong, consent = unit.may.parts
        assert isinstance(gate, Test)
        assert isinstance(kind, Test)
        assert isinstance(wrong, Either)
        assert isinstance(consent, Test)
        a, b = wrong.parts
        assert isinstance(a, Test)
        assert isinstance(b, Test)
        text.append(f"""
def rule_{i}(f):
    if f.hi[{gate.slot}] < 1 or f.hi[{kind.slot}] < 1 or f.lo[{consent.slot}] > 0:
        return 0
    if f.hi[{a.slot}] < {a.bound} and f.hi[{b.slot}] < {b.bound}:
        return 0
    if f.lo[{gate.slot}] < 1 or f.lo[{kind.slot}] < 1 or f.hi[{consent.slot}] > 0:
        return 1
    return 2 if f.lo[{a.slot}] >= {a.bound} or f.lo[{b.slot}] >= {b.bound} else 1
""")
        names.append(f"rule_{i}")
    space: dict[str, Any] = {}
    exec("".join(text), space)
    rules = [space[name] for name in names]
    return lambda vector: [rule(vector) for rule in rules]


def json_logic(plain: Plain) -> Any:
    """A tree as JSONLogic."""
    if isinstance(plain, Test):
        return {plain.op: [{"var": f"{plain.end}{plain.slot}"}, plain.bound]}
    return {"and" if isinstance(plain, All) else "or": [json_logic(p) for p in plain.parts]}


def zen_text(plain: Plain) -> str:
    """A tree in the expression language of zen-engine."""
    if isinstance(plain, Test):
        return f"{plain.end}{plain.slot} {plain.op} {plain.bound}"
    return "(" + (" and " if isinstance(plain, All) else " or ").join(zen_text(p) for p in plain.parts) + ")"


def facts_of(vector: Vector) -> dict[str, int]:
    """The vector as named facts."""
    return {f"lo{i}": x for i, x in enumerate(vector.lo)} | {f"hi{i}": x for i, x in enumerate(vector.hi)}


def timed(run: Callable[[Any], Any], inputs: list[Any], least: float = 0.4) -> float:
    """Median microseconds a call over five rounds."""
    rounds = []
    for _ in range(5):
        calls, start = 0, time.perf_counter()
        while time.perf_counter() - start < least / 5:
            for one in inputs:
                run(one)
            calls += len(inputs)
        rounds.append((time.perf_counter() - start) / calls * 1e6)
    return statistics.median(rounds)


def engines(size: int) -> None:
    """One table: every engine on the same constraints and facts."""
    rng = random.Random(size)
    found = program(size, rng)
    vectors = []
    for _ in range(100):
        lo = [rng.choice([0, 0, 1, 1, 2, 5]) for _ in range(FACTS)]
        vectors.append(Vector(lo, [x + rng.choice([0, 0, 0, 0, 1]) for x in lo]))
    documents = [facts_of(v) for v in vectors]
    compiled = CompiledEngine(found)
    expected = [compiled.judge(v) for v in vectors]
    shares = [sum(e.count(s) for e in expected) / (size * 100) for s in (0, 1, 2)]
    print(f"\n{size} constraints; not wrong, undecided, wrong: {', '.join(f'{s:.0%}' for s in shares)}")
    results = {"compiled": timed(compiled.judge, vectors)}
    by_hand = hand_written(found)
    assert expected == [by_hand(v) for v in vectors]
    results["hand-written Python"] = timed(by_hand, vectors)
    with DurableEngine(found, limit=5) as durable:
        assert expected == [durable.judge(v) for v in vectors]
        results["durable (in its child)"] = timed(durable.judge, vectors[:20])
    results |= _datalogic(found, documents, expected)
    results |= _zen(found, documents, expected)
    for name, took in results.items():
        print(f"  {name:28} {took:10.1f} us   {took / results['compiled']:8.2f} x compiled")


def _datalogic(found: Program, documents: list[dict[str, int]], expected: list[list[int]]) -> dict[str, float]:
    import datalogic_py

    session_engine = datalogic_py.Engine()
    rule = session_engine.compile([{"if": [json_logic(u.may), {"if": [json_logic(u.must), 2, 1]}, 0]} for u in found.units])
    assert expected == [rule.evaluate(d) for d in documents]
    return {"datalogic-py": timed(rule.evaluate, documents)}


def _zen(found: Program, documents: list[dict[str, int]], expected: list[list[int]]) -> dict[str, float]:
    import zen

    text = "[" + ", ".join(f"{zen_text(u.may)} ? ({zen_text(u.must)} ? 2 : 1) : 0" for u in found.units) + "]"
    expression = zen.compile_expression(text)
    assert expected == [expression.evaluate(d) for d in documents]
    return {"zen-engine": timed(expression.evaluate, documents)}


# --- the whole check ---------------------------------------------------------------------------------------------------


class Event(pydantic.BaseModel):
    """An event as a typical service models it."""

    id: str
    kind: str
    at: pydantic.AwareDatetime
    direction: str
    outcome: str
    person: str
    address: str
    counts_for: list[str]


class Debt(pydantic.BaseModel):
    """A debt as a typical service models it."""

    id: str
    kind: str
    due: str
    total_due: str
    contract: dict[str, str]


class Document(pydantic.BaseModel):
    """The same document for pydantic alone."""

    action: dict[str, Any]
    debtor: dict[str, Any]
    persons: list[dict[str, Any]]
    debts: list[Debt]
    creditor: dict[str, str]
    collector: dict[str, str]
    events: list[Event]
    history: dict[str, str]


def whole_check() -> None:
    """JSON bytes in, verdict JSON out, 50 events, every shipped constraint of the Chinese profile."""
    policy = load("cn-consumer-finance-company")
    engine = CompiledEngine(policy.program)
    calls = [c for c in portfolio(400, 3) if c["action"]["kind"] == "call" and len(c["events"]) >= 10]
    documents = []
    for case in calls[:20]:
        events = [e for e in case["events"] if "direction" in e]
        case["events"] = [{**events[i % len(events)], "id": f"E{i}"} for i in range(50)]
        documents.append(json.dumps(case).encode())
    ours = timed(lambda raw: json.dumps(evaluate(json.loads(raw), policy, engine).document()), documents, 2)
    theirs = timed(Document.model_validate_json, documents, 1)
    print(f"\nwhole check, {len(policy.constraints)} constraints, 50 events: {ours:.0f} us; pydantic alone {theirs:.0f} us; {ours / theirs:.1f} x")


if __name__ == "__main__":
    for number in (30, 300):
        engines(number)
    whole_check()
