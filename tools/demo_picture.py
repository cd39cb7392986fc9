"""Plays the demo and writes the end of what it printed, as it looked, to docs/images/demo.svg."""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
WIDTH = 100
FIRST_LINE = "Who is owed what?"


def main() -> None:
    """Play, cut, draw."""
    command = [sys.executable, "-m", "atlas", "demo", "--exit", *sys.argv[1:]]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    played = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    lines = Text.from_ansi(played.stdout).split("\n")
    first = next(number for number, line in enumerate(lines) if line.plain.startswith(FIRST_LINE))
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for line in lines[first:]:
        console.print(line)
    PICTURE.write_text(console.export_svg(title="make demo"))


if __name__ == "__main__":
    main()
