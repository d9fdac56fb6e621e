"""Callers that die, double, come late and reorder: contacts begun inside allowed windows never exceed the caps of a day.

Sixteen processes ask servers that are killed again and again, on each store; their clocks are wrong by up to two seconds. The check
of the invariant reads the store's own tables and imports nothing of the product.
"""

import json
import multiprocessing
import random
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from fairdunning.store.database import Store, url_of
from fairdunning.store.keys import Keys
from tests.test_service import NOON, STRICT, Server, case, stamp

CALLERS, ROUNDS, DEBTORS, NUMBERS, KILLS = 16, 60, 120, 40, 6
TALKS_A_DAY, MIDNIGHT = 3, NOON + 12 * 3600


def posted(url, path, body, headers, tally):
    """Asks again until a server is back: the idempotency key makes a retry safe."""
    for _ in range(400):
        try:
            answer = httpx.post(url + path, json=body, headers=headers, timeout=20)
            if answer.status_code < 500:
                return answer
        except httpx.TransportError:
            tally["killed requests"] += 1
        time.sleep(0.1)
    raise RuntimeError("the server did not come back")


def caller(urls, key, seed, folder):
    """One dialler: reserves near noon or near the window's end of the day, commits late, twice or never."""
    rng, tally = random.Random(seed), Counter()
    skew = rng.randrange(-2, 3)
    for turn in range(ROUNDS):
        who, url = rng.randrange(DEBTORS), urls[(seed + turn) % len(urls)]
        start = (NOON if rng.random() < 0.5 else MIDNIGHT - 2 * 3600 - 200) + 3 * turn + rng.randrange(-2, 3) + skew
        planned = case(f"P-{who}", number=f"A-{seed}-{turn}", address=f"N-{who % NUMBERS}")
        body = {"case": planned, "reserve": {"not_before": stamp(start), "not_after": stamp(start + rng.choice([0, 1, 20]))}}
        headers = {"authorization": f"Bearer {key}", "idempotency-key": f"{seed}-{turn}"}
        answer = posted(url, "/v1/checks", body, headers, tally)
        if answer.status_code == 409:
            tally["refused as earlier"] += 1
            continue
        found = answer.json()
        tally[f"{found['outcome']} {found['cause']}"] += 1
        if found["reservation"] is None or rng.random() < 0.3:
            tally["left unresolved"] += found["reservation"] is not None
            continue
        for again in range(rng.choice([1, 2])):
            late = rng.choice([0, 0, 90])
            posted(url, f"/v1/reservations/{found['reservation']}:commit", {"at": stamp(start + late)}, headers, tally)
            tally["doubled commits" if again else "commits"] += 1
            tally["late commits"] += late > 0 and not again
    Path(folder, f"{seed}.json").write_text(json.dumps(tally))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_contacts_never_exceed_the_cap_of_a_day(kind, postgres, tmp_path, capsys):
    """At most three contacts a debtor and day are held or begun, whatever dies, doubles, is late or reordered."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}" if kind == "sqlite" else postgres()
    store = Store(url)
    key = Keys(store).new(["checker"], STRICT.profile)
    store.close()
    servers = [Server(url, "--signing-key", str(tmp_path / "key"), "--rate", "100000") for _ in range(1 if kind == "sqlite" else 2)]
    urls = [s.url for s in servers]
    context = multiprocessing.get_context("spawn")
    callers = [context.Process(target=caller, args=(urls, key, seed, str(tmp_path))) for seed in range(CALLERS)]
    for process in callers:
        process.start()
    kills = 0
    while any(p.is_alive() for p in callers) and kills < KILLS:
        time.sleep(5)
        servers[kills % len(servers)].kill()
        servers[kills % len(servers)].start()
        kills += 1
    for process in callers:
        process.join()
    for server in servers:
        server.kill()

    tally = Counter()
    for path in tmp_path.glob("[0-9]*.json"):
        tally.update(json.loads(path.read_text()))
    with create_engine(url_of(url)).connect() as connection:
        rows = connection.execute(text("select debtor, not_before, not_after, state, at, body from contacts")).all()
        bodies = connection.scalars(text("select body from bodies")).all()
    held = Counter(r.debtor for r in rows if r.state in {"reserved", "committed"})
    begun = Counter(r.debtor for r in rows if r.state == "committed" and r.not_before <= r.at <= r.not_after)
    with capsys.disabled():
        print("\n", kind, "kills", kills, dict(tally), "held", sum(held.values()), "begun inside", sum(begun.values()))
    assert CALLERS == len(list(tmp_path.glob("[0-9]*.json")))
    assert max(held.values()) <= TALKS_A_DAY
    assert max(begun.values()) <= TALKS_A_DAY
    assert all(json.loads(body) for body in bodies)
    for word in ("left unresolved", "commits", "doubled commits", "late commits", "killed requests"):
        assert tally[word] >= 10, word
    assert sum(count for word, count in tally.items() if word.startswith("block")) >= 100
