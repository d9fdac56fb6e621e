"""Seconds to seal and to verify a store of many records, beside the bare hashing of the same bytes.

    python benchmarks/audit.py --records 1000000
"""

from __future__ import annotations

import argparse
import hashlib
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from fairdunning import proof
from fairdunning.audit import Signer
from fairdunning.store import records
from fairdunning.store import schema as t
from fairdunning.store.database import Store

BODY = '{"case":{"action":{"id":"A-%d","kind":"call"}},"verdict":{"outcome":"allow","findings":[]},"padding":"%s"}'


def fill(store: Store, count: int) -> None:
    """Records with bodies of about a kilobyte."""
    for first in range(0, count, 20_000):
        rows, bodies = [], []
        for i in range(first, min(count, first + 20_000)):
            salt, body = secrets.token_hex(16), BODY % (i, "x" * 900)
            entry = {"id": f"V-{i}", "kind": "verdict", "at": 1_790_000_000 + i // 100, "commitment": proof.commitment(salt, body)}
            rows.append({**entry, "hash": proof.leaf(proof.entry(entry)).hex()})
            bodies.append({"record": entry["id"], "debtor": f"C{i % 1000}", "salt": salt, "body": body})
        with store.writing() as connection:
            connection.execute(insert(t.records), rows)
            connection.execute(insert(t.bodies), bodies)


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Prints how long it took."""
    start = time.perf_counter()
    found = work()
    print(f"{name:24}{time.perf_counter() - start:8.1f} s", flush=True)
    return found


def main() -> None:
    """Fill, seal, verify."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        store = Store(f"sqlite:///{Path(place) / 'ledger.db'}")
        signer = Signer.of(Path(place) / "key", None)
        timed("fill", lambda: fill(store, given.records))

        def seal() -> None:
            while records.seal(store, signer):
                continue

        timed("seal", seal)
        text = (BODY % (0, "x" * 900)).encode()
        timed("bare SHA-256", lambda: [hashlib.sha256(text).digest() for _ in range(given.records)])
        with store.engine.connect() as connection:
            broken = timed("audit verify", lambda: records.verify(connection))
        store.close()
        print(broken or f"{given.records} records hold")


if __name__ == "__main__":
    main()
