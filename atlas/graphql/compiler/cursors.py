"""Cursors: where an item stands in a list, so that a page can begin right after it.

    base64url, without padding, of the JSON array ["<Entity>.<order column>", "<value>", "<key value>", ...]

The values are text as PostgreSQL wrote them. A cursor is not secret and not signed: whatever is in it
is only ever compared with, as a bound parameter. PostgreSQL writes cursors; this module reads them.
"""

import base64
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from psycopg import sql

from atlas.graphql.entities import Column
from atlas.graphql.errors import InvalidCursor, InvalidScalar

LONGEST_CURSOR = 8192


def cursor_of(scope: str, columns: Sequence[Column], row: sql.Identifier) -> sql.Composable:
    """The SQL that writes the cursor of a row ordered by ``columns``."""
    values = [column.kind.page(sql.SQL("{}.{}").format(row, sql.Identifier(column.column))) for column in columns]
    array = sql.SQL(", ").join([sql.Literal(scope), *values])
    # base64 as PostgreSQL writes it has padding and line breaks; translate drops what has no replacement.
    return sql.SQL(
        "translate(encode(convert_to(json_build_array({})::text, 'UTF8'), 'base64'), E'+/=\\n', '-_')"
    ).format(array)


def read_cursor(cursor: str, scope: str, columns: Sequence[Column]) -> list[object]:
    """The values in ``cursor``, one a column. Raises InvalidCursor."""
    values = _decode(cursor)
    if values[:1] != [scope] or len(values) != len(columns) + 1:
        raise InvalidCursor(
            f"`after` is no cursor of this list: expected one of {scope}",
            hint="Take `endCursor` or `cursor` from the same list with the same `orderBy`.",
        )
    try:
        return [column.kind.read_page(text) for column, text in zip(columns, values[1:], strict=True)]
    except (ValueError, InvalidScalar) as error:
        raise InvalidCursor("`after` is no cursor of this server", hint="Pass cursors on unchanged.") from error


def _decode(cursor: str) -> list[str]:
    try:
        if len(cursor) > LONGEST_CURSOR:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        values: Any = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidCursor("`after` is no cursor of this server", hint="Pass cursors on unchanged.") from error
    texts = cast("list[object]", values) if isinstance(values, list) else []
    if not all(isinstance(text, str) for text in texts):
        raise InvalidCursor("`after` is no cursor of this server", hint="Pass cursors on unchanged.")
    return cast("list[str]", texts)
