from pathlib import Path

import pytest

from atlas.demo.checks import CHECKS
from tests.e2e.playing import Demo, is_alive


def assert_all_checks_passed(demo: Demo) -> None:
    code = demo.finish()
    assert code == 0, demo.output
    assert demo.output.count("✓") == len(CHECKS), demo.output
    assert "✗" not in demo.output
    assert not (demo.directory / "postgres" / "cluster" / "postmaster.pid").exists(), "PostgreSQL was left running"


@pytest.mark.timeout(400)
def test_one_work_goes_from_prompt_to_payout(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    assert_all_checks_passed(demo)
    for line in ("18 + 45 + 900 + 540 + 70% of 1000 = 2203 ATLAS", "7 signed files (audio/wav, image/png, video/mp4)"):
        assert line in demo.output
    for act in range(1, 7):
        assert f"{act}/7" in demo.output


@pytest.mark.timeout(400)
def test_the_server_killed_in_the_middle_is_started_again_and_ends_the_same_way(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    demo.wait_for("assets of 8 types registered")
    demo.kill_child("atlas", " up ")
    assert_all_checks_passed(demo)
    assert "it is started again and goes on" in demo.output


@pytest.mark.timeout(400)
def test_a_worker_killed_in_the_middle_is_started_again_and_ends_the_same_way(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    demo.wait_for("storyboard  image/png")
    demo.kill_child("atlas.demo.worker", "worker-2.key")
    assert_all_checks_passed(demo)
    assert "worker 2 died" in demo.output


@pytest.mark.timeout(400)
def test_a_database_killed_in_the_middle_is_started_again_and_ends_the_same_way(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    demo.wait_for("assets of 8 types registered")
    demo.database().kill()
    assert_all_checks_passed(demo)


@pytest.mark.timeout(600)
def test_the_demo_itself_killed_in_the_middle_plays_again_in_the_same_place(tmp_path: Path) -> None:
    first = Demo(tmp_path / "demo")
    first.wait_for("kinds of license granted")
    left_behind = first.database()
    first.kill()
    assert is_alive(left_behind)
    assert_all_checks_passed(Demo(tmp_path / "demo"))
    assert not is_alive(left_behind)


@pytest.mark.timeout(400)
def test_a_demo_that_is_told_to_end_leaves_nothing_running(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    demo.wait_for("indexed live")
    database = demo.database()
    demo.terminate()
    assert demo.finish() == 128 + 15
    assert not is_alive(database)


@pytest.mark.timeout(400)
def test_a_node_killed_in_the_middle_ends_with_an_error_that_says_so(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    demo.wait_for("assets of 8 types registered")
    demo.kill_child("anvil", "--slots-in-an-epoch")
    assert demo.finish() == 3, demo.output
    assert "error:" in demo.output
    assert "Traceback" not in demo.output
