#!/usr/bin/env python3
"""Builds the contracts and writes their ABI and creation bytecode as package data of ``atlas.protocol``.

    export_artifacts.py           writes atlas/protocol/artifacts/<Contract>.json
    export_artifacts.py --check   compares instead; exit 1 with the names of the contracts that differ

A file is ``{"abi": [...], "bytecode": "0x...", "contractName": "..."}`` with sorted keys and an indent of 1.
Exit 3 when the compiler is missing or the sources do not build.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

PROJECT = Path(__file__).resolve().parent.parent
ARTIFACTS = PROJECT.parent / "atlas" / "protocol" / "artifacts"


class BuildError(Exception):
    """Forge is not installed, or it could not build the contracts."""


def main() -> int:
    """Runs the command; the exit status is in the module's docstring."""
    parser = argparse.ArgumentParser(description="Export ABI and bytecode of the contracts to the Python package.")
    parser.add_argument("--check", action="store_true", help="compare with the shipped files, write nothing")
    arguments = parser.parse_args()
    try:
        build()
        artifacts = {name: render(name) for name in contract_names()}
    except BuildError as error:
        print(f"export_artifacts: {error}", file=sys.stderr)
        return 3
    return check(artifacts) if arguments.check else write(artifacts)


def build() -> None:
    """Compile src/ into out/. Raises BuildError with what Forge said."""
    command = [str(find_forge()), "build", "--skip", "test"]
    # Node may be the one that pip put beside this Python.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
    result = subprocess.run(  # noqa: S603 - a fixed command, without a shell
        command,
        cwd=PROJECT,  # foundry.toml names the compiler by a relative path, which Forge reads from here
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if result.returncode != 0:
        raise BuildError(f"forge build failed:\n{result.stdout}{result.stderr}")


def find_forge() -> Path:
    """The Forge that npm installed for this platform."""
    found = sorted(PROJECT.glob("node_modules/@foundry-rs/forge-*/bin/forge"))
    if not found:
        raise BuildError("there is no forge in node_modules; run `npm ci --ignore-scripts` in contracts/ first")
    return found[0]


def contract_names() -> list[str]:
    """Every contract that is deployed: one file each, directly in src/."""
    return sorted(source.stem for source in (PROJECT / "src").glob("*.sol"))


def render(name: str) -> str:
    """The artifact file of a contract."""
    built = json.loads((PROJECT / "out" / f"{name}.sol" / f"{name}.json").read_text())
    artifact = {"abi": plain_names(built["abi"]), "bytecode": built["bytecode"]["object"], "contractName": name}
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def plain_names(node: Json) -> Json:
    """The ABI with the names of the protocol.

    In the source a trailing underscore keeps a name apart from a reserved word (``reference_``) or a state variable
    (``token_``). Names are no part of selectors and topics, so that calls and events stay the same.
    """
    if isinstance(node, list):
        return [plain_names(item) for item in node]
    if isinstance(node, dict):
        return {key: plain_name(value) if key == "name" else plain_names(value) for key, value in node.items()}
    return node


def plain_name(name: Json) -> str:
    """A name without its trailing underscore."""
    return str(name).removesuffix("_")


def write(artifacts: dict[str, str]) -> int:
    """Writes every artifact and removes those of contracts that are gone."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for path in ARTIFACTS.glob("*.json"):
        if path.stem not in artifacts:
            path.unlink()
    for name, text in artifacts.items():
        path_of(name).write_text(text)
    print(f"{len(artifacts)} contracts exported to {ARTIFACTS}")
    return 0


def check(artifacts: dict[str, str]) -> int:
    """Names the artifacts that differ from the build, on standard error."""
    stale = [path.stem for path in differing(artifacts)]
    if stale:
        print(f"shipped artifacts differ from a fresh build: {', '.join(stale)}", file=sys.stderr)
        print("run contracts/tools/export_artifacts.py and commit the result", file=sys.stderr)
        return 1
    print(f"{len(artifacts)} shipped artifacts equal a fresh build")
    return 0


def differing(artifacts: dict[str, str]) -> list[Path]:
    """The files that are missing, outdated, or of no contract."""
    files = {path_of(name) for name in artifacts} | set(ARTIFACTS.glob("*.json"))
    return sorted(path for path in files if not path.is_file() or path.read_text() != artifacts.get(path.stem))


def path_of(name: str) -> Path:
    """Where the package keeps the artifact of a contract."""
    return ARTIFACTS / f"{name}.json"


if __name__ == "__main__":
    sys.exit(main())
