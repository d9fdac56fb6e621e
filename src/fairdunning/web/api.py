"""The JSON API: checks and reservations, events, verdicts, reviews, windows, screenings, policies; errors as problem+json."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from fairdunning import __version__, library, timeline, when, workflow
from fairdunning.errors import CaseError, StoreError
from fairdunning.policy import Policy
from fairdunning.screening.screen import screen
from fairdunning.service import Service
from fairdunning.store import records
from fairdunning.store.keys import ROLES, Key
from fairdunning.web.limits import MAX_BODY, Rates, add_errors, add_limits
from fairdunning.web.metrics import Metrics

MAX_BATCH = 1024 * 1024 * 1024
LOCAL = Key("local", frozenset(ROLES), "cn-consumer-finance-company", None, "enforce")
PROBLEM = {"content": {"application/problem+json": {"schema": {"type": "object"}}}, "description": "a problem document"}
ERRORS: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 401, 403, 404, 409, 411, 413, 415, 422, 429), PROBLEM)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reserve(_Model):
    """A window of start, at most ten minutes long."""

    not_before: str = Field(examples=["2026-11-24T10:00:00+08:00"])
    not_after: str = Field(examples=["2026-11-24T10:05:00+08:00"])


class Check(_Model):
    """A planned action, and perhaps a window in which it is to be held."""

    case: dict[str, Any] = Field(
        examples=[{"action": {"id": "A-17", "kind": "call", "at": "2026-11-24T10:00:00+08:00", "person": "P1", "debts": ["D1"]}}]
    )
    reserve: Reserve | None = None


class Began(_Model):
    """When the contact began."""

    at: str = Field(examples=["2026-11-24T10:00:07+08:00"])


class Events(_Model):
    """Events of one debtor's file."""

    debtor: str = Field(min_length=1, max_length=200)
    events: list[dict[str, Any]] = Field(max_length=1000)


class Windows(_Model):
    """A planned action, and how many days to look ahead."""

    case: dict[str, Any]
    days: int = Field(7, ge=1, le=60)


class Words(_Model):
    """A text to screen."""

    text: str


class Decision(_Model):
    """What a reviewer decides, why, and until when a release holds."""

    decision: Literal["release", "uphold", "reschedule"]
    reason: str = Field(min_length=1, max_length=4000)
    until: str | None = Field(None, examples=["2026-11-25T18:00:00+08:00"])


class Published(_Model):
    """The files of an organisation's own folder, by path."""

    profile: str = Field(min_length=1, max_length=200)
    files: dict[str, str] = Field(max_length=500)


def create_app(service: Service, *, open_to_all: bool = False, per_second: float = 500.0, publish_to: str = "") -> FastAPI:
    """The application over one service; without keys only a loopback address is served (``open_to_all``: keys are required always).

    ``per_second``: requests a key may make; ``publish_to``: a file that every checkpoint is appended to.
    """
    app = FastAPI(title="fairdunning", version=__version__, description="Ask before you collect: allow, flag or block / 催收动作事前合规检查",
                  lifespan=_sealing(service, publish_to), responses=ERRORS)
    metrics = Metrics()
    add_errors(app)
    add_limits(app, Rates(per_second))

    async def key(authorization: Annotated[str | None, Header()] = None) -> Key:
        if not open_to_all and not await run_in_threadpool(service.keys.any):
            return LOCAL
        found = await run_in_threadpool(service.keys.get, (authorization or "").removeprefix("Bearer ").strip())
        if found is None:
            raise HTTPException(401, "the API key is missing, wrong or revoked / 密钥缺失、错误或已撤销")
        return found

    held = Depends(key)

    def role(*needed: str) -> Any:
        async def check_role(found: Key = held) -> Key:
            if not {*needed, "admin"} & found.roles:
                raise HTTPException(403, f"the key has none of the roles {', '.join(needed)} / 密钥缺少角色")
            return found

        return Depends(check_role)

    _checks(app, service, role("checker"), metrics)
    _reading(app, service, role("checker"), role("auditor"))
    _reviews(app, service, role("reviewer"))
    _policies(app, service, role("checker", "policy_editor"), role("policy_editor"))
    _health(app, service, metrics)
    return app


def _sealing(service: Service, publish_to: str) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """Seals every half second and once more at the end; a checkpoint is published before the next one is made."""
        over = asyncio.Event()

        async def run() -> None:
            while not over.is_set():
                try:
                    while found := await run_in_threadpool(records.seal, service.store, service.signer):
                        await run_in_threadpool(_publish, publish_to, found)
                except (SQLAlchemyError, OSError):
                    service.sealing_failed += 1
                try:
                    await asyncio.wait_for(over.wait(), 0.5)
                except TimeoutError:
                    continue

        task = asyncio.create_task(run())
        yield
        over.set()
        await task

    return lifespan


