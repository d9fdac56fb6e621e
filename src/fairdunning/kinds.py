"""Which kinds of event a condition may match: known before its items are looked at, it spares looking at the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairdunning.condition import And, Expr, Leaf, Tree, members
from fairdunning.facts import Context, key_of

KIND = key_of("item", "kind")
Kinds = Callable[[Context], frozenset[str] | None]


@dataclass(frozen=True)
class Always:
    """The same kinds in every case; None: any."""

    kinds: frozenset[str] | None

    def __call__(self, _ctx: Context) -> frozenset[str] | None:
        """The kinds."""
        return self.kinds


def kinds_in(tree: Tree) -> Kinds:
    """The kinds of event that a condition may match, read in a case; None: any."""
    if isinstance(tree, Leaf):
        return _kinds_of(tree)
    parts, join = [kinds_in(p) for p in tree.parts], _meet if isinstance(tree, And) else _join
    fixed = [p.kinds for p in parts if isinstance(p, Always)]
    return Always(join(fixed)) if len(fixed) == len(parts) else lambda ctx: join([p(ctx) for p in parts])


def _kinds_of(leaf: Leaf) -> Kinds:
    words = leaf.slot.words
    if leaf.slot.key.parts[:2] != ("is", KIND) or leaf.op != ">=" or words is None:
        return Always(None)
    if words.key.parts[0] == "words" and words.type == "set":
        return Always(words.key.parts[1])
    return lambda ctx: _may_be(words, ctx)


def _may_be(words: Expr, ctx: Context) -> frozenset[str] | None:
    _, may = members(words.read(ctx, None))
    return None if may is None else frozenset(m for m in may if m is not None)


def _meet(sets: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [s for s in sets if s is not None]
    return frozenset.intersection(*known) if known else None


def _join(sets: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [s for s in sets if s is not None]
    return frozenset().union(*known) if len(known) == len(sets) else None
