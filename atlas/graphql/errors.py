"""What the query API refuses, and what it needs but cannot reach.

GraphQLError
├── InvalidRequest         the HTTP request is not a GraphQL request
│   ├── UnsupportedMediaType   its body is of another content type
│   ├── BodyTooLarge           its body is too long
│   └── BodyTooSlow            its body did not arrive in time
├── LimitExceeded          the document or its result would be too large
├── BadInput               an argument that parses but cannot be answered
│   ├── InvalidScalar      a literal or variable that is not of its scalar type
│   ├── InvalidCursor      ``after`` is no cursor of this list in this order
│   └── PositionNotReached ``asOf`` names a position that the views have not folded yet
├── ViewNotReady           the views have not been built yet
├── QueryTimeout           the database gave up on the query at the statement timeout
├── ArchiveUnavailable     an entry is in the archive, and that cannot be read
└── DatabaseUnavailable    the database cannot be reached

``code`` is the stable name that clients find in ``errors[].extensions.code``.
"""

from typing import ClassVar

from atlas.protocol.errors import AtlasError


class GraphQLError(AtlasError):
    """The query API's root error; ``status`` is the HTTP status when nothing could be answered."""

    code: str = "INTERNAL_SERVER_ERROR"
    status: ClassVar[int] = 400
    exit_code = 4


class InvalidRequest(GraphQLError):
    """The HTTP request is not a GraphQL request."""

    code = "INVALID_REQUEST"


class LimitExceeded(GraphQLError):
    """The document or its result would be larger than this server allows."""

    code = "LIMIT_EXCEEDED"


class BadInput(GraphQLError):
    """An argument that parses but cannot be answered."""

    code = "BAD_USER_INPUT"


class InvalidScalar(BadInput):
    """A literal or variable that is not of its scalar type; ``code`` names the type, such as INVALID_AAID."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidCursor(BadInput):
    """``after`` is no cursor of this list in this order."""

    code = "INVALID_CURSOR"


class PositionNotReached(BadInput):
    """``asOf`` names a ledger position that the views have not folded yet."""

    code = "POSITION_NOT_REACHED"


class QueryTimeout(GraphQLError):
    """The database gave up on the query at the statement timeout."""

    code = "QUERY_TIMEOUT"
    status = 504
    exit_code = 3


class DatabaseUnavailable(GraphQLError):
    """The database cannot be reached."""

    code = "DATABASE_UNAVAILABLE"
    status = 503
    exit_code = 3


class ArchiveUnavailable(GraphQLError):
    """An entry of the log is in the archive only, and the archive is not there or not as it should be."""

    code = "ARCHIVE_UNAVAILABLE"
    status = 503
    exit_code = 3


class ViewNotReady(GraphQLError):
    """The views that the query reads have not been built yet."""

    code = "VIEW_NOT_READY"
    status = 503
    exit_code = 3


class UnsupportedMediaType(InvalidRequest):
    """The body is of another content type."""

    status = 415


class BodyTooLarge(InvalidRequest):
    """The body is longer than this server takes."""

    code = "LIMIT_EXCEEDED"
    status = 413


class BodyTooSlow(InvalidRequest):
    """The body did not arrive in the time that this server waits."""

    code = "BODY_TIMEOUT"
    status = 408
