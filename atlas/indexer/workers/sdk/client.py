"""The worker's side of the HTTP exchange: send, ask, and tell a verdict from a disturbance.

Only the intake's own word condemns a record: a problem (RFC 9457) that names the record by its index. Whatever
else answers, such as a proxy's error page, a login form or a server that has moved, is a disturbance, and the
records are kept and sent again.
"""

import email.utils
import time
from collections.abc import Sequence
from types import TracebackType

import httpx
import msgspec

from atlas.indexer.workers.errors import IntakeUnavailable, UnknownWorker
from atlas.indexer.workers.wire import FRAMES_TYPE, PROBLEM_TYPE, Accepted, Problem, WorkerView, join_frames
from atlas.protocol.ids import checksum_address

_LONGEST_RETRY_AFTER_S = 3600.0
_QUARANTINED = 202


class Verdict(msgspec.Struct, frozen=True):
    """What became of a submission: the first ``stored`` envelopes are in the ledger; then comes ``problem``, if any."""

    stored: int
    problem: Problem | None = None


class IntakeClient:
    """A connection to the intake at ``endpoint``; not shared between threads."""

    def __init__(self, endpoint: str, *, timeout_s: float = 30.0) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._http = httpx.Client(timeout=timeout_s, headers={"accept": f"application/json, {PROBLEM_TYPE}"})

    def __enter__(self) -> "IntakeClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def next_sequence(self, worker: bytes) -> int:
        """The number of the record that the intake expects next of ``worker``. Raises IntakeUnavailable."""
        response = self._exchange("GET", f"/workers/{checksum_address(worker)}")
        if not response.is_success:
            raise _unavailable(response, _problem(response))
        try:
            return msgspec.json.decode(response.content, type=WorkerView).next_sequence
        except msgspec.MsgspecError as error:
            raise _unavailable(response, None) from error

    def submit(self, envelopes: Sequence[bytes]) -> Verdict:
        """Send envelopes in order. Raises IntakeUnavailable when nobody judged them."""
        response = self._exchange("POST", "/records", join_frames(envelopes))
        if response.status_code == _QUARANTINED:
            raise IntakeUnavailable(
                "the worker is not admitted yet; its records wait in the server's quarantine",
                hint="Stake for it as a compute node.",
            )
        if response.is_success:
            return self._accepted(response, len(envelopes))
        problem = _problem(response)
        if problem is None or problem.index is None or problem.code == UnknownWorker.code:
            raise _unavailable(response, problem)
        if problem.index >= len(envelopes) or problem.index != len(problem.receipts):
            raise _unavailable(response, None)
        return Verdict(problem.index, problem)

    def _accepted(self, response: httpx.Response, count: int) -> Verdict:
        try:
            receipts = msgspec.json.decode(response.content, type=Accepted).receipts
        except msgspec.MsgspecError as error:
            raise _unavailable(response, None) from error
        if len(receipts) != count:
            raise _unavailable(response, None)
        return Verdict(count)

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        headers = {"content-type": FRAMES_TYPE} if body is not None else {}
        try:
            return self._http.request(method, self.endpoint + path, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise IntakeUnavailable(
                f"{method} {self.endpoint}{path}: {error or type(error).__name__}",
                hint="Records are kept and sent when the server answers. Is it running, is the address right?",
            ) from error


def retry_after_s(value: str | None, now: float) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110 section 10.2.3), at most an hour; None if unreadable.

    ``now`` is the time in seconds since 1970, for the form that gives a date.
    """
    if value is None:
        return None
    text = value.strip(" \t")  # the whitespace of HTTP: str.strip takes more, and float another set
    if text.isascii() and text.isdecimal():
        seconds = float(text)
    else:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now
        except ValueError:
            return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S)


def _problem(response: httpx.Response) -> Problem | None:
    if response.headers.get("content-type", "").partition(";")[0].strip().lower() != PROBLEM_TYPE:
        return None
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except msgspec.MsgspecError:
        return None


def _unavailable(response: httpx.Response, problem: Problem | None) -> IntakeUnavailable:
    said = f"{problem.code}: {problem.detail}" if problem else "not an answer of the intake"
    return IntakeUnavailable(
        f"{response.request.method} {response.request.url} answered {response.status_code}, {said}",
        hint=problem.hint if problem else "Records are kept. Is the endpoint the address of an Atlas Ledger server?",
        retry_after_s=retry_after_s(response.headers.get("retry-after"), time.time()),
    )
