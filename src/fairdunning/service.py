"""The verbs of a running service: check and reserve, commit, cancel, append events, keys.

A check that reserves reads the ledger, judges the whole window of start and holds the contact in one transaction under the store's
one writer, together with its record; whatever fails, the answer is block.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from fairdunning import when, workflow
from fairdunning.errors import CaseError, Problem, StoreError, Text
from fairdunning.evaluate import evaluate
from fairdunning.facts import read_case
from fairdunning.policy import Policy, load
from fairdunning.store import ledger
from fairdunning.store import schema as t
from fairdunning.store.ledger import Store
from fairdunning.timeline import Walk, planned
from fairdunning.verdict import Outcome, Verdict

MAX_WINDOW_SECONDS = 600
ROLES = ("checker", "auditor", "admin")


@dataclass(frozen=True)
class Key:
    """Who asks: id, roles, profile, collector, and whether the answer binds (``observe``: it does not)."""

    id: str
    roles: frozenset[str]
    profile: str
    collector: str | None
    mode: str


class Service:
    """Policies in force, both engines, one store."""

    def __init__(self, store: Store, own: Path | None = None) -> None:
        self.store, self.own = store, own
        self.policies: dict[str, Policy] = {}
        self.engines: dict[str, Any] = {}

    def policy(self, profile: str) -> Policy:
        """The policy of a profile, loaded once; raises LoadError."""
        if profile not in self.policies:
            self.policies[profile] = load(profile, self.own)
            self.engines[profile] = workflow.engine_for(self.policies[profile])
        return self.policies[profile]

    def close(self) -> None:
        """Ends engines and store."""
        for engine in self.engines.values():
            if hasattr(engine, "close"):
                engine.close()
        self.store.close()

    # --- checks

    def check(self, document: Any, key: Key, window: tuple[int, int] | None = None, idempotency: str = "") -> dict[str, Any]:
        """The envelope of a verdict, recorded; with a window the contact is held when it is allowed. Raises CaseError."""
        try:
            with self.store.writing() as connection:
                return self._checked(connection, document, key, window, idempotency)
        except SQLAlchemyError as error:
            return {
                "id": None,
                "outcome": "block",
                "cause": "not_recorded",
                "enforced": True,
                "reservation": None,
                "receipt": None,
                "verdict": None,
                "why": Text(f"the record cannot be written: {type(error).__name__}", f"无法写入记录：{type(error).__name__}")._asdict(),
            }

    def _checked(self, connection: Connection, document: Any, key: Key, window: tuple[int, int] | None, idempotency: str) -> dict[str, Any]:
        asked = ledger.digest(ledger.canonical({"case": document, "window": list(window or ())}))
        if idempotency:
            known = connection.execute(select(t.answers).where(t.answers.c.key == f"{key.id}:{idempotency}")).one_or_none()
            if known is not None and known.digest != asked:
                raise StoreError(Text("the idempotency key was used for another request", "该幂等键已用于其他请求"))
            if known is not None:
                answer: dict[str, Any] = json.loads(known.body)
                return answer
        verdict, full = self._judged(connection, document, key, window)
        envelope = self._answered(connection, verdict, full, key, window)
        if idempotency:
            connection.execute(insert(t.answers).values(key=f"{key.id}:{idempotency}", digest=asked, body=json.dumps(envelope)))
        return envelope

    def _judged(self, connection: Connection, document: Any, key: Key, window: tuple[int, int] | None) -> tuple[Verdict, dict[str, Any]]:
        policy = self.policy(key.profile)
        full = workflow.screened(document)
        read_case(full, policy.vocabulary)  # what cannot be read is refused before the ledger is asked
        if window is None:
            seen = self._with_ledger(connection, full, when.parse_datetime(full["action"]["at"]))
            return planned(seen, policy, evaluate(seen, policy, self.engines[key.profile])), seen
        self._window_is_sound(connection, full, window)
        walk = Walk({**full, "action": {**full["action"], "at": when.zone("UTC").format(window[0])}}, policy)
        worst: tuple[Verdict, dict[str, Any]] | None = None
        for at in [*(p for p in walk.breakpoints(1) if p < window[1]), window[1]]:
            moved = {**full, "action": {**full["action"], "at": when.zone("UTC").format(at)}}
            seen = self._with_ledger(connection, moved, at)
            verdict = evaluate(seen, policy, self.engines[key.profile])
            if worst is None or verdict.outcome > worst[0].outcome:
                worst = verdict, seen
            if verdict.outcome == Outcome.BLOCK:
                break
        assert worst is not None
        return (planned(worst[1], policy, worst[0]), worst[1]) if worst[0].outcome > Outcome.ALLOW else worst

    def _window_is_sound(self, connection: Connection, full: dict[str, Any], window: tuple[int, int]) -> None:
        if not 0 <= window[1] - window[0] <= MAX_WINDOW_SECONDS:
            raise CaseError([Problem("", 0, "reserve", Text("the window of start lasts at most 10 minutes", "预留窗口最长十分钟"))])
        held = ledger.later_held(connection, self._debtor(full), full["action"].get("address"), window[0])
        if held is not None:
            raise StoreError(Text(f"a contact is held for a later moment (`{held}`); cancel it first", f"已为更晚时刻预留联系（`{held}`）；请先取消"))

    def _debtor(self, full: dict[str, Any]) -> str:
        found = (full.get("debtor") or {}).get("id")
        if not isinstance(found, str) or not found:
            raise CaseError([Problem("", 0, "debtor.id", Text("the id of the debtor is missing", "缺少债务人编号"))])
        return found

    def _with_ledger(self, connection: Connection, full: dict[str, Any], at: int) -> dict[str, Any]:
        """The case with the store's events laid under those it brings."""
        if "id" not in (full.get("debtor") or {}):
            return full
        stored = ledger.history(connection, self._debtor(full), full["action"].get("address"), at)
        brought = full.get("events") or []
        ids = {e.get("id") for e in brought if isinstance(e, dict)}
        return {**full, "events": [e for e in stored if e.get("id") not in ids] + brought}

    def _answered(self, connection: Connection, verdict: Verdict, full: dict[str, Any], key: Key, window: tuple[int, int] | None) -> dict[str, Any]:
        number = "V-" + secrets.token_hex(8)
        reservation = None
        if window is not None and verdict.outcome == Outcome.ALLOW and key.mode != "observe":
            reservation = "R-" + secrets.token_hex(8)
            action = full["action"]
            about = action.get("debts") or [d["id"] for d in full.get("debts") or []]
            body = {k: action[k] for k in ("kind", "person", "address") if isinstance(action.get(k), str)}
            ledger.hold(connection, reservation, self._debtor(full), {**body, "counts_for": sorted(about)[:1] if about else []}, *window)
        body = {"verdict": verdict.document(), "case": full, "key": key.id, "reservation": reservation}
        receipt = ledger.record(connection, number, "verdict", body)
        return {
            "id": number,
            "outcome": verdict.outcome.word,
            "cause": verdict.cause,
            "enforced": key.mode != "observe",
            "reservation": reservation,
            "receipt": receipt,
            "verdict": verdict.document(),
        }

    # --- contacts and events

    def settle(self, number: str, state: str, at: int | None, key: Key) -> dict[str, Any]:
        """Commits (the contact began at an instant) or cancels a reservation; raises StoreError."""
        with self.store.writing() as connection:
            found = ledger.settle(connection, number, state, at)
            receipt = ledger.record(connection, "C-" + secrets.token_hex(8), state, {"reservation": number, "at": at, "key": key.id, **found})
        return {**found, "receipt": receipt}

    def append(self, debtor: str, entries: list[dict[str, Any]], key: Key) -> dict[str, Any]:
        """Appends events, all of them or none; raises StoreError or CaseError naming the entry."""
        policy = self.policy(key.profile)
        probe = {"action": {"kind": "call", "at": when.zone("UTC").format(int(time.time()))}, "events": entries}
        read_case(probe, policy.vocabulary)
        for index, entry in enumerate(entries):
            if not isinstance(entry.get("id"), str):
                raise CaseError([Problem("", 0, f"events[{index}].id", Text("an id is missing", "缺少 id"))])
        with self.store.writing() as connection:
            new = sum(ledger.append(connection, debtor, entry) for entry in entries)
            ledger.record(connection, "E-" + secrets.token_hex(8), "events", {"debtor": debtor, "ids": [e["id"] for e in entries], "key": key.id})
        return {"accepted": new, "known": len(entries) - new}

    def verdict(self, number: str) -> dict[str, Any] | None:
        """A recorded verdict by its id."""
        with self.store.engine.connect() as connection:
            row = connection.execute(select(t.records).where(t.records.c.id == number)).one_or_none()
        return None if row is None else {"id": row.id, "receipt": row.hash, "previous": row.previous, **json.loads(row.body)}

    # --- keys

    def new_key(self, roles: list[str], profile: str, collector: str | None = None, mode: str = "enforce") -> str:
        """Makes a key and returns its secret, which is stored only as a salted hash."""
        number, secret, salt = secrets.token_hex(4), secrets.token_urlsafe(24), secrets.token_hex(8)
        sealed = salt + ":" + hashlib.scrypt(secret.encode(), salt=salt.encode(), n=2**12, r=8, p=1).hex()
        with self.store.writing() as connection:
            connection.execute(
                insert(t.keys).values(id=number, hash=sealed, roles=",".join(roles), profile=profile, collector=collector, mode=mode, revoked=0)
            )
        return f"fd_{number}_{secret}"

    def revoke(self, number: str) -> bool:
        """Revokes a key; False when there is none."""
        with self.store.writing() as connection:
            return connection.execute(update(t.keys).where(t.keys.c.id == number).values(revoked=1)).rowcount > 0

    def has_keys(self) -> bool:
        """Whether any key is in force."""
        with self.store.engine.connect() as connection:
            return connection.execute(select(t.keys.c.id).where(t.keys.c.revoked == 0).limit(1)).one_or_none() is not None

    def profiles(self) -> list[str]:
        """The profiles that keys in force are bound to."""
        with self.store.engine.connect() as connection:
            return list(connection.scalars(select(t.keys.c.profile).where(t.keys.c.revoked == 0).distinct().order_by(t.keys.c.profile)))

    def key(self, presented: str) -> Key | None:
        """The key that was presented, None when it is unknown, wrong or revoked."""
        parts = presented.split("_", 2)
        if len(parts) != 3 or parts[0] != "fd":
            return None
        with self.store.engine.connect() as connection:
            row = connection.execute(select(t.keys).where(t.keys.c.id == parts[1], t.keys.c.revoked == 0)).one_or_none()
        if row is None:
            return None
        salt, _, sealed = row.hash.partition(":")
        offered = hashlib.scrypt(parts[2].encode(), salt=salt.encode(), n=2**12, r=8, p=1).hex()
        if not hmac.compare_digest(offered, sealed):
            return None
        return Key(row.id, frozenset(row.roles.split(",")), row.profile, row.collector, row.mode)
