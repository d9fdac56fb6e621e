"""Policies in force: what a profile runs, loaded once for each digest, published in the store, kept for every replay."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from fairdunning import reach, workflow
from fairdunning.errors import LoadError, StoreError, Text
from fairdunning.folder import shipped
from fairdunning.policy import Policy, load
from fairdunning.program import Engine
from fairdunning.screening.lexicon import Lexicon
from fairdunning.store import published, records
from fairdunning.store.database import Store
from fairdunning.store.shelf import unpacked
from fairdunning.timeline import planned
from fairdunning.verdict import Verdict

IN_FORCE = "fairdunning policy in force"


@dataclass(frozen=True)
class Loaded:
    """A policy with its engine, its lexicon, and the kinds of key that it counts by."""

    policy: Policy
    engine: Engine
    lexicon: Lexicon
    kinds: frozenset[str]

    def planned(self, seen: dict[str, Any], verdict: Verdict, lifted: frozenset[str]) -> Verdict:
        """The verdict with when and what instead, which is not asked of a released action or where open contacts decide."""
        if lifted or verdict.cause == "pending":
            return verdict
        return planned(seen, self.policy, verdict)


class Policies:
    """Everything loaded so far: from the folder by profile, from the store by profile and digest."""

    def __init__(self, store: Store, own: Path | None, engine: str = "both") -> None:
        self.store, self.own, self.engine = store, own, engine
        self._folder: dict[str, Loaded] = {}
        self._versions: dict[tuple[str, str], Loaded] = {}
        self._loading = threading.RLock()

    def __iter__(self) -> Iterator[Loaded]:
        """Everything loaded."""
        return iter([*self._folder.values(), *self._versions.values()])

    def close(self) -> None:
        """Ends every engine."""
        for found in self:
            if hasattr(found.engine, "close"):
                found.engine.close()

    def running(self, connection: Connection, profile: str) -> Loaded:
        """What a profile runs now: the published policy, else that of the folder; raises LoadError or StoreError."""
        digest = published.digest_in_force(connection, profile)
        return self.folder(profile) if digest is None else self.version(connection, profile, digest)

    def names(self) -> set[str]:
        """The profiles that can be run: shipped, of the own folder, published."""
        with self.store.engine.connect() as connection:
            found = set(published.pointers(connection))
        places = [shipped() / "policies", *([self.own] if self.own else [])]
        return found | {path.stem for place in places for path in (place / "profiles").glob("*.yaml")}

    def now(self, profile: str) -> Loaded:
        """As ``running``, for who only reads; raises LoadError or StoreError."""
        with self.store.engine.connect() as connection:
            return self.running(connection, profile)

    def folder(self, profile: str) -> Loaded:
        """The policy of the shipped law and the own folder, loaded once and kept in the store; raises LoadError."""
        with self._loading:
            if profile not in self._folder:
                found = load(profile, self.own)
                with self.store.writing((found.digest,)) as connection:
                    published.keep(connection, found.digest, found.files, "folder")
                self._folder[profile] = self._with_engine(found)
            return self._folder[profile]

    def version(self, connection: Connection, profile: str, digest: str) -> Loaded:
        """A policy by its digest, from the folder or from the files that the store keeps; raises LoadError or StoreError."""
        known = self._versions.get((profile, digest)) or self._folder.get(profile)
        if known is not None and known.policy.digest == digest:
            return known
        with self._loading:
            if (profile, digest) not in self._versions:
                self._versions[profile, digest] = self._stored(connection, profile, digest)
            return self._versions[profile, digest]

    def _stored(self, connection: Connection, profile: str, digest: str) -> Loaded:
        with unpacked(published.files_of(connection, digest)) as base:
            found = load(profile, base=base)
            if found.digest != digest:
                raise StoreError(Text(f"the stored files of {digest} have another digest", f"存储的策略文件与摘要 {digest} 不符"))
            return self._with_engine(found)  # its lexicon is read while the files are there

    def _with_engine(self, found: Policy) -> Loaded:
        base, own = found.places
        return Loaded(found, workflow.engine_for(found, self.engine), workflow.lexicon(own, base), reach.kinds_of(found))

    def publish(self, profile: str, own: Path | None, who: str) -> dict[str, Any]:
        """Loads a folder over the shipped law, runs its cases and puts it in force; raises LoadError with what is wrong or fails.

        INVARIANT: when this has returned, no check answers under another digest: checks hold the key together that this holds alone.
        """
        report, found = workflow.run_cases(profile, own), load(profile, own)
        if report.failures:
            raise LoadError(report.failures)
        with self.store.writing((IN_FORCE,)) as connection:
            published.keep(connection, found.digest, found.files, who)
            before = published.digest_in_force(connection, profile)
            published.point(connection, profile, found.digest)
            body = {"profile": profile, "digest": found.digest, "before": before, "by": who, "cases": report.ran}
            return {**body, "receipt": records.record(connection, "P-" + secrets.token_hex(8), "policy", body)}

    def digests(self) -> dict[str, str]:
        """What each profile runs, published or from the folder."""
        with self.store.engine.connect() as connection:
            return {**{name: found.policy.digest for name, found in self._folder.items()}, **published.pointers(connection)}
