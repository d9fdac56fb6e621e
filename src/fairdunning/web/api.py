"""The JSON API: checks and reservations, events, verdicts, reviews, windows, screenings, policies; errors as problem+json."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import IO, Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import Field
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from fairdunning import __version__, timeline, when, workflow
from fairdunning.errors import CaseError, StoreError
from fairdunning.screening.screen import screen
from fairdunning.service import Service
from fairdunning.store import records
from fairdunning.store.keys import ROLES, Key
from fairdunning.web.admin import add_admin, add_policies
from fairdunning.web.limits import CHECKS, FAILED, MAX_BODY, UNSTORABLE, Limits, Rates, add_errors, unexpected, unrecorded
from fairdunning.web.metrics import Metrics
from fairdunning.web.models import Model, body_of, instant, read_body, running
from fairdunning.web.sealing import Publisher, sealing

MAX_BATCH = 1024 * 1024 * 1024
LOCAL = Key("local", frozenset(ROLES), "cn-consumer-finance-company", None, "enforce")
PROBLEM = {"content": {"application/problem+json": {"schema": {"type": "object"}}}, "description": "a problem document"}
ERRORS: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 401, 403, 404, 408, 409, 411, 413, 415, 422, 429, 500, 503), PROBLEM)


class Reserve(Model):
    """A window of start, at most ten minutes long."""

    not_before: str = Field(examples=["2026-11-24T10:00:00+08:00"])
    not_after: str = Field(examples=["2026-11-24T10:05:00+08:00"])


class Check(Model):
    """A planned action, and perhaps a window in which it is to be held."""

    case: dict[str, Any] = Field(
        examples=[{"action": {"id": "A-17", "kind": "call", "at": "2026-11-24T10:00:00+08:00", "person": "P1", "debts": ["D1"]}}]
    )
    reserve: Reserve | None = None


class Began(Model):
    """When the contact began."""

    at: str = Field(examples=["2026-11-24T10:00:07+08:00"])


class Events(Model):
    """Events of one debtor's file."""

    debtor: str = Field(min_length=1, max_length=200)
    events: list[dict[str, Any]] = Field(max_length=1000)


class Windows(Model):
    """A planned action, and how many days to look ahead."""

    case: dict[str, Any]
    days: int = Field(7, ge=1, le=60)


class Words(Model):
    """A text to screen."""

    text: str


class Decision(Model):
    """What a reviewer decides, why, and until when a release holds."""

    decision: Literal["release", "uphold", "reschedule"]
    reason: str = Field(min_length=1, max_length=4000)
    until: str | None = Field(None, examples=["2026-11-25T18:00:00+08:00"])


def create_app(service: Service, *, open_to_all: bool = False, per_second: float = 500.0, publisher: Publisher | None = None) -> FastAPI:
    """The application over one service; without keys only a loopback address is served (``open_to_all``: keys are required always).

    ``per_second``: requests a key may make; ``publisher``: where every checkpoint goes.
    """
    app = FastAPI(title="fairdunning", version=__version__, description="Ask before you collect: allow, flag or block / 催收动作事前合规检查",
                  lifespan=sealing(service, publisher), responses=ERRORS)
    metrics = Metrics()
    add_errors(app)
    app.add_middleware(Limits, rates=Rates(per_second))

    def known(authorization: str | None, *needed: str) -> Key:
        """Whose key was presented, when it has one of the roles; raises HTTPException."""
        found = service.keys.get(authorization.removeprefix("Bearer ").strip()) if authorization else None
        if found is None and (open_to_all or service.keys.any()):
            raise HTTPException(401, "the API key is missing, wrong or revoked / 密钥缺失、错误或已撤销")
        if found is not None and not {*needed, "admin"} & found.roles:
            raise HTTPException(403, f"the key has none of the roles {', '.join(needed)} / 密钥缺少角色")
        return found or LOCAL

    def role(*needed: str) -> Any:
        def allowed(authorization: Annotated[str | None, Header()] = None) -> Key:
            return known(authorization, *needed)

        return Depends(allowed)

    _checks(app, service, known, role("checker"), metrics)
    _contacts(app, service, role("checker"), metrics)
    _reading(app, service, role("checker"), role("auditor"))
    _reviews(app, service, role("reviewer"))
    add_policies(app, service, role("checker", "policy_editor"), role("policy_editor"))
    add_admin(app, service, role())
    _health(app, service, metrics)
    return app


