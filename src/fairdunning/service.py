"""The verbs of a running service: check and reserve, commit, cancel, events, reviews, policies in force, replay.

A check that reserves reads the ledger, judges the whole window of start and holds the contact in one transaction, alone with its
debtor and address, together with its record; whatever fails, the answer is block.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from fairdunning import review, when, workflow
from fairdunning.audit import Signer
from fairdunning.casefile import read_case
from fairdunning.errors import CaseError, LoadError, Problem, StoreError, Text
from fairdunning.evaluate import evaluate
from fairdunning.policy import Policy, load
from fairdunning.program import Engine
from fairdunning.store import ledger, published, records, reviews
from fairdunning.store import schema as t
from fairdunning.store.database import Store
from fairdunning.store.keys import Key, Keys
from fairdunning.store.shelf import unpacked
from fairdunning.timeline import Walk, planned
from fairdunning.verdict import Outcome, Verdict

MAX_WINDOW_SECONDS = 600
IN_FORCE = "fairdunning policy in force"


@dataclass(frozen=True)
class Loaded:
    """A policy with its engine."""

    policy: Policy
    engine: Engine


class Service:
    """Policies in force, both engines, one store, one signer."""

    def __init__(self, store: Store, own: Path | None = None, key_file: Path | None = None) -> None:
        self.store, self.own, self.keys = store, own, Keys(store)
        self.folder: dict[str, Loaded] = {}
        self.versions: dict[tuple[str, str], Loaded] = {}
        self.sealing_failed = 0
        with store.writing() as connection:
            last = records.last_checkpoint(connection)
        self.signer = Signer.of(key_file or store.folder / "fairdunning.key", last.key if last else None)

    def close(self) -> None:
        """Ends engines and store."""
        for found in [*self.folder.values(), *self.versions.values()]:
            if hasattr(found.engine, "close"):
                found.engine.close()
        self.store.close()

    # --- policies in force

    def loaded(self, connection: Connection, profile: str) -> Loaded:
        """What a profile runs now: the published policy, else that of the folder; raises LoadError or StoreError."""
        digest = published.digest_in_force(connection, profile)
        if digest is not None:
            if (profile, digest) not in self.versions:
                self.versions[profile, digest] = self._stored(connection, profile, digest)
            return self.versions[profile, digest]
        found = self.from_folder(profile)
        published.keep(connection, found.policy.digest, found.policy.files, "folder")
        return found

    def from_folder(self, profile: str) -> Loaded:
        """The policy of the shipped law and the own folder, loaded once; raises LoadError."""
        if profile not in self.folder:
            found = load(profile, self.own)
            self.folder[profile] = Loaded(found, workflow.engine_for(found))
        return self.folder[profile]

    def _stored(self, connection: Connection, profile: str, digest: str) -> Loaded:
        with unpacked(published.files_of(connection, digest)) as base:
            found = load(profile, base=base)
            workflow.lexicon(None, base)  # read while the files are there
        if found.digest != digest:
            raise StoreError(Text(f"the stored files of {digest} have another digest", f"存储的策略文件与摘要 {digest} 不符"))
        return Loaded(found, workflow.engine_for(found))

    def publish(self, profile: str, own: Path | None, who: str) -> dict[str, Any]:
        """Loads a folder over the shipped law, runs its cases and puts it in force; raises LoadError with what is wrong or fails."""
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
            return {**{name: found.policy.digest for name, found in self.folder.items()}, **published.pointers(connection)}

    # --- checks

    def check(self, document: Any, key: Key, window: tuple[int, int] | None = None, idempotency: str = "") -> dict[str, Any]:
        """The envelope of a verdict, recorded; with a window the contact is held when it is allowed. Raises CaseError or StoreError."""
        try:
            with self.store.writing(_locks(document, key, idempotency), IN_FORCE) as connection:
                return self._once(connection, document, key, window, idempotency)
        except SQLAlchemyError as error:
            return {
                "id": None,
                "outcome": "block",
                "cause": "not_recorded",
                "enforced": True,
                "reservation": None,
                "review": None,
                "receipt": None,
                "retry_after": 1,
                "verdict": None,
                "why": Text(f"the record cannot be written: {type(error).__name__}", f"无法写入记录：{type(error).__name__}")._asdict(),
            }

    def _once(self, connection: Connection, document: Any, key: Key, window: tuple[int, int] | None, idempotency: str) -> dict[str, Any]:
        """The answer given before to the same request, else a new one."""
        asked = records.digest(records.canonical({"case": document, "window": list(window or ())}))
        if idempotency:
            known = connection.execute(select(t.answers).where(t.answers.c.key == f"{key.id}:{idempotency}")).one_or_none()
            if known is not None and known.digest != asked:
                raise StoreError(Text("the idempotency key was used for another request", "该幂等键已用于其他请求"))
            if known is not None:
                answer: dict[str, Any] = json.loads(known.body)
                return answer
        found = self.loaded(connection, key.profile)
        verdict, full, lifted = self._judged(connection, document, found, window)
        envelope = self._answered(connection, verdict, full, key, window, lifted)
        if idempotency:
            connection.execute(insert(t.answers).values(key=f"{key.id}:{idempotency}", digest=asked, body=json.dumps(envelope)))
        return envelope

    def _judged(
        self, connection: Connection, document: Any, found: Loaded, window: tuple[int, int] | None
    ) -> tuple[Verdict, dict[str, Any], frozenset[str]]:
        """The worst verdict over the window of start, the case it was given on, and what releases lift."""
        policy = found.policy
        full = workflow.screened(document, words=workflow.lexicon(policy.places[1], policy.places[0]))
        read_case(full, policy.vocabulary)  # what cannot be read is refused before the ledger is asked
        lifted = _lifted(connection, full)
        if window is None:
            seen = _with_ledger(connection, full, when.parse_datetime(full["action"]["at"]))
            verdict = review.released(evaluate(seen, policy, found.engine), lifted)
            return (planned(seen, policy, verdict) if not lifted else verdict), seen, lifted
        _window_is_sound(connection, full, window)
        walk = Walk({**full, "action": {**full["action"], "at": when.zone("UTC").format(window[0])}}, policy)
        worst: tuple[Verdict, dict[str, Any]] | None = None
        for at in [*(p for p in walk.breakpoints(1) if p < window[1]), window[1]]:
            moved = {**full, "action": {**full["action"], "at": when.zone("UTC").format(at)}}
            seen = _with_ledger(connection, moved, at)
            verdict = review.released(evaluate(seen, policy, found.engine), lifted)
            if worst is None or verdict.outcome > worst[0].outcome:
                worst = verdict, seen
            if verdict.outcome == Outcome.BLOCK:
                break
        assert worst is not None
        verdict, seen = worst
        return (planned(seen, policy, verdict) if verdict.outcome > Outcome.ALLOW and not lifted else verdict), seen, lifted

    def _answered(
        self, connection: Connection, verdict: Verdict, full: dict[str, Any], key: Key, window: tuple[int, int] | None, lifted: frozenset[str]
    ) -> dict[str, Any]:
        """Holds the contact or opens the review, writes the record, and says all of it."""
        number, debtor = "V-" + secrets.token_hex(8), _debtor_or_none(full)
        reservation = waiting = None
        if window is not None and verdict.outcome == Outcome.ALLOW and key.mode != "observe":
            reservation = "R-" + secrets.token_hex(8)
            ledger.hold(connection, reservation, _debtor(full), _contact(full), *window)
        if verdict.outcome == Outcome.FLAG and debtor is not None and key.mode != "observe":
            waiting = self._review(connection, number, debtor, full, verdict, key)
        shadow = self._shadow(connection, full, key)
        body = {"verdict": verdict.document(), "case": full, "key": key.id, "reservation": reservation, "review": waiting, "shadow": shadow,
                "released": sorted(lifted)}
        receipt = records.record(connection, number, "verdict", body, debtor)
        return {
            "id": number,
            "outcome": verdict.outcome.word,
            "cause": verdict.cause,
            "enforced": key.mode != "observe",
            "reservation": reservation,
            "review": waiting,
            "receipt": receipt,
            "retry_after": 60 if verdict.cause == "pending" else 1 if verdict.cause == "engine_lost" else None,
            "verdict": verdict.document(),
        }

    def _review(self, connection: Connection, number: str, debtor: str, full: dict[str, Any], verdict: Verdict, key: Key) -> str:
        names = tuple(sorted({f.constraint for f in verdict.findings if f.outcome == Outcome.FLAG}))
        action = str(full["action"].get("id", ""))
        found = review.Review("", number, debtor, action, key.id, key.collector, "open", names, int(time.time()))
        return reviews.open_review(connection, found)

    def _shadow(self, connection: Connection, full: dict[str, Any], key: Key) -> dict[str, Any] | None:
        """What a second profile would have said: recorded, never enforced."""
        if key.shadow is None:
            return None
        found = self.loaded(connection, key.shadow)
        verdict = evaluate(full, found.policy, found.engine)
        return {"profile": key.shadow, "digest": found.policy.digest, "outcome": verdict.outcome.word,
                "findings": sorted({f.constraint for f in verdict.findings})}

    # --- contacts and events

    def settle(self, number: str, state: str, at: int | None, key: Key) -> dict[str, Any]:
        """Commits (the contact began at an instant) or cancels a reservation; raises StoreError."""
        with self.store.writing((f"reservation:{number}",)) as connection:
            found = ledger.settle(connection, number, state, at)
            receipt = records.record(connection, "C-" + secrets.token_hex(8), state, {"reservation": number, "at": at, "key": key.id, **found})
        return {**found, "receipt": receipt}

    def append(self, debtor: str, entries: list[dict[str, Any]], key: Key) -> dict[str, Any]:
        """Appends events, all of them or none; raises StoreError or CaseError naming the entry."""
        with self.store.writing() as connection:
            vocabulary = self.loaded(connection, key.profile).policy.vocabulary
        probe = {"action": {"kind": "call", "at": when.zone("UTC").format(int(time.time()))}, "events": entries}
        read_case(probe, vocabulary)
        for index, entry in enumerate(entries):
            _has_id(entry, f"events[{index}].id")
        locks = {k for e in entries for k in (*ledger.keys_of(debtor, _text(e, "address")), f"event:{e['id']}")}
        try:
            with self.store.writing(locks) as connection:
                new = sum(ledger.append(connection, debtor, entry) for entry in entries)
                body = {"debtor": debtor, "ids": [e["id"] for e in entries], "key": key.id}
                records.record(connection, "E-" + secrets.token_hex(8), "events", body, debtor)
        except IntegrityError as error:
            raise StoreError(Text("an event of the same id arrived at the same time; send it again", "相同编号的事件同时到达；请重新发送")) from error
        return {"accepted": new, "known": len(entries) - new}

    def take_in(self, lines: list[tuple[int, str, dict[str, Any]]], profile: str, who: str) -> tuple[int, int, list[tuple[int, str]]]:
        """Appends many debtors' events in one transaction: how many are new, how many known, and the lines that are refused, with reasons."""
        with self.store.writing() as connection:
            vocabulary = self.loaded(connection, profile).policy.vocabulary
        now = when.zone("UTC").format(int(time.time()))
        good, refused = [], []
        for number, debtor, entry in lines:
            try:
                _has_id(entry, "id")
                read_case({"action": {"kind": "call", "at": now}, "events": [entry]}, vocabulary)
                good.append((number, debtor[:200], entry))
            except CaseError as error:
                refused.append((number, "; ".join(f"{p.key}: {p.text.en} / {p.text.zh}" for p in error.problems)))
        accepted = known = 0
        with self.store.writing({k for _, d, e in good for k in (*ledger.keys_of(d, _text(e, "address")), f"event:{e['id']}")}) as connection:
            for number, debtor, entry in good:
                try:
                    new = ledger.append(connection, debtor, entry)
                    accepted, known = accepted + new, known + (not new)
                except StoreError as error:
                    refused.append((number, f"{error.text.en} / {error.text.zh}"))
            body = {"imported": accepted, "known": known, "refused": len(refused), "by": who}
            records.record(connection, "E-" + secrets.token_hex(8), "import", body)
        return accepted, known, refused

    def verdict(self, number: str) -> dict[str, Any] | None:
        """A recorded verdict by its id; its body is none when it was erased."""
        with self.store.engine.connect() as connection:
            found = records.body_of(connection, number)
        if found is None or found[0].kind != "verdict":
            return None
        row, body = found
        head = {"id": row.id, "at": when.zone("UTC").format(row.at), "receipt": row.hash, "sealed": row.seq is not None, "erased": body is None}
        return {**head, **(json.loads(body) if body is not None else {})}

    def replay(self, number: str) -> dict[str, Any]:
        """Judges a recorded case again: the same body, or the differences by name; raises StoreError."""
        recorded = self.verdict(number)
        if recorded is None:
            raise StoreError(Text(f"there is no verdict `{number}`", f"没有裁定 `{number}`"), missing=True)
        if recorded["erased"]:
            return {"id": number, "same": None, "erased": True, "differences": []}
        old = recorded["verdict"]
        profile, digest = old["policy"]["profile"], old["policy"]["digest"]
        with self.store.writing() as connection:
            known = self.folder.get(profile)
            found = known if known and known.policy.digest == digest else self._at(connection, profile, digest)
        lifted = frozenset(recorded["released"])
        verdict = review.released(evaluate(recorded["case"], found.policy, found.engine), lifted)
        if not lifted and (old["outcome"] != "allow" or old["lawful_from"]):
            verdict = planned(recorded["case"], found.policy, verdict)
        new = replace(verdict, content=old["content"]).document()
        differences = sorted(k for k in {*old, *new} if records.canonical(old.get(k)) != records.canonical(new.get(k)))
        return {"id": number, "same": not differences, "erased": False, "differences": differences, "verdict": new}

    def _at(self, connection: Connection, profile: str, digest: str) -> Loaded:
        if (profile, digest) not in self.versions:
            self.versions[profile, digest] = self._stored(connection, profile, digest)
        return self.versions[profile, digest]

    # --- reviews

    def review_list(self, state: str | None, limit: int) -> list[dict[str, Any]]:
        """Reviews, the oldest first."""
        with self.store.engine.connect() as connection:
            return [found.document() for found in reviews.listed(connection, state, limit)]

    def review_show(self, number: str) -> dict[str, Any]:
        """A review with its verdict and case; raises StoreError."""
        with self.store.engine.connect() as connection:
            found = reviews.get(connection, number)
        return {**found.document(), "recorded": self.verdict(found.verdict)}

    def review_claim(self, number: str, key: Key) -> dict[str, Any]:
        """Claims a review for a key; raises StoreError."""
        with self.store.writing((f"review:{number}",)) as connection:
            found = review.claimed(reviews.get(connection, number, lock=not self.store.is_file), key.id, key.collector)
            return self._decided(connection, found, "claim")

    def review_decide(self, number: str, key: Key, decision: str, reason: str, until: int | None) -> dict[str, Any]:
        """Decides a claimed review; raises StoreError."""
        with self.store.writing((f"review:{number}",)) as connection:
            before = reviews.get(connection, number, lock=not self.store.is_file)
            return self._decided(connection, review.decided(before, key.id, key.collector, decision, reason, until, int(time.time())), decision)

    def _decided(self, connection: Connection, found: review.Review, step: str) -> dict[str, Any]:
        reviews.save(connection, found)
        body = {"review": found.id, "step": step, "by": found.decided_by or found.claimed_by, "reason": found.reason, "until": found.until}
        receipt = records.record(connection, "D-" + secrets.token_hex(8), "review", body, found.debtor)
        return {**found.document(), "receipt": receipt}


