"""How commands speak: tables and progress on standard output, errors on standard error."""

import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from atlas.protocol.errors import AtlasError

output = Console()
errors = Console(stderr=True, soft_wrap=True)

INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h


def shown(text: object) -> Text:
    """Somebody else's words, fit for a terminal: no markup is read in them, and what cannot be seen is spelled out."""
    return Text("".join(_visible(character) for character in str(text)))


def _visible(character: str) -> str:
    seen = character.isprintable() or character in "\n\t"
    return character if seen else character.encode("unicode_escape").decode("ascii")


def write(data: bytes, file: Path | None) -> None:
    """A document into a file, or to standard output."""
    if file is None:
        output.out(data.decode(), end="", highlight=False)
        return
    try:
        file.write_bytes(data)
    except OSError as error:
        raise typer.BadParameter(f"{file}: cannot be written: {error.strerror}") from error


def fail(error: AtlasError) -> NoReturn:
    """Say what went wrong and what to do about it, and exit with the error's code."""
    errors.print("[bold red]error:[/]", shown(error.message))
    if error.hint:
        errors.print("[dim]what to do:[/]", shown(error.hint))
    sys.exit(error.exit_code)


def fail_internally(error: Exception) -> NoReturn:
    """Say that this program has a fault; the traceback is shown on request only."""
    errors.print("[bold red]internal error:[/]", shown(f"{type(error).__name__}: {error}"))
    if os.environ.get("ATLAS_TRACEBACK"):
        errors.print(shown("".join(traceback.format_exception(error))))
    else:
        errors.print("[dim]what to do:[/] run it again with ATLAS_TRACEBACK=1 and report what it prints.")
    sys.exit(INTERNAL_ERROR)
