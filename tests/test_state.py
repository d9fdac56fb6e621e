"""Reviews, evidence, policies in force, replay, erasure, imports and the client, on both stores where the store matters."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import openpyxl
import psycopg
import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from fairdunning import evidence, proof
from fairdunning.cli import main
from fairdunning.client import Client
from fairdunning.errors import LoadError, StoreError
from fairdunning.service import Service
from fairdunning.store import records
from fairdunning.store.database import Store
from fairdunning.store.keys import Key
from fairdunning.store.locks import Places
from fairdunning.store.schema import metadata
from tests.test_service import NOON, Server, case, span, talk

CHECKER = Key("planner", frozenset({"checker"}), "cn-consumer-finance-company", None, "enforce")
REVIEWER = Key("reviewer", frozenset({"reviewer"}), "cn-consumer-finance-company", None, "enforce")


@pytest.fixture
def service(store_url, tmp_path):
    found = Service(Store(store_url), key_file=tmp_path / "key")
    yield found
    found.close()


def flagged(service, number="A-1"):
    """Three conversations today: the profile that is not strict flags the fourth."""
    service.append("P-1", [talk(f"E{i}", NOON - 600 * i - 60) for i in range(3)], CHECKER)
    return service.check(case(number=number), CHECKER, span(NOON))


# --- reviews -----------------------------------------------------------------------------------------------------------


def test_a_release_is_honoured_by_the_next_check_and_by_no_other_action(service):
    """Flag, claim, release: the same action is then allowed and held; another action of the debtor is not."""
    first = flagged(service)
    assert ("flag", None) == (first["outcome"], first["reservation"])
    assert first["review"] == flagged(service)["review"]
    service.desk.claim(first["review"], REVIEWER)
    service.desk.decide(first["review"], REVIEWER, "release", "the debtor asked to be called back", int(time.time()) + 3600)
    again = service.check(case(), CHECKER, span(NOON))

    assert ("allow", True) == (again["outcome"], again["reservation"] is not None)
    assert "flag" == flagged(service, "A-2")["outcome"]
    assert service.replay(again["id"])["same"]


def test_a_release_ends(service):
    """After its end the action is flagged again, and the review that opens is a new one."""
    first = flagged(service)
    service.desk.claim(first["review"], REVIEWER)
    service.desk.decide(first["review"], REVIEWER, "release", "asked", int(time.time()) + 2)
    assert "allow" == service.check(case(), CHECKER)["outcome"]
    time.sleep(3)
    again = service.check(case(), CHECKER)

    assert "flag" == again["outcome"]
    assert again["review"] not in {None, first["review"]}


def test_a_key_that_observes_is_told_and_binds_nobody(service):
    """The true outcome, recorded; nothing is held and no review opens."""
    observer = replace(CHECKER, mode="observe")
    allowed = service.check(case("P-8", address="N8"), observer, span(NOON))
    service.append("P-1", [talk(f"E{i}", NOON - 600 * i - 60) for i in range(3)], CHECKER)
    flag = service.check(case(), observer, span(NOON))

    assert [("allow", False, None, None), ("flag", False, None, None)] == [
        (a["outcome"], a["enforced"], a["reservation"], a["review"]) for a in (allowed, flag)]
    assert service.verdict(flag["id"])["receipt"] == flag["receipt"]


def test_a_block_is_not_released(service):
    """A release lifts the named flags only; a blocking finding stands."""
    first = flagged(service)
    service.desk.claim(first["review"], REVIEWER)
    service.desk.decide(first["review"], REVIEWER, "release", "asked", int(time.time()) + 3600)
    again = service.check({**case(), "debts": [{**case()["debts"][0], "due": "2027-01-01"}]}, CHECKER, span(NOON))

    assert "block" == again["outcome"]
    assert again["review"] is None


def test_four_eyes_reasons_and_ends(service):
    """The planner, the planner's agency, a decision without claim, reason or end: all refused, and nothing changes."""
    number = flagged(service)["review"]
    later = int(time.time()) + 60
    for key in (CHECKER, replace(REVIEWER, id="planner")):
        with pytest.raises(StoreError, match="cannot review"):
            service.desk.claim(number, key)
    with pytest.raises(StoreError, match="claim the review"):
        service.desk.decide(number, REVIEWER, "uphold", "no", None)
    service.desk.claim(number, REVIEWER)
    for decision, reason, until, said in (("release", "x", None, "30 days"), ("release", "x", later + 40 * 86400, "30 days"),
                                          ("uphold", " ", None, "reason"), ("wave", "x", later, "release")):
        with pytest.raises(StoreError, match=said):
            service.desk.decide(number, REVIEWER, decision, reason, until)
    assert "claimed" == service.desk.show(number)["state"]
    service.desk.decide(number, REVIEWER, "uphold", "three are enough", None)
    with pytest.raises(StoreError, match="claim"):
        service.desk.decide(number, REVIEWER, "release", "again", later)
    assert "flag" == service.check(case(), CHECKER, span(NOON))["outcome"]