# --- what a check reads --------------------------------------------------------------------------------------------------


def _text(document: Any, *path: str) -> str | None:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) and document else None


def _has_id(entry: dict[str, Any], place: str) -> None:
    if not isinstance(entry.get("id"), str) or not 0 < len(entry["id"]) <= 200:
        raise CaseError([Problem("", 0, place, Text("an id of 1 to 200 characters is missing", "缺少 1 至 200 字符的 id"))])


def _locks(document: Any, key: Key, idempotency: str) -> list[str]:
    found = list(ledger.keys_of(_text(document, "debtor", "id"), _text(document, "action", "address")))
    return [*found, f"answer:{key.id}:{idempotency}"] if idempotency else found


def _debtor_or_none(full: dict[str, Any]) -> str | None:
    return _text(full, "debtor", "id")


def _debtor(full: dict[str, Any]) -> str:
    found = _debtor_or_none(full)
    if found is None:
        raise CaseError([Problem("", 0, "debtor.id", Text("the id of the debtor is missing", "缺少债务人编号"))])
    return found


def _contact(full: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a held contact."""
    action = full["action"]
    about = sorted(action.get("debts") or [d["id"] for d in full.get("debts") or []])
    return {**{k: action[k] for k in ("kind", "person", "address") if isinstance(action.get(k), str)}, "counts_for": about[:1]}


def _window_is_sound(connection: Connection, full: dict[str, Any], window: tuple[int, int]) -> None:
    if not 0 <= window[1] - window[0] <= MAX_WINDOW_SECONDS:
        raise CaseError([Problem("", 0, "reserve", Text("the window of start lasts at most 10 minutes", "预留窗口最长十分钟"))])
    held = ledger.later_held(connection, _debtor(full), full["action"].get("address"), window[0])
    if held is not None:
        raise StoreError(Text(f"a contact is held for a later moment (`{held}`); cancel it first", f"已为更晚时刻预留联系（`{held}`）；请先取消"))


def _lifted(connection: Connection, full: dict[str, Any]) -> frozenset[str]:
    debtor, action = _debtor_or_none(full), _text(full, "action", "id")
    return reviews.lifted(connection, debtor, action, int(time.time())) if debtor and action else frozenset()


def _with_ledger(connection: Connection, full: dict[str, Any], at: int) -> dict[str, Any]:
    """The case with the store's events laid under those it brings; what was erased is unknown."""
    debtor = _debtor_or_none(full)
    if debtor is None:
        return full
    stored = ledger.history(connection, debtor, full["action"].get("address"), at)
    brought = full.get("events") or []
    ids = {e.get("id") for e in brought if isinstance(e, dict)}
    found = {**full, "events": [e for e in stored if e.get("id") not in ids] + brought}
    erased = records.erased_at(connection, debtor)
    if erased is not None and "history" in full:
        day = when.format_date(erased // when.DAY + 1)
        found["history"] = {**full["history"], "complete_since": max(day, str(full["history"].get("complete_since", day)))}
    return found


