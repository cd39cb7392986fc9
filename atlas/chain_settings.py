"""What the operator decides about chains: endpoints, what to index, how much to trust; and what becomes of it.

A rule names an ABI: one that is shipped, or one of ``[[abis]]``, whose file is read here and recorded in the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from atlas.indexer.chain.watching.config import ChainConfig
from atlas.indexer.chain.watching.rules import INDEXED_PLACES, Contract, Events, Factory, Rule
from atlas.protocol.abi import EventLayout
from atlas.protocol.artifacts import load as load_artifact
from atlas.protocol.errors import AtlasError, MalformedId
from atlas.protocol.events import EVENTS
from atlas.protocol.evm.errors import NotProvable
from atlas.protocol.evm.families import require_provable
from atlas.protocol.ids import checksum_address, parse_address, parse_chain
from atlas.protocol.outside import InvalidAbi, OutsideAbi, find_event, read_abi


class SettingsError(AtlasError):
    """The configuration cannot be used; every wrong key is named with its value and what is allowed."""

    exit_code = 2


def valid_chain(text: str) -> str:
    """A CAIP-2 id. Raises ValueError."""
    try:
        parse_chain(text)
    except MalformedId as error:
        raise ValueError(error.message) from error
    return text


def valid_address(text: str) -> str:
    """An address, in its checksummed form. Raises ValueError."""
    try:
        return checksum_address(parse_address(text))
    except MalformedId as error:
        raise ValueError(error.message) from error


def valid_http_url(url: str) -> str:
    """An http:// or https:// URL with a host. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// URL with a host")
    return url


