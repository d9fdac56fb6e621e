"""The verbs of a running service: check and reserve, commit, cancel, events, replay.

A check that reserves reads the ledger, judges the whole window of start and holds the contact in one turn, alone with every key the
policy counts by, together with its record; whatever fails, the answer is block.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from fairdunning import review, when, workflow
from fairdunning.audit import Signer
from fairdunning.casefile import read_case
from fairdunning.desk import Desk
from fairdunning.errors import CaseError, Problem, StoreError, Text
from fairdunning.evaluate import evaluate
from fairdunning.inforce import IN_FORCE, Loaded, Policies
from fairdunning.judging import Asked, Window, at_its_moment, over_window
from fairdunning.reach import contact_of, keys_of_case, keys_of_event
from fairdunning.store import ledger, records, reviews
from fairdunning.store import schema as t
from fairdunning.store.database import KeysHeld, Store, Turn
from fairdunning.store.keys import Key, Keys
from fairdunning.verdict import Outcome, Verdict

MAX_WINDOW = 600 * when.MICROS
MAX_LATER = 8
YEAR = 31_557_600


@dataclass(frozen=True)
class _Request:
    """What is asked once: the case, whose key, the window of start, the idempotency key."""

    document: Any
    key: Key
    window: Window | None
    idempotency: str

    @property
    def digest(self) -> str:
        """The same for the same request."""
        return records.digest(records.canonical({"case": self.document, "window": [str(at) for at in self.window or ()]}))


@dataclass(frozen=True)
class _Judged:
    """A verdict, the case it was given on, and the contact to hold when there is one."""

    asked: Asked
    found: Loaded
    verdict: Verdict
    seen: dict[str, Any]
    held: dict[str, Any] | None
    shadow: dict[str, Any] | None = None


class Service:
    """Policies in force, both engines, one store, one signer, the reviewers' desk."""

    def __init__(self, store: Store, own: Path | None = None, key_file: Path | None = None, engine: str = "both") -> None:
        self.store, self.own, self.keys = store, own, Keys(store)
        self.policies, self.desk = Policies(store, own, engine), Desk(store)
        self.sealing_failed = 0
        with store.engine.connect() as connection:
            last = records.last_checkpoint(connection)
        self.signer = Signer.of(key_file or store.folder / "fairdunning.key", last.key if last else None)
        if engine != "both":
            with store.writing() as connection:
                records.record(connection, "G-" + secrets.token_hex(8), "engine", {"engine": engine})

    def close(self) -> None:
        """Ends engines and store."""
        self.policies.close()
        self.store.close()

    # --- checks

    def check(self, document: Any, key: Key, window: Window | None = None, idempotency: str = "") -> dict[str, Any]:
        """The envelope of a verdict, recorded; with a window (microseconds) the contact is held when allowed. Raises CaseError or StoreError."""
        request, more, first = _Request(document, key, window, idempotency), frozenset[str](), frozenset[str]()
        try:
            while True:
                try:
                    with self.store.places.taken(), self.store.turn(first, IN_FORCE) as turn:
                        answer = self._once(turn, request, more)
                        if isinstance(answer, dict):
                            return answer
                    more = answer  # contacts held for later are alone with more keys: begin again with theirs
                except KeysHeld as held:
                    first = held.keys
        except DataError:
            raise
        except SQLAlchemyError as error:
            return not_recorded(error)

    def _once(self, turn: Turn, request: _Request, more: frozenset[str]) -> dict[str, Any] | frozenset[str]:
        """The answer given before to the same request, else a new one; or the keys that are needed as well."""
        found = self.policies.running(turn.connection, request.key.profile)
        full = workflow.screened(request.document, words=found.lexicon)
        read_case(full, found.policy.vocabulary)  # what cannot be read is refused before the ledger is asked
        keys, answered = keys_of_case(full, found.kinds) | more, f"{request.key.id}:{request.idempotency}"
        turn.lock({*keys, *([f"answer:{answered}"] if request.idempotency else [])})
        known = _answered_before(turn.connection, answered, request) if request.idempotency else None
        if known is not None:
            return known
        judged = self._judged(turn.connection, full, found, request, keys)
        if isinstance(judged, frozenset):
            return judged
        content = "screened" if full is not request.document else judged.verdict.content
        shadow = self._shadow(turn.connection, judged.seen, request.key)
        judged = replace(judged, verdict=replace(judged.verdict, content=content), shadow=shadow)
        with turn.writing() as connection:
            envelope = self._recorded(connection, judged, request)
            if request.idempotency:
                kept = {"key": answered, "debtor": _text(full, "debtor", "id"), "digest": request.digest, "body": json.dumps(envelope)}
                connection.execute(insert(t.answers).values(**kept))
        return envelope

    def _judged(self, connection: Connection, full: dict[str, Any], found: Loaded, request: _Request, keys: set[str]) -> _Judged | frozenset[str]:
        """The verdict at the moment, or the worst over the window; or the keys of later contacts that are not held yet."""
        debtor, now = _text(full, "debtor", "id"), self.store.now(connection)
        asked = _asked(connection, full, now)
        past = ledger.read(connection, debtor, keys, now) if debtor is not None else None
        if request.window is None:
            return _Judged(asked, found, *at_its_moment(asked, found, past), held=None)
        if debtor is None or past is None:
            raise CaseError([Problem("", 0, "debtor.id", Text("the id of the debtor is missing", "缺少债务人编号"))])
        if not 0 <= request.window[1] - request.window[0] <= MAX_WINDOW:
            raise CaseError([Problem("", 0, "reserve", Text("the window of start lasts at most 10 minutes", "预留窗口最长十分钟"))])
        verdict, seen = over_window(asked, found, past, request.window)
        if verdict.outcome > Outcome.ALLOW:
            return _Judged(asked, found, found.planned(seen, verdict, asked.lifted), seen, None)
        held = ledger.held("R-" + secrets.token_hex(8), "", debtor, contact_of(full), request.window)
        later = [row for row in past.after(request.window[0]) if row["id"] != held["id"]]
        needed = self._later_stands(connection, later, held, keys, now) if later and request.key.mode != "observe" else frozenset[str]()
        return needed or _Judged(asked, found, verdict, seen, held)

    def _later_stands(self, connection: Connection, later: list[Any], held: dict[str, Any], keys: set[str], now: int) -> frozenset[str]:
        """Judges the contacts held for later once more, with the new one before them: the keys still needed; raises StoreError when one falls."""
        if len(later) > MAX_LATER:
            raise _falls(later[0]["id"])
        for row in later:
            body = records.body_of(connection, row["verdict"])
            if body is None or body[1] is None:
                raise _falls(row["id"])
            recorded = json.loads(body[1])
            events = recorded["case"].get("events") or []
            case = {**recorded["case"], "events": events[len(events) - recorded["brought"] :]}
            found = self.policies.running(connection, recorded["verdict"]["policy"]["profile"])
            wanted = keys_of_case(case, found.kinds)
            if not wanted <= keys:
                return frozenset(keys | wanted)
            past = ledger.read(connection, row["debtor"], wanted, now).with_contact(held)
            verdict, _ = over_window(_asked(connection, case, now), found, past, (row["not_before"], row["not_after"]), row["id"])
            if verdict.outcome > Outcome.ALLOW:
                raise _falls(row["id"])
        return frozenset()

    def _recorded(self, connection: Connection, judged: _Judged, request: _Request) -> dict[str, Any]:
        """Holds the contact or opens the review, writes the record, and says all of it."""
        verdict, key, number = judged.verdict, request.key, "V-" + secrets.token_hex(8)
        debtor, enforced = _text(judged.seen, "debtor", "id"), key.mode != "observe"
        held = judged.held if enforced else None
        if held is not None:
            ledger.hold(connection, {**held, "verdict": number})
        waiting = self._review(connection, number, debtor, judged, key) if verdict.outcome == Outcome.FLAG and debtor and enforced else None
        said = {"reservation": held and held["id"], "review": waiting}
        document = verdict.document()
        body = {"verdict": document, "case": judged.seen, "brought": judged.asked.kept(judged.seen), "key": key.id,
                "released": sorted(judged.asked.lifted), "window": [when.format_micros(at) for at in request.window] if request.window else None,
                "shadow": judged.shadow, **said}
        receipt = records.record(connection, number, "verdict", body, debtor)
        waits = {"pending": 60, "engine_lost": 1}.get(verdict.cause)
        return {"id": number, "outcome": verdict.outcome.word, "cause": verdict.cause, "enforced": enforced, **said, "receipt": receipt,
                "retry_after": waits, "verdict": document}

    def _review(self, connection: Connection, number: str, debtor: str, judged: _Judged, key: Key) -> str:
        names = tuple(sorted({f.constraint for f in judged.verdict.findings if f.outcome == Outcome.FLAG}))
        action, now = str(judged.seen["action"].get("id", "")), self.store.now(connection) // when.MICROS
        return reviews.open_review(connection, review.Review("", number, debtor, action, key.id, key.collector, "open", names, now))

    def _shadow(self, connection: Connection, seen: dict[str, Any], key: Key) -> dict[str, Any] | None:
        """What a second profile would have said: recorded, never enforced."""
        if key.shadow is None:
            return None
        found = self.policies.running(connection, key.shadow)
        verdict = evaluate(seen, found.policy, found.engine)
        return {"profile": key.shadow, "digest": found.policy.digest, "outcome": verdict.outcome.word,
                "findings": sorted({f.constraint for f in verdict.findings})}

    # --- contacts and events

    def settle(self, number: str, state: str, at: int | None, key: Key) -> dict[str, Any]:
        """Commits (the contact began at an instant, microseconds) or cancels a reservation; raises StoreError.

        A contact that began outside its window is recorded as such and flagged: a person looks at it.
        """
        with self.store.writing((f"reservation:{number}",)) as connection:
            found = ledger.settle(connection, number, state, at, self.store.now(connection))
            new, row = found.pop("new"), ledger.contact(connection, number)
            flag = self._outside(connection, row, key) if new and not found["inside_window"] else None
            said = {**found, "at": when.format_micros(row["at"]) if row["at"] is not None else None, "review": flag}
            receipt = records.record(connection, "C-" + secrets.token_hex(8), state, {**said, "reservation": number, "key": key.id, "new": new},
                                     row["debtor"])
        return {**said, "receipt": receipt}

    def _outside(self, connection: Connection, row: Any, key: Key) -> str:
        now = self.store.now(connection) // when.MICROS
        found = review.Review("", row["verdict"], row["debtor"], row["id"], key.id, key.collector, "open", ("outside-window",), now)
        return reviews.open_review(connection, found)

    def append(self, debtor: str, entries: list[dict[str, Any]], key: Key) -> dict[str, Any]:
        """Appends events, all of them or none; raises StoreError or CaseError naming the entry."""
        self._readable(entries, key.profile)
        for index, entry in enumerate(entries):
            _has_id(entry, f"events[{index}].id")
        try:
            with self.store.writing({k for e in entries for k in (*keys_of_event(debtor, e), f"event:{e['id']}")}) as connection:
                new = sum(ledger.append(connection, debtor, entry) for entry in entries)
                body = {"debtor": debtor, "ids": [e["id"] for e in entries], "key": key.id}
                records.record(connection, "E-" + secrets.token_hex(8), "events", body, debtor)
        except IntegrityError as error:
            raise StoreError(Text("an event of the same id arrived at the same time; send it again", "相同编号的事件同时到达；请重新发送")) from error
        return {"accepted": new, "known": len(entries) - new}

    def _readable(self, entries: list[dict[str, Any]], profile: str) -> None:
        probe = {"action": {"kind": "call", "at": "2200-12-31T00:00:00Z"}, "events": entries}
        read_case(probe, self.policies.now(profile).policy.vocabulary)

    def take_in(self, lines: list[tuple[int, str, dict[str, Any]]], profile: str, who: str) -> tuple[int, int, list[tuple[int, str]]]:
        """Appends many debtors' events in one transaction: how many are new, how many known, and the lines that are refused, with reasons."""
        good, refused = [], []
        for number, debtor, entry in lines:
            try:
                _has_id(entry, "id")
                self._readable([entry], profile)
                good.append((number, debtor[:200], entry))
            except CaseError as error:
                refused.append((number, "; ".join(f"{p.key}: {p.text.en} / {p.text.zh}" for p in error.problems)))
        accepted = known = 0
        with self.store.writing({k for _, d, e in good for k in (*keys_of_event(d, e), f"event:{e['id']}")}) as connection:
            for number, debtor, entry in good:
                try:
                    new = ledger.append(connection, debtor, entry)
                    accepted, known = accepted + new, known + (not new)
                except StoreError as error:
                    refused.append((number, f"{error.text.en} / {error.text.zh}"))
            body = {"imported": accepted, "known": known, "refused": len(refused), "by": who}
            records.record(connection, "E-" + secrets.token_hex(8), "import", body)
        return accepted, known, refused

    def erase(self, debtor: str, keep_years: float, who: str) -> int:
        """Deletes the contents of a debtor's records; raises StoreError while a retention term runs. Returns how many."""
        with self.store.writing((f"debtor:{debtor}",)) as connection:
            before = self.store.now(connection) // when.MICROS - int(keep_years * YEAR)
            count = records.erase(connection, debtor, before)
            records.record(connection, "X-" + secrets.token_hex(8), "erased", {"records": count, "keep_years": str(keep_years), "by": who})
            return count

    # --- what was recorded

    def verdict(self, number: str) -> dict[str, Any] | None:
        """A recorded verdict by its id; its body is none when it was erased."""
        with self.store.engine.connect() as connection:
            return records.verdict(connection, number)

    def replay(self, number: str) -> dict[str, Any]:
        """Judges a recorded case again: the same body, or the differences by name; raises StoreError."""
        recorded = self.verdict(number)
        if recorded is None:
            raise StoreError(Text(f"there is no verdict `{number}`", f"没有裁定 `{number}`"), missing=True)
        if recorded["erased"]:
            return {"id": number, "same": None, "erased": True, "differences": []}
        old = recorded["verdict"]
        with self.store.engine.connect() as connection:
            found = self.policies.version(connection, old["policy"]["profile"], old["policy"]["digest"])
        lifted = frozenset(recorded["released"])
        verdict = review.released(evaluate(recorded["case"], found.policy, found.engine), lifted)
        if old["outcome"] != "allow" or old["lawful_from"]:
            verdict = found.planned(recorded["case"], verdict, lifted)
        new = replace(verdict, content=old["content"]).document()
        differences = sorted(k for k in {*old, *new} if records.canonical(old.get(k)) != records.canonical(new.get(k)))
        return {"id": number, "same": not differences, "erased": False, "differences": differences, "verdict": new}


