"""Services as processes: how they start, and how they end."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from atlas.cli.running import PortUnavailable, listen
from tests.anvil import free_port

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 60
STOP_S = 15


@pytest.fixture
def directory() -> Iterator[Path]:
    """Not one of pytest's: those are closed to the embedded server's own user."""
    with tempfile.TemporaryDirectory(prefix="atlas-running-") as made:
        yield Path(made)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0_and_stops_its_postgresql(directory: Path, number: signal.Signals) -> None:
    file = directory / "atlas-ledger.toml"
    port = free_port()
    file.write_text(f'[data]\ndirectory = "{directory}"\n[server]\nport = {port}\n')
    process = subprocess.Popen(
        [sys.executable, "-m", "atlas", "serve", "--config", str(file)],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert '"ready"' in process.stderr.readline()
        assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE_S).status_code == 200
        server = psutil.Process(int((directory / "postgres/cluster/postmaster.pid").read_text().split()[0]))
        process.send_signal(number)
        _, errors = process.communicate(timeout=STOP_S)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_a_port_is_taken_before_it_is_served() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(PortUnavailable, match="cannot listen"):
        listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "203.0.113.1"])
def test_a_host_that_is_not_here_is_named(host: str) -> None:
    with pytest.raises(PortUnavailable, match=host) as refused:
        listen(host, 0)
    assert "server.host" in refused.value.hint