def test_an_agency_does_not_review_its_own_plans(service):
    """Two keys of one agency are one pair of eyes."""
    agency = replace(CHECKER, collector="G1")
    service.append("P-1", [talk(f"E{i}", NOON - 600 * i - 60) for i in range(3)], agency)
    number = service.check(case(), agency, span(NOON))["review"]
    with pytest.raises(StoreError, match="cannot review"):
        service.desk.claim(number, replace(REVIEWER, collector="G1"))
    assert "claimed" == service.desk.claim(number, replace(REVIEWER, collector="G2"))["state"]


def test_of_many_who_claim_one_gets_it(service):
    """Sixteen reviewers at once."""
    number = flagged(service)["review"]

    def claim(i):
        try:
            return service.desk.claim(number, replace(REVIEWER, id=f"r{i}"))["claimed_by"]
        except StoreError:
            return None

    with ThreadPoolExecutor(8) as pool:
        got = [g for g in pool.map(claim, range(16)) if g]
    assert 1 == len(got)
    assert [got[0]] == [r["claimed_by"] for r in service.desk.listed(None, 10)]


# --- policies in force, replay, shadow ---------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path):
    folder = tmp_path / "house"
    assert 0 == CliRunner().invoke(main, ["init", str(folder)]).exit_code
    return folder


def test_a_published_policy_runs_at_once_and_the_past_replays_under_its_own(service, house):
    """One conversation more a day is refused after the publication; the verdict before it still gives the same body."""
    house_key = replace(CHECKER, profile="house")
    service.policies.publish("house", house, "ann")
    service.append("P-1", [talk(f"E{i}", NOON - 600 * i - 60) for i in range(2)], house_key)
    before = service.check(case(), house_key)
    policy = house / "house" / "rules.yaml"
    policy = policy if policy.exists() else next(p for p in house.rglob("*.yaml") if "constraints:" in p.read_text())
    policy.write_text(policy.read_text().replace("cap: 2", "cap: 1"))
    cases = next(house.rglob("*.cases.yaml"))
    cases.write_text(cases.read_text().replace("expect: silent", "expect: wrong"))
    second = service.policies.publish("house", house, "bob")
    after = service.check(case(), house_key)

    assert before["verdict"]["policy"]["digest"] != after["verdict"]["policy"]["digest"] == second["digest"] == service.policies.digests()["house"]
    assert "flag" == before["outcome"] == after["outcome"]
    assert service.replay(before["id"])["same"]
    assert service.replay(after["id"])["same"]


def test_what_fails_its_cases_never_replaces_what_runs(service, house):
    """The failing case is named with file and line, and the digest in force stays."""
    first = service.policies.publish("house", house, "ann")["digest"]
    cases = next(house.rglob("*.cases.yaml"))
    cases.write_text(cases.read_text().replace("expect: silent", "expect: wrong"))
    with pytest.raises(LoadError) as raised:
        service.policies.publish("house", house, "bob")

    assert any(p.line > 0 and "expected wrong" in p.text.en for p in raised.value.problems)
    assert first == service.policies.digests()["house"]


