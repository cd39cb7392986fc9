"""``up``, ``index``, ``project``, ``sign``, ``serve``: what runs until it is stopped."""

import structlog

from atlas.bootstrap import all_services, open_program
from atlas.cli.logs import log_to_standard_error
from atlas.cli.options import Config
from atlas.cli.running import listen, run
from atlas.settings import SettingsError, load

log = structlog.get_logger("atlas")


def up(config: Config = None) -> None:
    """Run everything in this process: indexer, projector, signer and API."""
    log_to_standard_error()
    settings = load(config)
    with listen(settings.server.host, settings.server.port) as listener, open_program(settings) as program:
        services = all_services(program)
        log.info("ready", api=f"http://{settings.server.host}:{settings.server.port}")
        run(services, app=program.api(), listener=listener)


def index(config: Config = None) -> None:
    """Read the configured chains into the log."""
    log_to_standard_error()
    settings = load(config)
    if not settings.chains:
        raise SettingsError("there is no chain to index", hint="Add [[chains]]; see `atlas-ledger config example`.")
    with open_program(settings) as program:
        run(program.chain_services())


def project(config: Config = None) -> None:
    """Fold the log into the views."""
    log_to_standard_error()
    with open_program(load(config)) as program:
        run([program.projection_service()])


def sign(config: Config = None) -> None:
    """Sign checkpoints of the log, and a C2PA manifest for each registered media file."""
    log_to_standard_error()
    with open_program(load(config)) as program:
        run([program.checkpoint_service(), program.manifest_service()])


def serve(config: Config = None) -> None:
    """Serve GraphQL, GraphiQL and the intake of generation records over HTTP."""
    log_to_standard_error()
    settings = load(config)
    with listen(settings.server.host, settings.server.port) as listener, open_program(settings) as program:
        log.info("ready", api=f"http://{settings.server.host}:{settings.server.port}")
        run([], app=program.api(), listener=listener)
