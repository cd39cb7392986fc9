"""The one place that wires the rooms together. Nothing is opened before it is asked for."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from atlas import __version__
from atlas.chain_settings import ChainSettings, SettingsError, chain_config
from atlas.graphql.http.server import create_app
from atlas.indexer.chain.indexer import ChainIndexer
from atlas.indexer.chain.progress import Progress
from atlas.indexer.chain.rpc.calls import Calls
from atlas.indexer.chain.rpc.endpoint import Endpoint
from atlas.indexer.chain.schema import MIGRATIONS as INDEXER_MIGRATIONS
from atlas.indexer.chain.sources.connecting import connect_pool
from atlas.indexer.chain.sources.heads import SocketWatch
from atlas.indexer.chain.sources.metrics import EndpointMetrics
from atlas.indexer.chain.sources.pace import Limits as RequestLimits
from atlas.indexer.chain.sources.proven import ProvenEndpoint
from atlas.indexer.chain.standing import trouble
from atlas.indexer.chain.standing_metrics import StandingCollector
from atlas.indexer.chain.verification.evidence import MIGRATIONS as EVIDENCE_MIGRATIONS
from atlas.indexer.chain.verification.evidence import keep_evidence
from atlas.indexer.chain.watching.config import ChainConfig
from atlas.indexer.decisions import DecisionDoor
from atlas.indexer.errors import LyingEndpoint
from atlas.indexer.workers.intake.app import Limits, intake_routes
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.metrics import IntakeMetrics
from atlas.indexer.workers.intake.quarantine import Quarantine, QuarantineLimits
from atlas.indexer.workers.intake.schema import MIGRATIONS as WORKER_MIGRATIONS
from atlas.indexer.workers.intake.service import release_registered
from atlas.indexer.workers.intake.throttle import Rate, Throttle
from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.spans.collector import Collector
from atlas.indexer.workers.spans.traces import trace_routes
from atlas.ledger import MIGRATIONS as LEDGER_MIGRATIONS
from atlas.ledger.archive.archive import Archive
from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.cosignatures import Witness
from atlas.ledger.checkpoints.high_water import HighWater
from atlas.ledger.checkpoints.keyring import KeyRing
from atlas.ledger.checkpoints.keys import CallbackKey, SigningKey, command_callback, key_from_environment
from atlas.ledger.checkpoints.notes import SignedNote, Signer, Verifier
from atlas.ledger.checkpoints.witnessing import Cosigner, Witnesses
from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable, InvalidKey, LedgerCorrupt, LedgerError
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.migrations import Migration, migrate
from atlas.ledger.operations.metrics import AppendMetrics, LogCollector, MeasuredLedger, count_witness_failures
from atlas.ledger.persistence import measure_appends
from atlas.ledger.postgres import EmbeddedPostgres
from atlas.ledger.publication.published import Publication
from atlas.ledger.publication.serving import log_app
from atlas.ledger.recovery import require_appending
from atlas.projections.migrations import MIGRATIONS as PROJECTION_MIGRATIONS
from atlas.projections.projector import Projector
from atlas.projections.standing import is_staked
from atlas.protocol.evm.families import require_provable
from atlas.protocol.ids import parse_address
from atlas.protocol.vocabulary import StakeRole
from atlas.provenance.anchoring import Anchored, anchor_note, open_chain
from atlas.provenance.content import ContentStore
from atlas.provenance.decisions import Signing
from atlas.provenance.errors import KeyExists
from atlas.provenance.keys import TrustList, init_keys, load_identity, load_trust_list
from atlas.provenance.manifest import Maker
from atlas.provenance.schema import MIGRATIONS as PROVENANCE_MIGRATIONS
from atlas.provenance.signer import ManifestSigner
from atlas.provenance.signing import MediaSigner
from atlas.rights.proceedings import Authorities
from atlas.settings import Settings

MIGRATIONS: tuple[Migration, ...] = (
    *LEDGER_MIGRATIONS,
    *INDEXER_MIGRATIONS,
    *EVIDENCE_MIGRATIONS,
    *WORKER_MIGRATIONS,
    *PROJECTION_MIGRATIONS,
    *PROVENANCE_MIGRATIONS,
)
MAX_RECURSION = 5_000
RECONNECT_S = 2.0

log = structlog.get_logger("atlas")


Run = Callable[[threading.Event], None]


@dataclass(frozen=True)
class Service:
    """Something that runs until it is told to stop; an error that it cannot get over is raised."""

    name: str
    run: Run


class Program:
    """The rooms of one process, over one database; each is made when it is first used."""

    def __init__(
        self, settings: Settings, database: Database, closing: contextlib.ExitStack, revive: Callable[[], None]
    ) -> None:
        self._revive_database = revive
        self._closing = closing
        self.settings = settings
        self.database = database
        self.metrics = CollectorRegistry()
        witnesses = [Witness.parse(witness.key).name for witness in settings.witnesses]
        self.metrics.register(LogCollector(database, settings.ledger.origin, witnesses))
        self.metrics.register(StandingCollector(database))
        self.archive = Archive(settings.path(settings.ledger.archive))
        self._appends = AppendMetrics(self.metrics)
        self.ledger: Ledger = MeasuredLedger(database, self._appends, self.archive)
        self.content = ContentStore(settings.path(settings.signing.content))
        self.high_water = HighWater(database, settings.path(settings.ledger.note_file), settings.ledger.origin)

    @cached_property
    def endpoint_metrics(self) -> EndpointMetrics:
        """How the endpoints of all chains do."""
        return EndpointMetrics(self.metrics)

    @cached_property
    def log_signer(self) -> SigningKey:
        """The key that signs checkpoints. Raises InvalidKey when it is missing."""
        return load_signing_key(self.settings)

    @cached_property
    def key_ring(self) -> KeyRing:
        """The log's public keys. Raises InvalidKey when neither the public nor the private key is there."""
        return load_key_ring(self.settings)

    @cached_property
    def checkpointer(self) -> Checkpointer:
        """What signs the log's checkpoints."""
        return Checkpointer(self.database, self.log_signer, self.key_ring.verifiers[:-1], keep=self.high_water.keep)

    @cached_property
    def tree(self) -> Tree:
        """The log's Merkle tree, for roots and proofs."""
        return Tree(self.database)

    @cached_property
    def publication(self) -> Publication:
        """What the log shows to everybody."""
        ledger = self.settings.ledger
        return Publication(self.ledger, ledger.origin, cosignatures_required=ledger.cosignatures_required)

    def projector(self) -> Projector:
        """A folder of the views, for one thread."""
        return Projector(self.database, self.ledger)

    @cached_property
    def quarantine(self) -> Quarantine:
        """Where records of workers without a stake are kept apart."""
        workers = self.settings.workers
        limits = QuarantineLimits(
            workers.quarantine_records, workers.quarantine_bytes, workers.quarantine_worker_records
        )
        return Quarantine(self.database, limits)

    @cached_property
    def intake_metrics(self) -> IntakeMetrics:
        """What the intake counts."""
        return IntakeMetrics(self.metrics)

    def intake(self, throttle: Throttle | None = None) -> Intake:
        """What takes the records of workers with a stake as compute node (W12, W21)."""
        return Intake(
            self.ledger,
            self._is_admitted,
            self.settings.workers.max_envelope_bytes,
            quarantine=self.quarantine,
            throttle=throttle,
        )

    @cached_property
    def decisions(self) -> DecisionDoor:
        """What takes the signed decisions of people about rights."""
        rights = self.settings.rights
        authorities = Authorities(
            frozenset(map(parse_address, rights.arbitrators)), frozenset(map(parse_address, rights.reviewers))
        )
        return DecisionDoor(self.ledger, authorities, lambda: int(time.time()))

    def api(self) -> Starlette:
        """GraphQL, GraphiQL, the intake of records and, under ``/log``, the log itself, over HTTP."""
        log_routes = Mount("/log", log_app(self.publication))
        routes = [*self._intake_routes(), log_routes]
        chains = [chain.chain for chain in self.settings.chains]
        return create_app(
            self.database,
            routes=routes,
            metrics=self.metrics,
            archive=self.archive,
            unready=lambda: trouble(self.database, chains),
        )

    def anchor(self, note: SignedNote) -> Anchored:
        """Put a signed checkpoint on chain, as configured.

        Raises SettingsError, KeyUnusable, AnchorRefused, ChainUnreachable.
        """
        anchoring = self.settings.anchoring
        chain, contract = anchor_contract(self.settings)
        key = WorkerKey.from_file(self.settings.path(anchoring.key_file)) if anchoring.key_file else None
        if key is None and not anchoring.sender:
            raise SettingsError("anchoring has no sender", hint="Set anchoring.key_file, or anchoring.sender.")
        sender = parse_address(anchoring.sender) if key is None else key.address
        web3 = open_chain(chain.rpc_url, None if key is None else key.secret)
        return anchor_note(chain.chain, web3, contract, note, sender)

    def chain_services(self) -> list[Service]:
        """One indexer a chain, checked: the log takes facts, its node answers, is the right chain, has the contracts.

        Raises AppendingHalted, and what the checks of the chain raise.
        """
        require_appending(self.database)
        abis = self.settings.read_abis()
        return [
            self._chain_service(chain, chain_config(chain, abis, f"chains.{index}"))
            for index, chain in enumerate(self.settings.chains)
        ]

    def projection_service(self) -> Service:
        """The folder of all views."""
        return Service("project", _through_outages(self.projector().run, self._revive))

    def intake_service(self) -> Service:
        """Brings records of workers that have registered since out of the quarantine."""
        intake = self.intake()
        return Service("intake", _through_outages(lambda stop: release_registered(intake, stop), self._revive))

    def checkpoint_service(self) -> Service:
        """Signs a checkpoint soon after each append. Raises AppendingHalted."""
        require_appending(self.database)
        return Service("checkpoint", _through_outages(self._keep_checkpoints, self._revive))

    def cosigning_services(self) -> list[Service]:
        """What asks the witnesses to cosign each new checkpoint; none where there is no witness."""
        if not self.settings.witnesses:
            return []
        witnesses = self._closing.enter_context(self.witnesses())
        failed = count_witness_failures(self.metrics)

        def on_failure(witness: str, error: LedgerError) -> None:
            failed(witness, error)
            log.warning("no cosignature", witness=witness, error=error.message)

        cosigner = Cosigner(
            witnesses, self.checkpointer.latest, on_failure, interval_s=self.settings.ledger.checkpoint_interval_s
        )
        return [Service("cosign", _through_outages(cosigner.run, self._revive))]

    def witnesses(self) -> Witnesses:
        """The configured witnesses; a context manager."""
        configured = [(Witness.parse(witness.key), witness.url) for witness in self.settings.witnesses]
        return Witnesses(self.database, configured)

    def watch(self) -> None:
        """Hold the log against the last published checkpoint: when it went back it is halted, and who appends is told.

        Raises DatabaseUnreachable, and NoteNotKept, MalformedNote, WrongOrigin when the note cannot be used.
        """
        with contextlib.suppress(LedgerCorrupt):
            self.high_water.watch()

    def manifest_service(self) -> Service:
        """Signs a manifest for each registered media file. Raises KeyMaterialError when it cannot."""
        directory = self.settings.path(self.settings.signing.directory)
        identity = load_identity(directory / "signer.pem", directory / "signer.key", datetime.now(UTC))
        signing = Signing(self.database.url)
        measure_appends(signing, self._appends.measure)
        signer = ManifestSigner(
            self.database,
            signing,
            self.content,
            MediaSigner(identity, load_trust(self.settings)),
            Maker(self.settings.ledger.origin, __version__),
            lambda: datetime.now(UTC),
        )
        return Service("sign", _through_outages(signer.run, self._revive))

    def _chain_service(self, settings: ChainSettings, config: ChainConfig) -> Service:
        pool = connect_pool(
            config.chain,
            (settings.rpc_url, *settings.other_rpc_urls),
            limits=RequestLimits(settings.max_range_blocks, settings.max_concurrency),
            quorum=settings.quorum,
            deadline_s=settings.request_timeout_s,
            metrics=self.endpoint_metrics,
            proven=self._prover(config.chain) if config.verify == "receipts" else None,
        )
        self._closing.callback(pool.close)
        others = [member.source for member in pool.members[1:]]
        watch = _head_watch(settings.ws_url) if settings.ws_url else None
        if watch is not None:
            self._closing.callback(watch.close)
        indexer = ChainIndexer(config, pool, self.ledger, self.database, others=others, watch=watch)
        indexer.check()
        return Service(
            f"index {config.chain}", _through_outages(lambda stop: indexer.run(stop, _log_changes()), self._revive)
        )

    def _revive(self) -> None:
        """After an outage, what answers may be another database than before."""
        self._revive_database()
        with contextlib.suppress(DatabaseUnreachable):
            self.watch()

    def _prover(self, chain: str) -> Callable[[Calls], Endpoint]:
        """Endpoints of ``chain`` whose logs are proven; what shows a lie is kept."""

        def keep(endpoint: str, lie: LyingEndpoint) -> None:
            keep_evidence(self.database, chain, endpoint, lie)

        return lambda client: ProvenEndpoint(client, require_provable(chain), keep)

    def _keep_checkpoints(self, stop: threading.Event) -> None:
        covered = -1
        while not stop.is_set():
            head = self.ledger.wait(after=max(covered, 0), timeout_s=1.0)
            if head > covered:
                self.checkpointer.checkpoint()
                covered = head
                stop.wait(self.settings.ledger.checkpoint_interval_s)

    def _intake_routes(self) -> list[Route]:
        workers = self.settings.workers
        throttle = Throttle(
            Rate(workers.records_per_s, workers.bytes_per_s),
            Rate(workers.worker_records_per_s, workers.worker_bytes_per_s),
        )
        limits = Limits(max_body_bytes=workers.max_body_bytes)
        routes = intake_routes(self.intake(throttle), limits, self.intake_metrics)
        if workers.collector_key_file is None:
            return routes
        key = WorkerKey.from_file(self.settings.path(workers.collector_key_file))
        intake = Intake(
            self.ledger, lambda worker: worker == key.address, workers.max_envelope_bytes, throttle=throttle
        )
        return [*routes, *trace_routes(Collector(intake, key), limits, self.intake_metrics)]

    def _is_admitted(self, worker: bytes) -> bool:
        return is_staked(self.database, worker, StakeRole.COMPUTE_NODE)


