"""What can go wrong with a view.

ProjectionError
├── InconsistentFact       a fact that a handler cannot apply: kept in projections.issues, never fatal
│   ├── MissingRow         it changes a row that no earlier fact created
│   ├── DuplicateRow       it creates a row that an earlier fact created already
│   ├── UnstorableValue    it holds a value that its column cannot hold
│   └── WrongIdentity      it claims an identifier that its origin does not derive
├── UnknownView            no view has this name
├── OutdatedView           the stored view was built by older handlers, or has tables of another shape
├── NewerView              the stored view was built by a newer program
├── BooksTooLarge          royalty books of more receipts than are read at once
├── ViewBusy               another projector holds the view for longer than the time-out
└── ViewDiffers            a stored view is not the fold of the log
"""

from typing import ClassVar

from atlas.protocol.errors import AtlasError


class ProjectionError(AtlasError):
    """The root of this room's errors."""


class InconsistentFact(ProjectionError):
    """A fact that a handler cannot apply; ``reason`` is its stable name in ``projections.issues``."""

    exit_code = 4
    reason: ClassVar[str] = "inconsistent"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="The fact is kept in the log; see projections.issues.")


class MissingRow(InconsistentFact):
    """A fact that changes a row which no earlier fact created."""

    reason = "missing-row"


class DuplicateRow(InconsistentFact):
    """A fact that creates a row which an earlier fact created already."""

    reason = "duplicate-row"


class UnstorableValue(InconsistentFact):
    """A value outside its column's type: a NUL in a text, an integer out of range."""

    reason = "unstorable-value"


class WrongIdentity(InconsistentFact):
    """An identifier that the fact's own origin does not derive."""

    reason = "wrong-identity"


class UnknownView(ProjectionError):
    """No view has this name."""

    exit_code = 2


class OutdatedView(ProjectionError):
    """The stored view was built by older handlers, or has tables of another shape."""

    exit_code = 2


class NewerView(ProjectionError):
    """The stored view was built by a newer version of this program."""

    exit_code = 2


class ViewBusy(ProjectionError):
    """Another projector holds the view for longer than the time-out."""

    exit_code = 3


class ViewDiffers(ProjectionError):
    """A stored view is not the fold of the log: ``table`` and ``row`` name the first difference."""

    def __init__(self, view: str, table: str, row: str, side: str) -> None:
        super().__init__(
            f"view {view} differs from a fold of the log in {table}: {side} {row}",
            hint=f"Rebuild it (view {view}), and keep the log: the log is what happened.",
        )
        self.view = view
        self.table = table
        self.row = row


class BooksTooLarge(ProjectionError):
    """Royalty books of more receipts than are read at once."""

    exit_code = 2
