"""How commands speak: tables and progress on standard output, errors on standard error."""

import os
import sys
import traceback
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from atlas.protocol.errors import AtlasError

output = Console()
errors = Console(stderr=True, soft_wrap=True)

INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h


def fail(error: AtlasError) -> NoReturn:
    """Say what went wrong and what to do about it, and exit with the error's code."""
    errors.print(f"[bold red]error:[/] {escape(error.message)}")
    if error.hint:
        errors.print(f"[dim]what to do:[/] {escape(error.hint)}")
    sys.exit(error.exit_code)


def fail_internally(error: Exception) -> NoReturn:
    """Say that this program has a fault; the traceback is shown on request only."""
    errors.print(f"[bold red]internal error:[/] {escape(type(error).__name__)}: {escape(str(error))}")
    if os.environ.get("ATLAS_TRACEBACK"):
        errors.print(escape("".join(traceback.format_exception(error))))
    else:
        errors.print("[dim]what to do:[/] run it again with ATLAS_TRACEBACK=1 and report what it prints.")
    sys.exit(INTERNAL_ERROR)
