"""Which of a batch's logs cannot be read, and why: the first reason of each."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


class Verdicts:
    """One verdict a log; ``codes`` is 0 for a readable one, else the 1-based place in ``findings``."""

    def __init__(self, count: int) -> None:
        self.codes = np.zeros(count, np.int32)
        self.findings: list[tuple[str, str]] = []  # reason, detail

    def refuse(self, rows: Rows, reason: str, detail: str) -> None:
        """The logs ``rows`` cannot be read, unless that has been said of them already."""
        self.findings.append((reason, detail))
        self.codes[rows[self.codes[rows] == 0]] = len(self.findings)

    def adopt(self, rows: Rows, verdicts: "Verdicts") -> None:
        """What ``verdicts`` say of one log after another is said of ``rows``."""
        if verdicts.findings:
            self.codes[rows] = np.where(verdicts.codes, verdicts.codes + len(self.findings), 0)
            self.findings += verdicts.findings
