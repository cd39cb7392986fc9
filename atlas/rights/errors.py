"""What the rights engine refuses.

AtlasError
└── RightsError           a value that no rule applies to
    ├── InvalidAmount     a negative amount, or a rate outside 0 to 10,000 basis points
    ├── InvalidShares     shares that do not make a whole
    ├── InvalidUse        a use that is not stated in the engine's vocabulary
    └── InvalidTerms      bytes that are not a license terms document
        └── TermsMismatch     a document that is not the one its hash promised
"""

from typing import ClassVar

from atlas.protocol.errors import AtlasError


class RightsError(AtlasError):
    """A value that no rule applies to."""

    exit_code: ClassVar[int] = 4


class InvalidAmount(RightsError):
    """A negative amount, or a rate outside 0 to 10,000 basis points."""


class InvalidShares(RightsError):
    """Shares that do not make a whole."""


class InvalidUse(RightsError):
    """A use that is not stated in the engine's vocabulary."""


class InvalidTerms(RightsError):
    """Bytes that are not a license terms document in canonical form."""


class TermsMismatch(InvalidTerms):
    """A document whose hash is not the one that the offer or grant recorded on chain."""
