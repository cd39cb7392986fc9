"""The built wheel holds all that the program needs, and works outside the repository."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; the dependencies are those of the environment of the tests."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT]
    subprocess.run(build, check=True, capture_output=True, cwd=directory)
    (wheel,) = directory.glob("*.whl")
    environment = directory / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return environment


def run(environment: Path, *command: str) -> str:
    program, *arguments = command
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(
        [environment / "bin" / program, *arguments],
        capture_output=True,
        text=True,
        cwd=environment,
        env=variables,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_command_says_what_it_can_do(installed: Path) -> None:
    assert "demo" in run(installed, "atlas-ledger", "--help")


def test_the_package_and_strawberry_import_together(installed: Path) -> None:
    where = run(installed, "python", "-c", "import atlas, strawberry; print(atlas.__file__)")
    assert str(installed) in where


def test_abis_and_the_query_editor_are_in_the_wheel(installed: Path) -> None:
    program = (
        "from atlas.protocol.artifacts import load; from atlas.graphql.http.server import STATIC; "
        "from atlas.protocol.events import EVENTS; "
        "print(len([load(name) for name in EVENTS]), (STATIC / 'index.html').is_file())"
    )
    assert run(installed, "python", "-c", program).split() == ["7", "True"]