# --- what a check reads --------------------------------------------------------------------------------------------------


def not_recorded(error: SQLAlchemyError) -> dict[str, Any]:
    """The answer when the record cannot be written: block, and nothing is held."""
    why = Text(f"the record cannot be written: {type(error).__name__}", f"无法写入记录：{type(error).__name__}")
    nothing = dict.fromkeys(("id", "reservation", "review", "receipt", "verdict"))
    return {**nothing, "outcome": "block", "cause": "not_recorded", "enforced": True, "retry_after": 1, "why": why._asdict()}


def _answered_before(connection: Connection, answered: str, request: _Request) -> dict[str, Any] | None:
    row = connection.execute(select(t.answers).where(t.answers.c.key == answered)).one_or_none()
    if row is None:
        return None
    if row.digest != request.digest:
        raise StoreError(Text("the idempotency key was used for another request", "该幂等键已用于其他请求"))
    answer: dict[str, Any] = json.loads(row.body)
    return answer


def _asked(connection: Connection, case: dict[str, Any], now: int) -> Asked:
    debtor, action = _text(case, "debtor", "id"), _text(case, "action", "id")
    if debtor is None:
        return Asked(case)
    lifted = reviews.lifted(connection, debtor, action, now // when.MICROS) if action else frozenset[str]()
    return Asked(case, lifted, records.erased_at(connection, debtor))


def _falls(number: str) -> StoreError:
    return StoreError(Text(f"a contact is held for a later moment (`{number}`) that would not be lawful after this one; cancel it first",
                           f"已为更晚时刻预留联系（`{number}`），本次联系将使其不再合规；请先取消"))


def _text(document: Any, *path: str) -> str | None:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) and document else None


def _has_id(entry: dict[str, Any], place: str) -> None:
    if not isinstance(entry.get("id"), str) or not 0 < len(entry["id"]) <= 200:
        raise CaseError([Problem("", 0, place, Text("an id of 1 to 200 characters is missing", "缺少 1 至 200 字符的 id"))])
