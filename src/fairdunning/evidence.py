"""Evidence packs: records, their proofs, the signed checkpoints, the policies by digest, and a verifier that needs nothing of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from fairdunning import proof
from fairdunning.audit import Tree
from fairdunning.errors import StoreError, Text
from fairdunning.store import published
from fairdunning.store import schema as t

README = """Evidence pack of fairdunning / 证据包

Run `python verify.py . KEY` with Python 3.11+ and the package `cryptography`; KEY is the operator's public key, learned elsewhere.
It proves that these records stood in the operator's tree when the newest checkpoint was signed, unchanged, and under which policy text.
It does not prove that the facts in a record are true, that no other record exists, or when a checkpoint was made unless it was published.

运行 `python verify.py . 公钥`（Python 3.11+ 与 cryptography）。可证明：记录在最新检查点签署时已在树中且未被改动，以及所依据的策略文本。
不能证明：记录中的事实真实、没有其他记录，或检查点的时间（已另行公布者除外）。
"""


def export(connection: Connection, folder: Path, debtor: str | None = None, verdicts: Iterable[str] = ()) -> int:
    """Writes a pack of a debtor's records, of some verdicts, or of everything, into a new folder; returns how many. Raises StoreError."""
    points = [dict(r._mapping) for r in connection.execute(select(t.checkpoints).order_by(t.checkpoints.c.size))]
    if not points:
        raise StoreError(Text("nothing is sealed yet; try again in a second", "尚无已封存的记录；请稍后再试"))
    chosen = _chosen(connection, debtor, set(verdicts))
    if folder.exists() and any(folder.iterdir()):
        raise StoreError(Text(f"`{folder}` is not empty", f"`{folder}` 不是空文件夹"))
    leaves = [bytes.fromhex(h) for h in connection.scalars(select(t.records.c.hash).where(t.records.c.seq.is_not(None)).order_by(t.records.c.seq))]
    tree, size = Tree(leaves), points[-1]["size"]
    kept = _few([p for p in points if p["size"] <= len(leaves)])
    (folder / "policies").mkdir(parents=True)
    _lines(folder / "records.jsonl", chosen)
    _lines(folder / "checkpoints.jsonl", [{k: p[k] for k in ("size", "root", "at", "key", "signature")} for p in kept])
    _json(folder / "inclusion.json", {r["id"]: [h.hex() for h in tree.inclusion(r["seq"], size)] for r in chosen})
    steps = {f"{a['size']}-{b['size']}": [h.hex() for h in tree.consistency(a["size"], b["size"])] for a, b in pairwise(kept)}
    _json(folder / "consistency.json", steps)
    for digest in sorted(_digests(chosen)):
        _json(folder / "policies" / (digest.removeprefix("sha256:") + ".json"), published.files_of(connection, digest))
    (folder / "verify.py").write_text(Path(proof.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "README.txt").write_text(README, encoding="utf-8")
    written = {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}
    _json(folder / "manifest.json", {"public_key": points[-1]["key"], "records": len(chosen), "files": written})
    return len(chosen)


def _chosen(connection: Connection, debtor: str | None, verdicts: set[str]) -> list[dict[str, Any]]:
    """The sealed records asked for, in the order of the tree, with what is left of their bodies."""
    query = select(t.records, t.bodies.c.salt, t.bodies.c.body).select_from(t.records.outerjoin(t.bodies, t.bodies.c.record == t.records.c.id))
    query = query.where(t.records.c.seq.is_not(None)).order_by(t.records.c.seq)
    if debtor is not None:
        query = query.where(t.bodies.c.debtor == debtor)
    if verdicts:
        query = query.where(t.records.c.id.in_(verdicts))
    found = [{k: v for k, v in r._mapping.items() if k != "hash"} for r in connection.execute(query)]
    missing = verdicts - {r["id"] for r in found}
    if missing or not found:
        names = ", ".join(sorted(missing)) or (debtor or "-")
        raise StoreError(Text(f"no sealed record of {names}", f"没有 {names} 的已封存记录"), missing=True)
    return found


def _few(points: list[dict[str, Any]], most: int = 50) -> list[dict[str, Any]]:
    """At most so many checkpoints, spread evenly, the newest among them."""
    step = max(1, len(points) // most)
    return points[:-1][::step][: most - 1] + points[-1:]


def _digests(chosen: list[dict[str, Any]]) -> set[str]:
    bodies = (json.loads(r["body"]) for r in chosen if r["kind"] == "verdict" and r["body"] is not None)
    return {b["verdict"]["policy"]["digest"] for b in bodies}


def _lines(path: Path, entries: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries), encoding="utf-8")


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
