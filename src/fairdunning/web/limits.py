"""Errors as problem+json, body and rate limits, request ids, logs without personal data."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
import traceback
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairdunning.errors import CaseError, LoadError, StoreError, Text
from fairdunning.service import not_recorded

MAX_BODY = 2 * 1024 * 1024
BODY_SECONDS = 10.0
CHECKS = "/v1/checks"
_JSON = re.compile(r"application/(.+\+)?json")
"""Anything else is what a foreign web page may send without asking."""
NO_JSON = "the body is not valid JSON / 请求体不是有效的 JSON"
FAILED = Text("an error of the server; its log knows it by the id of the request", "服务器内部错误；日志中可按请求编号查找")
UNSTORABLE = Text("the store cannot hold a value of the request (a NUL character?)", "请求含存储无法保存的值")
STREAMS = {"/v1/checks:batch"}
log = logging.getLogger("fairdunning.requests")


def problem(status: int, title: str, problems: list[dict[str, str]] | None = None, **headers: str) -> JSONResponse:
    """An error as problem+json, naming each field."""
    body = {"type": "about:blank", "title": title, "status": status, "errors": problems or []}
    return JSONResponse(body, status, media_type="application/problem+json", headers=headers)


def unrecorded(envelope: dict[str, Any]) -> JSONResponse:
    """No verdict without its record: a block, as a problem document."""
    why = envelope["why"]
    body = {"type": "about:blank", "title": f"{why['en']} / {why['zh']}", "status": 503, "errors": [], **envelope}
    return JSONResponse(body, 503, media_type="application/problem+json", headers={"retry-after": "1"})


def unexpected(error: Exception, number: str) -> None:
    """Logs an error of ours by its kind and place alone: its words may be those of a case."""
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-5:]]
    log.error(json.dumps({"id": number, "error": type(error).__name__, "at": places}))


def _failed(path: str) -> JSONResponse:
    """A problem document; an answer to a check is a block."""
    body = {"type": "about:blank", "title": f"{FAILED.en} / {FAILED.zh}", "status": 500, "errors": []}
    block = {"outcome": "block", "cause": "failed", "enforced": True} if path == CHECKS else {}
    return JSONResponse({**body, **block}, 500, media_type="application/problem+json")


def add_errors(app: FastAPI) -> None:
    """Turns every error of ours and of the framework into a problem document."""

    @app.exception_handler(CaseError)
    @app.exception_handler(LoadError)
    def refused(_: Request, error: Any) -> Response:
        return problem(422, "the case cannot be read / 案情无法读取", [{"field": p.key, "en": p.text.en, "zh": p.text.zh} for p in error.problems])

    @app.exception_handler(StoreError)
    def conflict(_: Request, error: Any) -> Response:
        return problem(404 if error.missing else 409, f"{error.text.en} / {error.text.zh}")

    @app.exception_handler(DataError)
    def unstorable(_: Request, _error: Any) -> Response:
        return problem(422, f"{UNSTORABLE.en} / {UNSTORABLE.zh}")

    @app.exception_handler(SQLAlchemyError)
    def store_lost(request: Request, error: Any) -> Response:
        if request.url.path == CHECKS:
            return unrecorded(not_recorded(error))
        return problem(503, f"the store does not answer: {type(error).__name__} / 存储无响应", None, **{"retry-after": "1"})

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: Any) -> Response:
        if any(e["type"] == "json_invalid" for e in error.errors()):
            return problem(400, NO_JSON)
        found = [{"field": ".".join(str(x) for x in e["loc"] if x != "body"), "en": str(e["msg"]), "zh": str(e["msg"])} for e in error.errors()]
        return problem(422, "the request is not valid / 请求无效", found)

    @app.exception_handler(HTTPException)
    def known(_: Request, error: Any) -> Response:
        return problem(error.status_code, str(error.detail), None, **(error.headers or {}))


class Rates:
    """A bucket of tokens per key: so many requests a second, twice as many at once."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> float:
        """Takes one; returns the seconds to wait, 0 when there was one."""
        now = time.monotonic()
        left, at = self._buckets.get(who, (2 * self.per_second, now))
        left = min(2 * self.per_second, left + (now - at) * self.per_second)
        self._buckets[who] = (max(0.0, left - 1), now)
        return 0.0 if left >= 1 else (1 - left) / self.per_second


class Limits:
    """Refuses bodies that are too large, have no length or are no JSON, and callers that ask too often; logs each request.

    Plain ASGI: the framework's own middleware costs each request a task and two streams.
    """

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self.app, self.rates = app, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request, start, status = Request(scope, receive), time.perf_counter(), 0
        number = request.state.number = request.headers.get("x-request-id", secrets.token_hex(8))[:100]

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = number
            await send(message)

        refused = await _refusal(request, self.rates)
        try:
            await (refused(scope, receive, numbered) if refused else self.app(scope, _again(request, receive), numbered))
        except Exception as error:
            unexpected(error, number)
            if status:  # the answer has begun; the words of the error stay here
                raise RuntimeError("an answer was broken off") from None
            await _failed(scope["path"])(scope, receive, numbered)
        finally:
            route = scope.get("route")
            log.info(json.dumps({"id": number, "method": request.method, "path": route and route.path, "status": status,
                                 "ms": round((time.perf_counter() - start) * 1000, 1)}))


def _again(request: Request, receive: Receive) -> Receive:
    """What the application receives: the body that was read here, once, then whatever comes."""
    waiting = [{"type": "http.request", "body": request.state.body, "more_body": False}] if hasattr(request.state, "body") else []

    async def found() -> Message:
        return waiting.pop() if waiting else await receive()

    return found


async def _refusal(request: Request, rates: Rates) -> Response | None:
    wait = rates.take(request.headers.get("authorization", "")[:16])
    if wait and request.url.path.startswith("/v1/"):
        return problem(429, "too many requests / 请求过于频繁", None, **{"retry-after": str(int(wait) + 1)})
    if request.method != "POST" or request.url.path in STREAMS:
        return None
    length = request.headers.get("content-length", "")
    if not length.isdigit() or "transfer-encoding" in request.headers:
        return problem(411, "the length of the body is missing / 缺少请求体长度")
    if int(length) > MAX_BODY:
        return problem(413, f"the body is larger than {MAX_BODY} bytes / 请求体过大")
    if int(length) and not _JSON.fullmatch(request.headers.get("content-type", "").partition(";")[0].strip().lower()):
        return problem(415, "the body must be application/json / 请求体须为 application/json")
    if int(length):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                found = request.state.body = await request.body()
            if b"NaN" in found or b"Infinity" in found:
                json.loads(found, parse_constant=_refuse)  # the framework's own reader lets them pass
        except TimeoutError:
            return problem(408, f"the body did not arrive within {BODY_SECONDS:.0f} s / 请求体未及时到达")
        except ClientDisconnect:
            return problem(400, "the caller hung up before the body was there / 请求体未发完即断开")
        except (ValueError, RecursionError):
            return problem(400, NO_JSON)
    return None


def _refuse(name: str) -> Any:
    raise ValueError(name)
