"""The JSON API: checks and reservations, events, verdicts, windows, screenings, policies; errors as problem+json."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from fairdunning import __version__, library, timeline, when, workflow
from fairdunning.errors import CaseError, LoadError, StoreError
from fairdunning.screening.screen import screen
from fairdunning.service import ROLES, Key, Service

MAX_BODY = 2 * 1024 * 1024
LOCAL = Key("local", frozenset(ROLES), "cn-consumer-finance-company", None, "enforce")


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


def problem(status: int, title: str, problems: list[dict[str, str]] | None = None) -> JSONResponse:
    """An error as problem+json, naming each field."""
    body = {"type": "about:blank", "title": title, "status": status, "errors": problems or []}
    return JSONResponse(body, status, media_type="application/problem+json")


def create_app(service: Service, *, open_to_all: bool = False) -> FastAPI:
    """The application over one service; without keys only a loopback address is served (``open_to_all``: keys are required always)."""
    app = FastAPI(title="fairdunning", version=__version__, description="Ask before you collect: allow, flag or block / 催收动作事前合规检查")
    _errors(app)
    _limits(app)

    async def key(authorization: Annotated[str | None, Header()] = None) -> Key:
        if not open_to_all and not await run_in_threadpool(service.has_keys):
            return LOCAL
        found = await run_in_threadpool(service.key, (authorization or "").removeprefix("Bearer ").strip())
        if found is None:
            raise HTTPException(401, "the API key is missing, wrong or revoked / 密钥缺失、错误或已撤销")
        return found

    held = Depends(key)

    def role(needed: str) -> Callable[[Key], Awaitable[Key]]:
        async def check_role(found: Key = held) -> Key:
            if needed not in found.roles and "admin" not in found.roles:
                raise HTTPException(403, f"the key has no role `{needed}` / 密钥没有 `{needed}` 角色")
            return found

        return check_role

    checker, reader = Depends(role("checker")), Depends(role("auditor"))
    _checks(app, service, checker)
    _reading(app, service, checker, reader)
    return app


def _checks(app: FastAPI, service: Service, checker: Any) -> None:
    @app.post("/v1/checks")
    def checks(body: Check, key: Key = checker, idempotency_key: Annotated[str | None, Header(max_length=100)] = None) -> dict[str, Any]:
        """Judge a planned action; with `reserve` hold it when it is allowed."""
        window = None
        if body.reserve is not None:
            window = _instant(body.reserve.not_before, "reserve.not_before"), _instant(body.reserve.not_after, "reserve.not_after")
        return service.check(body.case, key, window, idempotency_key or "")

    @app.post("/v1/reservations/{number}:commit")
    def commit(number: str, body: Began, key: Key = checker) -> dict[str, Any]:
        """Say that the contact began."""
        return service.settle(number, "committed", _instant(body.at, "at"), key)

    @app.post("/v1/reservations/{number}:cancel")
    def cancel(number: str, key: Key = checker) -> dict[str, Any]:
        """Say that the contact was not made."""
        return service.settle(number, "cancelled", None, key)

    @app.post("/v1/events")
    def events(body: Events, key: Key = checker) -> dict[str, Any]:
        """Append events; the same id and content is accepted once."""
        return service.append(body.debtor, body.events, key)


def _reading(app: FastAPI, service: Service, checker: Any, reader: Any) -> None:
    @app.post("/v1/windows")
    def windows(body: Windows, key: Key = checker) -> list[dict[str, str]]:
        """When the action is lawful in the next days, from what the case brings."""
        return [w.document() for w in timeline.windows(workflow.screened(body.case), service.policy(key.profile), body.days)]

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

    @app.get("/v1/policies")
    def policies(key: Key = checker) -> dict[str, Any]:
        """The policy that this key runs."""
        found = service.policy(key.profile)
        return {"profile": found.profile, "digest": found.digest, "constraints": [c.id for c in found.constraints]}

    @app.get("/v1/constraints/{name}")
    def constraint(name: str, key: Key = checker) -> dict[str, Any]:
        """One constraint in words."""
        try:
            return {lang: list(library.described(service.policy(key.profile), name, lang)) for lang in ("en", "zh")}
        except KeyError as error:
            raise HTTPException(404, str(error.args[0])) from error

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz")
    def readyz() -> dict[str, Any]:
        """Whether it can answer: the store takes writes, policies and engines are there."""
        with service.store.writing():
            return {
                "status": "ready",
                "policies": {p.profile: p.digest for p in service.policies.values()},
                "engines": sorted({e.name for e in service.engines.values()}),
            }


def _instant(text: str, field: str) -> int:
    try:
        return when.parse_datetime(text)
    except ValueError as error:
        raise RequestValidationError(
            [{"loc": ("body", field), "msg": "must be a time with its offset / 应为带时区偏移的时间", "type": "time"}]
        ) from error


def _errors(app: FastAPI) -> None:
    @app.exception_handler(CaseError)
    @app.exception_handler(LoadError)
    def refused(_: Request, error: Any) -> Response:
        return problem(422, "the case cannot be read / 案情无法读取", [{"field": p.key, "en": p.text.en, "zh": p.text.zh} for p in error.problems])

    @app.exception_handler(StoreError)
    def conflict(_: Request, error: Any) -> Response:
        return problem(404 if error.missing else 409, f"{error.text.en} / {error.text.zh}")

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: Any) -> Response:
        found = [{"field": ".".join(str(x) for x in e["loc"] if x != "body"), "en": str(e["msg"]), "zh": str(e["msg"])} for e in error.errors()]
        return problem(422, "the request is not valid / 请求无效", found)

    @app.exception_handler(HTTPException)
    def known(_: Request, error: Any) -> Response:
        return problem(error.status_code, str(error.detail))


def _limits(app: FastAPI) -> None:
    @app.middleware("http")
    async def limited(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "0")
        if request.method == "POST" and not length.isdigit():
            return problem(411, "the length of the body is missing / 缺少请求体长度")
        if int(length if length.isdigit() else 0) > MAX_BODY:
            return problem(413, f"the body is larger than {MAX_BODY} bytes / 请求体过大")
        if request.method == "POST" and int(length):
            try:
                json.loads(await request.body(), parse_constant=_refuse)
            except (ValueError, RecursionError):
                return problem(400, "the body is not valid JSON / 请求体不是有效的 JSON")
        response = await call_next(request)
        response.headers["x-request-id"] = request.headers.get("x-request-id", secrets.token_hex(8))[:100]
        return response


def _refuse(name: str) -> Any:
    raise ValueError(name)
