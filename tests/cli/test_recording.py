"""Disputes, takedowns and agreements, as parties and reviewers type the commands."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from atlas.protocol.ids import checksum_address, format_aaid
from tests.cli.commands import CommandLine
from tests.deciding import ADA, ASSET, BEN, JUDGE, KEYS, NOW, OTHER_JUDGE, REVIEWER, agreement

WHERE = format_aaid(ASSET)


@pytest.fixture
def authorities(config: Path) -> str:
    """The configuration's arbitrators and reviewers."""
    judges = ", ".join(f'"{checksum_address(each)}"' for each in (JUDGE, OTHER_JUDGE))
    text = f'[rights]\narbitrators = [{judges}]\nreviewers = ["{checksum_address(REVIEWER)}"]\n'
    config.write_text(config.read_text() + text)
    return str(config)


@pytest.fixture
def keys(tmp_path: Path) -> dict[bytes, str]:
    """A key file of everybody."""
    files = {address: tmp_path / f"{address.hex()}.key" for address in KEYS}
    for address, file in files.items():
        file.write_text(KEYS[address].hex())
        file.chmod(0o600)
    return {address: str(file) for address, file in files.items()}


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    file = tmp_path / "agreement.json"
    message = {
        "asset": WHERE,
        "licensor": checksum_address(ADA),
        "licensee": checksum_address(BEN),
        "issued_at": NOW,
        "starts_at": NOW - 1_000,
    }
    document = json.loads(agreement().document)
    file.write_text(json.dumps({"decision": "agreement-signed", "message": message, "document": document}))
    return file


def filed(run: CommandLine, authorities: str, key: str) -> Any:
    parties = "--respondent", checksum_address(BEN), "--arbitrator", checksum_address(JUDGE)
    said = "--category", "copyright_infringement", "--issued-at", str(NOW)
    return run("rights", "dispute", "file", WHERE, *parties, *said, "--key", key, "--config", authorities, "--json")


def test_a_dispute_goes_from_filing_to_a_second_ruling(
    run: CommandLine, authorities: str, keys: dict[bytes, str], tmp_path: Path
) -> None:
    brief = tmp_path / "brief.pdf"
    brief.write_bytes(b"what happened")
    dispute = json.loads(filed(run, authorities, keys[ADA]).output)["decision"]

    def step(name: str, key: bytes, *options: str) -> str:
        ran = run("rights", "dispute", name, dispute, "--key", keys[key], "--config", authorities, *options)
        assert (ran.code, ran.errors) == (0, "")
        return ran.output

    assert "Recorded: dispute-answered at position 2" in step("answer", BEN, "--evidence-uri", "ipfs://answer")
    assert "position 3" in step("evidence", ADA, "--evidence-file", str(brief))
    told = step("rule", JUDGE, "--for", "claimant", "--remedy", "prohibit", "--appeal-until", "4000000000")
    assert f"  matter  {dispute}" in told
    assert "dispute-appealed" in step("appeal", BEN)
    assert "position 6" in step("rule", OTHER_JUDGE, "--for", "respondent")
    late = run("rights", "dispute", "appeal", dispute, "--key", keys[ADA], "--config", authorities)
    assert late.code == 4
    assert "the ruling could be appealed until before 0" in late.errors


def test_filing_the_same_again_records_nothing_new(run: CommandLine, authorities: str, keys: dict[bytes, str]) -> None:
    first = json.loads(filed(run, authorities, keys[ADA]).output)
    again = json.loads(filed(run, authorities, keys[ADA]).output)
    assert again == {**first, "is_known": True}


def test_a_takedown_is_ordered_and_lifted_by_a_reviewer(
    run: CommandLine, authorities: str, keys: dict[bytes, str]
) -> None:
    order = "rights", "takedown", WHERE, "--cause", "deepfake", "--territory", "DE", "--territory", "FR"
    refused = run(*order, "--key", keys[ADA], "--config", authorities)
    assert refused.code == 4
    assert "none of the reviewers of this ledger" in refused.errors
    told = json.loads(run(*order, "--key", keys[REVIEWER], "--config", authorities, "--json").output)
    lifted = run("rights", "lift", told["decision"], "--key", keys[REVIEWER], "--config", authorities)
    assert "Recorded: takedown-lifted at position 2" in lifted.output


def test_an_unknown_territory_is_named(run: CommandLine, authorities: str, keys: dict[bytes, str]) -> None:
    order = "rights", "takedown", WHERE, "--cause", "deepfake", "--territory", "XX", "--key", keys[REVIEWER]
    ran = run(*order, "--config", authorities)
    assert ran.code == 4
    assert "territories" in ran.errors


def test_an_agreement_is_signed_by_a_key_and_a_wallet_and_recorded(
    run: CommandLine, authorities: str, keys: dict[bytes, str], draft: Path, tmp_path: Path
) -> None:
    typed = json.loads(run("rights", "typed-data", str(draft)).output)
    wallet = Account.from_key(KEYS[ADA]).sign_typed_data(full_message=typed)
    signed = tmp_path / "signed.json"
    assert run("rights", "sign", str(draft), "--key", keys[BEN], "-o", str(signed)).code == 0
    half = run("rights", "agree", str(signed), "--config", authorities)
    assert half.code == 4
    assert "signatures[0] is missing: the licensor" in half.errors
    file = json.loads(signed.read_text())
    file["signatures"]["licensor"] = f"0x{bytes(wallet.signature).hex()}"
    signed.write_text(json.dumps(file))
    ran = run("rights", "agree", str(signed), "--config", authorities)
    assert (ran.code, ran.errors) == (0, "")
    assert "Recorded: agreement-signed at position 1" in ran.output
    assert "Recorded before" in run("rights", "record", str(signed), "--config", authorities).output


def test_a_changed_agreement_is_refused(
    run: CommandLine, authorities: str, keys: dict[bytes, str], draft: Path, tmp_path: Path
) -> None:
    signed = tmp_path / "signed.json"
    run("rights", "sign", str(draft), "--key", keys[BEN], "-o", str(signed))
    run("rights", "sign", str(signed), "--key", keys[ADA], "-o", str(signed))
    file = json.loads(signed.read_text())
    file["message"]["expires_at"] = NOW + 5
    signed.write_text(json.dumps(file))
    ran = run("rights", "agree", str(signed), "--config", authorities)
    assert ran.code == 4
    assert "signatures[0] is by" in ran.errors


def test_agree_takes_agreements_only(run: CommandLine, authorities: str, tmp_path: Path) -> None:
    file = tmp_path / "use.json"
    message = {"grant": 1, "used_at": NOW, "issued_at": NOW, "reference": "0x" + "11" * 32}
    message["author"] = checksum_address(REVIEWER)
    file.write_text(json.dumps({"decision": "use-recorded", "message": message}))
    ran = run("rights", "agree", str(file), "--config", authorities)
    assert ran.code == 2
    assert "is no agreement" in ran.errors


def test_a_uri_that_is_no_text_is_refused_by_its_name(
    run: CommandLine, authorities: str, keys: dict[bytes, str]
) -> None:
    """An argument whose bytes are not UTF-8 reaches the program as halves of surrogate pairs."""
    order = "rights", "takedown", WHERE, "--cause", "deepfake", "--key", keys[REVIEWER], "--config", authorities
    refused = run(*order, "--evidence-uri", "ipfs://\udcff")
    assert refused.code == 4
    assert "evidence_uri" in refused.errors
