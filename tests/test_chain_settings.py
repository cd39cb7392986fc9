"""What to index, from a configuration file to rules; every mistake names its key."""

import json
import re
from pathlib import Path

import pytest

from atlas.chain_settings import chain_config
from atlas.indexer.chain.watching.rules import Contract, Events, Factory
from atlas.protocol.keccak import keccak256
from atlas.protocol.outside import read_abi
from atlas.settings import Settings, SettingsError, load

VAULT = [
    {"type": "event", "name": "Deposit", "inputs": [{"name": "shares", "type": "uint256", "indexed": False}]},
]
FACTORY = [
    {
        "type": "event",
        "name": "VaultCreated",
        "inputs": [
            {"name": "name", "type": "string", "indexed": False},
            {"name": "asset", "type": "address", "indexed": True},
            {"name": "vault", "type": "address", "indexed": False},
            {"name": "fees", "type": "uint16[3]", "indexed": False},
            {"name": "owner", "type": "address", "indexed": False},
        ],
    },
]
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SIGNATURE = ("address", "address", "uint256")
CHAIN = '[[chains]]\nchain = "eip155:1"\nrpc_url = "http://node"\n'
ABIS = '[[abis]]\nname = "Vault"\nfile = "vault.json"\n[[abis]]\nname = "Factory"\nfile = "factory.json"\n'
FACTORY_RULE = (
    f'[[chains.factories]]\nabi = "Factory"\naddress = "{ADDRESS}"\nevent = "VaultCreated"\n'
    'parameter = "vault"\nchild_abi = "Vault"\nstart_block = "code"\n'
)
EVENTS_RULE = '[[chains.events]]\nabi = "Vault"\nevents = ["Deposit(uint256)"]\nstart_block = 7\n'


def loaded(directory: Path, text: str) -> Settings:
    (directory / "vault.json").write_text(json.dumps(VAULT))
    (directory / "factory.json").write_text(json.dumps(FACTORY))
    file = directory / "atlas-ledger.toml"
    file.write_text(f'[data]\ndirectory = "{directory}"\n{text}')
    return load(file)


def test_rules_are_made_of_settings(tmp_path: Path) -> None:
    contract = f'[[chains.contracts]]\nabi = "Vault"\naddress = "{ADDRESS[:-1]}4"\nstart_block = 5\n'.replace("F", "f")
    text = ABIS + CHAIN + contract.replace(ADDRESS[:-1], ADDRESS[:-1].lower()).lower().replace("vault", "Vault")
    settings = loaded(tmp_path, text + FACTORY_RULE + EVENTS_RULE)
    config = chain_config(settings.chains[0], settings.read_abis(), "chains.0")
    vault, factory = read_abi(json.dumps(VAULT).encode()), read_abi(json.dumps(FACTORY).encode())
    first, second, third = config.contracts
    assert first == Contract("Vault", bytes.fromhex(ADDRESS[2:-1] + "4"), 5, vault.sha256)
    assert isinstance(second, Factory)
    assert (second.event, second.place) == (keccak256(b"VaultCreated(string,address,address,uint16[3],address)"), 4)
    assert (second.abi_sha256, second.child_abi_sha256) == (factory.sha256, vault.sha256)
    assert third == Events("Vault", (keccak256(b"Deposit(uint256)"),), 7, vault.sha256)
    assert config.find_start == {second.key}
    assert {abi.sha256 for abi in config.abis} == {vault.sha256, factory.sha256}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CHAIN + EVENTS_RULE, "chains.0.events.0.abi = 'Vault': must be one of AtlasToken"),
        (
            ABIS + CHAIN + EVENTS_RULE.replace("Deposit(", "Withdraw("),
            "chains.0.events.0.events.0 = 'Withdraw(uint256)'",
        ),
        (ABIS + CHAIN + FACTORY_RULE.replace("VaultCreated", "Nope"), "chains.0.factories.0.event = 'Nope'"),
        (ABIS + CHAIN + FACTORY_RULE.replace('"vault"', '"name"'), "chains.0.factories.0.parameter = 'name'"),
        (ABIS + CHAIN + FACTORY_RULE.replace('"vault"', '"owner"'), "chains.0.factories.0.parameter = 'owner'"),
        (
            ABIS + CHAIN + FACTORY_RULE.replace('"Vault"', '"AtlasToken"'),
            "chains.0.factories.0.child_abi = 'AtlasToken'",
        ),
        (ABIS + CHAIN + FACTORY_RULE + FACTORY_RULE, "is listed twice for eip155:1"),
        (
            ABIS.replace("vault.json", "nowhere.json") + CHAIN + EVENTS_RULE,
            "abis.0.file = 'nowhere.json': cannot be read",
        ),
        (
            ABIS.replace("vault.json", "atlas-ledger.toml") + CHAIN + EVENTS_RULE,
            "abis.0.file = 'atlas-ledger.toml': not",
        ),
        (ABIS.replace('"Vault"', '"AtlasToken"') + CHAIN + EVENTS_RULE, "abis.0.name = 'AtlasToken': there is such"),
        (CHAIN + 'deep_reorg = "hope"\n', "chains.0.deep_reorg = 'hope': Input should be 'wait' or 'follow'"),
        (CHAIN + EVENTS_RULE.replace("7", "-7"), "chains.0.events.0.start_block = -7"),
        (CHAIN + FACTORY_RULE.replace('"code"', '"soon"'), "chains.0.factories.0.start_block"),
        (CHAIN + 'other_rpc_urls = ["wss://host/secret"]\n', "chains.0.other_rpc_urls.0: must be an http"),
    ],
)
def test_a_mistake_names_its_key(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        loaded(tmp_path, text)
    assert expected in refusal.value.message
    assert refusal.value.exit_code == 2
    assert refusal.value.hint


def test_an_abi_without_events_names_its_key(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")
    with pytest.raises(SettingsError, match=r"abis\.0\.file = 'empty\.json': the ABI has no event"):
        loaded(tmp_path, ABIS.replace("vault.json", "empty.json") + CHAIN + EVENTS_RULE)


def test_the_configuration_of_the_page_is_read(tmp_path: Path) -> None:
    page = Path(__file__).parent.parent / "docs/how-to/index-your-own-contracts.md"
    snippets = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    transfer = {"type": "event", "name": "Transfer", "inputs": [{"name": "x", "type": t} for t in SIGNATURE]}
    created = {
        "type": "event",
        "name": "VaultCreated",
        "inputs": [{"name": "vault", "type": "address", "indexed": True}],
    }
    (tmp_path / "abis").mkdir()
    for name in ("vault", "governor", "vault-factory"):
        (tmp_path / f"abis/{name}.json").write_text(json.dumps([transfer, created]))
    config = loaded(tmp_path, "".join(snippets))
    (chain,) = config.chains
    rules = chain_config(chain, config.read_abis(), "chains.0").contracts
    assert [type(rule) for rule in rules] == [Contract, Factory, Events]
