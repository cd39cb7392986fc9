from pathlib import Path

import pytest

from atlas.cli.config import example_file
from atlas.indexer.workers.intake.app import Limits
from atlas.settings import SettingsError, load

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def written(directory: Path, text: str) -> Path:
    file = directory / "atlas-ledger.toml"
    file.write_text(text)
    return file


def test_the_example_file_is_a_valid_configuration(tmp_path: Path) -> None:
    settings = load(written(tmp_path, example_file()))
    assert [chain.chain for chain in settings.chains] == ["eip155:1"]
    assert settings.chains[0].contracts[0].address == ADDRESS


def test_without_a_file_every_key_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load().server.port == 8000


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "[server]\nport = 9000\n[workers]\nmax_envelope_bytes = 2048\n")
    monkeypatch.setenv("ATLAS_SERVER_PORT", "9001")
    monkeypatch.setenv("ATLAS_WORKERS_MAX_ENVELOPE_BYTES", "4096")
    settings = load(file)
    assert (settings.server.port, settings.workers.max_envelope_bytes) == (9001, 4096)


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_CONFIG", str(written(tmp_path, "[server]\nport = 9002\n")))
    assert load().server.port == 9002


def test_a_relative_path_is_below_the_data_directory(tmp_path: Path) -> None:
    settings = load(written(tmp_path, f'[data]\ndirectory = "{tmp_path}"\n'))
    assert settings.path(Path("content")) == tmp_path / "content"
    assert settings.path(Path("/elsewhere")) == Path("/elsewhere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\nport = 99999\n", "server.port = 99999: Input should be less than or equal to 65535"),
        ('[server]\nhost = ""\n', "server.host = '': String should have at least 1 character"),
        ('[data]\ndirectory = "~nobody-of-that-name/x"\n', "names the home of a user that does not exist"),
        ('[server]\nhots = "x"\n', "server.hots: there is no such key"),
        ('[database]\nurl = "mysql://x"\n', "database.url: must be empty"),
        ('[[chains]]\nchain = "eip155:1"\n', "chains.0.rpc_url: this key is required"),
        ('[[chains]]\nchain = "bitcoin"\nrpc_url = "http://x"\n', "chains.0.chain = 'bitcoin': expected a CAIP-2"),
        ('[[chains]]\nchain = "eip155:1"\nrpc_url = "x"\n', "chains.0.rpc_url: must be an http:// or https://"),
        ("[ledger]\ncheckpoint_interval_s = 0\n", "ledger.checkpoint_interval_s = 0: Input should be greater than 0"),
    ],
)
def test_an_error_names_key_value_and_what_is_allowed(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(written(tmp_path, text))
    assert expected in refusal.value.message
    assert "config example" in refusal.value.hint


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(written(tmp_path, '[server]\nport = 0\n[ledger]\norigin = "a b"\n'))
    assert len(refusal.value.message.splitlines()) == 2


@pytest.mark.parametrize(
    ("abi", "address", "expected"),
    [
        ("Nope", ADDRESS, "must be one of AtlasToken"),
        ("AtlasToken", ADDRESS.replace("F", "f"), "the checksum of the address"),
    ],
)
def test_a_contract_must_have_a_known_abi_and_a_good_address(
    tmp_path: Path, abi: str, address: str, expected: str
) -> None:
    chain = '[[chains]]\nchain = "eip155:1"\nrpc_url = "http://x"\n'
    with pytest.raises(SettingsError, match=expected):
        load(written(tmp_path, f'{chain}[[chains.contracts]]\nabi = "{abi}"\naddress = "{address}"\n'))


def test_a_chain_or_a_contract_listed_twice_is_refused(tmp_path: Path) -> None:
    chain = '[[chains]]\nchain = "eip155:1"\nrpc_url = "http://x"\n'
    contract = f'[[chains.contracts]]\nabi = "AtlasToken"\naddress = "{ADDRESS}"\n'
    with pytest.raises(SettingsError, match="eip155:1 is listed twice"):
        load(written(tmp_path, chain + chain))
    with pytest.raises(SettingsError, match=f"{ADDRESS} is listed twice"):
        load(written(tmp_path, chain + contract + contract))
    second = contract.replace(ADDRESS, ADDRESS.lower()[:-1] + "0")
    with pytest.raises(SettingsError, match="AtlasToken is listed twice"):
        load(written(tmp_path, chain + contract + second))


def test_a_missing_file_and_a_file_that_is_not_toml_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: cannot be read"):
        load(tmp_path / "nowhere.toml")
    with pytest.raises(SettingsError, match="not TOML"):
        load(written(tmp_path, "[server"))


@pytest.mark.parametrize(
    "text",
    [
        '[database]\nurl = "mysql://someone:secret@host/name"\n',
        'database = "postgresql://someone:secret@host/name"\n',
        '[[chains]]\nchain = "eip155:1"\nrpc_url = "wss://host/secret"\n',
    ],
)
def test_an_error_repeats_no_url(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(written(tmp_path, text))
    assert "secret" not in refusal.value.message


def test_an_environment_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATLAS_DATA", "/srv/atlas")
    with pytest.raises(SettingsError, match='field "data"') as refusal:
        load(written(tmp_path, ""))
    assert "ATLAS_<TABLE>_<KEY>" in refusal.value.hint


def test_the_largest_envelope_fits_into_a_submission(tmp_path: Path) -> None:
    too_large = f"[workers]\nmax_envelope_bytes = {Limits().max_body_bytes}\n"
    with pytest.raises(SettingsError, match=r"workers\.max_envelope_bytes"):
        load(written(tmp_path, too_large))


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load(written(tmp_path, '[ledger]\nkey_file = "~/log.key"\n'))
    assert settings.path(settings.ledger.key_file) == tmp_path / "log.key"
