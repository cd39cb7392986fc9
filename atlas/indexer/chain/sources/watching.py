"""Waiting for a new head: the port, and the clock as its plainest adapter (``heads`` has the other one)."""

import threading
from typing import Protocol


class HeadWatch(Protocol):
    """Whoever follows a chain waits here between two looks."""

    def wait(self, timeout_s: float) -> None:
        """Return after ``timeout_s``, or as soon as there is a new head, or after ``wake``."""
        ...

    def wake(self) -> None:
        """End the present wait, or the next one at once. From any thread."""
        ...

    def close(self) -> None:
        """Stop watching; ends the present wait."""
        ...


class Polling:
    """A watch that is told nothing: every wait lasts its whole time."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def wait(self, timeout_s: float) -> None:
        """As ``HeadWatch.wait``."""
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """As ``HeadWatch.wake``."""
        self._woken.set()

    def close(self) -> None:
        """As ``HeadWatch.close``."""
        self._woken.set()
