"""Running services until the operator, or a failure, stops them."""

import signal
import socket
import threading
from collections.abc import Callable, Sequence
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette

from atlas.bootstrap import Service
from atlas.protocol.errors import AtlasError

STOP_TIMEOUT_S = 20
log = structlog.get_logger("atlas")


class PortUnavailable(AtlasError):
    """The port to listen on is taken, or not allowed."""

    exit_code = 3


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to ``host:port``. Raises PortUnavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
    except OSError as error:
        server.close()
        raise PortUnavailable(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint=f"Stop what listens there (`ss -ltnp 'sport = :{port}'` names it), or set server.port.",
        ) from error
    return server


def run(services: Sequence[Service], *, app: Starlette | None = None, listener: socket.socket | None = None) -> None:
    """Run the services in threads, and ``app`` on ``listener`` here, until a signal or a failure.

    The first failure of a service stops the others and is raised.
    """
    stop = threading.Event()
    failures: list[BaseException] = []
    threads = [_start(service, stop, failures) for service in services]
    try:
        if app is not None and listener is not None:
            _serve(app, listener, stop)
        else:
            _wait(stop)
    finally:
        stop.set()
        for thread in threads:
            thread.join(STOP_TIMEOUT_S)
    if failures:
        raise failures[0]


def _start(service: Service, stop: threading.Event, failures: list[BaseException]) -> threading.Thread:
    def body() -> None:
        try:
            service.run(stop)
        except BaseException as error:
            failures.append(error)
            log.error("service failed", service=service.name, error=str(error))
        finally:
            stop.set()

    thread = threading.Thread(target=body, name=service.name, daemon=True)
    thread.start()
    return thread


def _serve(app: Starlette, listener: socket.socket, stop: threading.Event) -> None:
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5, server_header=False)
    )

    def watch() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=watch, name="stop", daemon=True).start()
    server.run(sockets=[listener])


def _wait(stop: threading.Event) -> None:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    previous: list[tuple[signal.Signals, Callable[[int, FrameType | None], object] | int | None]] = [
        (number, signal.signal(number, on_signal)) for number in (signal.SIGINT, signal.SIGTERM)
    ]
    try:
        while not stop.wait(0.5):  # a bounded wait lets the handlers run
            continue
    finally:
        for number, handler in previous:
            signal.signal(number, handler)
