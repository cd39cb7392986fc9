"""What the operator decides: one TOML file, and environment variables over it.

The file is ``--config FILE``, else the one named by ``ATLAS_CONFIG``, else ``atlas-ledger.toml`` in
the working directory, else none: every key has a default except the chains. A key of a table is
overridden by ``ATLAS_<TABLE>_<KEY>`` (``ATLAS_DATABASE_URL``, ``ATLAS_SERVER_PORT``). Relative paths
are relative to ``data.directory``.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting

from atlas.chain_settings import (
    Abis,
    AbiSettings,
    Address,
    ChainSettings,
    HttpUrl,
    Location,
    SettingsError,
    Table,
    chain_config,
    read_abis,
    refuse_duplicates,
    valid_address,
)
from atlas.ledger.checkpoints.cosignatures import Witness
from atlas.ledger.checkpoints.notes import Verifier
from atlas.ledger.errors import InvalidKey

DEFAULT_FILE = Path("atlas-ledger.toml")
# May hold a password or a key: no message repeats it.
_SECRET = frozenset({"database", "url", "rpc_url", "other_rpc_urls", "ws_url"})


def _verifier_key(text: str) -> str:
    try:
        return Verifier.parse(text).format() if text else ""
    except InvalidKey as error:
        raise ValueError(error.message) from error


def _witness_key(text: str) -> str:
    try:
        return Witness.parse(text).format()
    except InvalidKey as error:
        raise ValueError(error.message) from error


def _database_url(url: str) -> str:
    if url and urlsplit(url).scheme not in {"postgresql", "postgres"}:
        raise ValueError("must be empty (embedded PostgreSQL) or a postgresql:// URL")
    return url


class DataSettings(Table):
    """Where the program keeps what is not in the database."""

    directory: Location = Field(
        default=Path("~/.local/share/atlas-ledger"),
        description="Directory of keys, content, worker spools and the embedded PostgreSQL.",
    )


class DatabaseSettings(Table):
    """The PostgreSQL that holds the log and the views."""

    url: Annotated[str, AfterValidator(_database_url)] = Field(
        default="", description="postgresql:// URL of a server; empty starts the embedded PostgreSQL."
    )
    max_connections: Annotated[int, Field(ge=4, le=500)] = Field(
        default=20, description="Most connections one process opens."
    )


class LedgerSettings(Table):
    """The log's identity."""

    origin: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s+]+$")] = Field(
        default="localhost/atlas-ledger", description="Name of the log, the first line of each checkpoint."
    )
    key_file: Location = Field(default=Path("checkpoint.key"), description="Ed25519 key that signs checkpoints.")
    note_file: Location = Field(
        default=Path("checkpoint.note"),
        description="Last published checkpoint, which the log must extend: never restore it from a backup.",
    )
    key_variable: str = Field(
        default="", description="Environment variable that holds the key instead of the file; empty: the file."
    )
    key_command: tuple[str, ...] = Field(
        default=(),
        description="Program that signs instead of the file: message on its input, base64 of the signature out.",
    )
    verifier_key: Annotated[str, AfterValidator(_verifier_key)] = Field(
        default="", description="Public key of the log: needed with key_command, and where the key is not kept."
    )
    retired_keys: tuple[Annotated[str, AfterValidator(_verifier_key)], ...] = Field(
        default=(), description="Public keys that signed before the present one, oldest first."
    )
    cosignatures_required: Annotated[int, Field(ge=0, le=50)] = Field(
        default=0, description="Publish only checkpoints that so many witnesses have cosigned."
    )
    archive: Location = Field(
        default=Path("archive"), description="Directory of archived ranges, for `ledger archive`, `drop` and reads."
    )
    checkpoint_interval_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=1.0, description="Longest time between an append and the checkpoint that covers it, in seconds."
    )


class WorkerSettings(Table):
    """The intake of generation records."""

    max_envelope_bytes: Annotated[int, Field(ge=1024, le=4 * 1024 * 1024)] = Field(
        default=256 * 1024, description="Largest accepted envelope, in bytes."
    )
    max_body_bytes: Annotated[int, Field(ge=64 * 1024, le=256 * 1024 * 1024)] = Field(
        default=8 * 1024 * 1024, description="Largest accepted submission, in bytes, unpacked."
    )
    records_per_s: Annotated[float, Field(ge=0)] = Field(
        default=0, description="Most records a second of all workers together; 0: no limit."
    )
    bytes_per_s: Annotated[float, Field(ge=0)] = Field(
        default=0, description="Most bytes a second of all workers together, as sent; 0: no limit."
    )
    worker_records_per_s: Annotated[float, Field(ge=0)] = Field(
        default=0, description="Most records a second of one worker; 0: no limit."
    )
    worker_bytes_per_s: Annotated[float, Field(ge=0)] = Field(
        default=0, description="Most bytes a second of one worker; 0: no limit."
    )
    quarantine_records: Annotated[int, Field(ge=0)] = Field(
        default=100_000, description="Most records of workers without a stake that are kept apart."
    )
    quarantine_bytes: Annotated[int, Field(ge=0)] = Field(default=256 * 1024 * 1024, description="Most bytes of them.")
    quarantine_worker_records: Annotated[int, Field(ge=0)] = Field(
        default=10_000, description="Most records of them of one worker."
    )
    collector_key_file: Location | None = Field(
        default=None, description="Key that signs spans sent to /v1/traces; unset: spans are not taken."
    )


