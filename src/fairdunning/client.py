"""A typed client of the JSON API; what it retries is safe to retry.

A check is sent with an idempotency key, so that the same check twice is one; commit, cancel and events are idempotent by themselves.
"""

from __future__ import annotations

import time
import uuid
from types import TracebackType
from typing import Any

import httpx

RETRIES, FIRST_WAIT = 6, 0.1


class ApiError(Exception):
    """The server refused: ``status``, its title, and ``errors`` as ``{field, en, zh}``."""

    def __init__(self, status: int, title: str, errors: list[dict[str, str]]) -> None:
        super().__init__(f"{status} {title}" + "".join(f"; {e['field']}: {e['en']}" for e in errors))
        self.status, self.title, self.errors = status, title, errors


class Client:
    """One connection pool to one server."""

    def __init__(self, url: str, key: str = "", timeout: float = 10.0) -> None:
        self._http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"} if key else {}, timeout=timeout)

    def __enter__(self) -> Client:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Closes the connections."""
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def check(self, case: dict[str, Any], window: tuple[str, str] | None = None, idempotency: str = "") -> dict[str, Any]:
        """The envelope of a verdict; with a window of start (RFC 3339) the contact is held when it is allowed."""
        body: dict[str, Any] = {"case": case}
        if window is not None:
            body["reserve"] = {"not_before": window[0], "not_after": window[1]}
        return self._post("/v1/checks", body, {"idempotency-key": idempotency or str(uuid.uuid4())})

    def commit(self, reservation: str, at: str) -> dict[str, Any]:
        """Says that the contact began."""
        return self._post(f"/v1/reservations/{reservation}:commit", {"at": at})

    def cancel(self, reservation: str) -> dict[str, Any]:
        """Says that the contact was not made."""
        return self._post(f"/v1/reservations/{reservation}:cancel", None)

    def events(self, debtor: str, events: list[dict[str, Any]]) -> dict[str, Any]:
        """Appends events of a debtor."""
        return self._post("/v1/events", {"debtor": debtor, "events": events})

    def verdict(self, number: str) -> dict[str, Any]:
        """A recorded verdict."""
        found: dict[str, Any] = self._send("GET", f"/v1/verdicts/{number}", None)
        return found

    def replay(self, number: str) -> dict[str, Any]:
        """Judges a recorded case again."""
        return self._post(f"/v1/verdicts/{number}:replay", None)

    def reviews(self, state: str | None = None) -> list[dict[str, Any]]:
        """Reviews, the oldest first."""
        found: list[dict[str, Any]] = self._send("GET", "/v1/reviews" + (f"?state={state}" if state else ""), None)
        return found

    def review(self, number: str) -> dict[str, Any]:
        """One review with its verdict and case."""
        found: dict[str, Any] = self._send("GET", f"/v1/reviews/{number}", None)
        return found

    def claim(self, number: str) -> dict[str, Any]:
        """Takes a review."""
        return self._post(f"/v1/reviews/{number}:claim", None)

    def decide(self, number: str, decision: str, reason: str, until: str | None = None) -> dict[str, Any]:
        """Decides a claimed review."""
        return self._post(f"/v1/reviews/{number}:decide", {"decision": decision, "reason": reason, "until": until})

    def publish(self, profile: str, files: dict[str, str]) -> dict[str, Any]:
        """Puts the files of an organisation's folder in force for a profile."""
        return self._post("/v1/policies", {"profile": profile, "files": files})

    def _post(self, path: str, body: dict[str, Any] | None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self._send("POST", path, body, headers)
        return found

    def _send(self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str] | None = None) -> Any:
        """Sends until the server answers; waits twice as long each time, and as long as it asks."""
        for turn in range(RETRIES):
            try:
                answer = self._http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                if turn == RETRIES - 1:
                    raise
                time.sleep(FIRST_WAIT * 2**turn)
                continue
            if answer.status_code in {429, 502, 503, 504} and turn < RETRIES - 1:
                time.sleep(float(answer.headers.get("retry-after", FIRST_WAIT * 2**turn)))
                continue
            break
        if answer.is_success:
            return answer.json()
        try:
            problem = answer.json()
        except ValueError:
            problem = {"title": answer.text[:200]}
        raise ApiError(answer.status_code, str(problem.get("title", "")), list(problem.get("errors", [])))