def test_two_processes_never_answer_under_two_digests_after_a_publication(postgres, house, tmp_path):
    """Two servers on one PostgreSQL under load: what is asked after `publish` has returned is answered under the new digest."""
    url, signing = postgres(), ("--signing-key", str(tmp_path / "key"))
    one = Service(Store(url), key_file=tmp_path / "key")
    first = one.policies.publish("house", house, "ann")["digest"]
    asking, publishing = one.keys.new(["checker"], "house"), one.keys.new(["policy_editor"], "house")
    one.close()
    servers = [Server(url, *signing) for _ in range(2)]
    files = {p.relative_to(house).as_posix(): p.read_text() for p in house.rglob("*.yaml")}
    rules = next(name for name, found in files.items() if "constraints:" in found)
    files[rules] = files[rules].replace("cap: 2", "cap: 1")
    cases = next(name for name in files if name.endswith(".cases.yaml"))
    files[cases] = files[cases].replace("expect: silent", "expect: wrong")
    answers, over = [], threading.Event()

    def ask(i):
        with Client(servers[i % 2].url, asking, timeout=60) as client:
            while not over.is_set():
                asked = time.monotonic()
                answers.append((asked, client.check(case(f"P-{i}"))["verdict"]["policy"]["digest"]))

    try:
        with ThreadPoolExecutor(4) as pool, Client(servers[0].url, publishing, timeout=120) as editor:
            jobs = [pool.submit(ask, i) for i in range(4)]
            while len(answers) < 10:
                time.sleep(0.05)
            second = editor.publish("house", files)["digest"]
            published, before = time.monotonic(), len(answers)
            while len(answers) < before + 20:
                time.sleep(0.05)
            over.set()
            _ = [j.result() for j in jobs]
    finally:
        over.set()
        for server in servers:
            server.kill()
    assert {second} == {digest for asked, digest in answers if asked > published}
    assert {first, second} == {digest for _, digest in answers}


def test_a_shadow_profile_is_recorded_and_binds_nobody(service):
    """A stricter profile would have blocked; the answer stays a flag."""
    service.append("P-1", [talk(f"E{i}", NOON - 600 * i - 60) for i in range(3)], CHECKER)
    found = service.check(case(), replace(CHECKER, shadow="cn-consumer-finance-company-strict"))

    assert "flag" == found["outcome"]
    assert "block" == service.verdict(found["id"])["shadow"]["outcome"]


# --- evidence and erasure ----------------------------------------------------------------------------------------------


def sealed(service):
    while records.seal(service.store, service.signer):
        pass


def pack(service, folder, **select):
    with service.store.engine.connect() as connection:
        return evidence.export(connection, folder, **select)


def verified(folder, *arguments):
    return subprocess.run([sys.executable, "-I", str(folder / "verify.py"), str(folder), *arguments], capture_output=True, text=True, check=False)


def broken(folder, key):
    """What the verifier of the pack finds, in this process: thousands of runs would take long in their own."""
    try:
        proof.verify(folder, key)
    except proof.Broken as found:
        return str(found)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError) as found:
        return f"{type(found).__name__}: {found}"
    return ""


def test_an_evidence_pack_verifies_alone_and_every_changed_byte_is_found(service, tmp_path):
    """The verifier runs isolated; a byte flipped in any file of the pack is found and placed."""
    for i in range(5):
        service.check(case(number=f"A-{i}"), CHECKER)
        sealed(service)
    folder = tmp_path / "pack"
    pack(service, folder, debtor="P-1")
    good = verified(folder, service.signer.public)
    assert (0, True) == (good.returncode, "records hold in 5 checkpoints" in good.stdout), good.stdout + good.stderr

    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        for place in {*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 1}:
            changed = bytearray(whole)
            changed[place] ^= 1
            path.write_bytes(bytes(changed))
            said = broken(folder, service.signer.public)
            assert said, (path, place, bytes(whole[max(0, place - 20) : place + 20]))
        path.write_bytes(whole)
    changed = folder / "records.jsonl"
    changed.write_text(changed.read_text().replace("A-3", "A-9"))
    bad = verified(folder, service.signer.public)
    assert (1, True) == (bad.returncode, "BROKEN: record V-" in bad.stdout)
    assert 1 == verified(folder, "00" * 32).returncode


