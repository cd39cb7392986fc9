"""Values of events as the columns hold them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

ZERO_ADDRESS: Final = bytes(20)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

_LAST_SECOND = int((LAST_MOMENT - EPOCH).total_seconds())


def moment(seconds: int) -> datetime:
    """The moment ``seconds`` after 1970; what lies beyond the calendar, as contracts allow, is its last second."""
    return EPOCH + timedelta(seconds=min(seconds, _LAST_SECOND))


def moment_of_ms(milliseconds: int) -> datetime:
    """The moment ``milliseconds`` after 1970, at the latest the calendar's last second."""
    return min(EPOCH + timedelta(milliseconds=min(milliseconds, 1000 * _LAST_SECOND)), LAST_MOMENT)


def moments(seconds: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
    """``moment`` of each."""
    return np.minimum(seconds, _LAST_SECOND).astype(np.int64).astype("datetime64[s]")