class WitnessSettings(Table):
    """A witness that cosigns the log's checkpoints (C2SP tlog-witness)."""

    key: Annotated[str, AfterValidator(_witness_key)] = Field(description="Verifier key of the witness.")
    url: HttpUrl = Field(description="Its submission prefix.")


class AnchoringSettings(Table):
    """Where checkpoints are anchored; the contract is the CheckpointAnchor among the chain's contracts."""

    chain: str = Field(default="", description="CAIP-2 id of one of the chains; empty: the only one.")
    sender: Annotated[str, AfterValidator(lambda text: valid_address(text) if text else "")] = Field(
        default="", description="0x address of an account that the node signs for; empty: that of key_file."
    )
    key_file: Location | None = Field(
        default=None, description="File of the sender's secp256k1 key, 64 hex digits; unset: the node signs."
    )


class SigningSettings(Table):
    """C2PA signing and the trust that verification starts from."""

    directory: Location = Field(default=Path("signing"), description="Directory of the signing certificate and key.")
    content: Location = Field(default=Path("content"), description="Content-addressed directory of media.")
    trust_anchors: Location | None = Field(
        default=None, description="PEM file of trusted roots; unset trusts the root in signing.directory."
    )


class RightsSettings(Table):
    """Whose decisions about rights this ledger records, beside those of the parties."""

    arbitrators: tuple[Address, ...] = Field(default=(), description="Addresses that rule disputes.")
    reviewers: tuple[Address, ...] = Field(
        default=(), description="Addresses that order takedowns and record portraits, measures and uses."
    )


class ServerSettings(Table):
    """The HTTP server: GraphQL, GraphiQL, worker intake."""

    host: Annotated[str, Field(min_length=1)] = Field(default="127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=8000, description="Port to listen on.")


class Settings(BaseSettings):
    """All of the configuration. Build it with ``load``."""

    model_config = SettingsConfigDict(
        env_prefix="ATLAS_", env_nested_delimiter="_", env_nested_max_split=1, frozen=True, extra="forbid"
    )

    data: DataSettings = DataSettings()
    database: DatabaseSettings = DatabaseSettings()
    ledger: LedgerSettings = LedgerSettings()
    abis: tuple[AbiSettings, ...] = ()
    chains: tuple[ChainSettings, ...] = ()
    witnesses: tuple[WitnessSettings, ...] = ()
    anchoring: AnchoringSettings = AnchoringSettings()
    workers: WorkerSettings = WorkerSettings()
    signing: SigningSettings = SigningSettings()
    rights: RightsSettings = RightsSettings()
    server: ServerSettings = ServerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; the file's content comes in as arguments."""
        return env_settings, init_settings

    def path(self, relative: Path) -> Path:
        """``relative`` below the data directory; an absolute path as it is."""
        return self.data.directory.expanduser() / relative.expanduser()

    def read_abis(self) -> Abis:
        """The ABIs that rules may name. Raises SettingsError."""
        return read_abis(self.abis, self.data.directory)


def load(file: Path | None = None) -> Settings:
    """The settings from ``file`` (see the module) and the environment.

    Raises SettingsError naming each wrong key, its value and what is allowed.
    """
    source = file or _default_file()
    content = _read(source) if source else {}
    try:
        settings = Settings(**content)
    except UnreadableSetting as error:
        raise SettingsError(
            f"the environment: {error}",
            hint="ATLAS_<TABLE>_<KEY> sets one key; ATLAS_<TABLE> and ATLAS_CHAINS are read as JSON.",
        ) from error
    except ValidationError as error:
        raise SettingsError(
            "\n".join(_explain(problem) for problem in error.errors()),
            hint=f"Correct {source or 'the ATLAS_… environment variables'}; "
            "`atlas-ledger config example` prints every key.",
        ) from error
    refuse_duplicates(settings.chains)
    for index, chain in enumerate(settings.chains):
        if chain.contracts or chain.factories or chain.events:
            chain_config(chain, settings.read_abis(), f"chains.{index}")
    return settings


def _default_file() -> Path | None:
    named = os.environ.get("ATLAS_CONFIG")
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}", hint="Name a file with --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not TOML: {error}", hint="See https://toml.io for the format.") from error


def _explain(problem: ErrorDetails) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{key}: there is no such key"
    if problem["type"] == "missing":
        return f"{key}: this key is required"
    if _SECRET.intersection(problem["loc"]):
        return f"{key}: {message}"
    return f"{key} = {problem['input']!r}: {message}"
