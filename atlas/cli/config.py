"""``atlas-ledger config``: a commented example, and a check of the file in use."""

from collections.abc import Iterator
from pathlib import PurePath

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from atlas.chain_settings import (
    AbiSettings,
    ChainSettings,
    ContractSettings,
    EventSettings,
    FactorySettings,
)
from atlas.cli.console import output, shown
from atlas.cli.options import Config
from atlas.settings import (
    AnchoringSettings,
    DatabaseSettings,
    DataSettings,
    LedgerSettings,
    RightsSettings,
    ServerSettings,
    SigningSettings,
    WitnessSettings,
    WorkerSettings,
    load,
)

app = typer.Typer(no_args_is_help=True, help="The configuration file: an example, and a check.")

_TABLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("data", DataSettings),
    ("database", DatabaseSettings),
    ("ledger", LedgerSettings),
    ("workers", WorkerSettings),
    ("signing", SigningSettings),
    ("rights", RightsSettings),
    ("anchoring", AnchoringSettings),
    ("server", ServerSettings),
)
_OPTIONAL: tuple[tuple[str, type[BaseModel]], ...] = (
    ("chains.factories", FactorySettings),
    ("chains.events", EventSettings),
    ("abis", AbiSettings),
)
_REQUIRED = {
    "chain": '"eip155:1"',
    "rpc_url": '"http://127.0.0.1:8545"',
    "abi": '"AtlasToken"',
    "event": '"VaultCreated"',
    "parameter": '"vault"',
    "child_abi": '"Vault"',
    "events": '["Transfer(address,address,uint256)"]',
    "name": '"Vault"',
    "file": '"abis/vault.json"',
    "key": '"witness.example.org+f4a8…"',
    "url": '"https://witness.example.org"',
    "address": '"0x5FbDB2315678afecb367f032d93F642f64180aa3"',
}


@app.command()
def example() -> None:
    """Print a configuration file with every key, its meaning and its default."""
    output.out(example_file(), highlight=False)


@app.command()
def check(
    config: Config = None,
) -> None:
    """Read the configuration as every command does, and say what is wrong with it."""
    settings = load(config)
    chains = ", ".join(chain.chain for chain in settings.chains) or "no chain"
    output.print(shown(f"The configuration is good: {chains}; data in {settings.data.directory}."), soft_wrap=True)


def example_file() -> str:
    """The text of a complete configuration file."""
    return "\n".join(_example_lines())


def _example_lines() -> Iterator[str]:
    for name, table in _TABLES:
        yield f"[{name}]  # {_summary(table)}"
        yield from _keys(table)
        yield ""
    yield f"[[chains]]  # {_summary(ChainSettings)} One such block a chain."
    yield from _keys(ChainSettings)
    yield ""
    yield f"[[chains.contracts]]  # {_summary(ContractSettings)} One such block a contract."
    yield from _keys(ContractSettings)
    yield ""
    for name, table in _OPTIONAL:
        yield f"# [[{name}]]  # {_summary(table)} One such block each."
        yield from (f"# {line.removeprefix('# ')}" for line in _keys(table))
        yield ""
    yield f"# [[witnesses]]  # {_summary(WitnessSettings)} One such block a witness."
    yield from (f"# {line}" for line in _keys(WitnessSettings))


def _keys(table: type[BaseModel]) -> Iterator[str]:
    for key, field in table.model_fields.items():
        if key in {"contracts", "factories", "events"} and table is ChainSettings:
            continue
        value = _value(key, field)
        assignment = f"{key} = {value}" if value is not None else f"# {key} ="
        yield f"{assignment}  # {field.description}"


def _value(key: str, field: FieldInfo) -> str | None:
    if field.is_required():
        return _REQUIRED[key]
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is None:
        return None
    if default == ():
        return "[]"
    return f'"{default}"' if isinstance(default, (str, PurePath)) else str(default)


def _summary(table: type[BaseModel]) -> str:
    return (table.__doc__ or "").splitlines()[0].split(": ")[0].rstrip(".") + "."
