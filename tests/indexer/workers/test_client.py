import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atlas.indexer.workers.errors import IntakeUnavailable
from atlas.indexer.workers.sdk.client import IntakeClient, Verdict, retry_after_s
from atlas.indexer.workers.wire import PROBLEM_TYPE, Accepted, Problem, ReceiptView
from tests.indexer.workers.support import KEY, free_port

RECEIPT = ReceiptView("0x", 0, "00", 1, duplicate=False)


class Stranger(ThreadingHTTPServer):
    """A server that answers everything with what a test put here."""

    daemon_threads = True
    status = 200
    headers: dict[str, str]
    body = b""


class Answer(BaseHTTPRequestHandler):
    server: Stranger  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"] or 0))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def stranger() -> Generator[Stranger]:
    with Stranger(("127.0.0.1", 0), Answer) as server:
        server.headers = {}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)


def submit(stranger: Stranger, *envelopes: bytes) -> Verdict:
    with IntakeClient(f"http://127.0.0.1:{stranger.server_address[1]}/", timeout_s=5) as client:
        return client.submit(envelopes)


def say(stranger: Stranger, problem: Problem, **headers: str) -> None:
    stranger.status, stranger.body = problem.status, msgspec.json.encode(problem)
    stranger.headers = {"content-type": PROBLEM_TYPE} | {name.replace("_", "-"): text for name, text in headers.items()}


def test_a_full_set_of_receipts_is_a_delivery(stranger: Stranger) -> None:
    stranger.body = msgspec.json.encode(Accepted((RECEIPT, RECEIPT)))
    assert submit(stranger, b"a", b"b") == Verdict(2)


def test_a_problem_that_names_a_record_is_a_verdict(stranger: Stranger) -> None:
    problem = Problem("Conflict", 409, "another", "sequence_conflict", index=1, receipts=(RECEIPT,))
    say(stranger, problem)
    assert submit(stranger, b"a", b"b") == Verdict(1, problem)


@pytest.mark.parametrize("body", [b"", b"<html>Sign in", b"{}", b'{"receipts":[]}', b"\xff"])
def test_a_success_without_the_receipts_is_a_disturbance(stranger: Stranger, body: bytes) -> None:
    stranger.body = body
    with pytest.raises(IntakeUnavailable, match="not an answer of the intake"):
        submit(stranger, b"a")


@pytest.mark.parametrize("status", [301, 400, 401, 404, 409, 413, 422, 500, 502])
def test_an_error_page_of_anybody_else_is_a_disturbance(stranger: Stranger, status: int) -> None:
    stranger.status, stranger.body = status, b"<html>"
    with pytest.raises(IntakeUnavailable, match=f"answered {status}"):
        submit(stranger, b"a")


@pytest.mark.parametrize(
    "problem",
    [
        Problem("Content Too Large", 413, "8 MiB", "body_too_large"),
        Problem("Service Unavailable", 503, "later", "store_unavailable"),
        Problem("Forbidden", 403, "no stake", "unknown_worker", index=0),
        Problem("Conflict", 409, "beyond the batch", "sequence_conflict", index=1, receipts=(RECEIPT,)),
        Problem("Conflict", 409, "receipts are missing", "sequence_conflict", index=1),
    ],
    ids=lambda problem: problem.detail,
)
def test_a_problem_that_condemns_no_record_of_the_batch_is_a_disturbance(stranger: Stranger, problem: Problem) -> None:
    say(stranger, problem)
    with pytest.raises(IntakeUnavailable):
        submit(stranger, b"a")


def test_the_wish_of_the_server_to_wait_is_kept(stranger: Stranger) -> None:
    say(stranger, Problem("Too Many Requests", 429, "busy", "busy"), retry_after="17")
    with pytest.raises(IntakeUnavailable) as caught:
        submit(stranger, b"a")
    assert caught.value.retry_after_s == 17


def test_nobody_there_is_a_disturbance_that_names_the_address() -> None:
    port = free_port()
    with IntakeClient(f"http://127.0.0.1:{port}") as client, pytest.raises(IntakeUnavailable, match=str(port)):
        client.next_sequence(KEY.address)


def test_a_stranger_does_not_know_the_next_sequence(stranger: Stranger) -> None:
    stranger.body = b'{"next_sequence":"many"}'
    with IntakeClient(f"http://127.0.0.1:{stranger.server_address[1]}") as client, pytest.raises(IntakeUnavailable):
        client.next_sequence(KEY.address)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("99999999", 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("Wed, 21 Oct 2015 07:26:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, now=1_445_412_420.0) == seconds


@given(st.text(max_size=40), st.floats(0, 4e9))
@example("0\x1f", 0.0)
@example("\u0660", 0.0)
def test_any_retry_after_is_within_an_hour_or_unknown(value: str, now: float) -> None:
    seconds = retry_after_s(value, now)
    assert seconds is None or 0 <= seconds <= 3600
