"""A case document as values: what is known of one planned action, per debt and per candidate zone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fairdunning import value as v
from fairdunning import when
from fairdunning.vocabulary import Fact, Vocabulary


@dataclass
class Item:
    """One entry of a list: decoded attributes; ``at`` and ``day`` as far as they are written."""

    index: int
    id: str
    values: dict[str, v.Value]
    at: int | None = None
    day: int | None = None
    kind: str = ""
    open: bool = False
    foreign: bool = False
    """Whether it is in the file of another debtor."""
    debts: dict[str, int] = field(default_factory=dict)

    def instants(self, zone: when.Zone | None) -> v.Range:
        """The instant, or the whole local day when only a date is written."""
        if self.at is not None:
            return v.Range(self.at, self.at)
        if self.day is None or zone is None:
            return v.Range(-v.BIG, v.BIG)
        return v.Range(zone.first_instant(self.day), zone.first_instant(self.day + 1) - 1)

    def stored(self, name: str, zone: when.Zone | None) -> v.Value | None:
        """An attribute as it is written, None when absent; an end written as a date is some instant of that day."""
        day = self.values.get("until_day") if name == "until" else None
        if not isinstance(day, v.Range):
            return self.values.get(name)
        known = zone is not None and day.lo == day.hi
        return v.Range(zone.first_instant(day.lo), zone.first_instant(day.lo + 1) - 1) if known and zone else v.Range(-v.BIG, v.BIG)

    def date(self, zone: when.Zone | None) -> v.Range:
        """The local day."""
        if self.day is not None:
            return v.Range(self.day, self.day)
        if self.at is None or zone is None:
            return v.Range(-v.BIG, v.BIG)
        day = zone.day_of(self.at)
        return v.Range(day, day)


@dataclass
class Case:
    """A decoded case: facts of each noun, entries of lists, events in order, and what the record covers."""

    document: dict[str, Any]
    nouns: dict[str, dict[str, v.Value]]
    lists: dict[str, list[Item]]
    debts: dict[str, dict[str, dict[str, v.Value]]]
    debt_lists: dict[str, dict[str, list[Item]]]
    persons: dict[str, dict[str, v.Value]]
    addresses: dict[str, dict[str, v.Value]]
    events: list[Item]
    complete_since: int | None
    currency: str | None

    @cached_property
    def by_kind(self) -> dict[str, list[Item]]:
        """The events of each kind, in order; ``""`` holds those of no known kind."""
        found: dict[str, list[Item]] = {}
        for item in self.events:
            found.setdefault(item.kind, []).append(item)
        return found

    def of_kinds(self, kinds: frozenset[str]) -> list[Item]:
        """The events that may be of one of these kinds, in order."""
        lists = [self.by_kind[k] for k in ("", *kinds) if k in self.by_kind]
        return lists[0] if len(lists) == 1 else sorted((i for items in lists for i in items), key=lambda i: i.index)


class Key:
    """The identity of something computed: equal parts give the same object, so that looking it up hashes nothing."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts


_KEYS: dict[tuple[Any, ...], Key] = {}
_KEYS_LOCK = threading.Lock()


def key_of(*parts: Any) -> Key:
    """The one key of these parts."""
    with _KEYS_LOCK:
        found = _KEYS.get(parts)
        if found is None:
            found = _KEYS[parts] = Key(parts)
        return found


def parts_of(key: Any) -> Iterator[Any]:
    """Everything that stands anywhere in a key: words, spans, numbers."""
    for part in key.parts if isinstance(key, Key) else key:
        if isinstance(part, Key | tuple):
            yield from parts_of(part)
        else:
            yield part


class Context:
    """One case judged for one debt, at one moment, in one debtor zone; caches every value read."""

    def __init__(self, case: Case, vocabulary: Vocabulary, debt: str, now: int, debtor_zone: when.Zone | None,
                 records: dict[str, int]) -> None:
        self.case, self.vocabulary, self.debt, self.now = case, vocabulary, debt, now
        self.debtor_zone, self.records = debtor_zone, records
        self.cache: dict[Hashable, Any] = {}
        self.assumed: set[str] = set()
        self.without_open = False
        self.facts: dict[str, v.Value] = {}
        self.places: dict[tuple[str, str], dict[int, Any]] = {}

    def zone(self, clock: str) -> when.Zone | None:
        """The zone of a clock: an authority's by name, or the debtor's candidate."""
        return self.debtor_zone if clock == "debtor" else when.zone(clock)

    def cached(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value made once for this key."""
        if key not in self.cache:
            self.cache[key] = make()
        return self.cache[key]

    def fact(self, fact: Fact) -> v.Value:
        """A stored fact: the entry of the noun that this judgement is about, silence read where the record is complete."""
        found = self.facts.get(fact.name)
        if found is None:
            found = self.facts[fact.name] = self._fact(fact)
        return found

    def _fact(self, fact: Fact) -> v.Value:
        noun, _, _ = fact.name.partition(".")
        place = self._place(noun)
        known = place.get(fact.name) if place is not None else None
        if known is not None:
            return known
        if fact.silent and (fact.name in self.records or self.case.complete_since is not None):
            self.assumed.add(fact.name)
            return fact.silence()
        return fact.unknown()

    def denied(self, name: str) -> bool:
        """Whether a list is written as null: unknown, whatever silence means."""
        place = self._place(name.partition(".")[0])
        return place is not None and name in place

    def list(self, name: str) -> list[Item] | None:
        """The entries of a list fact, None when it is absent."""
        own = self.case.debt_lists.get(self.debt, {}).get(name)
        return self.case.lists.get(name) if own is None else own

    def _place(self, noun: str) -> dict[str, v.Value] | None:
        entry = self.vocabulary.nouns[noun]
        if entry.list == "debts" or entry.within == "debts":
            own = self.case.debts.get(self.debt, {}).get(noun)
            return own if own is not None else self.case.nouns.get(noun)
        if entry.list:
            key = one_word(self.case.nouns.get(entry.by.partition(".")[0], {}).get(entry.by))
            entries = self.case.persons if entry.list == "persons" else self.case.addresses
            return entries.get(key) if key else None
        return self.case.nouns.get(noun)

    def word(self, name: str) -> v.Words:
        """A stored id or word by dotted name, any word when absent."""
        found = self.fact(self.vocabulary.facts[name]) if name in self.vocabulary.facts else v.ANY_WORD
        return found if isinstance(found, v.Words) else v.ANY_WORD


def one_word(value: v.Value | None) -> str | None:
    """The only word of a known word, else None."""
    if isinstance(value, v.Words) and value.possible is not None and len(value.possible) == 1:
        return next(iter(value.possible))
    return None
