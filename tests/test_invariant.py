"""Callers that die, double, come late and reorder: contacts begun inside allowed windows never exceed the cap of a day.

The check of the invariant reads the exported records and imports nothing of the product.
"""

import itertools
import json
import os
import random
import sqlite3
import threading
import time
from collections import Counter

import httpx
import pytest

from fairdunning.store.database import Store
from fairdunning.store.keys import Keys
from tests.test_service import NOON, STRICT, Server, case, stamp

DEBTORS, CALLERS, ROUNDS = 40, 6, 60


def posted(server, path, body, headers, tally):
    """Asks again until the server is back: the idempotency key makes a retry safe."""
    for _ in range(200):
        try:
            return httpx.post(server.url + path, json=body, headers=headers, timeout=10)
        except httpx.TransportError:
            tally["killed requests"] += 1
            time.sleep(0.1)
    raise RuntimeError("the server did not come back")


def caller(server, headers, seed, tally, clock):
    """One dialler: reserves for random debtors, commits late or twice, forgets, retries through a killed server."""
    rng = random.Random(seed)
    for turn in range(ROUNDS):
        start = NOON + 2 * next(clock) + rng.randrange(-2, 3)
        who = rng.randrange(DEBTORS)
        body = {
            "case": case(f"P-{who}", number=f"A-{seed}-{turn}", address=f"N-{who // 2}"),
            "reserve": {"not_before": stamp(start), "not_after": stamp(start + 20)},
        }
        answer = posted(server, "/v1/checks", body, {**headers, "idempotency-key": f"{seed}-{turn}"}, tally)
        if answer.status_code == 409:
            tally["refused as earlier"] += 1
            continue
        found = answer.json()
        tally[found["outcome"] + " " + found["cause"]] += 1
        if found["reservation"] is None or rng.random() < 0.2:
            tally["left unresolved"] += found["reservation"] is not None
            continue
        for _ in range(rng.choice([1, 1, 2])):
            posted(server, f"/v1/reservations/{found['reservation']}:commit", {"at": stamp(start + rng.choice([0, 5, 10, 20, 90]))}, headers, tally)
            tally["commits"] += 1


@pytest.mark.slow
def test_contacts_never_exceed_the_cap_of_a_day(tmp_path, capsys):
    """Six callers, forty debtors sharing twenty numbers, a server killed again and again: at most three contacts a debtor and day."""
    path = tmp_path / "ledger.db"
    store = Store(f"sqlite:///{path}")
    headers = {"authorization": "Bearer " + Keys(store).new(["checker"], STRICT.profile)}
    store.close()
    server, tally, clock = Server(f"sqlite:///{path}"), Counter(), itertools.count()
    threads = [threading.Thread(target=caller, args=(server, headers, seed, tally, clock)) for seed in range(CALLERS)]
    for thread in threads:
        thread.start()
    kills = 0
    while any(thread.is_alive() for thread in threads) and kills < 4:
        time.sleep(3)
        server.kill()
        server.start()
        kills += 1
    for thread in threads:
        thread.join()
    server.kill()

    rows = sqlite3.connect(path).execute("select debtor, not_before, not_after, state, at from contacts").fetchall()
    held = Counter(debtor for debtor, *_ in rows)
    begun = Counter(debtor for debtor, first, last, state, at in rows if state == "committed" and first <= at <= last)
    with capsys.disabled():
        print("\nkills", kills, dict(tally), "held", sum(held.values()), "begun inside", sum(begun.values()))
    assert max(held.values()) <= 3
    assert max(begun.values()) <= 3
    assert min(tally["commits"], tally["left unresolved"]) >= 10
    assert tally["killed requests"] > 0
    assert sum(count for word, count in tally.items() if word.startswith("block")) >= 100
    assert os.path.getsize(path) > 0
    assert all(json.loads(body) for (body,) in sqlite3.connect(path).execute("select body from bodies"))