def _checks(app: FastAPI, service: Service, known: Callable[..., Key], checker: Any, metrics: Metrics) -> None:
    def judged(body: Check, key: Key, idempotency: str) -> dict[str, Any]:
        window = None
        if body.reserve is not None:
            window = instant(body.reserve.not_before, "reserve.not_before"), instant(body.reserve.not_after, "reserve.not_after")
        start = time.perf_counter()
        envelope = service.check(body.case, key, window, idempotency)
        metrics.checked(envelope, time.perf_counter() - start)
        return envelope

    def answered(body: bytes, authorization: str | None, idempotency: str) -> Response:
        with service.store.places.taken():
            key = known(authorization, "checker")  # who asks comes before what is asked
            envelope = judged(read_body(Check, body), key, idempotency)
        if envelope["cause"] == "not_recorded":
            return unrecorded(envelope)
        return Response(json.dumps(envelope), media_type="application/json")

    @app.post(CHECKS, response_model=dict[str, Any], openapi_extra=body_of(Check))
    async def checks(request: Request, authorization: Annotated[str | None, Header()] = None,
                     idempotency_key: Annotated[str | None, Header(max_length=100)] = None) -> Any:
        """Judge a planned action; with `reserve` hold it when it is allowed. What cannot be recorded is a block, and a problem."""
        return await run_in_threadpool(answered, await request.body(), authorization, idempotency_key or "")

    @app.post("/v1/checks:batch", response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}})
    async def batch(request: Request, key: Key = checker) -> StreamingResponse:
        """Judge many checks, one JSON document a line; answers stream back in the same order as fast as they are read."""
        lines = await _spooled(request)

        def answers() -> Iterator[str]:
            with lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        found = _one(line.decode("utf-8", "replace"), number, lambda body: judged(body, key, ""), request.state.number)
                        yield json.dumps(found, ensure_ascii=False) + "\n"

        return StreamingResponse(answers(), media_type="application/x-ndjson")


def _contacts(app: FastAPI, service: Service, checker: Any, metrics: Metrics) -> None:
    @app.post("/v1/reservations/{number}:commit")
    def commit(number: str, body: Began, key: Key = checker) -> dict[str, Any]:
        """Say that the contact began."""
        found = service.settle(number, "committed", instant(body.at, "at"), key)
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


def _one(line: str, number: int, judged: Callable[[Check], dict[str, Any]], asked: str) -> dict[str, Any]:
    """One line's answer, or what is wrong with the line: never an end of the stream."""
    if len(line) > MAX_BODY:
        return {"line": number, "outcome": None, "errors": [{"field": "", "en": "the line is too long", "zh": "该行过长"}]}
    try:
        return {"line": number, **judged(Check.model_validate(workflow.parse_json(line, f"line {number}")))}
    except CaseError as error:
        found = [{"field": p.key, "en": p.text.en, "zh": p.text.zh} for p in error.problems]
    except StoreError as error:
        found = [{"field": "", "en": error.text.en, "zh": error.text.zh}]
    except DataError:
        found = [{"field": "", **UNSTORABLE._asdict()}]
    except (ValueError, RequestValidationError) as error:
        found = [{"field": "", "en": str(error)[:500], "zh": str(error)[:500]}]
    except Exception as error:
        unexpected(error, f"{asked}, line {number}")
        found = [{"field": "", **FAILED._asdict()}]
    return {"line": number, "outcome": None, "errors": found}


def _reading(app: FastAPI, service: Service, checker: Any, reader: Any) -> None:
    @app.post("/v1/windows")
    def windows(body: Windows, key: Key = checker) -> list[dict[str, str]]:
        """When the action is lawful in the next days, from what the case brings."""
        return [w.document() for w in timeline.windows(workflow.screened(body.case), running(service, key), body.days)]

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
        return service.desk.decide(number, key, body.decision, body.reason, instant(body.until, "until") // when.MICROS if body.until else None)


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
