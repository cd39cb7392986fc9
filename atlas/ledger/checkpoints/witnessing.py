"""Asking witnesses to cosign a checkpoint (C2SP tlog-witness, ``add-checkpoint``).

POST <submission prefix>/add-checkpoint    old size, consistency proof, checkpoint: see proofs.py

200   signature lines, the witness's cosignatures among them
409   with content type text/x.tlog.size: the size that it cosigned last, from which the proof has to begin

Enough cosignatures are wanted on one checkpoint, so all witnesses are asked for the same one, at once. A round waits a
little for the slow ones and never longer: they are left out of the rounds until they have answered, and a witness that
failed is asked again after a pause that doubles.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from typing import Any

import httpx
import msgspec

from atlas.ledger.checkpoints.checkpointer import parse_checkpoint
from atlas.ledger.checkpoints.cosignatures import Witness, last_cosigned_size, store_cosignature
from atlas.ledger.checkpoints.notes import SignedNote, parse_note
from atlas.ledger.checkpoints.proofs import ConsistencyProof
from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable, LedgerError, MalformedNote, WitnessRefused, WitnessUnreachable
from atlas.ledger.merkle.tree import Tree

ANSWER_TIMEOUT_S = 10.0
PATIENCE_S = 2.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_SIZE_TYPE = "text/x.tlog.size"
_MAX_ANSWER_BYTES = 100_000


class Witnesses:
    """The witnesses of a log and their submission prefixes; a context manager, whose end waits for open requests.

    ``timeout_s`` bounds each wait for a witness, and twice as long a whole answer.
    """

    def __init__(
        self, database: Database, witnesses: Sequence[tuple[Witness, str]], *, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> None:
        self._database = database
        self._witnesses = {witness.name: (witness, url) for witness, url in witnesses}
        self._client = httpx.Client(timeout=timeout_s)
        self._threads = ThreadPoolExecutor(max(1, len(self._witnesses)), thread_name_prefix="witness")
        self._timeout_s = timeout_s

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the witnesses' keys."""
        return tuple(self._witnesses)

    def __enter__(self) -> "Witnesses":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._client.close()

    def ask(self, name: str, note: SignedNote) -> "Future[datetime]":
        """Ask one witness, in the background, to cosign a checkpoint; see ``collect_cosignature``."""
        witness, url = self._witnesses[name]
        return self._threads.submit(
            collect_cosignature, self._database, self._client, url, witness, note, timeout_s=2 * self._timeout_s
        )


class _Standing(msgspec.Struct):
    """How it stands with one witness: what it is asked now, what it cosigned last, when it is due."""

    asked: str = ""
    answer: "Future[datetime] | None" = None
    cosigned: str = ""
    failures: int = 0
    due_s: float = 0.0


