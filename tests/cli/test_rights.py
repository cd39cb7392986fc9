"""Royalty statements, as a payee, an auditor and a studio type the commands."""

import json
import re
from pathlib import Path

import pytest

from atlas.rights.documents import encode
from tests.cli.commands import CommandLine
from tests.rights.books import FILM, HERO, books, payee, payment, receipt

HERO_OWNER = f"0x{payee(2).hex()}"
SALT = "ab" * 32
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "royalties.md"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = books(*(receipt(5 + place, FILM, 3_000) for place in range(3)), payments=(payment(9, HERO, 2, 100),))
    path = tmp_path / "books.json"
    # As people write it: indented.
    path.write_text(json.dumps(json.loads(encode(made)), indent=2))
    return path


@pytest.fixture
def statement(run: CommandLine, file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "statement.json"
    period = "--after", "5", "--upto", "9"
    made = run("rights", "statement", str(file), "--payee", HERO_OWNER, *period, "--salt", SALT, "-o", str(path))
    assert (made.code, made.errors) == (0, "")
    return path


def test_a_statement_recomputes_from_its_file_alone(run: CommandLine, statement: Path, file: Path) -> None:
    file.unlink()
    ran = run("rights", "recompute", str(statement))
    assert ran.code == 0
    assert f"Recomputed: {statement.stat().st_size:,} bytes, the same byte for byte" in ran.output
    told = json.loads(run("rights", "recompute", str(statement), "--json").output)
    assert (told["opening_wei"], told["accrued_wei"], told["paid_wei"], told["closing_wei"]) == (
        "200",
        "400",
        "100",
        "500",
    )


def test_a_statement_with_one_byte_changed_exits_with_1_and_says_where(run: CommandLine, statement: Path) -> None:
    statement.write_bytes(statement.read_bytes().replace(b'"closing_wei":"500"', b'"closing_wei":"900"'))
    ran = run("rights", "recompute", str(statement))
    assert ran.code == 1
    assert "statement.closing_wei: the file says 900, its inputs give 500" in ran.errors
    statement.write_bytes(statement.read_bytes()[1:])
    assert run("rights", "recompute", str(statement)).code == 1


def test_one_line_is_proved_without_the_others(run: CommandLine, statement: Path, tmp_path: Path) -> None:
    proof = tmp_path / "line.json"
    assert run("rights", "prove-line", str(statement), "1", "--output", str(proof)).code == 0
    root = json.loads(statement.read_text())["statement"]["lines_root"]
    statement.unlink()
    ran = run("rights", "check-line", str(proof), "--root", root)
    assert ran.code == 0
    assert "line 1 of 2 holds" in ran.output
    assert "200 wei" in ran.output
    assert json.loads(run("rights", "check-line", str(proof), "--root", root, "--json").output)["number"] == 1
    assert run("rights", "check-line", str(proof), "--root", "00" * 32).code == 1
    assert run("rights", "check-line", str(proof), "--root", "no root").code == 2
    proof.write_text(proof.read_text().replace('"position":7', '"position":6'))
    assert run("rights", "check-line", str(proof), "--root", root).code == 1


def test_what_if_shows_the_difference_for_every_payee(run: CommandLine, file: Path) -> None:
    ran = run("rights", "what-if", str(file), "--rule", "stack-visit-once/1")
    assert ran.code == 0
    assert "-300" in ran.output
    assert run("rights", "what-if", str(file), "--rule", "stack-visit-once/7").code == 4
    assert run("rights", "what-if", str(file), "--other", str(file)).code == 0


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ('"amount_wei": "3000"', '"amount_wei": 3000'),
        ('"amount_wei": "3000"', '"amount": "3000"'),
        ('"ceiling_wei"', '"ceiling"'),
        ('"1/10"', '"11/10"'),
        ('"1/10"', '"1/0"'),
        ('"viewing"', '"watching"'),
        ('"currency": "eip155:1/slip44:60"', '"currency": "USD"'),
        ("{", ""),
    ],
)
def test_books_that_are_none_are_refused(run: CommandLine, file: Path, said: str, changed: str) -> None:
    assert said in file.read_text()
    file.write_text(file.read_text().replace(said, changed, 1))
    ran = run("rights", "statement", str(file), "--payee", HERO_OWNER, "--upto", "9")
    assert ran.code == 4
    assert "internal error" not in ran.errors


def test_a_file_that_is_not_there_is_a_usage_error(run: CommandLine, tmp_path: Path, file: Path) -> None:
    assert run("rights", "recompute", str(tmp_path / "none")).code == 2
    nowhere = str(tmp_path / "none" / "statement.json")
    assert run("rights", "statement", str(file), "--payee", HERO_OWNER, "--upto", "9", "-o", nowhere).code == 2
    assert run("rights", "statement", str(file), "--payee", HERO_OWNER, "--upto", "9", "--salt", "ab").code == 2


def test_the_books_of_the_documentation_give_a_statement(run: CommandLine, tmp_path: Path) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path, made = tmp_path / "books.json", tmp_path / "statement.json"
    path.write_text(example)
    payee = f"0x{'22' * 20}"
    assert run("rights", "statement", str(path), "--payee", payee, "--upto", "10", "-o", str(made)).code == 0
    told = json.loads(run("rights", "recompute", str(made), "--json").output)
    assert [(line["reason"], line["amount_wei"], line["recouped_wei"]) for line in told["lines"]] == [
        ("guarantee", "50", "0"),
        ("royalty", "50", "50"),
    ]
    for rule in re.findall(r"^\| `([a-z-]+/1)` \| a link", PAGE.read_text(), re.MULTILINE):
        assert run("rights", "what-if", str(path), "--rule", rule).code == 0
