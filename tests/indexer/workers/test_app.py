import gzip
import socket
import threading
from collections.abc import Generator, Sequence

import httpx
import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.indexer.workers.intake.app import Limits, intake_app
from atlas.indexer.workers.intake.intake import Intake
from atlas.indexer.workers.intake.outcomes import Submission
from atlas.indexer.workers.wire import ENVELOPE_TYPE, FRAMES_TYPE, PROBLEM_TYPE, join_frames
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.protocol.generation import open_envelope
from atlas.protocol.ids import checksum_address
from tests.indexer.workers.support import KEY, OTHER_KEY, envelope, eventually, free_port, serving, stored_prompts

LIMITS = Limits(max_body_bytes=1 << 20, max_in_flight=2, body_timeout_s=0.5, retry_after_s=3)


@pytest.fixture
def client(intake: Intake) -> Generator[httpx.Client]:
    with serving(intake_app(intake, LIMITS)) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def post(
    client: httpx.Client, body: bytes, content_type: str | None = ENVELOPE_TYPE, coding: str | None = None
) -> httpx.Response:
    headers = {"content-type": content_type} if content_type else {}
    return client.post("/records", content=body, headers=headers | ({"content-encoding": coding} if coding else {}))


def assert_problem(response: httpx.Response, status: int, code: str) -> None:
    assert response.headers["content-type"] == PROBLEM_TYPE
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["detail"]
    assert "Traceback" not in response.text


def test_one_envelope_is_confirmed_with_its_position(client: httpx.Client) -> None:
    response = post(client, envelope(0))
    assert response.status_code == 200
    assert response.json() == {
        "receipts": [
            {
                "worker": checksum_address(KEY.address),
                "sequence": 0,
                "record_id": open_envelope(envelope(0)).record_id.hex(),
                "position": 1,
                "duplicate": False,
            }
        ]
    }


def test_frames_land_in_order(client: httpx.Client, ledger: Ledger) -> None:
    response = post(client, join_frames([envelope(0), envelope(1), envelope(2)]), FRAMES_TYPE)
    assert [receipt["position"] for receipt in response.json()["receipts"]] == [1, 2, 3]
    assert stored_prompts(ledger) == ["shot 0", "shot 1", "shot 2"]


def test_a_gzip_body_is_unpacked(client: httpx.Client) -> None:
    response = post(client, gzip.compress(envelope(0)), coding="gzip")
    assert response.json()["receipts"][0]["position"] == 1


def test_the_first_bad_frame_is_named_beside_what_was_stored(client: httpx.Client, ledger: Ledger) -> None:
    response = post(client, join_frames([envelope(0), b"nonsense", envelope(1)]), FRAMES_TYPE)
    assert_problem(response, 400, "malformed")
    assert response.json()["index"] == 1
    assert [receipt["sequence"] for receipt in response.json()["receipts"]] == [0]
    assert stored_prompts(ledger) == ["shot 0"]


def test_a_gap_answers_with_the_expected_number(client: httpx.Client) -> None:
    response = post(client, envelope(4))
    assert_problem(response, 409, "sequence_gap")
    assert (response.json()["expected"], response.json()["got"]) == (0, 4)


def test_another_record_under_a_stored_number_is_a_conflict(client: httpx.Client) -> None:
    post(client, envelope(0))
    assert_problem(post(client, envelope(0, prompt="another")), 409, "sequence_conflict")


def test_a_worker_that_is_not_admitted_is_forbidden(ledger: Ledger) -> None:
    with serving(intake_app(Intake(ledger, lambda worker: False))) as url, httpx.Client(base_url=url) as client:
        assert_problem(post(client, envelope(0)), 403, "unknown_worker")


def test_a_signature_of_another_key_is_unprocessable(client: httpx.Client) -> None:
    signed_by_other = envelope(0, key=OTHER_KEY).replace(OTHER_KEY.address, KEY.address)
    assert_problem(post(client, signed_by_other), 422, "wrong_signer")


def test_other_media_types_are_refused(client: httpx.Client) -> None:
    assert_problem(post(client, envelope(0), "application/json"), 415, "unsupported_media_type")
    assert_problem(post(client, envelope(0), None), 415, "unsupported_media_type")


def test_a_media_type_may_have_parameters(client: httpx.Client) -> None:
    assert post(client, envelope(0), f"{ENVELOPE_TYPE}; charset=binary").status_code == 200


