"""What a policy counts by is what a check locks and reads, over the files of all debtors; and the reads are indexed."""

import threading
from collections import Counter

import pytest
from sqlalchemy import event, text

from fairdunning import reach
from fairdunning.policy import load
from fairdunning.service import Service
from fairdunning.store import ledger
from fairdunning.store.database import Store
from fairdunning.store.keys import Key
from fairdunning.store.locks import Locks, Places
from tests.test_service import NOON, case, span, stamp, talk

HOUSE = Key("k", frozenset({"checker"}), "homes", None, "enforce")
CAPS = """zone: Asia/Shanghai
clock: authority
sources:
  board: {title: {en: Decision of the board, zh: 董事会决定}, body: our board, from: 2026-01-01}
constraints:
"""
CAP = """  {key}:
    title: {{en: Contacts by {key}, zh: 按 {key} 计}}
    message: {{en: "{{made}} contacts (cap {{cap}}).", zh: "已 {{made}} 次（上限 {{cap}} 次）。"}}
    why: {{en: Enough for a day., zh: 一日已足。}}
    force: prohibition
    confidence: text
    checked_on: 2026-01-01
    parameters: {{cap: {{type: count, stricter: lower}}}}
    measures: {{made: {{count: events, where: {{kind: call, direction: outbound}}, same: [{key}], this: day}}}}
    wrong_when: {{made: {{at_least: $cap}}}}
    values:
      2026-01-01: {{cap: 2, cite: "board decision 1"}}
"""


def folder(place, *keys):
    (place / "profiles").mkdir(parents=True)
    (place / "homes").mkdir()
    (place / "profiles" / "homes.yaml").write_text('title: {en: Homes, zh: 家庭}\nuse: ["homes.*"]\n')
    (place / "homes" / "caps.yaml").write_text(CAPS + "".join(CAP.format(key=key) for key in keys))
    return place


def in_home(debtor, home, debt=""):
    found = case(debtor, address=f"N-{debtor}")
    found["persons"][0]["household"] = home
    if debt:
        found["debts"][0]["id"], found["action"]["debts"] = debt, [debt]
    return found


def test_the_keys_are_derived_from_the_policy(policy, tmp_path):
    """Ids that mean the same in every file reach over all files; words that narrow do not."""
    found = load("homes", folder(tmp_path, "household", "creditor", "place", "session", "debt_group"))

    assert {"person", "address", "debt"} == reach.kinds_of(policy)
    assert {"household", "debt"} == reach.kinds_of(found)
    assert {"debtor:C", "household:H", "debt:D-C"} == reach.keys_of_case(in_home("C", "H"), reach.kinds_of(found))


@pytest.mark.parametrize("key", ["household", "debt"])
def test_a_cap_counts_over_the_files_of_all_debtors(store_url, tmp_path, key):
    """Of a household, or of a debt that several owe, two contacts are held, whoever they go to; another one's are free."""
    service = Service(Store(store_url), folder(tmp_path / "own", key), tmp_path / "key")
    held = [service.check(in_home(f"C{i}", "H1", "D1"), HOUSE, span(NOON + i)) for i in range(3)]
    other = service.check(in_home("C9", "H2", "D2"), HOUSE, span(NOON))
    service.close()

    assert ["allow", "allow", "block", "allow"] == [a["outcome"] for a in [*held, other]]


def test_many_debtors_of_one_household_at_once(store_url, tmp_path):
    """Sixteen callers, sixteen debtors, one household: the lock is the household's."""
    service = Service(Store(store_url), folder(tmp_path / "own", "household"), tmp_path / "key")
    answers, start = [], threading.Barrier(16)

    def call(i):
        start.wait()
        answers.append(service.check(in_home(f"C{i}", "H1"), HOUSE, span(NOON)))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service.close()

    assert Counter({"block": 14, "allow": 2}) == Counter(a["outcome"] for a in answers)


def test_an_event_without_debts_counts_for_none_of_another_file(store_url, tmp_path):
    """Whom it was about is not known from a number alone; the own file's events do count."""
    service = Service(Store(store_url), folder(tmp_path / "own", "debt", "address"), tmp_path / "key")
    for i in range(2):
        found = talk(f"E{i}", NOON - 60 * i - 60, "C1", "N-C2")
        service.append("C1", [{k: x for k, x in found.items() if k != "counts_for"}], HOUSE)
    answer = service.check(in_home("C2", "H"), HOUSE)
    service.close()

    assert {"homes.caps.address"} == {f["constraint"] for f in answer["verdict"]["findings"]}


def test_an_event_under_the_id_of_a_reservation_reconciles_it(store_url, tmp_path):
    """An import says what became of an unresolved contact: it is counted once, as what it was."""
    service = Service(Store(store_url), folder(tmp_path / "own", "person"), tmp_path / "key")
    held = service.check(in_home("C1", "H"), HOUSE, span(NOON))["reservation"]
    service.append("C1", [{**talk("x", NOON + 5, "C1"), "id": held, "outcome": "no_answer"}], HOUSE)
    with service.store.engine.connect() as connection:
        found = ledger.read(connection, "C1", {"debtor:C1"}, service.store.now(connection))
    service.close()

    assert [(held, "no_answer")] == [(e["id"], e["outcome"]) for e in found.seen(NOON + 60)]


