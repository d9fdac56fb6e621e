"""Statements that each check runs: compiled once for each database, so that running one costs little more than the driver's own work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.sql.expression import ClauseElement

Values = Mapping[str, Any]


class Prepared:
    """A statement over texts and integers whose parameters are plain: no lists, no types that need converting."""

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, ...], tuple[str, list[str] | None]] = {}

    def run(self, connection: Connection, values: Values) -> CursorResult[*tuple[Any, ...]]:
        """Runs it once."""
        text, order = self._text(connection, values)
        return connection.exec_driver_sql(text, tuple([values[name] for name in order]) if order is not None else dict(values))

    def run_all(self, connection: Connection, rows: Sequence[Values]) -> CursorResult[*tuple[Any, ...]]:
        """Runs it for each of one row or more, which all give the same parameters."""
        text, order = self._text(connection, rows[0])
        return connection.exec_driver_sql(text, [tuple([r[n] for n in order]) if order is not None else dict(r) for r in rows])

    def _text(self, connection: Connection, values: Values) -> tuple[str, list[str] | None]:
        """The text for this database, and the order of its parameters where they have no names."""
        place = (connection.dialect.name, *values)
        found = self._compiled.get(place)
        if found is None:
            compiled: Any = self.statement.compile(dialect=connection.dialect, column_keys=list(values))
            found = self._compiled[place] = str(compiled), compiled.positiontup
        return found