def test_other_codings_are_refused(client: httpx.Client) -> None:
    assert_problem(post(client, envelope(0), coding="br"), 415, "unsupported_coding")


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b"cut off", mtime=0)[:-4], gzip.compress(b"one", mtime=0) + b"more", b""],
    ids=["not gzip", "cut off", "more behind", "empty"],
)
def test_bad_gzip_is_refused(client: httpx.Client, body: bytes) -> None:
    assert_problem(post(client, body, coding="gzip"), 400, "bad_gzip")


def test_a_gzip_bomb_is_refused_when_it_passes_the_limit(client: httpx.Client) -> None:
    bomb = gzip.compress(bytes(200 << 20))
    assert len(bomb) < LIMITS.max_body_bytes
    assert_problem(post(client, bomb, coding="gzip"), 413, "body_too_large")


def test_an_announced_body_beyond_the_limit_is_refused_unread(client: httpx.Client) -> None:
    with raw_post(client, b"content-length: 99999999999\r\n") as connection:
        assert b" 413 " in connection.recv(4096)


def test_a_chunked_body_is_refused_when_it_passes_the_limit(client: httpx.Client) -> None:
    with raw_post(client, b"transfer-encoding: chunked\r\n") as connection:
        piece = b"20000\r\n" + bytes(0x20000) + b"\r\n"
        for _ in range(9):
            connection.sendall(piece)
        assert b" 413 " in connection.recv(4096)


def test_a_body_that_does_not_arrive_in_time_is_given_up(client: httpx.Client) -> None:
    with raw_post(client, b"content-length: 100\r\n") as connection:
        connection.sendall(b"x")
        assert b" 408 " in connection.recv(4096)


def test_slow_bodies_take_no_place_from_others(client: httpx.Client) -> None:
    slow = [raw_post(client, b"content-length: 100\r\n") for _ in range(4 * LIMITS.max_in_flight)]
    for connection in slow:
        connection.sendall(b"x")
    assert post(client, envelope(0)).status_code == 200
    for connection in slow:
        connection.close()


def test_bodies_on_their_way_in_are_bounded_in_number_and_in_bytes(intake: Intake) -> None:
    few = Limits(max_arriving=1, max_arriving_bytes=1000)
    with serving(intake_app(intake, few)) as url, httpx.Client(base_url=url, timeout=30) as client:
        with raw_post(client, b"content-length: 100\r\n") as slow:
            slow.sendall(b"x")
            eventually(lambda: post(client, envelope(0)).status_code == 429)
        eventually(lambda: post(client, envelope(0)).status_code == 200)
        assert_problem(post(client, bytes(2000)), 429, "busy")


@pytest.mark.parametrize(
    "limits", [Limits(max_arriving=3), Limits(max_arriving_bytes=2_000)], ids=["in number", "in bytes"]
)
def test_bodies_that_come_to_a_halt_give_way_to_others(intake: Intake, limits: Limits) -> None:
    with serving(intake_app(intake, limits)) as url, httpx.Client(base_url=url, timeout=30) as client:
        halted = [raw_post(client, b"content-length: 1000\r\n") for _ in range(3)]
        for connection in halted:
            connection.sendall(bytes(600))
        eventually(lambda: post(client, envelope(0)).status_code == 429)
        eventually(lambda: post(client, envelope(0)).status_code == 200)
        assert b" 429 " in halted[0].recv(4096)
        for connection in halted:
            connection.close()


def test_a_client_that_goes_away_leaves_no_slot_taken(client: httpx.Client) -> None:
    for _ in range(2 * LIMITS.max_in_flight):
        raw_post(client, b"content-length: 100\r\n").close()
    eventually(lambda: post(client, envelope(0)).status_code == 200)


def test_more_submissions_than_slots_are_told_to_come_back(ledger: Ledger) -> None:
    intake = BlockedIntake(ledger)
    with serving(intake_app(intake, LIMITS)) as url, httpx.Client(base_url=url, timeout=30) as client:
        waiting = [
            threading.Thread(target=httpx.post, args=(f"{url}/records",), kwargs=submission())
            for _ in range(LIMITS.max_in_flight)
        ]
        for thread in waiting:
            thread.start()
        eventually(lambda: intake.entered == LIMITS.max_in_flight)
        response = post(client, envelope(0))
        assert_problem(response, 429, "busy")
        assert response.headers["retry-after"] == "3"
        intake.unblocked.set()
        for thread in waiting:
            thread.join(30)
        assert post(client, envelope(0)).status_code == 200


