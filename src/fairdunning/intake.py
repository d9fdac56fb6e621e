"""Events from other systems' files: CSV, JSONL, Parquet, Excel, with a mapping of their columns to ours."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fairdunning import when
from fairdunning.errors import LoadError, Problem, Text
from fairdunning.folder import known
from fairdunning.yamlfile import Problems, read

KINDS = (".csv", ".jsonl", ".parquet", ".xlsx")


@dataclass(frozen=True)
class Mapping:
    """``columns``: our name to theirs; ``constants``: values no column gives; ``words``: their words to ours, by our name; zone of bare times."""

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    zone: str = "Asia/Shanghai"


def read_mapping(path: Path) -> Mapping:
    """A mapping file; raises LoadError with everything wrong in it."""
    node, problems = read(path), Problems()
    known(node, {"columns", "constants", "words", "zone"}, problems)
    parts: dict[str, Any] = {k: v.plain() for k, v in node.mapping.items()}
    for name in ("debtor", "id", "kind", "at"):
        if name not in parts.get("columns", {}) and name not in parts.get("constants", {}):
            problems.add(node, f"`{name}` comes from no column and no constant", f"`{name}` 没有对应的列或常量")
    zone = str(parts.pop("zone", "Asia/Shanghai"))
    try:
        when.zone(zone)
    except ValueError:
        problems.add(node, f"unknown time zone `{zone}`", f"未知的时区 `{zone}`")
    problems.raise_if_any()
    return Mapping(**parts, zone=zone)


def entries(path: Path, mapping: Mapping | None) -> Iterator[tuple[int, str, dict[str, Any]] | tuple[int, str]]:
    """Each line as its number, debtor and event; what cannot be read as its number and the reason. Raises LoadError for the file itself."""
    for number, row in _rows(path):
        try:
            found = _object(row)
            yield number, *(_mapped(found, mapping) if mapping else _plain(found))
        except (ValueError, KeyError, TypeError) as error:
            yield number, f"missing {error}" if isinstance(error, KeyError) else str(error)


def _object(row: Any) -> dict[str, Any]:
    found = json.loads(row) if isinstance(row, str) else row
    if not isinstance(found, dict):
        raise TypeError("must be an object / 应为对象")
    return found


def _plain(row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if "event" in row:
        return str(row["debtor"]), dict(row["event"])
    found = {k: v for k, v in row.items() if v not in (None, "")}
    return str(found.pop("debtor")), found


def _mapped(row: dict[str, Any], mapping: Mapping) -> tuple[str, dict[str, Any]]:
    """A row under our names; an empty cell is no value."""
    found = dict(mapping.constants)
    for ours, theirs in mapping.columns.items():
        cell = row.get(theirs)
        if cell in (None, ""):
            continue
        text = _text(cell)
        if ours in mapping.words:
            if text not in mapping.words[ours]:
                raise ValueError(f"`{theirs}`: no word for `{text}` / 没有 `{text}` 的对应词")
            text = mapping.words[ours][text]
        found[ours] = _typed(ours, text, mapping.zone)
    return str(found.pop("debtor")), found


def _text(cell: Any) -> str:
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _typed(name: str, text: str, zone: str) -> Any:
    if name in {"at", "until"} and len(text) > 10:
        return text if text.endswith("Z") or text[-6] in "+-" else _in_zone(text, zone)
    if name in {"counts_for", "about", "discussed", "channels", "role"}:
        return [part.strip() for part in text.replace("|", ";").split(";") if part.strip()]
    return {"true": True, "false": False}.get(text, text)


def _in_zone(text: str, zone: str) -> str:
    """A bare local time with the offset of the zone on that day."""
    bare = datetime.fromisoformat(text.replace("/", "-"))
    where = when.zone(zone)
    guess = when.parse_datetime(bare.isoformat(timespec="seconds") + "+00:00")
    for _ in range(2):
        guess = when.parse_datetime(bare.isoformat(timespec="seconds") + where.format(guess)[-6:].replace("Z", "+00:00"))
    return where.format(guess)


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    kind = path.suffix.lower()
    if kind == ".csv":
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from enumerate(csv.DictReader(file), 2)
    elif kind == ".jsonl":
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            yield from ((n, line) for n, line in enumerate(file, 1) if line.strip())
    elif kind in {".parquet", ".xlsx"}:
        yield from _tables(path, kind)
    else:
        raise LoadError([Problem(str(path), 0, "", Text(f"must end in one of {', '.join(KINDS)}", f"后缀应为 {', '.join(KINDS)} 之一"))])


def _tables(path: Path, kind: str) -> Iterator[tuple[int, Any]]:
    try:
        if kind == ".parquet":
            import pyarrow.parquet as pq

            number = 0
            for batch in pq.ParquetFile(path).iter_batches(batch_size=5000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
        else:
            from python_calamine import CalamineWorkbook

            head, *rest = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
            yield from ((n, dict(zip(map(str, head), row, strict=False))) for n, row in enumerate(rest, 2))
    except ImportError as error:
        text = Text(f"reading {kind} needs `pip install fairdunning[batch]`", f"读取 {kind} 需安装 `fairdunning[batch]`")
        raise LoadError([Problem(str(path), 0, "", text)]) from error
    except (OSError, ValueError) as error:
        raise LoadError([Problem(str(path), 0, "", Text(f"cannot be read: {error}", f"无法读取：{error}"))]) from error