def _publish(publish_to: str, checkpoint: dict[str, Any]) -> None:
    if publish_to:
        with Path(publish_to).open("a", encoding="utf-8") as file:
            file.write(json.dumps(checkpoint) + "\n")


def _checks(app: FastAPI, service: Service, checker: Any, metrics: Metrics) -> None:
    def judged(body: Check, key: Key, idempotency: str) -> dict[str, Any]:
        window = None
        if body.reserve is not None:
            window = _instant(body.reserve.not_before, "reserve.not_before"), _instant(body.reserve.not_after, "reserve.not_after")
        start = time.perf_counter()
        envelope = service.check(body.case, key, window, idempotency)
        metrics.checked(envelope, time.perf_counter() - start)
        return envelope

    @app.post("/v1/checks")
    def checks(body: Check, key: Key = checker, idempotency_key: Annotated[str | None, Header(max_length=100)] = None) -> dict[str, Any]:
        """Judge a planned action; with `reserve` hold it when it is allowed."""
        return judged(body, key, idempotency_key or "")

    @app.post("/v1/checks:batch", response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}})
    async def batch(request: Request, key: Key = checker) -> StreamingResponse:
        """Judge many checks, one JSON document a line; answers stream back in the same order as fast as they are read."""
        lines = await _spooled(request)

        def answers() -> Iterator[str]:
            with lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        found = _one(line.decode("utf-8", "replace"), number, lambda body: judged(body, key, ""))
                        yield json.dumps(found, ensure_ascii=False) + "\n"

        return StreamingResponse(answers(), media_type="application/x-ndjson")

    @app.post("/v1/reservations/{number}:commit")
    def commit(number: str, body: Began, key: Key = checker) -> dict[str, Any]:
        """Say that the contact began."""
        found = service.settle(number, "committed", _instant(body.at, "at"), key)
        metrics.reservations.labels("committed").inc()
        return found

    @app.post("/v1/reservations/{number}:cancel")
    def cancel(number: str, key: Key = checker) -> dict[str, Any]:
        """Say that the contact was not made."""
        found = service.settle(number, "cancelled", None, key)
        metrics.reservations.labels("cancelled").inc()
        return found

    @app.post("/v1/events")
    def events(body: Events, key: Key = checker) -> dict[str, Any]:
        """Append events; the same id and content is accepted once."""
        return service.append(body.debtor, body.events, key)


async def _spooled(request: Request) -> IO[bytes]:
    """The body on disk when it is large: memory stays bounded however many lines there are; raises HTTPException."""
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MAX_BODY)  # noqa: SIM115 - closed by who reads it
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BATCH:
            file.close()
            raise HTTPException(413, f"the body is larger than {MAX_BATCH} bytes / 请求体过大")
        await run_in_threadpool(file.write, part)
    file.seek(0)
    return file


def _one(line: str, number: int, judged: Callable[[Check], dict[str, Any]]) -> dict[str, Any]:
    """One line's answer, or what is wrong with the line: never an end of the stream."""
    if len(line) > MAX_BODY:
        return {"line": number, "outcome": None, "errors": [{"field": "", "en": "the line is too long", "zh": "该行过长"}]}
    try:
        return {"line": number, **judged(Check.model_validate(workflow.parse_json(line, f"line {number}")))}
    except CaseError as error:
        found = [{"field": p.key, "en": p.text.en, "zh": p.text.zh} for p in error.problems]
    except StoreError as error:
        found = [{"field": "", "en": error.text.en, "zh": error.text.zh}]
    except (ValueError, RequestValidationError) as error:
        found = [{"field": "", "en": str(error)[:500], "zh": str(error)[:500]}]
    return {"line": number, "outcome": None, "errors": found}


def _running(service: Service, key: Key) -> Policy:
    return service.policies.now(key.profile).policy


