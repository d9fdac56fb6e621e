"""Tables of law: dated series, bands and values by word, and what they give for a key that may be uncertain."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from fairdunning import value as v

ORDERED = frozenset({"date", "datetime", "money", "count", "days", "rate"})
Rows = dict[int | str, "v.Value | Rows"]


@dataclass(frozen=True)
class Table:
    """Rows by one key, or by several, one inside the other; past ``known_until`` (a day) and before the first row: unknown.

    ``currency`` is that of every amount in it.
    """

    name: str
    by: tuple[str, ...]
    gives: str
    rows: Rows
    known_until: int | None
    currency: str = ""

    def look_up(self, keys: list[v.Value]) -> v.Value:
        """The value at a key: every row that it may be."""
        if v.NONE in keys or v.NO_WORD in keys:
            return v.nothing(self.gives)
        return self._at(self.rows, keys, list(self.by))

    def _at(self, rows: Rows, keys: list[v.Value], kinds: list[str]) -> v.Value:
        found = [self._inner(rows, row, keys, kinds) for row in self._rows(rows, keys[0], kinds[0])]
        return v.hull(found) if found else v.unknown(self.gives)

    def _inner(self, rows: Rows, row: int | str | None, keys: list[v.Value], kinds: list[str]) -> v.Value:
        if row is None:
            return v.unknown(self.gives)
        inner = rows[row]
        return self._at(inner, keys[1:], kinds[1:]) if isinstance(inner, dict) else inner

    def _rows(self, rows: Rows, key: v.Value, kind: str) -> list[int | str | None]:
        """The rows a key may reach; None among them: it may lie where the table knows nothing."""
        if isinstance(key, v.Words):
            return [None] if key.possible is None else [w if w in rows else None for w in sorted(w or "" for w in key.possible)]
        starts = sorted(r for r in rows if isinstance(r, int))
        if not isinstance(key, v.Range) or not starts:
            return [None]
        first, last = bisect.bisect_right(starts, key.lo) - 1, bisect.bisect_right(starts, key.hi) - 1
        found: list[int | str | None] = list(starts[max(first, 0) : last + 1])
        beyond = kind == "date" and self.known_until is not None and key.hi > self.known_until
        return [*found, None] if first < 0 or beyond or key.none else found
