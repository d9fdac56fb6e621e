"""The running service: held contacts never exceed a cap, records survive a kill, errors name their field."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from fairdunning import when
from fairdunning.cli import main
from fairdunning.errors import StoreError
from fairdunning.service import Service
from fairdunning.store import ledger, records
from fairdunning.store.database import Store
from fairdunning.store.keys import Key, Keys

STRICT = Key("k", frozenset({"checker"}), "cn-consumer-finance-company-strict", None, "enforce")
NOON = when.parse_datetime("2026-11-24T12:00:00+08:00")


def stamp(at):
    return when.zone("Asia/Shanghai").format(at)


def span(start, seconds=60):
    """A window of start in microseconds."""
    return int(start * 1e6), int((start + seconds) * 1e6)


def case(debtor="P-1", at=NOON, address="N1", number="A-1"):
    return {
        "action": {
            "id": number,
            "kind": "call",
            "agent": "human",
            "at": stamp(at),
            "person": debtor,
            "address": address,
            "debts": [f"D-{debtor}"],
            "purpose": "demand",
            "recorded": True,
            "opens_with": ["creditor", "organisation"],
        },
        "debtor": {"id": debtor, "timezones": ["Asia/Shanghai"]},
        "persons": [{"id": debtor, "roles": ["debtor"]}],
        "debts": [{"id": f"D-{debtor}", "kind": "online_consumer_loan", "due": "2026-10-05", "contract": {"signed_on": "2026-02-01"}}],
        "collector": {"kind": "creditor"},
        "history": {"complete_since": "2026-01-01"},
    }


def talk(number, at, debtor="P-1", address="N1"):
    return {
        "id": number,
        "kind": "call",
        "direction": "outbound",
        "outcome": "conversation",
        "person": debtor,
        "address": address,
        "counts_for": [f"D-{debtor}"],
        "at": stamp(at),
    }


@pytest.fixture
def service(store_url, tmp_path):
    found = Service(Store(store_url), key_file=tmp_path / "key")
    yield found
    found.close()


@pytest.fixture
def sqlite_service(tmp_path):
    found = Service(Store(f"sqlite:///{tmp_path / 'ledger.db'}"))
    yield found
    found.close()


def stored(service, debtor="P-1"):
    with service.store.engine.connect() as connection:
        return ledger.read(connection, debtor, {f"debtor:{debtor}"}, service.store.now(connection))


def reserve(service, start, **more):
    return service.check(case(**more), STRICT, span(start))


def test_the_third_open_contact_of_a_day_is_the_last(service):
    """Three conversations a day: three held calls, then `pending`; a cancelled one makes room, a result settles."""
    answers = [reserve(service, NOON + 600 * i) for i in range(4)]
    assert ["allow", "allow", "allow", "block"] == [a["outcome"] for a in answers]
    assert ("pending", None) == (answers[3]["cause"], answers[3]["reservation"])

    service.settle(answers[2]["reservation"], "cancelled", None, STRICT)
    assert "allow" == reserve(service, NOON + 3000)["outcome"]


def test_conversations_of_the_ledger_block_with_the_article_and_the_next_day(service):
    """At the cap the answer names the constraint, its article and the next lawful day."""
    service.append("P-1", [talk(f"E{i}", NOON - 600 * i - 60) for i in range(3)], STRICT)
    answer = reserve(service, NOON)
    finding = next(f for f in answer["verdict"]["findings"] if f["constraint"].endswith("conversations-over-daily-cap"))

    assert ("block", "finding", "§5") == (answer["outcome"], answer["cause"], finding["cites"][0]["at"])
    assert "2026-11-25T00:00:00+08:00" == finding["lawful_from"]
    assert "2026-11-25T08:00:00+08:00" == answer["verdict"]["lawful_from"]


def test_many_callers_at_once_never_exceed_the_cap(service):
    """Forty threads ask for the same debtor and moment: at most three contacts are held."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: reserve(service, NOON), range(40)))

    assert 3 == sum(a["reservation"] is not None for a in answers)
    assert {"allow", "block"} == {a["outcome"] for a in answers}


