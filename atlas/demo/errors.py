"""What can stop the demo.

DemoError          something the demo needs is missing or did not happen
├── CheckFailed    a check found something else than it expected
└── ChecksFailed   the production was played, and at least one check of it failed
"""

from atlas.protocol.errors import AtlasError


class DemoError(AtlasError):
    """Something the demo needs is missing or did not happen."""

    exit_code = 3


class CheckFailed(DemoError):
    """A check found something else than it expected."""

    exit_code = 1


class ChecksFailed(DemoError):
    """The production was played to its end, and at least one check of it failed."""

    exit_code = 1
