"""A ledger with a chain and workers in it, its views, and a signer: everything real but the chain's blocks."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from coincurve import PrivateKey

from atlas.ledger import MIGRATIONS as LEDGER_MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.log import Fact, Ledger
from atlas.ledger.migrations import migrate
from atlas.projections.migrations import MIGRATIONS as PROJECTION_MIGRATIONS
from atlas.projections.projector import Projector
from atlas.protocol import facts
from atlas.protocol.facts import MANIFEST_TOPIC, RECORD_TOPIC, ManifestSigned
from atlas.protocol.generation import Compute, Cost, GenerationRecord, Input, Model, Output, open_envelope, seal
from atlas.protocol.keccak import keccak256
from atlas.protocol.vocabulary import Agent, AssetType, ordinal
from atlas.provenance.decisions import Signing
from atlas.provenance.schema import MIGRATIONS
from atlas.provenance.signer import ManifestSigner
from tests.projections.chain import Block, aaid_of, address, contract_fact, finalized_fact, reorg_fact
from tests.provenance.samples import MAKER, Studio

WORKER_KEY = bytes([7]) * 32
WORKER = keccak256(PrivateKey(WORKER_KEY).public_key.format(compressed=False)[1:])[-20:]
CREATOR = address("creator")
ALL_MIGRATIONS = (*LEDGER_MIGRATIONS, *PROJECTION_MIGRATIONS, *MIGRATIONS)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class World:
    """Facts go into the log; ``project`` brings the views up to it; ``signer`` signs what they show."""

    def __init__(self, database: Database, directory: Path, signing: Signing) -> None:
        self.database, self.signing = database, signing
        migrate(database, ALL_MIGRATIONS)
        self.ledger = Ledger(database)
        self.projector = Projector(database, self.ledger)
        self.studio = Studio(directory / "studio")
        self.signer = make_signer(database, signing, self.studio)
        self.ledger.append([contract_fact("AssetRegistry")])
        self.blocks: list[Block] = []
        self._records = 0

    def put(self, data: bytes) -> bytes:
        """Store a file, and return its hash."""
        return self.studio.content.put_bytes(data).sha256

    def register(self, token_id: int, content_hash: bytes, *records: bytes, fork: str = "") -> bytes:
        """Register an asset with its sources in a block of its own."""
        aaid, block = aaid_of(token_id), self._block(fork)
        registered = block.log(
            "AssetRegistry",
            "AssetRegistered",
            *(aaid, token_id, CREATOR, ordinal(AssetType.SHOT), content_hash, bytes(32), "ipfs://metadata"),
        )
        self.ledger.append([block.header(), registered, *self._sourced(block, aaid, 1, records)])
        return aaid

    def add_version(self, token_id: int, version: int, content_hash: bytes, *records: bytes) -> None:
        aaid, block = aaid_of(token_id), self._block("")
        added = block.log(
            "AssetRegistry", "AssetVersionAdded", aaid, version, content_hash, bytes(32), "ipfs://metadata"
        )
        self.ledger.append([block.header(), added, *self._sourced(block, aaid, version, records)])

    def finalize(self) -> None:
        self.ledger.append([finalized_fact(self.blocks[-1], 0)])

    def orphan_last_block(self) -> None:
        orphan = self.blocks.pop()
        ancestor = self.blocks[-1] if self.blocks else Block(0)
        self.ledger.append([reorg_fact(0, ancestor, (orphan,))])

    def generate(self, output: bytes, *inputs: Input, agent: Agent = Agent.VIDEO, deliver: bool = True) -> bytes:
        """A worker's record of having made ``output``; the record's id."""
        envelope = seal(_record(self._records, agent, output, inputs), WORKER_KEY)
        fact = Fact(facts.worker_stream(WORKER), self._records, RECORD_TOPIC, envelope)
        self._records += 1
        if deliver:
            self.ledger.append([fact])
        else:
            self.withheld = fact
        return open_envelope(envelope).record_id

    def deliver(self) -> None:
        self.ledger.append([self.withheld])

    def project(self) -> None:
        self.projector.catch_up()

    def step(self) -> int:
        """Bring the views up to the log, then let the signer sign once."""
        self.project()
        return self.signer.step()

    def decisions(self) -> list[ManifestSigned]:
        recorded = self.ledger.facts(after=0, topics=[MANIFEST_TOPIC])
        return [facts.decode(fact.payload, ManifestSigned) for fact in recorded]

    def failures(self) -> list[tuple[bytes, int, str, int, datetime | None]]:
        with self.database.connection() as connection:
            return connection.execute(
                "select aaid, version, reason, attempts, retry_at from provenance.unsigned_versions order by aaid"
            ).fetchall()

    def _block(self, fork: str) -> Block:
        self.blocks.append(Block(len(self.blocks) + 1, fork))
        return self.blocks[-1]

    def _sourced(self, block: Block, aaid: bytes, version: int, records: tuple[bytes, ...]) -> list[Fact]:
        return [block.log("AssetRegistry", "AssetSourced", aaid, version, record) for record in records]


def make_signer(database: Database, signing: Signing, studio: Studio) -> ManifestSigner:
    return ManifestSigner(database, signing, studio.content, studio.signer, MAKER, lambda: datetime.now(UTC))


def media_input(data: bytes, media_type: str, record: bytes | None, role: str = "reference") -> Input:
    return Input(role, sha256(data), media_type, len(data), record)


def _record(sequence: int, agent: Agent, output: bytes, inputs: tuple[Input, ...]) -> GenerationRecord:
    return GenerationRecord(
        format=1,
        worker=WORKER,
        sequence=sequence,
        agent=agent,
        model=Model("lantern", "2.1", "lighthouse"),
        prompt="a keeper climbs the stairs",
        inputs=inputs,
        outputs=(Output("main", sha256(output), "application/octet-stream", len(output)),),
        parameters={"steps": 4},
        seed=11,
        config_sha256=bytes(32),
        compute=Compute("cpu", 1, 1_000, 1, None, None),
        cost=Cost("1", "2", "3"),
        started_at_ms=1_700_000_000_000 + 2_000 * sequence,
        ended_at_ms=1_700_000_001_000 + 2_000 * sequence,
    )