def test_attempts_at_one_number_count_over_debtors(service):
    """Six unanswered attempts a number and day, whoever the debtor is."""
    for i in range(6):
        attempt = {**talk(f"E{i}", NOON - 600 * (i + 1), f"P-{i}"), "outcome": "no_answer"}
        service.append(f"P-{i}", [attempt], STRICT)

    assert "block" == reserve(service, NOON, debtor="P-9")["outcome"]
    assert "allow" == reserve(service, NOON, debtor="P-9", address="N2")["outcome"]


def test_an_earlier_moment_is_held_only_while_the_later_ones_stand(service):
    """Windows look back: a contact before others is judged with them; the fourth of a day would make the last one too many."""
    for i in (2, 1, 0):
        assert "allow" == reserve(service, NOON + 600 * i)["outcome"]

    with pytest.raises(StoreError, match="later moment"):
        reserve(service, NOON - 600)
    assert 3 == len(stored(service).contacts)


def test_a_contact_before_one_of_another_debtor_at_the_same_number(service):
    """The later one, of another file, is judged again under its own keys: a free number is no reason to refuse, a full one is."""
    for i in range(4):
        late = {**talk(f"E{i}", NOON - 600 * (i + 1), "P-2"), "outcome": "no_answer"}
        service.append("P-2", [late], STRICT)
    assert "allow" == reserve(service, NOON + 600, debtor="P-2")["outcome"]
    assert "allow" == reserve(service, NOON, debtor="P-1")["outcome"]

    with pytest.raises(StoreError, match="later moment"):
        reserve(service, NOON + 60, debtor="P-3")


def test_a_window_that_ends_after_hours_is_not_allowed(service):
    """The verdict must stay allow throughout the window of start."""
    closing = when.parse_datetime("2026-11-24T22:00:00+08:00")

    assert "allow" == reserve(service, closing - 61)["outcome"]
    assert "block" == reserve(service, closing - 59, debtor="P-2")["outcome"]


def test_an_unresolved_reservation_keeps_counting(service):
    """A deadline that passed without word makes a contact unresolved; it is still counted."""
    past = int(time.time()) - 3600
    answer = service.check(case(at=past), Key("k", frozenset({"checker"}), "cn-consumer-finance-company", None, "enforce"), span(past))
    states = [e["state"] for e in stored(service).seen(past + 120)]

    assert (["unresolved"] if answer["reservation"] else []) == states


def test_events_are_accepted_once_and_conflicts_change_nothing(service):
    """The same event twice is one; another content under its id is refused and nothing is written."""
    first = talk("E1", NOON)
    assert {"accepted": 1, "known": 0} == service.append("P-1", [first], STRICT)
    assert {"accepted": 0, "known": 1} == service.append("P-1", [first], STRICT)
    with pytest.raises(StoreError, match="other content"):
        service.append("P-1", [talk("E2", NOON), {**first, "outcome": "no_answer"}], STRICT)
    assert ["E1"] == [e["id"] for e in stored(service).seen(NOON)]


def test_committing_twice_is_once_and_late_is_recorded(service):
    """A doubled commit changes nothing; one outside its window is recorded as such; a committed contact cannot be cancelled."""
    held = reserve(service, NOON)["reservation"]
    first, second = (service.settle(held, "committed", (NOON + 400) * 10**6, STRICT) for _ in range(2))

    assert (False, False) == (first["inside_window"], second["inside_window"])
    with pytest.raises(StoreError, match="committed already"):
        service.settle(held, "cancelled", None, STRICT)


def test_the_same_idempotency_key_gives_the_same_answer(service):
    """A retry is answered as before and holds nothing more; another request under the key is refused."""
    first, second = (service.check(case(), STRICT, span(NOON), "once") for _ in range(2))

    assert first == second
    with pytest.raises(StoreError, match="another request"):
        service.check(case(number="A-2"), STRICT, span(NOON), "once")