def test_erasure_waits_for_the_term_and_leaves_the_tree_whole(service, tmp_path):
    """Inside the retention term it refuses; after it bodies are gone, proofs hold, the past is unknown and the verdict says erased."""
    service.append("P-1", [talk(f"E{i}", NOON - 600 * i - 60) for i in range(3)], CHECKER)
    first = service.check(case(), CHECKER, None, "once")
    service.check(case("P-1", number="A-9", at=NOON - 90_000), CHECKER, span(NOON - 90_000))
    sealed(service)
    with pytest.raises(StoreError, match="must still be kept"), service.store.writing() as connection:
        records.erase(connection, "P-1", int(time.time()) - 5 * 365 * 86400)
    with service.store.writing() as connection:
        assert 3 == records.erase(connection, "P-1", int(time.time()) + 10)
    with service.store.engine.connect() as connection:
        assert "" == records.verify(connection)

    assert service.verdict(first["id"])["erased"]
    assert service.replay(first["id"])["erased"]
    with service.store.engine.connect() as connection:
        left = [str(row) for table in metadata.sorted_tables for row in connection.execute(table.select()) if table.name != "policies"]
    assert [] == [row for row in left if "D-P-1" in row or "debtor:P-1" in row]
    assert 3 == pack(service, tmp_path / "pack")
    assert 0 == verified(tmp_path / "pack").returncode
    after = service.check(case(), CHECKER)["verdict"]
    assert "flag" == after["outcome"]
    assert any("history" in f or "events" in f for u in after["unknown"] for f in u["facts"])


# --- imports -----------------------------------------------------------------------------------------------------------

ROWS = [
    {"客户号": "P-1", "流水": "X1", "时间": "2026-11-24 09:00:00", "结果": "接通", "号码": "N1"},
    {"客户号": "P-1", "流水": "X2", "时间": "2026-11-24 09:30:00", "结果": "未接", "号码": "N1"},
    {"客户号": "P-1", "流水": "X3", "时间": "someday", "结果": "未接", "号码": "N1"},
    {"客户号": "P-1", "流水": "X4", "时间": "2026-11-24 09:40:00", "结果": "别的", "号码": "N1"},
]
MAPPING = """columns: {debtor: 客户号, id: 流水, at: 时间, outcome: 结果, address: 号码}
constants: {kind: call, direction: outbound, person: P1}
words: {outcome: {接通: conversation, 未接: no_answer}}
zone: Asia/Shanghai
"""


def written(folder, kind):
    path = folder / f"log.{kind}"
    if kind == "csv":
        path.write_text("\n".join([",".join(ROWS[0]), *(",".join(r.values()) for r in ROWS)]), encoding="utf-8-sig")
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in ROWS))
    elif kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    else:
        book = openpyxl.Workbook()
        for row in ([*ROWS[0]], *([*r.values()] for r in ROWS)):
            book.active.append(row)
        book.save(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "xlsx"])
def test_each_kind_of_file_is_imported_by_a_mapping(tmp_path, kind):
    """Good rows are kept under our names and zone, bad ones named with their line; twice is once."""
    (tmp_path / "map.yaml").write_text(MAPPING)
    store = f"sqlite:///{tmp_path / 'l.db'}"
    command = ["events", "import", str(written(tmp_path, kind)), "--mapping", str(tmp_path / "map.yaml"), "--store", store]
    first, second = (CliRunner().invoke(main, command) for _ in range(2))

    assert "2 accepted, 0 known, 2 rejected" in first.output, first.output
    assert "0 accepted, 2 known, 2 rejected" in second.output
    assert "no word for `别的`" in first.output
    service = Service(Store(store))
    found = service.check(case(at=NOON), CHECKER)
    service.close()
    assert "allow" == found["outcome"]


def test_a_mapping_without_what_an_event_needs_is_an_error(tmp_path):
    """The mapping's file, line and missing names are said, and nothing is imported."""
    (tmp_path / "map.yaml").write_text("columns: {debtor: a}\nzone: Mars/Olympus\ncolums: {}\n")
    done = CliRunner().invoke(main, ["events", "import", str(written(tmp_path, "csv")), "--mapping", str(tmp_path / "map.yaml"),
                                     "--store", f"sqlite:///{tmp_path / 'l.db'}"])

    assert 2 == done.exit_code
    for said in ("`id` comes from no column", "unknown time zone", "did you mean `columns`"):
        assert said in done.output


