"""Values of events as the columns hold them, and whether an event may speak for an asset."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from atlas.projections.errors import WrongIdentity
from atlas.protocol.events import Origin
from atlas.protocol.ids import derive_aaid, format_aaid

ZERO_ADDRESS: Final = bytes(20)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MOMENT = datetime(1, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

_FIRST_SECOND = int((FIRST_MOMENT - EPOCH).total_seconds())
_LAST_SECOND = int((LAST_MOMENT - EPOCH).total_seconds())


def moment(seconds: int) -> datetime:
    """The moment ``seconds`` after 1970; what lies beyond the calendar, as contracts allow, is its nearest second."""
    return EPOCH + timedelta(seconds=max(_FIRST_SECOND, min(seconds, _LAST_SECOND)))


def moment_of_ms(milliseconds: int) -> datetime:
    """The moment ``milliseconds`` after 1970, within the calendar as ``moment`` is."""
    return EPOCH + timedelta(milliseconds=max(1000 * _FIRST_SECOND, min(milliseconds, 1000 * _LAST_SECOND)))


def moments(seconds: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
    """``moment`` of each."""
    return np.maximum(_FIRST_SECOND, np.minimum(seconds, _LAST_SECOND)).astype(np.int64).astype("datetime64[s]")


def require_own_registry(aaid: bytes, origin: Origin, token_id: int) -> None:
    """Return when the registry that speaks is the one that the AAID is derived from. Raises WrongIdentity."""
    derived = derive_aaid(origin.chain, origin.contract, token_id)
    if aaid != derived:
        raise WrongIdentity(
            f"0x{origin.contract.hex()} on {origin.chain} claims {format_aaid(aaid)} for token {token_id},"
            f" which is {format_aaid(derived)}"
        )
