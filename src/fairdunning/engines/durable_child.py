"""Runs in a child process: durable-rules over plain trees, the only place that touches it.

No Host, no threads, one session, one fact with a fixed id asserted and retracted around each check, a gate first in every rule,
groups of 20 rules, integers only; its C code can hang, crash or lie, so the parent holds a time limit and compares every answer.

Protocol on stdin and stdout, a line per message: first the program as JSON; then for each check the ends of every slot (lo, hi, lo,
hi ...) as 64-bit integers in hex, answered by one digit per unit.
"""

from __future__ import annotations

import json
import os
import sys
from array import array
from collections.abc import Sequence
from typing import Any

RULES_PER_GROUP = 20
SLOTS_PER_SHARD = 90  # two properties a slot, below the 200 that a message holds
UNITS_PER_SHARD = 20


def simplified(plain: Any) -> Any:
    """True, False, a test ``[slot, end, op, bound]`` or ``["all" | "any", parts]`` with constants folded away."""
    if plain[0] not in {"all", "any"}:
        return plain
    neutral = plain[0] == "all"
    parts = [p for p in map(simplified, plain[1]) if p is not neutral]
    if any(p is (not neutral) for p in parts):
        return not neutral
    if not parts:
        return neutral
    return parts[0] if len(parts) == 1 else [plain[0], parts]


def condition(plain: Any) -> dict[str, Any]:
    """A plain tree in the JSON form of durable-rules."""
    if plain[0] in {"all", "any"}:
        return {"$and" if plain[0] == "all" else "$or": [condition(p) for p in plain[1]]}
    slot, end, op, bound = plain
    return {"$gte" if op == ">=" else "$lte": {f"s{slot}{end}": bound}}


def slots_of(plain: Any) -> set[int]:
    """The slots a tree reads."""
    if isinstance(plain, bool):
        return set()
    return set().union(*(slots_of(p) for p in plain[1])) if plain[0] in {"all", "any"} else {plain[0]}


class Shard:
    """One ruleset over some trees, and the slots it is told."""

    def __init__(self, module: Any, name: str, trees: dict[str, Any]) -> None:
        self.module, self.trees = module, trees
        self.slots = sorted(set().union(*(slots_of(t) for t in trees.values())))
        self.fact = '{"id":"f","sid":"0","gate":0' + "".join(f',"s{s}lo":%d,"s{s}hi":%d' for s in self.slots) + "}"
        self.places = [place for s in self.slots for place in (2 * s, 2 * s + 1)]
        rules = {}
        for number, (key, tree) in enumerate(trees.items()):
            gate = {"$gte": {"gate": -(number // RULES_PER_GROUP)}}
            rules[key] = {"all": [{"m": {"$and": [gate, condition(tree)]}}]}
        self.handle = module.create_ruleset(name, json.dumps(rules))

    def fired(self, ends: Sequence[int]) -> set[str]:
        """The names of the trees that hold."""
        message = self.fact % tuple([ends[place] for place in self.places])
        code, offset = self.module.assert_fact(self.handle, message)
        found: set[str] = set()
        if code == 0:
            self._drain(offset, found)
        elif code != 1:
            raise RuntimeError(f"assert_fact answered {code}")
        self.module.retract_fact(self.handle, message)
        return found

    def _drain(self, offset: int, found: set[str]) -> None:
        answer = self.module.start_action_for_state(self.handle, offset)
        action = answer and answer[1]
        for _ in range(50 * len(self.trees) + 1):
            if not action:
                return
            found.add(action[2 : action.index('"', 2)])
            action = self.module.complete_and_start_action(self.handle, offset)
        raise RuntimeError("the action queue does not end")


class Judge:
    """All units of a program as shards of may and must trees."""

    def __init__(self, module: Any, units: list[Any]) -> None:
        self.count, self.constant, self.shards = len(units), dict[str, bool](), list[Shard]()
        pending: dict[str, Any] = {}
        used: set[int] = set()
        for i, (must, may) in enumerate(units):
            for key, tree in ((f"u{i}", simplified(must)), (f"a{i}", simplified(may))):
                if isinstance(tree, bool):
                    self.constant[key] = tree
                    continue
                slots = slots_of(tree)
                if pending and (len(used | slots) > SLOTS_PER_SHARD or len(pending) >= 2 * UNITS_PER_SHARD):
                    self._close(module, pending)
                    pending, used = {}, set()
                pending[key] = tree
                used |= slots
        if pending:
            self._close(module, pending)

    def _close(self, module: Any, trees: dict[str, Any]) -> None:
        self.shards.append(Shard(module, f"shard{len(self.shards)}", dict(trees)))

    def judge(self, ends: Sequence[int]) -> list[int]:
        """0, 1 or 2 per unit; must counts only where may holds. ``ends``: lo and hi of each slot in turn."""
        fired = {key for key, holds in self.constant.items() if holds}
        for shard in self.shards:
            fired |= shard.fired(ends)
        return [(2 if f"u{i}" in fired else 1) if f"a{i}" in fired else 0 for i in range(self.count)]


def main() -> None:
    """Answers until standard input ends; any trouble ends the process, which the parent sees as a loss."""
    if sys.version_info >= (3, 13):
        sys.setdlopenflags(os.RTLD_LAZY)
    import durable_rules_engine as module  # type: ignore[import-not-found]

    judge = Judge(module, json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    for line in sys.stdin:
        print("".join(map(str, judge.judge(array("q", bytes.fromhex(line))))), flush=True)


if __name__ == "__main__":
    main()
