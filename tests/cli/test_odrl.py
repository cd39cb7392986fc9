"""Licences in formats of others, as a studio and a lawyer type the commands."""

import json
import re
import shlex
from pathlib import Path

import pytest

from atlas.rights.odrl.policies import encode_policy
from atlas.rights.terms.document import encode_terms
from tests.cli.commands import CommandLine
from tests.rights.odrl.policies import AGREEMENT, BEAUTY, changed, constraint

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "exchange-licences.md"
PARTIES = ("--assigner", AGREEMENT.assigner, "--assignee", str(AGREEMENT.assignee), "--asset", f"aaid:{'ab' * 32}")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def terms() -> str:
    Path("terms.json").write_bytes(encode_terms(BEAUTY) + b"\n")
    return "terms.json"


def saved(data: bytes, name: str = "policy.jsonld") -> str:
    Path(name).write_bytes(data)
    return name


def test_the_how_to_page_runs_as_it_stands(run: CommandLine) -> None:
    page = PAGE.read_text()
    for name, content in re.findall(r"```json (\S+)\n(.*?)```", page, re.DOTALL):
        Path(name).write_text(content)
    commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(commands) == 10
    for line in commands:
        ran = run(*shlex.split(line.split("#")[0].split(">")[0])[1:])
        assert ran.code == (1 if "# exit 1" in line else 0), f"{line}\n{ran.output}{ran.errors}"
    assert Path("read.json").read_text() == Path("terms.json").read_text().removesuffix("\n")
    assert "Territory" in Path("avails.csv").read_text()


def test_terms_go_out_and_come_back_byte_for_byte(run: CommandLine, terms: str) -> None:
    made = run("rights", "odrl", "export", terms, *PARTIES, "--output", "deal.jsonld")
    assert (made.code, made.errors) == (0, "")
    ran = run("rights", "odrl", "import", "deal.jsonld", "--output", "read.json")
    assert ran.code == 0
    assert "commercial license" in ran.output
    assert Path("read.json").read_bytes() == encode_terms(BEAUTY)
    told = json.loads(run("rights", "odrl", "import", "deal.jsonld", "--json").output)
    assert (told["is_whole"], told["losses"], told["terms"]["kind"]) == (True, [], "commercial")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--hash", "0x" + "00" * 32), 4, "expected terms with the hash"),
        (("--assigner", "0x12"), 4, "assigner: expected a CAIP-10 account"),
        (("--asset", "film"), 4, "expected an AAID"),
        (("--currency", "wei of ether"), 4, "currency"),
        (("--issued", "yesterday"), 2, "not an instant"),
        (("--uid", "deal"), 4, "uid 'deal' is no IRI"),
        (("--output", "none/deal.jsonld"), 2, "cannot be written"),
    ],
)
def test_bad_input_is_refused_by_field(
    run: CommandLine, terms: str, options: tuple[str, str], code: int, message: str
) -> None:
    ran = run("rights", "odrl", "export", terms, *PARTIES, *options)
    assert ran.code == code
    assert message in ran.errors
    assert "internal error" not in ran.errors


def test_terms_that_are_none_are_refused(run: CommandLine) -> None:
    ran = run("rights", "odrl", "export", saved(b'{"format":2,"kind":"commercial"}'), *PARTIES)
    assert (ran.code, "not a terms document" in ran.errors) == (4, True)


@pytest.mark.parametrize(
    ("right", "code", "message"),
    [
        (constraint("spatial", "isAnyOf", ["XX"]), 4, "territories cannot name 'XX'"),
        (constraint("purpose", "eq", "ex:festival"), 1, "the left operand purpose is not supported"),
    ],
)
def test_a_policy_that_terms_cannot_say_is_listed_and_refused(
    run: CommandLine, right: dict[str, object], code: int, message: str
) -> None:
    document = saved(changed(lambda policy: policy["permission"][0]["constraint"].append(right)))
    ran = run("rights", "odrl", "import", document, "--output", "read.json")
    assert (ran.code, Path("read.json").exists()) == (code, False)
    assert message in ran.output
    assert message in ran.errors


def test_a_policy_in_another_currency_is_refused(run: CommandLine) -> None:
    ran = run("rights", "odrl", "import", saved(encode_policy(AGREEMENT)), "--currency", "eip155:1/slip44:966")
    assert (ran.code, "the policy is in eip155:1/slip44:60" in ran.errors) == (4, True)


def test_a_denial_says_why_and_exits_with_1(run: CommandLine) -> None:
    asked = {
        "@context": "http://www.w3.org/ns/odrl.jsonld",
        "@type": "Request",
        "uid": "ex:request",
        "permission": [{"action": "use", "target": f"aaid:{'ab' * 32}", "assignee": AGREEMENT.assignee}],
    }
    request = saved(json.dumps(asked).encode(), "request.jsonld")
    ran = run("rights", "odrl", "evaluate", saved(encode_policy(AGREEMENT)), "--request", request)
    assert ran.code == 1
    assert "deny: nothing permits it" in ran.output
    assert "spatial isAnyOf EU@2020-02-01" in ran.output
    assert "no value is stated" in ran.output
    told = json.loads(run("rights", "odrl", "evaluate", "policy.jsonld", "--request", request, "--json").output)
    assert told["@graph"][0]["atlas:outcome"] == "deny"


def test_hostile_names_reach_the_terminal_spelled_out(run: CommandLine) -> None:
    bell = saved(changed(lambda policy: policy.update({"x:\x1b[31m[bold]": "1"})))
    ran = run("rights", "odrl", "import", bell)
    assert ran.code == 1
    assert "\x1b[31m" not in ran.output + ran.errors


def test_the_profile_is_printed_without_a_network(run: CommandLine) -> None:
    assert json.loads(run("rights", "odrl", "profile", "context").output)["@context"]["odrl"]
    assert json.loads(run("rights", "odrl", "profile").output)["@graph"]


def test_training_takes_offers_to_everybody(run: CommandLine, terms: str) -> None:
    assert run("rights", "odrl", "export", terms, *PARTIES[:2], *PARTIES[4:], "--type", "offer", "-o", "o").code == 0
    assert json.loads(run("rights", "training", "o").output)["label"] == "cawg.training-mining"
    assert run("rights", "training", saved(encode_policy(AGREEMENT))).code == 4
