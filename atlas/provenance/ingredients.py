"""Which upstream files go into a manifest, each with its own: the lineage that travels inside the file (W5).

A file carries at most MAX_MANIFESTS manifests of others, measured at about 5 KB and 3 ms each; what does not fit is
named in the ledger's assertion and found in the ledger.
"""

from collections.abc import Callable, Iterator

import psycopg

from atlas.protocol.facts import ManifestSigned
from atlas.provenance.content import ContentStore
from atlas.provenance.errors import ContentError, MediaError
from atlas.provenance.manifest import PARENT_ID, Ingredient, Relationship, relationship
from atlas.provenance.media import MediaType
from atlas.provenance.pedigree import Generation, MediaInput, Pedigree
from atlas.provenance.reading import versions_with_content
from atlas.provenance.verification import MediaReader, MediaState

MAX_MANIFESTS = 16

FindManifest = Callable[[bytes, int], ManifestSigned | None]
"""The manifest that stands for (AAID, version): asked of the ledger, because the views may be a step behind."""


def parent_ingredient(
    pedigree: Pedigree, media_type: MediaType, content: ContentStore, reader: MediaReader
) -> Ingredient | None:
    """The file itself as it came, when it has a manifest already or no generation record: its history is kept.

    Raises ContentError, MediaError.
    """
    with content.open(pedigree.asset.content_hash) as file:
        state = reader.read(file).state
    if pedigree.sources and state is MediaState.UNSIGNED:
        return None
    return Ingredient(
        PARENT_ID, "the file as registered", media_type, pedigree.asset.content_hash, Relationship.PARENT, b""
    )


def upstream_ingredients(
    connection: psycopg.Connection,
    pedigree: Pedigree,
    content: ContentStore,
    find: FindManifest,
    reader: MediaReader,
) -> tuple[Ingredient, ...]:
    """The signed files among the inputs of the version's generations, as many as fit."""
    room, chosen = MAX_MANIFESTS, list[Ingredient]()
    for source, item in _inputs(pedigree):
        signed = _signed_file(connection, item, content, find)
        manifests = 0 if signed is None else _manifests(signed, content, reader)
        if signed is None or not 0 < manifests <= room:
            continue
        room -= manifests
        chosen.append(
            Ingredient(
                identifier=f"input-{len(chosen) + 1}",
                title=f"{item.role} {item.sha256.hex()}",
                media_type=MediaType(signed.media_type),
                sha256=signed.signed_sha256,
                relationship=relationship(source),
                record=source.record_id,
            )
        )
    return tuple(chosen)


def _inputs(pedigree: Pedigree) -> Iterator[tuple[Generation, MediaInput]]:
    """The inputs of the version's own generations, each file once a generation."""
    for source in pedigree.sources:
        for item in {item.sha256: item for item in source.inputs}.values():
            yield source, item


def _signed_file(
    connection: psycopg.Connection, item: MediaInput, content: ContentStore, find: FindManifest
) -> ManifestSigned | None:
    for aaid, version in versions_with_content(connection, item.sha256):
        manifest = find(aaid, version)
        if manifest is not None and manifest.source_sha256 == item.sha256 and content.exists(manifest.signed_sha256):
            return manifest
    return None


def _manifests(signed: ManifestSigned, content: ContentStore, reader: MediaReader) -> int:
    """How many manifests the file brings along; 0 when it is damaged and must be left out.

    Its bytes are the ones the ledger has. That its certificate has expired since does not take its history away.
    """
    try:
        with content.open(signed.signed_sha256) as file:
            return reader.read(file).manifests
    except (ContentError, MediaError):
        return 0
