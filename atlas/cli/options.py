"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        help="Configuration file; else the one named by ATLAS_CONFIG, else ./atlas-ledger.toml.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