@contextlib.contextmanager
def open_program(settings: Settings) -> Generator[Program]:
    """The program over its database, whose schema is brought up to date first, and which is halted if it went back.

    Raises DatabaseUnreachable, SchemaVersionMismatch, EmbeddedPostgresFailed, and what ``HighWater`` raises.
    """
    # A library of elliptic curves lifts the limit so far, when it is imported, that nested JSON ends the process.
    sys.setrecursionlimit(min(sys.getrecursionlimit(), MAX_RECURSION))
    with contextlib.ExitStack() as stack:
        embedded = None if settings.database.url else EmbeddedPostgres(settings.path(Path("postgres")))
        url = stack.enter_context(embedded).url if embedded else settings.database.url
        database = stack.enter_context(Database(url, max_connections=settings.database.max_connections))
        migrate(database, MIGRATIONS)
        program = Program(settings, database, stack, revive=embedded.revive if embedded else _wait_only)
        program.watch()
        program.projector().prepare()
        yield program


def load_trust(settings: Settings) -> TrustList:
    """The roots that verification of media starts from. Raises KeyMissing, KeyUnreadable, CertificateUnfit."""
    anchors = settings.signing.trust_anchors or settings.signing.directory / "root.pem"
    return load_trust_list([settings.path(anchors)])


