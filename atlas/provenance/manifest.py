"""From a pedigree to a C2PA manifest definition. Pure: values in, JSON out.

The manifest says three things (W5, C2PA 2.4):

``c2pa.actions.v2``: how the file came to be, one action a generation, each with its ``softwareAgent``. With generation
records the first action is ``c2pa.created`` and names its digitalSourceType. Without any, or when the file came with
a manifest of its own, the first is ``c2pa.opened`` on the file as it came: nothing is claimed that the ledger
does not know. An upstream file that a model read is an ``inputTo`` ingredient of its action; one that an agent cut or
laid in is a ``componentOf`` ingredient and follows as ``c2pa.placed``.

``org.atlas.provenance``: what the ledger holds, with the positions to look it up at (the format's version is inside,
because c2pa-rs drops a label's version on writing). Hashes and ids are hexadecimal, numbers that may exceed 63 bits
are decimal strings: c2pa-rs refuses larger integers.

    {"format": 1, "aaid": "aaid:...", "version": 1, "assetType": "shot", "token": "<CAIP-19>",
     "creator": "<CAIP-10>", "contentSha256": "...", "registeredAt": "...", "transaction": "0x...", "block": 7,
     "ledger": {"origin": "...", "position": 12},
     "generations": [{"record": "...", "position": 9, "worker": "0x...", "sequence": 3, "agent": "video",
                      "model": {"name": ..., "version": ..., "provider": ...}, "device": "...", "runtimeMs": 1,
                      "promptSha256": "...", "configSha256": "...", "seed": "7", "source": true,
                      "inputs": [{"role": ..., "sha256": ..., "mediaType": ..., "record": "..."}]}],
     "complete": true}

A prompt stays in the ledger; the manifest carries its SHA-256, because a file travels further than its maker may like.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from atlas.protocol.ids import account_id, format_aaid, format_locator
from atlas.protocol.vocabulary import Agent
from atlas.provenance.errors import InvalidManifest
from atlas.provenance.media import MediaType
from atlas.provenance.pedigree import Generation, MediaInput, Pedigree

ASSERTION_LABEL = "org.atlas.provenance"
ASSERTION_FORMAT = 1
SPEC_VERSION = "2.4.0"
MAX_GENERATIONS = 16
PARENT_ID = "parent"
COMPOSING_AGENTS = frozenset({Agent.EDITING, Agent.SUBTITLE})  # they arrange files, the others make new ones
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class DigitalSourceType(StrEnum):
    """The IPTC digital source types that a generation can have."""

    TRAINED = SOURCE_TYPES + "trainedAlgorithmicMedia"
    COMPOSITE = SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"


class Action(StrEnum):
    """The C2PA actions this program writes. c2pa-rs accepts any text, so the list is kept here."""

    CREATED = "c2pa.created"
    OPENED = "c2pa.opened"
    EDITED = "c2pa.edited"
    PLACED = "c2pa.placed"


class Relationship(StrEnum):
    """What an ingredient is to the file."""

    PARENT = "parentOf"
    COMPONENT = "componentOf"  # part of it
    INPUT = "inputTo"  # read by the model that made it


class Ingredient(msgspec.Struct, frozen=True):
    """A file that the signed file is made from; ``sha256`` finds it in the content store.

    ``record`` is the generation record that it went into, empty for a parent.
    """

    identifier: str
    title: str
    media_type: MediaType
    sha256: bytes
    relationship: Relationship
    record: bytes

    def definition(self) -> str:
        """The ingredient as c2pa-rs reads it."""
        return _json(
            {
                "title": self.title,
                "format": self.media_type,
                "relationship": self.relationship,
                "label": self.identifier,
            }
        )


class Maker(msgspec.Struct, frozen=True):
    """Who makes manifests: the ledger's ``origin``, as in its checkpoints, and the version of this program."""

    origin: str
    program_version: str


class ManifestDefinition(msgspec.Struct, frozen=True):
    """A manifest to sign: ``document`` is the JSON that c2pa-rs reads."""

    document: str
    media_type: MediaType
    ingredients: tuple[Ingredient, ...]


def define_manifest(
    pedigree: Pedigree, media_type: MediaType, maker: Maker, ingredients: Sequence[Ingredient]
) -> ManifestDefinition:
    """The manifest of an asset version. A parent ingredient must be given when the pedigree has no source.

    Raises InvalidManifest.
    """
    parents = [item for item in ingredients if item.relationship is Relationship.PARENT]
    _check(pedigree, ingredients, parents)
    generator = {"name": "Atlas Ledger", "version": maker.program_version, "specVersion": SPEC_VERSION}
    document = {
        "claim_generator_info": [generator],
        "title": title(pedigree),
        "format": media_type,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": _actions(pedigree, parents, ingredients),
                    "allActionsIncluded": all_actions_included(pedigree, ingredients),
                },
            },
            {"label": ASSERTION_LABEL, "data": provenance_assertion(pedigree, maker.origin)},
        ],
    }
    return ManifestDefinition(_json(document), media_type, tuple(ingredients))


def title(pedigree: Pedigree) -> str:
    """The name of an asset version for people: ``shot aaid:... version 2``."""
    asset = pedigree.asset
    return f"{asset.asset_type} {format_aaid(asset.aaid)} version {asset.version}"


