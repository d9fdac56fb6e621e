"""Sealing, pure: a Merkle tree that grows by leaves, its proofs, and signed checkpoints (RFC 9162 section 2.1)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from fairdunning.errors import StoreError, Text
from fairdunning.proof import node, signed_text

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass
class Frontier:
    """The roots of the full subtrees of a growing tree, largest first: all that is needed to go on."""

    peaks: list[tuple[int, bytes]] = field(default_factory=list)

    @classmethod
    def read(cls, text: str) -> Frontier:
        """From ``size:hash,...``."""
        parts = (p.split(":") for p in text.split(",") if p)
        return cls([(int(size), bytes.fromhex(found)) for size, found in parts])

    def written(self) -> str:
        """As ``size:hash,...``."""
        return ",".join(f"{size}:{found.hex()}" for size, found in self.peaks)

    def append(self, hashed: bytes) -> None:
        """Adds a leaf."""
        self.peaks.append((1, hashed))
        while len(self.peaks) > 1 and self.peaks[-1][0] == self.peaks[-2][0]:
            (size, left), (_, right) = self.peaks[-2:]
            self.peaks[-2:] = [(2 * size, node(left, right))]

    def root(self) -> str:
        """The root in hex."""
        if not self.peaks:
            return EMPTY
        found = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            found = node(left, found)
        return found.hex()


class Tree:
    """All leaves in memory, for proofs."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.levels = [leaves]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            self.levels.append([node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def root(self, low: int, high: int) -> bytes:
        """The root of the leaves ``low..high`` (out); ``low`` lies where such a subtree can begin."""
        size = high - low
        if size & (size - 1) == 0:
            return self.levels[size.bit_length() - 1][low // size]
        split = low + _half(size)
        return node(self.root(low, split), self.root(split, high))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that a leaf is in the tree of the first ``size`` leaves."""
        return self._inclusion(index, 0, size)

    def _inclusion(self, index: int, low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        split = low + _half(high - low)
        if index < split:
            return [*self._inclusion(index, low, split), self.root(split, high)]
        return [*self._inclusion(index, split, high), self.root(low, split)]

    def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof that the tree of ``first`` leaves is the beginning of that of ``second``."""
        return self._consistency(first, 0, second, whole=True) if 0 < first < second else []

    def _consistency(self, first: int, low: int, high: int, *, whole: bool) -> list[bytes]:
        if first == high:
            return [] if whole else [self.root(low, high)]
        split = low + _half(high - low)
        if first <= split:
            return [*self._consistency(first, low, split, whole=whole), self.root(split, high)]
        return [*self._consistency(first, split, high, whole=False), self.root(low, split)]


def _half(size: int) -> int:
    """The greatest power of two below a size of two or more."""
    return 1 << (size - 1).bit_length() - 1


class Signer:
    """An Ed25519 key in a file of its owner's alone."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    @classmethod
    def of(cls, path: Path, known: str | None) -> Signer:
        """Reads the key, makes one at the first start; raises StoreError when checkpoints of another key exist."""
        if not path.exists():
            if known is not None:
                raise StoreError(Text(f"the checkpoint key `{path}` is missing; restore it", f"缺少检查点签名密钥 `{path}`；请恢复"))
            raw = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(raw.hex())
        try:
            found = cls(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip())))
        except ValueError as error:
            raise StoreError(Text(f"the checkpoint key `{path}` cannot be read", f"检查点签名密钥 `{path}` 无法读取")) from error
        if known not in {None, found.public}:
            raise StoreError(Text(f"the checkpoint key `{path}` is not the one of this store", f"检查点签名密钥 `{path}` 不属于该存储"))
        return found

    def checkpoint(self, size: int, root: str, at: str) -> dict[str, Any]:
        """A signed checkpoint."""
        found: dict[str, Any] = {"size": size, "root": root, "at": at}
        return {**found, "key": self.public, "signature": self._key.sign(signed_text(found)).hex()}