def load_signing_key(settings: Settings) -> SigningKey:
    """The key that signs checkpoints: a program's, an environment variable's or a file's. Raises InvalidKey."""
    ledger = settings.ledger
    if ledger.key_command:
        if not ledger.verifier_key:
            raise InvalidKey("ledger.key_command signs, and ledger.verifier_key is empty", hint="Name its public key.")
        return CallbackKey(Verifier.parse(ledger.verifier_key), command_callback(ledger.key_command))
    if ledger.key_variable:
        signer = key_from_environment(ledger.key_variable, os.environ)
    else:
        signer = Signer.load(settings.path(ledger.key_file))
    if ledger.verifier_key not in ("", signer.verifier.format()):
        raise InvalidKey(
            f"ledger.verifier_key is {ledger.verifier_key}, and the key that signs is {signer.verifier.format()}",
            hint="Correct one of the two.",
        )
    return signer


def load_key_ring(settings: Settings) -> KeyRing:
    """The public keys of the log. Raises InvalidKey."""
    ledger = settings.ledger
    configured = ledger.verifier_key
    current = Verifier.parse(configured) if configured else load_signing_key(settings).verifier
    return KeyRing(current, map(Verifier.parse, ledger.retired_keys))


def anchor_contract(settings: Settings) -> tuple[ChainSettings, bytes]:
    """The chain to anchor on, and the address of its CheckpointAnchor. Raises SettingsError unless there is one."""
    found = [
        (chain, parse_address(contract.address))
        for chain in settings.chains
        for contract in chain.contracts
        if contract.abi == "CheckpointAnchor" and settings.anchoring.chain in ("", chain.chain)
    ]
    if len(found) != 1:
        raise SettingsError(
            f"one CheckpointAnchor is expected among the contracts of the chain to anchor on, not {len(found)}",
            hint="List it under [[chains.contracts]], and name the chain in anchoring.chain where there are several.",
        )
    return found[0]


