"""Writes the reference pages from the program itself: command-line.md, configuration.md and the ODRL profile.

reference.py [DIRECTORY]    docs/reference unless named
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from atlas.cli.config import example_file  # noqa: E402
from atlas.rights.odrl.profile import context, vocabulary  # noqa: E402


def command_line() -> str:
    """Every command and option, as Typer describes them."""
    command = [sys.executable, "-m", "typer", "atlas.cli.app", "utils", "docs", "--name", "atlas-ledger"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout  # noqa: S603


def configuration() -> str:
    """The example file, which names every key."""
    return f"# Configuration\n\nWhat `atlas-ledger config example` prints:\n\n```toml\n{example_file()}\n```\n"


def main() -> None:
    """Write all pages."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "reference"
    (directory / "odrl-profile").mkdir(parents=True, exist_ok=True)
    pages = {
        "command-line.md": command_line(),
        "configuration.md": configuration(),
        "odrl-profile/context.jsonld": context().decode(),
        "odrl-profile/vocabulary.jsonld": vocabulary().decode(),
    }
    for name, content in pages.items():
        (directory / name).write_text(content)
        print(directory / name)


if __name__ == "__main__":
    main()
