"""Plays the demo and writes the end of what it printed, as it looked, to docs/images/demo.svg."""

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
WIDTH = 100
FIRST_LINE = "Who is owed what?"
LAST_LINE = "7/7"  # from here on it names this machine's paths
SIGN_OF_LIFE = "working"
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # they would be fetched from elsewhere
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, monospace"


def main() -> None:
    """Play, cut, draw."""
    command = [sys.executable, "-m", "atlas", "demo", "--exit", *sys.argv[1:]]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    played = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    lines = Text.from_ansi(played.stdout).split("\n")
    first = next(number for number, line in enumerate(lines) if line.plain.startswith(FIRST_LINE))
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    last = next(number for number, line in enumerate(lines) if line.plain.startswith(LAST_LINE))
    for line in lines[first:last]:
        if not line.plain.endswith(SIGN_OF_LIFE):
            console.print(line)
    picture = console.export_svg(title="make demo")
    PICTURE.write_text(FONT_FACE.sub("", picture).replace("Fira Code, monospace", FONTS))


if __name__ == "__main__":
    main()
