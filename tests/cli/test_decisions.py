"""Decisions, conflicts and gaps on files, as a licensing department types the commands."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.commands import CommandLine

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "rights.md").read_text()
FACTS, DENIED, OPEN, PLAN = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
AT = "2026-04-01T00:00:00Z"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in (("facts", FACTS), ("use", DENIED), ("open", OPEN), ("plan", PLAN)):
        (tmp_path / f"{name}.json").write_text(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(text: str) -> list[str]:
    """The words of an output, whatever the width that it was written for."""
    return re.findall(r"[\w:/.-]+", text)


@pytest.mark.parametrize("name", ["decide", "conflicts", "gap"])
def test_the_page_shows_what_its_commands_print(
    run: CommandLine, files: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    [(command, expected)] = [
        each
        for each in re.findall(r"```sh\natlas-ledger (rights .*?)\n```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
        if each[0].split()[1] == name
    ]
    assert [line.rstrip() for line in run(*shlex.split(command)).output.splitlines()] == expected.splitlines()


def test_an_open_question_is_undetermined_and_says_what_to_do(run: CommandLine, files: Path) -> None:
    ran = run("rights", "decide", "facts.json", "open.json", "--at", AT)
    assert ran.output.startswith("UNDETERMINED: ")
    assert words(ran.output) == words(re.findall(r"```text\n(UNDETERMINED.*?)```", PAGE, re.DOTALL)[0])
    told = json.loads(run("rights", "decide", "facts.json", "open.json", "--at", AT, "--json").output)
    assert told["outcome"] == "undetermined"
    assert {each["remedy"] for each in told["missing"]} == {"measure"}
    assert told["grants"][0]["outcome"] == "permit"


def test_a_decision_is_of_an_instant_and_of_a_position(run: CommandLine, files: Path) -> None:
    decide = "rights", "decide", "facts.json", "use.json"
    assert run(*decide, "--at", AT, "--known", "11").output.startswith("DENY")
    assert "license / " not in run(*decide, "--at", AT, "--known", "11").output
    (files / "use.json").write_text(DENIED.replace('"FR"', '"US"'))
    permitted = run(*decide, "--at", AT).output
    assert permitted.startswith("PERMIT")
    assert "duty report, due 2026-05-30T00:00:00Z (obligations.report_every_s)" in permitted
    assert "duty pay 4000 wei, due 2027-03-01T00:00:00Z" not in permitted
    assert run(*decide, "--at", "2026-07-01T00:00:00Z").output.startswith("DENY")


def test_a_proposed_grant_is_held_against_those_on_record(run: CommandLine, files: Path) -> None:
    grant = json.loads(FACTS)["grants"][1]
    (files / "grant.json").write_text(json.dumps({**grant, "position": 99, "license_id": 42}))
    conflicts = "rights", "conflicts", "facts.json", "--grant", "grant.json"
    ran = run(*conflicts, "--at", AT)
    assert "license 42" in ran.output
    assert "territories FR" in ran.output
    [told] = json.loads(run(*conflicts, "--at", AT, "--json").output)
    assert (told["other"]["position"], told["is_certain"]) == (10, True)
    assert json.loads(run(*conflicts, "--at", "2027-01-01T00:00:00Z", "--json").output) == []


def test_a_gap_as_json_has_every_part(run: CommandLine, files: Path) -> None:
    told = json.loads(run("rights", "gap", "facts.json", "plan.json", "--json").output)
    assert (told["price_wei"], told["at_least_wei"], told["is_exact"], told["held"]) == ("2900", "2900", True, [14])
    assert [(each["offer_id"], each["uses"], each["price_wei"]) for each in told["purchases"]] == [
        (7, [2], "1400"),
        (8, [1], "1500"),
    ]
    assert [each["need"]["use"] for each in told["uncovered"]] == [3]


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ('"expires_at": null', '"expires": null'),
        ('"KP"', '"XX"'),
        ('"expires_at": null', '"expires_at": "2025-01-01T00:00:00Z"'),
        ('"2026-01-01T00:00:00Z"', '"2026-01-01"'),
        ('"2026-01-01T00:00:00Z"', "-1"),
        ('"position": 12', '"position": 10'),
        ('"amount_wei": "4000"', '"amount_wei": 4000'),
        ('"kind": "commercial", "price"', '"kind": "commercial", "prize"'),
        ('"of": ["beauty"]', '"of": ["alchemy"]'),
        ('"0x1111', '"0x111'),
        ("{", "["),
    ],
)
def test_facts_that_are_none_are_refused_as_a_whole(run: CommandLine, files: Path, said: str, changed: str) -> None:
    assert said in FACTS
    (files / "facts.json").write_text(FACTS.replace(said, changed, 1))
    for command in (("decide", "use.json"), ("conflicts",), ("gap", "plan.json")):
        ran = run("rights", command[0], "facts.json", *command[1:])
        assert (ran.code, ran.output) == (4, "")
        assert "internal error" not in ran.errors


@pytest.mark.parametrize(
    ("name", "said", "changed"),
    [
        ("use", '"FR"', '"XX"'),
        ("use", '"media"', '"medium"'),
        ("plan", '"2026-12-01T00:00:00Z"', '"2026-01-01T00:00:00Z"'),
        ("plan", '["game"]', "[]"),
        ("plan", '"count": 3', '"count": 0'),
    ],
)
def test_a_use_and_a_plan_outside_the_vocabulary_are_refused(
    run: CommandLine, files: Path, name: str, said: str, changed: str
) -> None:
    path = files / f"{name}.json"
    assert said in path.read_text()
    path.write_text(path.read_text().replace(said, changed, 1))
    ran = run("rights", "decide" if name == "use" else "gap", "facts.json", path.name)
    assert ran.code == 4
    assert "internal error" not in ran.errors


def test_an_instant_that_is_none_is_refused(run: CommandLine, files: Path) -> None:
    assert run("rights", "decide", "facts.json", "use.json", "--at", "yesterday").code == 4
    assert run("rights", "decide", "facts.json", "use.json", "--known", "-1").code == 2