def valid_ws_url(url: str) -> str:
    """A ws:// or wss:// URL with a host. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError("must be a ws:// or wss:// URL with a host")
    return url


def valid_location(path: Path) -> Path:
    """A path; ``~`` is of a user that exists. Raises ValueError."""
    try:
        path.expanduser()
    except RuntimeError as error:
        raise ValueError("names the home of a user that does not exist") from error
    return path


Address = Annotated[str, AfterValidator(valid_address)]
HttpUrl = Annotated[str, AfterValidator(valid_http_url)]
Location = Annotated[Path, AfterValidator(valid_location)]
StartBlock = Annotated[int, Field(ge=0)] | Literal["code"]
_START = 'First block that may hold its logs; "code" finds the block that created it.'


class Table(BaseModel):
    """A table of the configuration file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AbiSettings(Table):
    """An ABI that is not shipped; its events are recorded in the log, so that views need no file."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")] = Field(
        description="What contracts call it."
    )
    file: Location = Field(description="JSON file as Etherscan, Foundry or Hardhat write it.")


class ContractSettings(Table):
    """A contract whose logs are indexed."""

    abi: str = Field(description="Name of a shipped ABI, or of one of [[abis]].")
    address: Address = Field(description="0x address.")
    start_block: StartBlock = Field(default=0, description=_START)


class FactorySettings(Table):
    """A contract whose event names others: their logs are indexed too, from the block of the event on."""

    abi: str = Field(description="ABI of the factory.")
    address: Address = Field(description="0x address of the factory.")
    event: str = Field(description="Name or signature of the event; only this one is indexed.")
    parameter: str = Field(description="Parameter of the event that is the child's address.")
    child_abi: str = Field(description="ABI of the children, one of [[abis]].")
    start_block: StartBlock = Field(default=0, description=_START)


class EventSettings(Table):
    """Events that are indexed whoever emits them."""

    abi: str = Field(description="ABI that has them.")
    events: Annotated[tuple[str, ...], Field(min_length=1)] = Field(description="Names or signatures.")
    start_block: Annotated[int, Field(ge=0)] = Field(default=0, description="First block to look in.")


class ChainSettings(Table):
    """A chain to index."""

    chain: Annotated[str, AfterValidator(valid_chain)] = Field(description="CAIP-2 id, such as eip155:1.")
    rpc_url: HttpUrl = Field(description="JSON-RPC endpoint: the primary, which is returned to.")
    other_rpc_urls: tuple[HttpUrl, ...] = Field(
        default=(),
        description="Further endpoints, in order: they stand in for rpc_url, and are asked when it contradicts us.",
    )
    ws_url: Annotated[str, AfterValidator(lambda url: valid_ws_url(url) if url else "")] = Field(
        default="", description="WebSocket endpoint that tells of new blocks; empty: they are looked for."
    )
    quorum: Annotated[int, Field(ge=1, le=2)] = Field(
        default=1, description="How many endpoints must agree on logs and headers: 1, or 2 with other_rpc_urls."
    )
    max_concurrency: Annotated[int, Field(ge=1, le=256)] = Field(
        default=16, description="Most requests under way at one endpoint; fewer while it asks for fewer."
    )
    request_timeout_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        default=60.0, description="Longest time for one request with its answer, in seconds."
    )
    verify: Literal["off", "bloom", "receipts"] = Field(
        default="bloom",
        description="How history is checked: only blocks with logs (off), every header and bloom, or receipts too.",
    )
    finality: Literal["finalized", "safe", "depth"] = Field(
        default="finalized", description="What is final: what the node's tag says, or what has enough confirmations."
    )
    confirmations: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=64, description="Depth at which a block is final where the node does not know the tag."
    )
    window_blocks: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=256, description="How deep a reorganisation is followed without asking."
    )
    deep_reorg: Literal["wait", "follow"] = Field(
        default="wait", description="A deeper one waits for `chain resolve`, or is followed; never below a final block."
    )
    max_range_blocks: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=500, description="Most blocks that one request for logs spans."
    )
    prefetch_ranges: Annotated[int, Field(ge=0, le=16)] = Field(
        default=1, description="Ranges that are fetched ahead while the one before is written."
    )
    poll_interval_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=0.5, description="Time between two looks at the head, in seconds."
    )
    contracts: tuple[ContractSettings, ...] = Field(default=(), description="What to index, by address.")
    factories: tuple[FactorySettings, ...] = Field(default=(), description="What to index, by factory.")
    events: tuple[EventSettings, ...] = Field(default=(), description="What to index, by event.")


class Abis:
    """The ABIs that rules may name: those shipped, and those from outside."""

    def __init__(self, outside: Mapping[str, OutsideAbi]) -> None:
        self.outside = outside

    def require(self, key: str, name: str) -> None:
        """There is an ABI called ``name``. Raises SettingsError naming ``key``."""
        if name not in self.outside and name not in EVENTS:
            known = ", ".join([*EVENTS, *self.outside])
            raise SettingsError(f"{key} = {name!r}: must be one of {known}", hint="Add an ABI of your own to [[abis]].")

    def events(self, name: str) -> Sequence[Mapping[str, Any]]:
        """The entries of an ABI."""
        return self.outside[name].events if name in self.outside else load_artifact(name).abi

    def sha256(self, name: str) -> bytes | None:
        """What the log calls it; None for one that is shipped."""
        return self.outside[name].sha256 if name in self.outside else None


def read_abis(settings: Sequence[AbiSettings], directory: Path) -> Abis:
    """The ABIs of ``settings``, from files relative to ``directory``. Raises SettingsError naming the key."""
    outside: dict[str, OutsideAbi] = {}
    for index, abi in enumerate(settings):
        if abi.name in EVENTS or abi.name in outside:
            raise SettingsError(f"abis.{index}.name = {abi.name!r}: there is such an ABI", hint="Choose another name.")
        file = directory.expanduser() / abi.file.expanduser()
        try:
            outside[abi.name] = read_abi(file.read_bytes())
        except OSError as error:
            message = f"abis.{index}.file = '{abi.file}': cannot be read: {error.strerror}"
            raise SettingsError(message, hint="A relative path is below data.directory.") from error
        except InvalidAbi as error:
            raise SettingsError(f"abis.{index}.file = '{abi.file}': {error.message}", hint=error.hint) from error
    return Abis(outside)


def chain_config(settings: ChainSettings, abis: Abis, key: str) -> ChainConfig:
    """How the chain under ``key`` is indexed. Raises SettingsError naming what is wrong, InvalidChainConfig."""
    if settings.quorum > 1 + len(settings.other_rpc_urls):
        raise SettingsError(f"{key}.quorum = {settings.quorum}: there is one endpoint", hint="Add other_rpc_urls.")
    if settings.verify == "receipts":
        _require_provable(settings.chain, key)
    found = list(_rules(settings, abis, key))
    return ChainConfig(
        chain=settings.chain,
        rpc_url=settings.rpc_url,
        contracts=tuple(rule for rule, _ in found),
        find_start=frozenset(rule.key for rule, is_by_code in found if is_by_code),
        abis=tuple(abis.outside.values()),
        finality=settings.finality,
        confirmations=settings.confirmations,
        poll_interval_s=settings.poll_interval_s,
        max_range_blocks=settings.max_range_blocks,
        prefetch_ranges=settings.prefetch_ranges,
        window_blocks=settings.window_blocks,
        deep_reorg=settings.deep_reorg,
        verify=settings.verify,
    )


def _require_provable(chain: str, key: str) -> None:
    try:
        require_provable(chain)
    except NotProvable as error:
        raise SettingsError(f'{key}.verify = "receipts": {error.message}', hint='"bloom" is what is left.') from error


def refuse_duplicates(chains: Sequence[ChainSettings]) -> None:
    """A chain once; on it an address once, and what there can be one of. Raises SettingsError.

    Stakes count in the totals of the chain's token, and checkpoints are anchored in the chain's CheckpointAnchor.
    """
    seen: set[tuple[str, str]] = set()
    for chain in chains:
        only = [contract.abi for contract in chain.contracts if contract.abi in ("AtlasToken", "CheckpointAnchor")]
        contracts = [*(contract.address for contract in chain.contracts), *only]
        factories = (f"{one.address} {one.event} {one.parameter}" for one in chain.factories)
        events = (f"{one.abi} {' '.join(sorted(one.events))}" for one in chain.events)
        for name in [chain.chain, *contracts, *factories, *events]:
            if (chain.chain, name) in seen:
                raise SettingsError(f"chains: {name} is listed twice for {chain.chain}", hint="Keep one of them.")
            seen.add((chain.chain, name))


def _rules(settings: ChainSettings, abis: Abis, key: str) -> Iterator[tuple[Rule, bool]]:
    """Rules, and whether the start of each is to be found."""
    for index, contract in enumerate(settings.contracts):
        abis.require(f"{key}.contracts.{index}.abi", contract.abi)
        address = parse_address(contract.address)
        start, is_by_code = _start(contract.start_block)
        yield Contract(contract.abi, address, start, abis.sha256(contract.abi)), is_by_code
    for index, factory in enumerate(settings.factories):
        start, is_by_code = _start(factory.start_block)
        yield _factory(factory, start, abis, f"{key}.factories.{index}"), is_by_code
    for index, events in enumerate(settings.events):
        yield _events(events, abis, f"{key}.events.{index}"), False


def _factory(settings: FactorySettings, start: int, abis: Abis, key: str) -> Factory:
    abis.require(f"{key}.abi", settings.abi)
    if settings.child_abi not in abis.outside:
        raise SettingsError(
            f"{key}.child_abi = {settings.child_abi!r}: must be one of [[abis]]",
            hint="The views of a shipped ABI keep one contract a chain apart, not several.",
        )
    event = _found(f"{key}.event", settings.event, abis.events(settings.abi))
    names = [parameter.name for parameter in event.parameters]
    at = names.index(settings.parameter) if settings.parameter in names else None
    if at is None or event.parameters[at].type != "address":
        addresses = ", ".join(one.name for one in event.parameters if one.type == "address") or "none"
        raise SettingsError(
            f"{key}.parameter = {settings.parameter!r}: must be one of the addresses in {event.name}: {addresses}",
            hint="The parameter's name is that of the ABI.",
        )
    place = event.places[at]
    if place >= event.indexed_count:
        heads = [one for one in event.parameters[:at] if not one.indexed]
        if any(not _is_one_word(one.type) for one in heads):
            raise SettingsError(
                f"{key}.parameter = {settings.parameter!r}: what stands before it in the data has no fixed size",
                hint="Such an event cannot be a factory's.",
            )
        place += INDEXED_PLACES - event.indexed_count
    return Factory(
        abi=settings.abi,
        address=parse_address(settings.address),
        start_block=start,
        event=event.topic,
        place=place,
        child_abi=settings.child_abi,
        abi_sha256=abis.sha256(settings.abi),
        child_abi_sha256=abis.sha256(settings.child_abi),
    )


def _events(settings: EventSettings, abis: Abis, key: str) -> Events:
    abis.require(f"{key}.abi", settings.abi)
    entries = abis.events(settings.abi)
    found = [_found(f"{key}.events.{index}", name, entries) for index, name in enumerate(settings.events)]
    topics = tuple(sorted({event.topic for event in found}))
    return Events(settings.abi, topics, settings.start_block, abis.sha256(settings.abi))


def _found(key: str, wanted: str, entries: Sequence[Mapping[str, Any]]) -> EventLayout:
    try:
        return find_event(entries, wanted)
    except InvalidAbi as error:
        raise SettingsError(f"{key} = {wanted!r}: {error.message}", hint=error.hint) from error


def _is_one_word(kind: str) -> bool:
    """Whether a parameter takes one word of an event's data: its value, or the offset of its tail."""
    return "(" not in kind and (not kind.endswith("]") or kind.endswith("[]"))


def _start(start_block: int | Literal["code"]) -> tuple[int, bool]:
    return (0, True) if start_block == "code" else (start_block, False)
