"""What a fold could not use, kept with its reason: facts that do not decode, and facts that do not apply.

    projections.undecodable(view, position, reason, detail)        its bytes could not be read, or were redacted
    projections.issues(view, position, ordinal, reason, detail)    read, but not or only partly applied

A finding belongs to the position of its fact and is rewound with it.
"""

import psycopg
from psycopg import sql

from atlas.projections.tables.copying import encode_rows, write_rows
from atlas.projections.tables.declarations import Value, bigint, integer, text

MAX_DETAIL_CHARACTERS = 2_000

_UNDECODABLE = (text("view"), bigint("position"), text("reason"), text("detail"))
_ISSUES = (text("view"), bigint("position"), integer("ordinal"), text("reason"), text("detail"))


class Findings:
    """The findings of one batch of the view build called ``name``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._undecodable: list[tuple[Value, ...]] = []
        self._issues: list[tuple[int, str, str]] = []

    def undecodable(self, position: int, reason: str, detail: str) -> None:
        """The fact at ``position`` could not be read."""
        self._undecodable.append((self._name, position, reason, _storable(detail)))

    def issue(self, position: int, reason: str, detail: str) -> None:
        """The fact at ``position`` was read, but is not what it should be."""
        self._issues.append((position, reason, _storable(detail)))

    def flush(self, cursor: psycopg.Cursor) -> None:
        """Store the findings, those of one position in the order in which they were made."""
        if self._undecodable:
            rows = [encode_rows(_UNDECODABLE, self._undecodable)]
            write_rows(cursor, sql.Identifier("projections", "undecodable"), _UNDECODABLE, rows)
        if self._issues:
            rows = [encode_rows(_ISSUES, self._numbered())]
            write_rows(cursor, sql.Identifier("projections", "issues"), _ISSUES, rows)
        self._undecodable.clear()
        self._issues.clear()

    def _numbered(self) -> list[tuple[Value, ...]]:
        counts: dict[int, int] = {}
        rows: list[tuple[Value, ...]] = []
        for position, reason, detail in self._issues:
            ordinal = counts.get(position, 0)
            counts[position] = ordinal + 1
            rows.append((self._name, position, ordinal, reason, detail))
        return rows


def _storable(detail: str) -> str:
    shortened = detail[:MAX_DETAIL_CHARACTERS].replace("\x00", "\\0")
    return shortened.encode(errors="backslashreplace").decode()
