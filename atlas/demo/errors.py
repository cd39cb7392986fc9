"""What can stop the demo.

DemoError          something the demo needs is missing or did not happen
└── ChecksFailed   the production was played, and at least one check of it failed
"""

from atlas.protocol.errors import AtlasError


class DemoError(AtlasError):
    """Something the demo needs is missing or did not happen."""

    exit_code = 3


class ChecksFailed(DemoError):
    """The production was played to its end, and at least one check of it failed."""

    exit_code = 1
