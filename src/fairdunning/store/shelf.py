"""The files of a stored policy, put on disk for as long as they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairdunning.errors import StoreError, Text


@contextmanager
def unpacked(files: list[list[str]]) -> Iterator[Path]:
    """A folder with ``rules/`` and ``policies/`` as they were published; raises StoreError for a name that leads out of it."""
    with tempfile.TemporaryDirectory(prefix="fairdunning-") as place:
        base = Path(place).resolve()
        for name, text in files:
            path = (base / (name if name.endswith(".json") else f"{name}.yaml")).resolve()
            if not path.is_relative_to(base):
                raise StoreError(Text(f"`{name}` is no name of a policy file", f"`{name}` 不是策略文件名"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        yield base
