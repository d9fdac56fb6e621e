"""Checks an evidence pack on its own: hashes, inclusion, consistency, signatures, policy digests. Standard library and one signature library.

A copy of this file lies in each pack as ``verify.py``; it imports nothing of fairdunning and needs no network. Trees and proofs
are those of RFC 9162 section 2.1: a leaf is SHA-256 of 0x00 and the entry, a node SHA-256 of 0x01 and its two children.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any


class Broken(Exception):
    """What does not hold, and where."""


def commitment(salt: str, body: str) -> str:
    """SHA-256 in hex of salt and body; both can be erased and the commitment stays."""
    return hashlib.sha256(f"{salt}\n{body}".encode()).hexdigest()


def entry(record: dict[str, Any]) -> bytes:
    """What is hashed of a record: id, kind, time and commitment, one a line."""
    return "\n".join(str(record[k]) for k in ("id", "kind", "at", "commitment")).encode()


def leaf(data: bytes) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashed: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 2.1.3.2); raises Broken for a proof of another shape."""
    if not 0 <= index < size:
        raise Broken(f"index {index} is not in a tree of {size}")
    fn, sn, found = index, size - 1, hashed
    for part in path:
        if sn == 0:
            raise Broken("the inclusion proof is too long")
        if fn % 2 or fn == sn:
            found = node(part, found)
            while fn % 2 == 0 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node(found, part)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Broken("the inclusion proof is too short")
    return found


def consistent(first: int, second: int, old: bytes, new: bytes, path: list[bytes]) -> bool:
    """Whether a tree of ``first`` entries is the beginning of one of ``second`` (RFC 9162 2.1.4.2)."""
    if first == second:
        return old == new and not path
    if not first < second or (first and not path):
        return False
    if first == 0:
        return not path
    parts = [old, *path] if first & (first - 1) == 0 else list(path)
    fn, sn = first - 1, second - 1
    while fn % 2:
        fn, sn = fn >> 1, sn >> 1
    left = right = parts[0]
    for part in parts[1:]:
        if sn == 0:
            return False
        if fn % 2 or fn == sn:
            left, right = node(part, left), node(part, right)
            while fn % 2 == 0 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            right = node(right, part)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and left == old and right == new


def signed_text(checkpoint: dict[str, Any]) -> bytes:
    """What a checkpoint's signature is over."""
    return "\n".join(["fairdunning checkpoint", *(str(checkpoint[k]) for k in ("size", "root", "at"))]).encode()


def check_signature(checkpoint: dict[str, Any], key: str) -> None:
    """Raises Broken when the signature is not of this Ed25519 key (hex)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(checkpoint["signature"]), signed_text(checkpoint))
    except (InvalidSignature, ValueError) as error:
        raise Broken(f"checkpoint {checkpoint['size']}: the signature does not hold") from error


def policy_digest(files: list[list[str]]) -> str:
    """The digest of a policy: over each file's name and text, in order of name."""
    seen = hashlib.sha256()
    for name, text in sorted(files):
        seen.update(f"{name}\0".encode() + text.encode())
    return "sha256:" + seen.hexdigest()


def _lines(path: Path) -> list[dict[str, Any]]:
    """The JSON documents of a file, one a line; raises Broken that names the line."""
    found = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            found.append(json.loads(line.decode()))
        except ValueError as error:
            raise Broken(f"{path.name}: line {number} cannot be read") from error
    return found


def _records(folder: Path) -> list[dict[str, Any]]:
    found = _lines(folder / "records.jsonl")
    for record in found:
        if record["body"] is not None and commitment(record["salt"], record["body"]) != record["commitment"]:
            raise Broken(f"record {record['id']}: its body was changed")
    return found


def _checkpoints(folder: Path, key: str) -> list[dict[str, Any]]:
    found = _lines(folder / "checkpoints.jsonl")
    proofs = json.loads((folder / "consistency.json").read_text(encoding="utf-8"))
    for checkpoint in found:
        if checkpoint["key"] != key:
            raise Broken(f"checkpoint {checkpoint['size']}: it names another key")
        check_signature(checkpoint, key)
    for old, new in itertools.pairwise(found):
        path = [bytes.fromhex(p) for p in proofs[f"{old['size']}-{new['size']}"]]
        if not consistent(old["size"], new["size"], bytes.fromhex(old["root"]), bytes.fromhex(new["root"]), path):
            raise Broken(f"checkpoint {new['size']} does not continue checkpoint {old['size']}")
    return found


def verify(folder: Path, key: str = "") -> str:
    """Checks a pack and says what holds; raises Broken. ``key``: the operator's public key from elsewhere, else the pack's own."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if key and key != manifest["public_key"]:
        raise Broken("the pack is signed with another key than the one given")
    records, checkpoints = _records(folder), _checkpoints(folder, key or manifest["public_key"])
    inclusion, last = json.loads((folder / "inclusion.json").read_text(encoding="utf-8")), checkpoints[-1]
    for record in records:
        found = root_of(leaf(entry(record)), record["seq"], last["size"], [bytes.fromhex(p) for p in inclusion[record["id"]]])
        if found.hex() != last["root"]:
            raise Broken(f"record {record['id']}: it is not in checkpoint {last['size']}")
    for path in sorted((folder / "policies").glob("*.json")):
        if policy_digest(json.loads(path.read_text(encoding="utf-8"))) != "sha256:" + path.stem:
            raise Broken(f"policies/{path.name}: the files have another digest")
    for name, digest in manifest["files"].items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise Broken(f"{name}: the file was changed")
    if manifest["records"] != len(records):
        raise Broken(f"manifest.json: it speaks of {manifest['records']} records, there are {len(records)}")
    erased = sum(r["body"] is None for r in records)
    return f"{len(records)} records hold in {len(checkpoints)} checkpoints ({erased} erased); key {manifest['public_key']}"


def main(arguments: list[str]) -> int:
    """``verify.py [FOLDER [KEY]]``: 0 when all holds, 1 and the place otherwise."""
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    try:
        print(verify(folder, *arguments[1:2]))
    except Broken as error:
        print(f"BROKEN: {error}")
        return 1
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        print(f"BROKEN: the pack cannot be read: {type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