def test_the_ledger_is_read_by_index_alone(store_url):
    """The plan of the query names no scan of a table, on a file; on PostgreSQL none is left once scans are dear."""
    store, said = Store(store_url), []
    with store.writing() as connection:
        for i in range(200):
            ledger.append(connection, f"C{i % 10}", {"id": f"E{i}", "kind": "call", "at": stamp(NOON + i), "person": f"P{i % 10}"})
    event.listen(store.engine, "before_cursor_execute", lambda c, cur, statement, parameters, *_: said.append((statement, parameters)))
    with store.engine.connect() as connection:
        ledger.read(connection, "C1", {"debtor:C1", "person:P1"}, 0)
        asked = list(said)
        if not store.is_file:
            connection.execute(text("set enable_seqscan = off"))
        plans = []
        for statement, parameters in asked:
            explain = "EXPLAIN QUERY PLAN " if store.is_file else "EXPLAIN "
            plans += [str(row) for row in connection.exec_driver_sql(explain + statement, parameters)]
    store.close()

    assert 2 == len(asked)
    assert any("event_keys" in p for p in plans)
    assert not any(word in p for p in plans for word in ("SCAN events", "SCAN contacts", "SCAN event_keys", "Seq Scan"))


def test_writers_commit_together(tmp_path):
    """Two hundred writes of sixteen threads: all there, in far fewer commits than writes."""
    store, commits = Store(f"sqlite:///{tmp_path / 'l.db'}"), []
    event.listen(store.engine, "after_cursor_execute", lambda c, cur, said, *_: commits.append(said) if said == "COMMIT" else None)

    def write(i):
        for turn in range(25):
            with store.writing((f"debtor:{i}",)) as connection:
                ledger.append(connection, f"C{i}", {"id": f"E{i}-{turn}", "kind": "call", "at": stamp(NOON)})

    threads = [threading.Thread(target=write, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.engine.connect() as connection:
        assert 400 == connection.scalar(text("select count(*) from events"))
    store.close()
    assert len(commits) < 300


def test_what_fails_in_a_group_takes_nobody_along(tmp_path):
    """One writer's error is its own: what the others of its group wrote is there."""
    store, failed = Store(f"sqlite:///{tmp_path / 'l.db'}"), []

    def write(i):
        try:
            with store.writing() as connection:
                ledger.append(connection, "C", {"id": f"E{i}", "kind": "call", "at": stamp(NOON)})
                _ = 1 // ((i + 1) % 2)
        except ZeroDivisionError:
            failed.append(i)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.engine.connect() as connection:
        found = set(connection.scalars(text("select id from events")))
    store.close()

    assert 10 == len(failed)
    assert {f"E{i}" for i in range(0, 20, 2)} == found


def test_who_asks_for_a_shared_name_alone_is_not_passed_by():
    """Those who come later to share a name wait for who wants it alone; all end."""
    locks, order, inside = Locks(Places(3)), [], threading.Event()

    def share():
        with locks.together("p"):
            inside.set()
            asked.wait(5)
            order.append("first")

    def alone():
        with locks.alone(["p", "q"]):
            order.append("alone")

    def late():
        with locks.together("p"):
            order.append("late")

    asked = threading.Event()
    first = threading.Thread(target=share)
    first.start()
    inside.wait(5)
    second, third = threading.Thread(target=alone), threading.Thread(target=late)
    second.start()
    while not locks._asked["p"]:
        pass
    third.start()
    asked.set()
    for thread in (first, second, third):
        thread.join(5)

    assert ["first", "alone", "late"] == order


OWN = """  own:
    title: {en: Contacts of the own file, zh: 本卷宗联系}
    message: {en: "{made} contacts (cap {cap}).", zh: "已 {made} 次（上限 {cap} 次）。"}
    why: {en: Enough for a day., zh: 一日已足。}
    force: prohibition
    confidence: text
    checked_on: 2026-01-01
    parameters: {cap: {type: count, stricter: lower}}
    measures: {made: {count: events, where: {kind: call, direction: outbound}, this: day}}
    wrong_when: {made: {at_least: $cap}}
    values:
      2026-01-01: {cap: 2, cite: "board decision 1"}
"""


def test_what_happened_in_another_file_fills_no_cap_of_the_own_one(store_url, tmp_path):
    """Two debtors share a home: the cap by household counts both, the cap without a key only the debtor's own calls."""
    place = folder(tmp_path, "household")
    rules = place / "homes" / "caps.yaml"
    rules.write_text(rules.read_text().replace("cap: 2,", "cap: 3,") + OWN)
    service = Service(Store(store_url), place, tmp_path / "key")
    for debtor in ("C1", "C1", "C2"):
        assert service.check(in_home(debtor, "H"), HOUSE, span(NOON))["outcome"] == "allow"
    found = service.check(in_home("C2", "H"), HOUSE, span(NOON))
    service.close()

    assert {"homes.caps.household"} == {f["constraint"] for f in found["verdict"]["findings"]}


def test_an_event_cannot_leave_its_own_file(store_url, tmp_path):
    """What an event says of its file does not count, nor does an amendment in another file: three calls of the own file stay three."""
    service = Service(Store(store_url), folder(tmp_path / "own", "address"), tmp_path / "key")
    for i in range(3):
        service.append("C1", [{**talk(f"E{i}", NOON - 60 * i - 60, "C1", "N-C1"), "debtor": "ELSE"}], HOUSE)
    away = {"id": "M", "kind": "amendment", "at": stamp(NOON - 10), "address": "N-C1", "amends": {"kind": "call"}, "set": {"address": "N-0"}}
    service.append("C2", [away], HOUSE)
    answer = service.check(in_home("C1", "H"), HOUSE)
    service.close()

    assert "block" == answer["outcome"]
