"""Profiles: which constraints an organisation runs, what it gives, assumes, raises and tightens; and the program that engines run.

`load` reads rules, policies and a profile, reports everything wrong at once, and returns a `Policy`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from fairdunning import condition as c
from fairdunning import when
from fairdunning.book import Book, matches
from fairdunning.condition import Slot, Tree
from fairdunning.constraint import Constraint, Variant, constraints_of
from fairdunning.engines.compiled import CompiledEngine, Reading, compile_reading
from fairdunning.errors import Problem, Text, did_you_mean
from fairdunning.facts import Context, Item, key_of
from fairdunning.folder import date_of, read_folder
from fairdunning.program import MAX_GROUPS, MAX_SLOTS, All, Plain, Program, Test, Unit, groups, slots_in
from fairdunning.proofread import proofread
from fairdunning.vocabulary import Vocabulary, parse_vocabulary
from fairdunning.yamlfile import Node, Problems

MAX_PARTS = 1000


def reading(program: Program, slots: tuple[Slot, ...]) -> Reading:
    """Facts first, lists only for units that the facts leave open."""
    return compile_reading(program, [_cost(slot) for slot in slots])


def _cost(slot: Slot) -> int:
    """What a slot costs to read: the kind of action, another fact, the gate of a line, something computed from a list."""
    if any(": " in fact for fact in slot.facts):
        return 3
    if slot.key.parts[0] == "gate":
        return 2
    return int(slot.facts != {"action.kind"})


@dataclass(frozen=True)
class Policy:
    """Everything one profile runs, immutable: constraints, program, slots, digest of every file it came from."""

    profile: str
    digest: str
    vocabulary: Vocabulary
    constraints: tuple[Constraint, ...]
    program: Program
    slots: tuple[Slot, ...]
    units: tuple[tuple[Constraint, Variant], ...]
    reading: Reading
    records: dict[str, int] = field(default_factory=dict)
    raised: tuple[str, ...] = ()
    given: Node | None = None
    assume: Node | None = None
    unused: tuple[str, ...] = ()
    timetables: frozenset[when.Timetable] = frozenset()
    clock_spans: frozenset[when.Period] = frozenset()
    zones: frozenset[str] = frozenset()
    places: tuple[Path, Path | None] = (Path(), None)
    files: tuple[tuple[str, str], ...] = ()


    @cached_property
    def compiled(self) -> CompiledEngine:
        """The compiled engine of its program."""
        return CompiledEngine(self.program)

    @cached_property
    def _parts(self) -> dict[tuple[str, ...], Policy]:
        return {}

    @cached_property
    def _by_id(self) -> dict[str, Constraint]:
        return {con.id: con for con in self.constraints}

    @cached_property
    def lines(self) -> dict[str, tuple[int, ...]]:
        """The places in ``units`` of the dated lines of each constraint."""
        found: dict[str, tuple[int, ...]] = {}
        for i, (con, _) in enumerate(self.units):
            found[con.id] = (*found.get(con.id, ()), i)
        return found

    def named(self, name: str) -> Constraint:
        """The constraint of this id."""
        return self._by_id[name]

    def part(self, ids: tuple[str, ...]) -> Policy:
        """The same policy with these constraints alone, made once."""
        found = self._parts.get(ids)
        if found is None:
            if len(self._parts) >= MAX_PARTS:
                self._parts.clear()
            found = self._parts[ids] = narrowed(self, ids)
        return found


def load(profile: str, own: Path | None = None, base: Path | None = None) -> Policy:
    """The policy of a profile; raises LoadError with everything wrong in any file."""
    folder = read_folder(own, base)
    book = Book(folder, parse_vocabulary(folder.vocabulary, folder.problems))
    chosen = folder.profiles.get(profile)
    if chosen is None:
        hint = did_you_mean(profile, folder.profiles)
        folder.problems.found.append(Problem(f"profiles/{profile}.yaml", 0, "", Text(
            f"there is no such profile{hint.en}", f"没有这个机构配置{hint.zh}")))
    elif "tighten" in chosen.mapping:
        book.tighten = chosen.mapping["tighten"].mapping
    found = [con for name, node in folder.policies.items() for con in constraints_of(name, node, book)]
    proofread(book)
    folder.problems.raise_if_any()
    assert chosen is not None
    policy = _profile(profile, chosen, found, book)
    _check_fits(policy, folder.problems)
    folder.problems.raise_if_any()
    return policy


def _profile(name: str, node: Node, found: list[Constraint], book: Book) -> Policy:
    problems, parts = book.problems, node.mapping
    patterns = parts["use"].items if "use" in parts else []
    used = tuple(con for con in found if con.variants and any(matches(con.id, p.text) for p in patterns))
    if not used and not problems.found:
        problems.add(node, "the profile uses no constraint", "该配置没有使用任何约束")
    records = {}
    for kind, entry in parts["records"].mapping.items() if "records" in parts else ():
        day = date_of(entry.mapping["complete_since"], problems) if "complete_since" in entry.mapping else None
        if day is not None:
            records[kind] = day
    raised = tuple(parts["raise"].mapping) if "raise" in parts else ()
    slots, units, program = lower(used)
    places = {con.id.rpartition(".")[0] for con in used}
    unused = tuple(con.id for con in found if con not in used and con.variants and con.id.rpartition(".")[0] in places)
    return Policy(name, book.folder.digest, book.vocabulary, used, program, slots, units, reading(program, slots), records, raised,
                  parts.get("given"), parts.get("assume"), unused, frozenset(book.marks.timetables), frozenset(book.marks.clock_spans),
                  frozenset(con.zone for con in used), book.folder.places, tuple(book.folder.files))


def narrowed(policy: Policy, ids: tuple[str, ...]) -> Policy:
    """The same policy with these constraints alone."""
    chosen = tuple(con for con in policy.constraints if con.id in ids)
    slots, units, program = lower(chosen)
    return replace(policy, constraints=chosen, slots=slots, units=units, program=program, reading=reading(program, slots))


def lower(constraints: tuple[Constraint, ...]) -> tuple[tuple[Slot, ...], tuple[tuple[Constraint, Variant], ...], Program]:
    """One unit per variant; the gate of a unit says whether it may be in force."""
    pairs = tuple((con, variant) for con in constraints for variant in con.variants)
    slots: list[Slot] = []
    numbers: dict[object, int] = {}

    def index(slot: Slot) -> int:
        if slot.key not in numbers:
            numbers[slot.key] = len(slots)
            slots.append(slot)
        return numbers[slot.key]

    units = tuple(_unit(con, variant, index) for con, variant in pairs)
    return tuple(slots), pairs, Program(len(slots), units)


def _unit(con: Constraint, variant: Variant, index: Callable[[Slot], int]) -> Unit:
    gate: Plain = Test(index(_gate(con, variant)), "hi", ">=", 1)
    shut: tuple[Plain, ...] = tuple(c.not_shown(t, index) for t in variant.bound.unless.values())
    must, may = c.must(variant.bound.wrong, index), c.may(variant.bound.wrong, index)
    return Unit(f"{con.id}@{variant.start}", All((gate, must, *shut)), All((gate, may, *shut)))


def _gate(con: Constraint, variant: Variant) -> Slot:
    read_date = c.number(con.law_date)
    content = any(f.startswith("message.") for slot in c.slots_of(variant.bound.wrong) for f in slot.facts)
    word_facts = frozenset().union(*(s.facts for s in c.slots_of(variant.word)))

    def read_gate(ctx: Context, item: Item | None) -> tuple[int, int]:
        if content and "message" not in ctx.case.nouns:
            return 0, 0  # no message in the case: content constraints are out of scope
        day, word = read_date(ctx, item), c.truth(variant.word, ctx)
        if day.lo > day.hi:
            return 0, 0
        sure = variant.start <= day.lo and day.hi < variant.end and word == c.TRUE
        return int(sure), int(day.lo < variant.end and variant.start <= day.hi and word != c.FALSE)

    words = tuple((s.key, s.words and s.words.key) for s in c.slots_of(variant.word))
    key = key_of("gate", content, con.law_date.key, variant.start, variant.end, words, type(variant.word).__name__, str(len(words)),
           tuple(t.op for t in _leaves(variant.word)))
    return Slot(key, read_gate, con.law_date.facts | word_facts)


def _leaves(found: Tree) -> list[c.Leaf]:
    return [found] if isinstance(found, c.Leaf) else [leaf for part in found.parts for leaf in _leaves(part)]


def _check_fits(policy: Policy, problems: Problems) -> None:
    """What an engine cannot hold is an error for every engine (``docs/decisions.md``, limits)."""
    for (con, _), unit in zip(policy.units, policy.program.units, strict=True):
        if max(groups(unit.must), groups(unit.may)) > MAX_GROUPS:
            problems.add(con.node, f"more than {MAX_GROUPS} groups of any, all and not; split it", f"any、all、not 组合超过 {MAX_GROUPS} 个；请拆分")
        if len(slots_in(unit.must) | slots_in(unit.may)) > MAX_SLOTS:
            problems.add(con.node, f"more than {MAX_SLOTS} comparisons; split it", f"比较超过 {MAX_SLOTS} 处；请拆分")
