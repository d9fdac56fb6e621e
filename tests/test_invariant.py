"""Callers that die, double, come late and reorder: contacts begun inside allowed windows never exceed a cap.

Sixteen processes ask servers that are killed again and again, on each store; their clocks are wrong by up to two seconds, and the
store's clock is set so that midnight and the closing of a window fall into the run. What is checked is the exported log
(`invariant/check_log.py`, which imports nothing of the product) and what the callers really did.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from fairdunning.store.database import Store
from fairdunning.store.keys import Keys
from tests.test_service import Server

HERE = Path(__file__).parent / "invariant"
CALLERS, DEBTORS, NUMBERS = 16, 2000, 500
REQUESTS = int(os.environ.get("FAIRDUNNING_INVARIANT_REQUESTS", "20000"))
BEFORE_MIDNIGHT, KILL_EVERY = 20 + REQUESTS // 300, 3
LEAST = 100 if REQUESTS >= 20000 else REQUESTS // 200


def shift_of(now):
    """Seconds from the real clock to one that strikes midnight of Shanghai soon."""
    return (86400 * 400 - 8 * 3600 - BEFORE_MIDNIGHT) - now % 86400


def shifted_database(url, shift):
    """The database's own clock runs ahead: its functions are looked up in our schema first."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.execute("select current_database()").fetchone()[0]
        connection.execute("create schema ahead")
        connection.execute(f"create function ahead.clock_timestamp() returns timestamptz language sql volatile as "
                           f"$$ select pg_catalog.clock_timestamp() + interval '{shift} seconds' $$")
        connection.execute(f"alter database {name} set search_path = ahead, pg_catalog, public")


def fairdunning(*arguments, env):
    done = subprocess.run([sys.executable, "-m", "fairdunning", *arguments], capture_output=True, text=True, check=False, env=env)
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_contacts_never_exceed_a_cap(kind, postgres, tmp_path, capsys):
    """Whatever crashes, is late, doubled or reordered; each trouble at least a hundred times."""
    began = time.time()
    shift = shift_of(began)
    url = f"sqlite:///{tmp_path / 'ledger.db'}" if kind == "sqlite" else postgres()
    if kind == "postgresql":
        shifted_database(url, shift)
    store = Store(url)
    key = Keys(store).new(["checker"], "mill")
    store.close()
    ahead = {**os.environ, "SHIFT": str(shift), "PYTHONPATH": f"{HERE / 'clock'}:{os.environ.get('PYTHONPATH', '')}"}
    signing = ["--signing-key", str(tmp_path / "key")]
    options = [*signing, "--rate", "100000", "--policies", str(HERE / "house")]
    servers = [Server(url, *options, env=ahead) for _ in range(1 if kind == "sqlite" else 2)]
    given = {"ports": [s.port for s in servers], "key": key, "requests": REQUESTS // CALLERS, "debtors": DEBTORS, "numbers": NUMBERS,
             "shift": shift, "folder": str(tmp_path), "midnight": began + BEFORE_MIDNIGHT}
    start = time.monotonic()
    callers = [subprocess.Popen([sys.executable, str(HERE / "caller.py"), json.dumps({**given, "number": i})]) for i in range(CALLERS)]
    kills = 0
    while any(c.poll() is None for c in callers):
        time.sleep(KILL_EVERY)
        if sum(c.poll() is None for c in callers) > CALLERS // 2:
            servers[kills % len(servers)].kill()
            servers[kills % len(servers)].start()
            kills += 1
    seconds = time.monotonic() - start
    for server in servers:
        server.stop()
    fairdunning("audit", "seal", "--store", url, *signing, env=ahead)
    fairdunning("audit", "export", "--store", url, str(tmp_path / "pack"), env=ahead)
    pack = subprocess.run([sys.executable, "-I", str(tmp_path / "pack" / "verify.py")], capture_output=True, text=True, check=False)
    made = sorted(map(str, tmp_path.glob("made-*.jsonl")))
    done = subprocess.run([sys.executable, "-I", str(HERE / "check_log.py"), str(tmp_path / "pack" / "records.jsonl"), *made],
                          capture_output=True, text=True, check=False)

    tally = Counter()
    for path in tmp_path.glob("tally-*.json"):
        tally.update(json.loads(path.read_text()))
    with capsys.disabled():
        print(f"\n{kind}: {REQUESTS} requests in {seconds:.0f} s, {kills} kills\n  callers {dict(tally)}")
        print(f"  log {done.stdout or done.stderr}  {pack.stdout}")
    assert [0] * CALLERS == [c.returncode for c in callers]
    assert 0 == pack.returncode
    found = json.loads(done.stdout)
    assert [] == found["wrong"]
    assert 0 == done.returncode
    for word in ("unresolved", "late commits", "doubled commits", "refused at a cap"):
        assert found["tally"][word] >= LEAST, word
    assert tally["killed requests"] >= LEAST
    assert found["tally"]["refused as closed"] > 0
    assert 2 == found["tally"]["days"]