# --- places to work in ---------------------------------------------------------------------------------------------------


def test_checks_that_wait_for_a_key_hold_no_others_up(service):
    """More checks than there are places wait for one debtor; another debtor's is answered meanwhile, then all are."""
    with ThreadPoolExecutor(6) as pool:
        with service.store.turn(("debtor:P-1",)):
            waiting = [pool.submit(service.check, case(number=f"A-{i}"), CHECKER) for i in range(5)]
            other = pool.submit(service.check, case("P-2", address="N-2"), CHECKER).result(60)
            ended = [w.done() for w in waiting]
        answers = [w.result(60)["outcome"] for w in waiting]

    assert "allow" == other["outcome"]
    assert [False] * 5 == ended
    assert ["allow"] * 5 == answers


def test_without_a_place_a_check_is_a_block(service, monkeypatch):
    """A queue that does not move ends in an answer."""
    monkeypatch.setattr(Places, "PATIENCE", 0.1)
    with ThreadPoolExecutor(4) as pool, ExitStack() as taken:
        busy = threading.Event()
        for _ in range(3):
            pool.submit(_sit, service.store.places, busy)
        while service.store.places._free:
            time.sleep(0.01)
        taken.callback(busy.set)
        answer = pool.submit(service.check, case(), CHECKER).result(60)

    assert ("block", "not_recorded") == (answer["outcome"], answer["cause"])
    assert "allow" == service.check(case(), CHECKER)["outcome"]


def _sit(places, busy):
    with places.taken():
        busy.wait(60)


def test_who_stepped_aside_comes_back_before_those_who_have_not_begun():
    """One place: who waited for a key goes on as soon as it is free, whoever else stands there; in the end it is free again."""
    places, order, aside, seated, free = Places(1), [], threading.Event(), threading.Event(), threading.Event()

    def first():
        with places.taken():
            with places.aside():
                aside.set()
                seated.wait(5)
            order.append("first")

    def second():
        aside.wait(5)
        with places.taken():
            seated.set()
            free.wait(5)

    def third():
        with places.taken():
            order.append("third")

    threads = [threading.Thread(target=work) for work in (first, second, third)]
    for thread in threads[:2]:
        thread.start()
    seated.wait(5)
    threads[2].start()
    while not places._returning:
        time.sleep(0.01)
    free.set()
    for thread in threads:
        thread.join(5)

    assert ["first", "third"] == order
    assert (1, 0) == (places._free, places._returning)


def test_a_database_that_hung_up_is_connected_again_however_many_files_are_open(postgres, tmp_path):
    """Idle connections that the server ended are replaced unseen; a socket's number may be above 1024."""
    url = postgres()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    service = Service(Store(url), key_file=tmp_path / "key")
    service.check(case(), CHECKER)
    with psycopg.connect(url, autocommit=True) as admin:
        ended = admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                              "and pid <> pg_backend_pid()").fetchall()
    answers = [service.check(case(), CHECKER)["outcome"]]
    service.store.engine.dispose()
    with ExitStack() as files:
        for _ in range(1100):
            files.enter_context(open(os.devnull))
        answers += [service.check(case(), CHECKER)["outcome"] for _ in range(2)]
        number = service.store.engine.raw_connection().driver_connection.fileno()
    service.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (True,) in ended
    assert ["allow"] * 3 == answers
    assert number > 1024


def test_a_glance_leaves_no_connection_that_writes_without_a_transaction(postgres):
    """What is taken back after a glance is taken back."""
    store = Store(postgres())
    with store.glance() as connection:
        connection.exec_driver_sql("select 1")

    def broken_off():
        with store.writing() as connection:
            connection.exec_driver_sql("insert into meta values ('left', 'behind')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    with store.glance() as connection:
        found = connection.exec_driver_sql("select count(*) from meta where key = 'left'").scalar()
    store.close()

    assert 0 == found