def _reading(app: FastAPI, service: Service, checker: Any, reader: Any) -> None:
    @app.post("/v1/windows")
    def windows(body: Windows, key: Key = checker) -> list[dict[str, str]]:
        """When the action is lawful in the next days, from what the case brings."""
        return [w.document() for w in timeline.windows(workflow.screened(body.case), _running(service, key), body.days)]

    @app.post("/v1/screenings")
    def screenings(body: Words, _: Key = checker) -> dict[str, Any]:
        """What a text says."""
        return screen(body.text, workflow.lexicon(service.own)).document()

    @app.get("/v1/verdicts/{number}")
    def verdict(number: str, _: Key = reader) -> dict[str, Any]:
        """A recorded verdict with its case and receipt."""
        found = service.verdict(number)
        if found is None:
            raise HTTPException(404, "there is no such verdict / 没有该裁定")
        return found

    @app.post("/v1/verdicts/{number}:replay")
    def replay(number: str, _: Key = reader) -> dict[str, Any]:
        """Judge a recorded case again under the policy of its time: the same body, or the differences by name."""
        return service.replay(number)


def _reviews(app: FastAPI, service: Service, reviewer: Any) -> None:
    @app.get("/v1/reviews")
    def listed(
        _: Key = reviewer, state: Literal["open", "claimed", "decided"] | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> list[dict[str, Any]]:
        """Flagged actions that wait for a person, the oldest first."""
        return service.desk.listed(state, limit)

    @app.get("/v1/reviews/{number}")
    def shown(number: str, _: Key = reviewer) -> dict[str, Any]:
        """One review with its verdict and case."""
        return service.desk.show(number)

    @app.post("/v1/reviews/{number}:claim")
    def claim(number: str, key: Key = reviewer) -> dict[str, Any]:
        """Take a review; of two who ask one gets it."""
        return service.desk.claim(number, key)

    @app.post("/v1/reviews/{number}:decide")
    def decide(number: str, body: Decision, key: Key = reviewer) -> dict[str, Any]:
        """Release, uphold or reschedule, with a reason."""
        return service.desk.decide(number, key, body.decision, body.reason, _instant(body.until, "until") // when.MICROS if body.until else None)


def _policies(app: FastAPI, service: Service, reader: Any, editor: Any) -> None:
    @app.get("/v1/policies")
    def policies(key: Key = reader) -> dict[str, Any]:
        """The policy that this key runs."""
        found = _running(service, key)
        return {"profile": found.profile, "digest": found.digest, "constraints": [c.id for c in found.constraints]}

    @app.post("/v1/policies")
    def publish(body: Published, key: Key = editor) -> dict[str, Any]:
        """Load a folder over the shipped law, run its cases and put it in force; what fails never replaces what runs."""
        with tempfile.TemporaryDirectory() as place:
            for name, text in body.files.items():
                path = (Path(place) / name).resolve()
                if not path.is_relative_to(Path(place).resolve()) or path.suffix != ".yaml":
                    raise HTTPException(422, f"`{name[:200]}` is no name of a policy file / 不是策略文件名")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return service.policies.publish(body.profile, Path(place), key.id)

    @app.get("/v1/constraints/{name}")
    def constraint(name: str, key: Key = reader) -> dict[str, Any]:
        """One constraint in words."""
        try:
            return {lang: list(library.described(_running(service, key), name, lang)) for lang in ("en", "zh")}
        except KeyError as error:
            raise HTTPException(404, str(error.args[0])) from error


def _health(app: FastAPI, service: Service, metrics: Metrics) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz")
    def readyz() -> Response:
        """Whether it can answer: the store takes writes, policies and engines are there."""
        try:
            with service.store.writing() as connection:
                waiting, lag = records.unsealed(connection)
        except SQLAlchemyError as error:
            return JSONResponse({"status": "not ready", "why": type(error).__name__}, 503)
        engines = sorted({found.engine.name for found in service.policies})
        return JSONResponse({"status": "ready", "policies": service.policies.digests(), "engines": engines, "unsealed": waiting, "audit_lag": lag})

    @app.get("/metrics", response_class=PlainTextResponse)
    def prometheus() -> PlainTextResponse:
        """Counters in the exposition format of Prometheus."""
        with service.store.engine.connect() as connection:
            waiting, lag = records.unsealed(connection)
        metrics.unsealed.set(waiting)
        metrics.lag.set(lag)
        metrics.engine_alone.set(any(getattr(f.engine, "alone", False) for f in service.policies))
        return PlainTextResponse(metrics.text().decode(), media_type="text/plain; version=0.0.4")


def _instant(text: str, field: str) -> int:
    """UTC microseconds."""
    try:
        return when.parse_micros(text)
    except ValueError as error:
        raise RequestValidationError(
            [{"loc": ("body", field), "msg": "must be a time with its offset / 应为带时区偏移的时间", "type": "time"}]
        ) from error


