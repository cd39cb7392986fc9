"""The words of the documentation are true: commands exist, snippets run, reference pages are current."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import build_schema as parse_schema
from graphql import parse as parse_document
from graphql import validate

from atlas.cli.config import example_file
from atlas.graphql.schema import sdl
from tests.anvil import free_port

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])


def snippets(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_the_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in "\n".join(snippets(page, "sh")).splitlines():
        command = line.split("#")[0].split(">")[0].split()
        if command[:1] == ["make"]:
            assert command[1] in targets, line
        if command[:1] == ["atlas-ledger"]:
            words = [word for word in command[1:] if re.fullmatch(r"[a-z]+", word)]
            check = [sys.executable, "-m", "atlas", *words, "--help"]
            result = subprocess.run(check, capture_output=True, text=True, cwd=ROOT, check=False)
            assert result.returncode == 0, f"{line}\n{result.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_worker_snippet_records_a_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server is away: the record is signed and kept all the same."""
    monkeypatch.setenv("WORKER_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("ATLAS_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    (snippet,) = snippets(ROOT / "docs/how-to/send-generation-records.md", "python")
    file = tmp_path / "snippet.py"
    file.write_text(snippet)
    runpy.run_path(str(file))
    record_id, sequence = capsys.readouterr().out.split()
    assert (len(record_id), sequence) == (64, "0")


def test_the_configuration_page_is_current() -> None:
    assert example_file() in (ROOT / "docs/reference/configuration.md").read_text()


def test_the_command_line_page_is_current(tmp_path: Path) -> None:
    page = ROOT / "docs/reference/command-line.md"
    before = page.read_text()
    command = [sys.executable, "tools/reference.py", tmp_path]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "COLUMNS": "100"}, capture_output=True)
    assert (tmp_path / "command-line.md").read_text() == before


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_query_on_the_page_is_valid(page: Path) -> None:
    schema = parse_schema(sdl())
    for snippet in snippets(page, "graphql"):
        assert not validate(schema, parse_document(snippet)), snippet
