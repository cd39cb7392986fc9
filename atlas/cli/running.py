"""Running services until the operator, or a failure, stops them."""

import signal
import socket
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette

from atlas.bootstrap import Service
from atlas.protocol.errors import AtlasError

STOP_TIMEOUT_S = 20
log = structlog.get_logger("atlas")


class PortUnavailable(AtlasError):
    """The address to listen on is taken, not allowed, or not one of this machine."""

    exit_code = 3


@contextmanager
def stop_on_signals() -> Generator[threading.Event]:
    """What SIGINT or SIGTERM sets while the block runs; a second signal interrupts the block where it is.

    It surrounds everything that is to be closed in order, such as the embedded PostgreSQL.
    """
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = [(number, signal.signal(number, on_signal)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield stop
    finally:
        for number, handler in previous:
            signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host:port``; who connects waits until it is served. Raises PortUnavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
        server.listen()  # now: SO_REUSEADDR lets two programs bind as long as neither listens
    except (OSError, UnicodeError) as error:  # a name that IDNA does not encode is a UnicodeError
        server.close()
        raise PortUnavailable(
            f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}",
            hint=f"Stop what listens there (`ss -ltnp 'sport = :{port}'` names it), or change server.host or port.",
        ) from error
    return server


def run(
    services: Sequence[Service],
    stop: threading.Event,
    *,
    app: Starlette | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Run the services in threads, and ``app`` on ``listener`` here, until ``stop`` is set or a service fails.

    The first failure of a service stops the others and is raised.
    """
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


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: they would end the process before anything else is closed."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to ``stop_on_signals``."""
        yield


def _serve(app: Starlette, listener: socket.socket, stop: threading.Event) -> None:
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5, server_header=False)
    )

    def watch() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=watch, name="stop", daemon=True).start()
    server.run(sockets=[listener])


def _wait(stop: threading.Event) -> None:
    while not stop.wait(0.5):  # a bounded wait lets the signal handlers run
        continue