def test_a_changed_record_is_found(service):
    """Sealed records stand in the tree: any change of a body, an entry, its place or a checkpoint is found and named."""
    numbers = [service.check(case(number=f"A-{i}"), STRICT)["id"] for i in range(4)]
    assert 4 == records.seal(service.store, service.signer)["size"]
    assert records.seal(service.store, service.signer) is None
    changes = {
        "update bodies set body = replace(body, 'allow', 'block') where record = :n": "its body was changed",
        "update records set at = at + 1 where id = :n": "its entry was changed",
        "delete from records where id = :n": "",
    }
    for statement, said in changes.items():
        with service.store.engine.connect() as connection:
            assert "" == records.verify(connection)
            connection.execute(text(statement), {"n": numbers[2]})
            found = records.verify(connection)
            assert found
            assert said in found
            connection.rollback()
    with service.store.engine.connect() as connection:
        connection.execute(text("update checkpoints set root = :r"), {"r": "ab" * 32})
        assert "signature" in records.verify(connection)
        connection.rollback()


def test_a_lost_engine_blocks_is_said_and_comes_back(sqlite_service):
    """The child of durable-rules is killed: that check is a block with its cause and a second to wait, recorded; then both run again."""
    service = sqlite_service
    assert "allow" == reserve(service, NOON)["outcome"]
    engine = service.policies.folder(STRICT.profile).engine
    engine.durable.child.kill()
    lost = reserve(service, NOON + 60)
    time.sleep(1.2)
    again = reserve(service, NOON + 60)

    assert ("block", "engine_lost", 1, None) == (lost["outcome"], lost["cause"], lost["retry_after"], lost["reservation"])
    assert "engine_lost" == service.verdict(lost["id"])["verdict"]["cause"]
    assert ("allow", "compiled+durable") == (again["outcome"], again["verdict"]["versions"]["engine"])


def test_a_second_process_is_refused(sqlite_service):
    """One SQLite file has one serving process."""
    done = subprocess.run(
        [sys.executable, "-m", "fairdunning", "serve", "--store", sqlite_service.store.url.render_as_string()],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 2 == done.returncode
    assert "use its API" in done.stderr


def test_another_schema_version_is_refused(store_url):
    """A store of another version is a clear error, unchanged."""
    store = Store(store_url)
    with store.writing() as connection:
        connection.execute(text("update meta set value = '99'"))
    store.close()

    with pytest.raises(StoreError, match="schema version 99"):
        Store(store_url)


def test_import_keeps_the_rest_and_reports_rejected_lines(tmp_path):
    """Broken lines are named with file and line, the others are kept."""
    lines = [{"debtor": "P-1", "event": talk("E1", NOON)}, {"debtor": "P-1", "event": {"id": "E2", "kind": "cal", "at": "2026-11-24"}}]
    (tmp_path / "e.jsonl").write_text("\n".join([json.dumps(x) for x in lines] + ["{"]))
    result = CliRunner().invoke(main, ["events", "import", str(tmp_path / "e.jsonl"), "--store", f"sqlite:///{tmp_path / 'l.db'}"])

    assert 1 == result.exit_code
    assert "1 accepted, 0 known, 2 rejected" in result.output
    assert "e.jsonl:2" in result.output


# --- over HTTP, against a real server ----------------------------------------------------------------------------------


class Server:
    """A server process over one store."""

    def __init__(self, store, *more, env=None, log=os.devnull):
        self.store, self.more, self.env, self.log = store, more, env, log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        command = [sys.executable, "-m", "fairdunning", "serve", "--store", self.store, "--port", str(self.port), *self.more]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=self.env, stderr=log)
        while self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def stop(self):
        """Asks it to end, and says how it ended."""
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(60)

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A server with a key of a strict profile, and one that may do nothing."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('server') / 'ledger.db'}")
    made = Keys(store)
    keys = {"strict": made.new(["checker", "auditor"], STRICT.profile), "auditor": made.new(["auditor"], STRICT.profile)}
    store.close()
    server = Server(store.url.render_as_string())
    yield server, {name: {"authorization": f"Bearer {key}"} for name, key in keys.items()}
    server.kill()


def post(keyed, path, body, who="strict", **headers):
    server, keys = keyed
    return httpx.post(server.url + path, json=body, headers={**keys.get(who, {}), **headers}, timeout=30)


def window(start):
    return {"not_before": stamp(start), "not_after": stamp(start + 60)}


