"""The protocol's contracts as compiled: ABI and creation bytecode, shipped as package data.

artifacts/<Contract>.json   {"contractName": "AtlasToken", "abi": [...], "bytecode": "0x..."}
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from atlas.protocol.errors import MissingArtifact


class Artifact(msgspec.Struct, frozen=True):
    """One compiled contract; ``abi`` as the Solidity ABI specification's JSON describes it. Treat it as read-only."""

    name: str
    abi: tuple[Mapping[str, Any], ...]
    bytecode: bytes


class _File(msgspec.Struct, frozen=True, rename="camel"):
    contract_name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: str


@cache
def load(name: str) -> Artifact:
    """The contract called ``name``. Raises MissingArtifact when it is not shipped or its file is not an artifact."""
    try:
        content = resources.files("atlas.protocol").joinpath("artifacts", f"{name}.json").read_bytes()
        file = msgspec.json.decode(content, type=_File)
        bytecode = bytes.fromhex(file.bytecode.removeprefix("0x"))
    except (OSError, ValueError) as error:
        raise MissingArtifact(
            f"no compiled contract called {name!r}: {error}",
            hint="Reinstall the package, or build the contracts in a checkout.",
        ) from error
    if file.contract_name != name:
        raise MissingArtifact(f"the artifact of {name} is of {file.contract_name}", hint="Build the contracts again.")
    return Artifact(name, file.abi, bytecode)
