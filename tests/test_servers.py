"""Two servers over one PostgreSQL: one cap, one queue, sealed records, batches, the reviewer's terminal, rates."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from click.testing import CliRunner

from fairdunning import when
from fairdunning.cli import main
from fairdunning.client import ApiError, Client
from fairdunning.store.database import Store
from fairdunning.store.keys import Keys
from tests.test_service import NOON, Server, case, stamp, talk


@pytest.fixture(scope="module")
def served(postgres, tmp_path_factory):
    """Two servers over one PostgreSQL."""
    url, key_file = postgres(), str(tmp_path_factory.mktemp("keys") / "key")
    store = Store(url)
    made = Keys(store)
    keys = {name: made.new([*roles], "cn-consumer-finance-company") for name, roles in
            (("planner", ("checker",)), ("reviewer", ("reviewer",)), ("auditor", ("auditor",)), ("editor", ("policy_editor",)))}
    store.close()
    servers = [Server(url, "--signing-key", key_file) for _ in range(2)]
    yield servers, keys
    for server in servers:
        server.kill()


def test_two_servers_share_one_cap_and_one_queue(served):
    """Forty callers over two processes: at most three held; a flag of one process is reviewed through the other."""
    servers, keys = served

    def ask(i):
        with Client(servers[i % 2].url, keys["planner"]) as client:
            return client.check(case("Q-1", number=f"A-{i}", address="NQ"), (stamp(NOON), stamp(NOON + 60)))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert 3 == sum(a["reservation"] is not None for a in answers)

    with Client(servers[0].url, keys["planner"]) as planner, Client(servers[1].url, keys["reviewer"]) as reviewer:
        planner.events("Q-2", [talk(f"Q{i}", NOON - 600 * i - 60, "Q-2", "NR") for i in range(3)])
        flag = planner.check(case("Q-2", address="NR"), (stamp(NOON), stamp(NOON + 60)))
        assert flag["review"] in {r["id"] for r in reviewer.reviews("open")}
        with pytest.raises(ApiError) as refused:
            planner.claim(flag["review"])
        assert 403 == refused.value.status
        reviewer.claim(flag["review"])
        until = when.zone("UTC").format(int(time.time()) + 600)
        reviewer.decide(flag["review"], "release", "asked for a call", until)
        assert "allow" == planner.check(case("Q-2", address="NR"), (stamp(NOON), stamp(NOON + 60)))["outcome"]


def test_records_are_sealed_within_seconds_and_metrics_say_so(served):
    """Readiness, metrics and the sealed verdict."""
    servers, keys = served
    with Client(servers[0].url, keys["planner"]) as client:
        number = client.check(case("M-1", address="NM"))["id"]
    for _ in range(40):
        ready = httpx.get(servers[1].url + "/readyz").json()
        if ready["unsealed"] == 0:
            break
        time.sleep(0.1)
    with Client(servers[1].url, keys["auditor"]) as auditor:
        assert auditor.verdict(number)["sealed"]
        assert auditor.replay(number)["same"]
    metrics = httpx.get(servers[0].url + "/metrics").text
    for name in ("fairdunning_check_seconds_bucket", 'fairdunning_checks_total{cause="none",outcome="allow"}', "fairdunning_unsealed_records"):
        assert name in metrics


def test_a_batch_streams_an_answer_for_each_line(served):
    """Good lines, a line that is no JSON, an unknown field and a case that cannot be read: each has its answer in order."""
    servers, keys = served
    bodies = [{"case": case("B-1", address="NB")}, None, {"cas": 1}, {"case": {}}, {"case": case("B-2", address="NC")}]
    lines = ["{" if body is None else json.dumps(body) for body in bodies]
    held = {"authorization": f"Bearer {keys['planner']}"}
    answer = httpx.post(servers[0].url + "/v1/checks:batch", content="\n".join(lines).encode(), headers=held)
    found = [json.loads(line) for line in answer.text.splitlines()]

    assert [1, 2, 3, 4, 5] == [f["line"] for f in found]
    assert ["allow", None, None, None, "allow"] == [f["outcome"] for f in found]


def test_a_reviewer_clears_the_queue_from_the_terminal(served):
    """list, show, claim, decide."""
    servers, keys = served
    with Client(servers[0].url, keys["planner"]) as planner:
        planner.events("T-1", [talk(f"T{i}", NOON - 600 * i - 60, "T-1", "NT") for i in range(3)])
        number = planner.check(case("T-1", address="NT"), (stamp(NOON), stamp(NOON + 60)))["review"]
    place = ["--url", servers[1].url, "--key", keys["reviewer"]]
    outputs = [CliRunner().invoke(main, ["review", *command, *place]) for command in
               (["list", "--state", "open"], ["show", number, "--lang", "zh"], ["claim", number], ["decide", number, "uphold", "--reason", "够了"])]

    assert [0, 0, 0, 0] == [o.exit_code for o in outputs], [o.output for o in outputs]
    assert number in outputs[0].output
    for said in ("conversations-over-daily-cap", "§5", "conversation", "T-1"):
        assert said in outputs[1].output
    assert "uphold" in outputs[3].output


def test_too_many_requests_wait(postgres, tmp_path):
    """A key that asks faster than its rate gets 429 with the seconds to wait; the client waits and succeeds."""
    server = Server(postgres(), "--signing-key", str(tmp_path / "key"), "--rate", "2")
    try:
        codes = [httpx.post(server.url + "/v1/screenings", json={"text": "您好"}).status_code for _ in range(12)]
        assert 429 in codes
        with Client(server.url) as client:
            assert "allow" == client.check(case("R-1"))["outcome"]
    finally:
        server.kill()