def test_a_dialler_reserves_commits_and_is_refused_at_the_cap_across_a_kill(keyed):
    """Reserve, commit, kill, restart, conversations arrive as results, refusal with the article; records still hold."""
    server, keys = keyed
    for i in range(3):
        held = post(keyed, "/v1/checks", {"case": case("P-7"), "reserve": window(NOON + 600 * i)}).json()
        assert "allow" == held["outcome"]
        began = post(keyed, f"/v1/reservations/{held['reservation']}:commit", {"at": stamp(NOON + 600 * i + 5)})
        assert began.json()["inside_window"]
        if i == 1:
            server.kill()
            server.start()
        result = {
            "id": f"R{i}",
            "kind": "amendment",
            "at": stamp(NOON + 600 * i + 300),
            "amends": {"id": held["reservation"]},
            "set": {"outcome": "conversation"},
        }
        assert 200 == post(keyed, "/v1/events", {"debtor": "P-7", "events": [result]}).status_code
    refused = post(keyed, "/v1/checks", {"case": case("P-7"), "reserve": window(NOON + 3000)}).json()

    assert ("block", "finding") == (refused["outcome"], refused["cause"])
    assert any(f["constraint"].endswith("conversations-over-daily-cap") for f in refused["verdict"]["findings"])
    recorded = httpx.get(f"{server.url}/v1/verdicts/{refused['id']}", headers=keys["strict"]).json()
    assert refused["receipt"] == recorded["receipt"]


@pytest.mark.parametrize(
    ("path", "body", "who", "status", "field"),
    [
        ("/v1/checks", {"case": {}}, "nobody", 401, ""),
        ("/v1/checks", {"case": {}}, "auditor", 403, ""),
        ("/v1/checks", {"case": {}}, "strict", 422, "action.at"),
        ("/v1/checks", {"case": {"action": {"kind": "call", "at": "2026-11-24T10:00:00"}}}, "strict", 422, "action.at"),
        ("/v1/checks", {"cas": {}}, "strict", 422, "cas"),
        ("/v1/checks", {"case": case(), "reserve": {"not_before": "soon", "not_after": "later"}}, "strict", 422, "reserve.not_before"),
        ("/v1/checks", {"case": case(), "reserve": {"not_before": stamp(NOON), "not_after": stamp(NOON + 601)}}, "strict", 422, "reserve"),
        ("/v1/reservations/R-0:cancel", {}, "strict", 404, ""),
        ("/v1/events", {"debtor": "", "events": []}, "strict", 422, "debtor"),
        ("/v1/events", {"debtor": "P", "events": [{"kind": "call", "at": "2026-11-24"}]}, "strict", 422, "events[0].id"),
        ("/v1/screenings", {"text": 5}, "strict", 422, "text"),
    ],
)
def test_errors_are_problems_that_name_the_field(keyed, path, body, who, status, field):
    """Each error is problem+json in both languages."""
    answer = post(keyed, path, body, who)

    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert not field or field in {e["field"] for e in answer.json()["errors"]}


def test_broken_bodies_are_refused(keyed):
    """Malformed, huge, deep and NaN bodies are errors, never a crash."""
    server, keys = keyed
    for content, status in ((b"{", 400), (b'{"case": NaN}', 400), (b"[" * 100_000, 400), (b"x" * (3 * 1024 * 1024), 413)):
        assert (
            status
            == httpx.post(server.url + "/v1/checks", content=content, headers={**keys["strict"], "content-type": "application/json"}).status_code
        )
    assert "ready" == httpx.get(server.url + "/readyz").json()["status"]


def test_windows_screenings_and_policies(keyed):
    """The other verbs answer."""
    server, keys = keyed
    assert "allow" in {w["outcome"] for w in post(keyed, "/v1/windows", {"case": case() | {"events": []}, "days": 2}).json()}
    assert post(keyed, "/v1/screenings", {"text": "再不还钱就打断你的腿"}).json()["improper"]
    assert STRICT.profile == httpx.get(server.url + "/v1/policies", headers=keys["strict"]).json()["profile"]
    assert "22:00" in str(httpx.get(server.url + "/v1/constraints/cn.collection-standards.hours", headers=keys["strict"]).json())
