"""The condition tree: one definition of truth, read by every engine.

A leaf is one integer slot against one constant. A slot turns a value into a pair ``lo, hi`` in the direction of its comparison, so
that *none* makes the comparison false (``none`` is -BIG for at least, +BIG for at most). Negation is pushed to the leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fairdunning import value as v
from fairdunning import when
from fairdunning.facts import Context, Item, Key, key_of
from fairdunning.program import All, Any, Plain, Test, negate
from fairdunning.vocabulary import Fact

FALSE, UNKNOWN, TRUE = 0, 1, 2
Reader = Callable[[Context, Item | None], v.Value]
Pair = tuple[int, int]
HoldsAt = Callable[[Context, v.Range], Pair]


class Expr(NamedTuple):
    """A named value: its type, how to read it, the facts it comes from, and whether an item of a list is needed.

    ``source`` is the fact whose words name it, ``holds_at`` tells of a period whether it holds at the instants of another event.
    """

    key: Key
    type: str
    read: Reader
    facts: frozenset[str] = frozenset()
    local: bool = False
    source: Fact | None = None
    holds_at: HoldsAt | None = None


class Slot(NamedTuple):
    """One integer an engine sees."""

    key: Key
    read: Callable[[Context, Item | None], Pair]
    facts: frozenset[str]
    words: Expr | None = None


class Leaf(NamedTuple):
    """One slot, one comparison, one constant."""

    slot: Slot
    op: str
    bound: int


class And(NamedTuple):
    """True when every part is."""

    parts: tuple[Tree, ...]


class Or(NamedTuple):
    """True when one part is."""

    parts: tuple[Tree, ...]


Tree = Leaf | And | Or
ALWAYS: Tree = And(())
NEVER: Tree = Or(())


def opposite(tree: Tree) -> Tree:
    """The Kleene negation, pushed to the leaves."""
    if isinstance(tree, And):
        return Or(tuple(opposite(p) for p in tree.parts))
    if isinstance(tree, Or):
        return And(tuple(opposite(p) for p in tree.parts))
    return Leaf(tree.slot, "<=", tree.bound - 1) if tree.op == ">=" else Leaf(tree.slot, ">=", tree.bound + 1)


def truth(tree: Tree, ctx: Context, item: Item | None = None) -> int:
    """TRUE, UNKNOWN or FALSE of a tree, read the direct way (used inside measures)."""
    if isinstance(tree, Leaf):
        lo, hi = ctx.cached(tree.slot.key, lambda: tree.slot.read(ctx, None)) if item is None else tree.slot.read(ctx, item)
        if tree.op == ">=":
            return TRUE if lo >= tree.bound else (UNKNOWN if hi >= tree.bound else FALSE)
        return TRUE if hi <= tree.bound else (UNKNOWN if lo <= tree.bound else FALSE)
    if isinstance(tree, And):
        found = TRUE
        for part in tree.parts:
            found = min(found, truth(part, ctx, item))
            if not found:
                break
        return found
    return max((truth(part, ctx, item) for part in tree.parts), default=FALSE)


def prepared(tree: Tree) -> Callable[[Context, Item | None], int]:
    """`truth` of one tree as a closure, for conditions that are asked of every item of a list."""
    if isinstance(tree, Leaf):
        read, bound = tree.slot.read, tree.bound
        if tree.op == ">=":

            def floor(ctx: Context, item: Item | None) -> int:
                lo, hi = read(ctx, item)
                return TRUE if lo >= bound else (UNKNOWN if hi >= bound else FALSE)

            return floor

        def ceiling(ctx: Context, item: Item | None) -> int:
            lo, hi = read(ctx, item)
            return TRUE if hi <= bound else (UNKNOWN if lo <= bound else FALSE)

        return ceiling
    parts = tuple(prepared(p) for p in tree.parts)
    if len(parts) == 1:
        return parts[0]
    if isinstance(tree, And):

        def every(ctx: Context, item: Item | None) -> int:
            found = TRUE
            for part in parts:
                one = part(ctx, item)
                if one < found:
                    found = one
                    if not found:
                        break
            return found

        return every

    def some(ctx: Context, item: Item | None) -> int:
        found = FALSE
        for part in parts:
            found = max(found, part(ctx, item))
        return found

    return some


def slots_of(tree: Tree) -> list[Slot]:
    """Every slot of a tree, in order."""
    if isinstance(tree, Leaf):
        return [tree.slot]
    return [slot for part in tree.parts for slot in slots_of(part)]


def must(tree: Tree, index: Callable[[Slot], int]) -> Plain:
    """The plain tree that is true when the condition surely is."""
    if isinstance(tree, Leaf):
        return Test(index(tree.slot), "lo", ">=", tree.bound) if tree.op == ">=" else Test(index(tree.slot), "hi", "<=", tree.bound)
    return (All if isinstance(tree, And) else Any)(tuple(must(p, index) for p in tree.parts))


def may(tree: Tree, index: Callable[[Slot], int]) -> Plain:
    """The plain tree that is true when the condition may be."""
    if isinstance(tree, Leaf):
        return Test(index(tree.slot), "hi", ">=", tree.bound) if tree.op == ">=" else Test(index(tree.slot), "lo", "<=", tree.bound)
    return (All if isinstance(tree, And) else Any)(tuple(may(p, index) for p in tree.parts))


def not_shown(exception: Tree, index: Callable[[Slot], int]) -> Plain:
    """True unless the exception surely holds: an unknown exception does not help."""
    return negate(must(exception, index))


# --- slots: one per kind of comparison ---------------------------------------------------------------------------------


def number(expr: Expr) -> Callable[[Context, Item | None], v.Range]:
    """The expression read as a range."""

    def read(ctx: Context, item: Item | None) -> v.Range:
        found = expr.read(ctx, item)
        return found if isinstance(found, v.Range) else v.Range(-v.BIG, v.BIG, none=True)

    return read


def _floor(value: v.Range) -> Pair:
    if value.lo > value.hi:
        return -v.BIG, -v.BIG
    return (-v.BIG if value.none else value.lo), value.hi


def _ceiling(value: v.Range) -> Pair:
    if value.lo > value.hi:
        return v.BIG, v.BIG
    return value.lo, (v.BIG if value.none else value.hi)


def at_least(expr: Expr) -> Slot:
    """For comparisons from below: none is less than everything."""
    read = number(expr)
    return Slot(key_of("ge", expr.key), lambda ctx, item: _floor(read(ctx, item)), expr.facts)


def at_most(expr: Expr) -> Slot:
    """For comparisons from above: none is more than everything."""
    read = number(expr)
    return Slot(key_of("le", expr.key), lambda ctx, item: _ceiling(read(ctx, item)), expr.facts)


def _gap(a: v.Range, b: v.Range) -> v.Range:
    if a.lo > a.hi or b.lo > b.hi:
        return v.NONE
    return v.Range(max(a.lo - b.hi, -v.BIG), min(a.hi - b.lo, v.BIG), a.none or b.none)


def difference(left: Expr, right: Expr, *, floor: bool) -> Slot:
    """``left - right`` as one slot; none on either side makes the comparison false."""
    a, b, end = number(left), number(right), _floor if floor else _ceiling
    key = key_of("gap", floor, left.key, right.key)
    return Slot(key, lambda ctx, item: end(_gap(a(ctx, item), b(ctx, item))), left.facts | right.facts)


def presence(expr: Expr) -> Slot:
    """1 when it exists, 0 when it is none."""

    def read(ctx: Context, item: Item | None) -> Pair:
        found = v.exists(expr.read(ctx, item))
        return found.lo, found.hi

    return Slot(key_of("exists", expr.key), read, expr.facts)


def knowledge(expr: Expr) -> Slot:
    """1 when there is one possibility only, else 0: never unknown."""

    def read(ctx: Context, item: Item | None) -> Pair:
        known = int(v.is_point(expr.read(ctx, item)))
        return known, known

    return Slot(key_of("known", expr.key), read, frozenset())


def _one_of_literals(expr: Expr, words: Expr, literal: frozenset[str]) -> Slot:
    """`one_of` for words that stand in the rule itself: the common case, made short."""
    read_expr = expr.read

    def read(ctx: Context, item: Item | None) -> Pair:
        found = read_expr(ctx, item)
        possible = found.possible if isinstance(found, v.Words) else None
        if possible is None:
            return 0, int(bool(literal))
        return int(possible <= literal), int(not possible.isdisjoint(literal))

    return Slot(key_of("is", expr.key, words.key), read, expr.facts, words)


def one_of(expr: Expr, words: Expr) -> Slot:
    """Whether a word is one of a set (or equal to another word)."""
    if words.key.parts[0] == "words" and words.type == "set":
        return _one_of_literals(expr, words, words.key.parts[1])

    def read(ctx: Context, item: Item | None) -> Pair:
        left, right = expr.read(ctx, item), words.read(ctx, item)
        possible = left.possible if isinstance(left, v.Words) else None
        sure, may_be = members(right)
        if possible is None:
            return 0, int(may_be is None or bool(may_be))
        real = possible - {None}
        surely = bool(real) and real == possible and (possible <= sure if isinstance(right, v.Members) else
                                                      len(possible) == 1 and sure == possible)
        return int(surely), int(bool(real) and (may_be is None or bool(real & may_be)))

    return Slot(key_of("is", expr.key, words.key), read, expr.facts | words.facts, words)


def members(value: v.Value) -> tuple[frozenset[str | None], frozenset[str | None] | None]:
    """The members a set, or the set of one word, surely has and may have."""
    if isinstance(value, v.Members):
        return value.sure, value.may
    if isinstance(value, v.Words) and value.possible is not None:
        real = value.possible - {None}
        return (real if len(value.possible) == 1 else frozenset()), real
    return frozenset(), None


def _any_of_literals(expr: Expr, words: Expr, literal: frozenset[str]) -> Slot:
    """`contains` any of words that stand in the rule itself: the common case, made short."""
    read_expr = expr.read

    def read(ctx: Context, item: Item | None) -> Pair:
        found = read_expr(ctx, item)
        if not isinstance(found, v.Members) or (found.may is None and not found.none):
            return 0, int(bool(literal))
        return int(not found.sure.isdisjoint(literal)), int(found.may is not None and not found.may.isdisjoint(literal))

    return Slot(key_of("any", expr.key, words.key), read, expr.facts)


def contains(expr: Expr, words: Expr, how: str) -> Slot:
    """Set against set: ``any`` in common, ``all`` of the right in the left, ``only`` those of the right in the left."""
    if how == "any" and words.key.parts[0] == "words" and words.type == "set":
        return _any_of_literals(expr, words, words.key.parts[1])

    def read(ctx: Context, item: Item | None) -> Pair:
        left, right = expr.read(ctx, item), words.read(ctx, item)
        if not isinstance(left, v.Members) or left.none or (isinstance(right, v.Members) and right.none):
            return (0, 0) if left in {v.NO_MEMBERS} or right in {v.NO_MEMBERS} else (0, 1)
        (a_sure, a_may), (b_sure, b_may) = members(left), members(right)
        if how == "any":
            hi = (a_may is None and (b_may is None or bool(b_may))) or (b_may is None and (a_may is None or bool(a_may))) or bool(
                a_may is not None and b_may is not None and a_may & b_may)
            return int(bool(a_sure & b_sure)), int(hi)
        if how == "only":
            a_sure, a_may, b_sure, b_may = b_sure, b_may, a_sure, a_may
        # every member of b is in a
        return int(b_may is not None and b_may <= a_sure), int(a_may is None or b_sure <= a_may)

    return Slot(key_of(how, expr.key, words.key), read, expr.facts | words.facts)


def inside(moment: Expr, hours: Expr, clock: str, calendar: when.Calendar | None, *, outside: bool) -> Slot:
    """Whether an instant lies inside (or outside) a timetable, read on the clock."""

    def read(ctx: Context, item: Item | None) -> Pair:
        at, table = moment.read(ctx, item), hours.read(ctx, item)
        if at == v.NONE or table == v.NO_HOURS:
            return 0, 0
        zone = ctx.zone(clock)
        if not isinstance(at, v.Range) or at.lo != at.hi or at.none or zone is None:
            return 0, 1
        if not isinstance(table, v.Hours) or table.timetable is None:
            return 0, 1
        covered = table.timetable.covers(zone, at.lo, calendar)
        if covered is None:
            return 0, 1
        return (int(not covered),) * 2 if outside else (int(covered),) * 2

    key = key_of("outside" if outside else "inside", moment.key, hours.key, clock, calendar and calendar.name)
    return Slot(key, read, moment.facts | hours.facts)


def during(moment: Expr, period: Expr) -> Slot:
    """Whether a period holds at the time of an event."""

    def read(ctx: Context, item: Item | None) -> Pair:
        at = moment.read(ctx, item)
        if not isinstance(at, v.Range) or period.holds_at is None:
            return 0, 1
        return (0, 0) if at.lo > at.hi else period.holds_at(ctx, at)

    return Slot(key_of("during", moment.key, period.key), read, moment.facts | period.facts)