class Cosigner:
    """Has each new checkpoint cosigned, in rounds, see the module.

    ``latest`` gives the newest checkpoint, ``on_failure`` is told the name of a witness and why it did not cosign.
    """

    def __init__(
        self,
        witnesses: Witnesses,
        latest: Callable[[], SignedNote | None],
        on_failure: Callable[[str, LedgerError], None],
        *,
        interval_s: float = 1.0,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._witnesses = witnesses
        self._latest = latest
        self._on_failure = on_failure
        self._interval_s = interval_s
        self._patience_s = patience_s
        self._standings = {name: _Standing() for name in witnesses.names}

    def run(self, stop: threading.Event) -> None:
        """Round after round until ``stop`` is set. Raises DatabaseUnreachable."""
        while not stop.is_set():
            self.round()
            stop.wait(self._interval_s)

    def round(self) -> None:
        """Ask every witness that is free and due for the latest checkpoint. Raises DatabaseUnreachable."""
        self._harvest()
        note = self._latest()
        if note is None:
            return
        now_s = time.monotonic()
        for name, standing in self._standings.items():
            if standing.answer is None and standing.due_s <= now_s and standing.cosigned != note.text:
                standing.asked, standing.answer = note.text, self._witnesses.ask(name, note)
        wait(
            [one.answer for one in self._standings.values() if one.answer is not None and one.asked == note.text],
            timeout=self._patience_s,
        )
        self._harvest()

    def _harvest(self) -> None:
        for name, standing in self._standings.items():
            if standing.answer is not None and standing.answer.done():
                answer, standing.answer = standing.answer, None
                self._settle(name, standing, answer)

    def _settle(self, name: str, standing: _Standing, answer: "Future[datetime]") -> None:
        try:
            answer.result()
        except DatabaseUnreachable:
            raise
        except LedgerError as error:
            pause_s = min(FIRST_PAUSE_S * 2.0 ** min(standing.failures, 10), LONGEST_PAUSE_S)
            standing.failures += 1
            standing.due_s = time.monotonic() + pause_s
            self._on_failure(name, error)
        else:
            standing.cosigned, standing.failures = standing.asked, 0


def collect_cosignature(
    database: Database,
    client: httpx.Client,
    url: str,
    witness: Witness,
    note: SignedNote,
    *,
    timeout_s: float = 2 * ANSWER_TIMEOUT_S,
) -> datetime:
    """Ask the witness at the submission prefix ``url`` to cosign a checkpoint signed here, and store its answer.

    An answer may take ``timeout_s`` in all; how long each wait may be is the client's.

    Returns the time of the cosignature. Raises WitnessUnreachable, WitnessRefused (also when the witness has cosigned
    a larger tree than this one), and UnknownSigner or BadSignature when the answer does not verify.
    """
    checkpoint = parse_checkpoint(note.text)
    old_size = last_cosigned_size(database, checkpoint.origin, witness)
    answer = _submit(client, url, _request(database, min(old_size, checkpoint.tree_size), note), timeout_s)
    if answer.status_code == 409:
        old_size = _size_in(answer)
        if old_size > checkpoint.tree_size:
            raise WitnessRefused(
                f"{witness.name} has cosigned {old_size} facts of {checkpoint.origin}, more than these "
                f"{checkpoint.tree_size}",
                hint="Sign a checkpoint of the log as it is now; if the log itself is shorter, it was cut or restored.",
            )
        answer = _submit(client, url, _request(database, old_size, note), timeout_s)
    if answer.status_code != 200:
        raise WitnessRefused(
            f"{witness.name} answered {answer.status_code}: {answer.text}",
            hint="404: it does not know the origin. 403: not the key. 422: the proof. 409: another root of this size.",
        )
    return store_cosignature(database, _cosigned(note, answer.content), witness)


def _request(database: Database, old_size: int, note: SignedNote) -> bytes:
    new_size = parse_checkpoint(note.text).tree_size
    hashes = Tree(database).consistency_proof(old_size, new_size) if old_size else []
    return ConsistencyProof(old_size, tuple(hashes), note).encode()


class _Answer(msgspec.Struct, frozen=True):
    status_code: int
    kind: str
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace").strip()[:200]


class _Limit:
    """Ends a request after ``timeout_s``, whatever it waits for: the client bounds each wait, and headers may trickle.

    Its connection is one of its own, which ``trace`` learns of (httpcore's extension of this name).
    """

    def __init__(self, timeout_s: float) -> None:
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(timeout_s, self._end)
        self._timer.daemon = True
        self.is_reached = False

    def __enter__(self) -> "_Limit":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, event: str, information: Mapping[str, Any]) -> None:
        """What a request has come to."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._sockets.append(information["return_value"].get_extra_info("socket"))
            if self.is_reached:
                self._end()

    def _end(self) -> None:
        self.is_reached = True
        for one in self._sockets:
            with suppress(OSError):  # closed meanwhile, or handed over to TLS
                # Not a TLS socket's own, which would let the next read see what is not decrypted.
                socket.socket.shutdown(one, socket.SHUT_RDWR)


def _submit(client: httpx.Client, url: str, body: bytes, timeout_s: float) -> _Answer:
    """The witness's answer, read as it comes: neither a slow trickle nor a flood is waited for."""
    content = b""
    too_much = WitnessUnreachable(
        f"{url} answers with more than {_MAX_ANSWER_BYTES} bytes, or for longer than {timeout_s:g} s",
        hint="Is a witness there?",
    )
    limit = _Limit(timeout_s)
    try:
        with (
            limit,
            client.stream(
                "POST",
                f"{url.rstrip('/')}/add-checkpoint",
                content=body,
                headers={"connection": "close"},
                extensions={"trace": limit.trace},
            ) as answer,
        ):
            for part in answer.iter_bytes():
                content += part
                if len(content) > _MAX_ANSWER_BYTES:
                    raise too_much
        if limit.is_reached:
            raise too_much  # an answer without a length may end anywhere
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if limit.is_reached:
            raise too_much from error
        raise WitnessUnreachable(
            f"no answer from {url}: {error or type(error).__name__}",
            hint="Check the witness's URL, and whether it runs.",
        ) from error
    return _Answer(answer.status_code, answer.headers.get("content-type", ""), content)


def _size_in(answer: _Answer) -> int:
    """The size in a conflict's answer. Raises WitnessRefused when it has another reason."""
    match = _SIZE.fullmatch(answer.content)
    if answer.kind != _SIZE_TYPE or match is None:
        raise WitnessRefused(
            f"the witness sees a conflict: {answer.text}",
            hint="It may have cosigned another root of this size: that would be a second log of this name.",
        )
    return int(match[1])


def _cosigned(note: SignedNote, lines: bytes) -> SignedNote:
    """The note with the signature lines of an answer."""
    try:
        return parse_note(note.encode() + lines)
    except MalformedNote as error:
        raise WitnessUnreachable(
            f"the witness answered something else than signatures: {error.message}",
            hint="Check the witness's URL: is it a submission prefix of C2SP tlog-witness?",
        ) from error
