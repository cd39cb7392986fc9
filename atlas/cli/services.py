"""``up``, ``index``, ``project``, ``sign``, ``serve``: what runs until it is stopped."""

import socket

import structlog

from atlas.bootstrap import all_services, open_program
from atlas.cli.logs import log_to_standard_error
from atlas.cli.options import Config
from atlas.cli.running import listen, run, stop_on_signals
from atlas.ledger.recovery import halted_because
from atlas.settings import Settings, SettingsError, load

log = structlog.get_logger("atlas")


def up(config: Config = None) -> None:
    """Run everything in this process: indexer, projector, signer and API."""
    log_to_standard_error()
    settings = load(config)
    with stop_on_signals() as stop, _listener(settings) as listener, open_program(settings) as program:
        services = all_services(program)
        log.info("ready", api=_url(settings))
        run(services, stop, app=program.api(), listener=listener)


def index(config: Config = None) -> None:
    """Read the configured chains into the log."""
    log_to_standard_error()
    settings = load(config)
    if not settings.chains:
        raise SettingsError("there is no chain to index", hint="Add [[chains]]; see `atlas-ledger config example`.")
    with stop_on_signals() as stop, open_program(settings) as program:
        run(program.chain_services(), stop)


def project(config: Config = None) -> None:
    """Fold the log into the views."""
    log_to_standard_error()
    with stop_on_signals() as stop, open_program(load(config)) as program:
        run([program.projection_service()], stop)


def sign(config: Config = None) -> None:
    """Sign checkpoints of the log and have them cosigned, and sign a C2PA manifest for each registered media file."""
    log_to_standard_error()
    with stop_on_signals() as stop, open_program(load(config)) as program:
        run([program.checkpoint_service(), *program.cosigning_services(), program.manifest_service()], stop)


def serve(config: Config = None) -> None:
    """Serve GraphQL, GraphiQL and the intake of generation records over HTTP."""
    log_to_standard_error()
    settings = load(config)
    with stop_on_signals() as stop, _listener(settings) as listener, open_program(settings) as program:
        if (halted := halted_because(program.database)) is not None:
            log.error("the log is halted, and no record is taken", because=halted)
        log.info("ready", api=_url(settings))
        run([program.intake_service()], stop, app=program.api(), listener=listener)


def _listener(settings: Settings) -> socket.socket:
    return listen(settings.server.host, settings.server.port)


def _url(settings: Settings) -> str:
    host = settings.server.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}"