def test_no_database_is_a_503_that_asks_to_come_back(intake: Intake) -> None:
    nowhere = Database(f"postgresql://atlas:secret@127.0.0.1:{free_port()}/atlas", timeout_s=1)
    app = intake_app(Intake(Ledger(nowhere), lambda worker: True))
    with nowhere, serving(app) as url, httpx.Client(base_url=url, timeout=30) as client:
        for response in (post(client, envelope(0)), client.get(f"/workers/{checksum_address(KEY.address)}")):
            assert_problem(response, 503, "store_unavailable")
            assert response.headers["retry-after"] == "1"
            assert "secret" not in response.text
            assert "index" not in response.json()


def test_a_lost_connection_is_a_503_and_the_next_submission_lands(
    client: httpx.Client, database_url: str, ledger: Ledger
) -> None:
    post(client, envelope(0))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    eventually(lambda: post(client, envelope(1)).status_code == 200)
    assert stored_prompts(ledger) == ["shot 0", "shot 1"]


def test_a_halted_log_is_a_503_that_asks_to_come_back(client: httpx.Client, database_url: str, ledger: Ledger) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("update ledger.head set halted = 'a newer checkpoint was published'")
    response = post(client, envelope(0))
    assert_problem(response, 503, "halted")
    assert int(response.headers["retry-after"]) > 0
    with psycopg.connect(database_url) as connection:
        connection.execute("update ledger.head set halted = null")
    assert post(client, envelope(0)).status_code == 200
    assert stored_prompts(ledger) == ["shot 0"]


def test_an_internal_error_shows_an_id_and_logs_the_reason_under_it(ledger: Ledger) -> None:
    def broken(worker: bytes) -> bool:
        raise RuntimeError("the inside story")

    app = intake_app(Intake(ledger, broken))
    with structlog.testing.capture_logs() as logs, serving(app) as url, httpx.Client(base_url=url) as client:
        response = post(client, envelope(0))
    assert_problem(response, 500, "internal")
    assert "inside" not in response.text
    (entry,) = [entry for entry in logs if entry["event"] == "request failed"]
    assert entry["error_id"] == response.json()["error_id"]
    assert "the inside story" in str(entry["exc_info"])


def test_a_worker_is_told_where_it_is(client: httpx.Client) -> None:
    address = checksum_address(KEY.address)
    empty = {"worker": address, "admitted": True, "next_sequence": 0, "last_record_id": None, "key": address}
    assert client.get(f"/workers/{address}").json() == empty
    post(client, envelope(0))
    after = client.get(f"/workers/{address.lower()}").json()
    assert after["next_sequence"] == 1
    assert after["last_record_id"] == open_envelope(envelope(0)).record_id.hex()


def test_a_malformed_address_is_a_bad_request(client: httpx.Client) -> None:
    assert_problem(client.get("/workers/0x123"), 400, "malformed_id")


def test_unknown_paths_and_methods_are_problems_too(client: httpx.Client) -> None:
    assert_problem(client.get("/nothing"), 404, "not_found")
    response = client.get("/records")
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    body=st.one_of(st.binary(max_size=300), st.lists(st.binary(max_size=40)).map(join_frames)),
    kind=st.sampled_from([ENVELOPE_TYPE, FRAMES_TYPE]),
    coding=st.sampled_from([None, "gzip"]),
)
def test_random_bodies_are_refused_with_a_problem(
    client: httpx.Client, body: bytes, kind: str, coding: str | None
) -> None:
    response = post(client, body, kind, coding)
    assert response.headers["content-type"] == PROBLEM_TYPE
    assert 400 <= response.status_code < 500


class BlockedIntake(Intake):
    """An intake that holds its submissions until released."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, lambda worker: True)
        self.entered = 0
        self.unblocked = threading.Event()

    def submit_many(self, frames: Sequence[bytes]) -> Submission:
        self.entered += 1
        assert self.unblocked.wait(30)
        return super().submit_many(frames)


def submission() -> dict[str, object]:
    return {"content": envelope(0), "headers": {"content-type": ENVELOPE_TYPE}, "timeout": 30}


def raw_post(client: httpx.Client, length: bytes) -> socket.socket:
    """A connection on which a submission was begun."""
    connection = socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=30)
    head = b"POST /records HTTP/1.1\r\nhost: x\r\ncontent-type: " + ENVELOPE_TYPE.encode() + b"\r\n"
    connection.sendall(head + length + b"\r\n")
    return connection