def provenance_assertion(pedigree: Pedigree, origin: str) -> dict[str, Any]:
    """The data of ``org.atlas.provenance``, as the module's docstring shows it."""
    asset = pedigree.asset
    shown = pedigree.generations[:MAX_GENERATIONS]
    return {
        "format": ASSERTION_FORMAT,
        "aaid": format_aaid(asset.aaid),
        "version": asset.version,
        "assetType": asset.asset_type,
        "token": format_locator(asset.chain, asset.registry, asset.token_id),
        "creator": account_id(asset.chain, asset.creator),
        "contentSha256": asset.content_hash.hex(),
        "registeredAt": _time(asset.created_at),
        "transaction": f"0x{asset.tx_hash.hex()}",
        "block": asset.block_number,
        "ledger": {"origin": origin, "position": asset.position},
        "generations": [_generation(generation, generation in pedigree.sources) for generation in shown],
        "complete": pedigree.complete and len(shown) == len(pedigree.generations),
    }


def digital_source_type(sources: Sequence[Generation]) -> DigitalSourceType:
    """Composite as soon as a picture, sound or video went in that no recorded generation made."""
    inputs = [item for source in sources for item in source.inputs]
    return DigitalSourceType.COMPOSITE if any(map(_is_outside_media, inputs)) else DigitalSourceType.TRAINED


def relationship(generation: Generation) -> Relationship:
    """What the media inputs of a generation are to its output."""
    return Relationship.COMPONENT if generation.agent in COMPOSING_AGENTS else Relationship.INPUT


def is_media(item: MediaInput) -> bool:
    """Whether the input is a picture, sound or video, as far as its announced type goes."""
    return item.media_type.split("/")[0] in {"image", "audio", "video"}


def all_actions_included(pedigree: Pedigree, ingredients: Sequence[Ingredient]) -> bool:
    """Whether every file that was laid in is an ingredient, and so has its ``c2pa.placed``."""
    composing = [source for source in pedigree.sources if relationship(source) is Relationship.COMPONENT]
    laid_in = sum(is_media(item) for source in composing for item in source.inputs)
    return laid_in == sum(item.relationship is Relationship.COMPONENT for item in ingredients)


def _actions(
    pedigree: Pedigree, parents: Sequence[Ingredient], ingredients: Sequence[Ingredient]
) -> list[dict[str, Any]]:
    steps = sorted(pedigree.sources, key=lambda source: (source.ended_at, source.position))
    actions: list[dict[str, Any]] = []
    if parents:
        actions.append({"action": Action.OPENED, "parameters": {"ingredientIds": [PARENT_ID]}})
    else:
        created, *steps = steps
        actions.append(_step(Action.CREATED, created, digital_source_type(pedigree.sources), ingredients))
    actions += [_step(Action.EDITED, step, digital_source_type([step]), ingredients) for step in steps]
    actions += [
        {"action": Action.PLACED, "parameters": {"ingredientIds": [item.identifier]}}
        for item in ingredients
        if item.relationship is Relationship.COMPONENT
    ]
    return actions


def _step(
    action: Action, generation: Generation, source_type: DigitalSourceType, ingredients: Sequence[Ingredient]
) -> dict[str, Any]:
    agent = {"name": f"{generation.model_provider} {generation.model_name}", "version": generation.model_version}
    inputs = [
        item.identifier
        for item in ingredients
        if item.relationship is Relationship.INPUT and item.record == generation.record_id
    ]
    step: dict[str, Any] = {
        "action": action,
        "when": _time(generation.ended_at),
        "softwareAgent": agent,
        "digitalSourceType": source_type,
        "description": f"{generation.agent} agent, record {generation.record_id.hex()}",
    }
    return step | {"parameters": {"ingredientIds": inputs}} if inputs else step


def _generation(generation: Generation, is_source: bool) -> dict[str, Any]:
    return {
        "record": generation.record_id.hex(),
        "position": generation.position,
        "worker": f"0x{generation.worker.hex()}",
        "sequence": generation.sequence,
        "agent": generation.agent,
        "model": {
            "name": generation.model_name,
            "version": generation.model_version,
            "provider": generation.model_provider,
        },
        "device": generation.device,
        "runtimeMs": generation.runtime_ms,
        "promptSha256": hashlib.sha256(generation.prompt.encode()).hexdigest(),
        "configSha256": generation.config_sha256.hex(),
        "seed": None if generation.seed is None else str(generation.seed),
        "source": is_source,
        "inputs": [_input(item) for item in generation.inputs],
    }


def _input(item: MediaInput) -> dict[str, Any]:
    record = None if item.upstream is None else item.upstream.hex()
    return {"role": item.role, "sha256": item.sha256.hex(), "mediaType": item.media_type, "record": record}


def _is_outside_media(item: MediaInput) -> bool:
    return item.upstream is None and is_media(item)


def _check(pedigree: Pedigree, ingredients: Sequence[Ingredient], parents: Sequence[Ingredient]) -> None:
    identifiers = [item.identifier for item in ingredients]
    if len(set(identifiers)) != len(identifiers):
        raise InvalidManifest("two ingredients have the same identifier")
    if len(parents) > 1 or any(parent.identifier != PARENT_ID for parent in parents):
        raise InvalidManifest(f"expected at most one parent ingredient, called {PARENT_ID!r}")
    if not parents and not pedigree.sources:
        raise InvalidManifest(
            "neither a generation record nor a parent file says where this media comes from",
            hint="Give the file itself as the parent ingredient.",
        )


def _time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second, as C2PA dates are."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