def create_keys(settings: Settings) -> Signer:
    """Write a new checkpoint key and a development certificate. Raises KeyExists, InvalidKey when there are some."""
    key_file = settings.path(settings.ledger.key_file)
    if key_file.exists():
        raise KeyExists(f"{key_file} exists, and a key is never replaced", hint="Use it, or name another key_file.")
    init_keys(settings.path(settings.signing.directory), datetime.now(UTC))
    key_file.parent.mkdir(parents=True, exist_ok=True)
    signer = Signer.generate(settings.ledger.origin)
    signer.save(key_file)
    return signer


def all_services(program: Program) -> list[Service]:
    """Everything that ``up`` runs beside the API."""
    return [
        *program.chain_services(),
        program.projection_service(),
        program.intake_service(),
        program.checkpoint_service(),
        *program.cosigning_services(),
        program.manifest_service(),
    ]


def _wait_only() -> None:
    """A database that somebody else runs is waited for."""


def _through_outages(run: Run, revive: Callable[[], None]) -> Run:
    """``run``, begun again after the database was away: what is stored says where to go on."""

    def persistently(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                run(stop)
            except DatabaseUnreachable as error:
                log.warning("waiting for the database", error=error.message)
                stop.wait(RECONNECT_S)
                revive()

    return persistently


def _head_watch(url: str) -> SocketWatch:
    """New heads over WebSocket; in the log it is said when they are told and when they are not."""
    return SocketWatch(url, on_change=lambda reason: log.info("heads", told=not reason, reason=reason))


def _log_changes(interval_s: float = 5.0) -> Callable[[Progress], None]:
    """Logs progress when the state changes, and now and then while there is work left."""
    last: Sequence[object] = ()
    due = 0.0

    def on_progress(progress: Progress) -> None:
        nonlocal last, due
        state = (progress.status.state, bool(progress.blocks_left))
        now = time.monotonic()
        if state == last and not (progress.blocks_left and now >= due):
            return
        last, due = state, now + interval_s
        log.info(
            "chain",
            chain=progress.chain,
            state=progress.status.state,
            reason=progress.status.reason,
            block=progress.tip,
            blocks_left=progress.blocks_left,
            blocks_per_s=round(progress.blocks_per_s, 1),
            seconds_left=None if progress.seconds_left is None else round(progress.seconds_left),
        )

    return on_progress
