"""The intake as a service: what is made of its settings, and what it does without being asked."""

import threading

import structlog

from atlas.indexer.workers.intake.intake import Intake

_RELEASE_INTERVAL_S = 5.0
_log = structlog.get_logger(__name__)


def release_registered(intake: Intake, stop: threading.Event, interval_s: float = _RELEASE_INTERVAL_S) -> None:
    """Until ``stop`` is set, bring records of workers that have registered out of the quarantine.

    Raises DatabaseUnreachable.
    """
    while not stop.is_set():
        released = intake.release_registered()
        if released:
            _log.info("records released from quarantine", records=released)
        stop.wait(interval_s)
