import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from atlas.demo.errors import DemoError
from atlas.demo.node import find_anvil
from atlas.demo.processes import require_free_port, spawn, stage, stop, wait_until
from tests.anvil import Anvil


def test_a_directory_that_is_somebodys_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(DemoError, match="was not made by the demo"), stage(tmp_path):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


def test_what_an_earlier_run_left_is_cleared_away(tmp_path: Path) -> None:
    with stage(tmp_path / "demo") as directory:
        (directory / "spool").mkdir()
        (directory / "spool" / "record").touch()
    with stage(tmp_path / "demo") as directory:
        assert [entry.name for entry in directory.iterdir()] == [".atlas-demo"]


def test_two_demos_do_not_play_in_one_directory(tmp_path: Path) -> None:
    with stage(tmp_path / "demo"), pytest.raises(DemoError, match="another demo"), stage(tmp_path / "demo"):
        pass


def test_a_port_in_use_is_refused_with_a_hint() -> None:
    with Anvil() as other, pytest.raises(DemoError, match="cannot be used") as refusal:
        require_free_port("127.0.0.1", other.port)
    assert "--port" in refusal.value.hint


def test_a_missing_node_says_where_one_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLAS_ANVIL", "/nowhere/anvil")
    with pytest.raises(DemoError, match="no EVM node") as refusal:
        find_anvil()
    assert "make demo" in refusal.value.hint


def test_waiting_ends_with_the_name_of_what_did_not_happen() -> None:
    with pytest.raises(DemoError, match="the tide comes in: not within 0 s"):
        wait_until(lambda: False, "the tide comes in", timeout_s=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_child_dies_with_its_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from atlas.demo.processes import spawn\n"
        "child = spawn([sys.executable, '-c', 'import time; time.sleep(60)'], log=Path(sys.argv[1]))\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, tmp_path / "log"], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout as output:
        child = psutil.Process(int(output.readline()))
        parent.kill()
        parent.wait()
    child.wait(10)


def test_a_stopped_child_is_gone(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")
    stop(process)
    assert process.poll() is not None
