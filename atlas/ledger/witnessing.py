"""Asking witnesses to cosign a checkpoint (C2SP tlog-witness, ``add-checkpoint``).

POST <submission prefix>/add-checkpoint    old size, consistency proof, checkpoint: see proofs.py

200   signature lines, the witness's cosignatures among them
409   with content type text/x.tlog.size: the size that it cosigned last, from which the proof has to begin
"""

import re
from datetime import datetime

import httpx

from atlas.ledger.checkpoints import parse_checkpoint
from atlas.ledger.cosignatures import Witness, last_cosigned_size, store_cosignature
from atlas.ledger.database import Database
from atlas.ledger.errors import MalformedNote, WitnessRefused, WitnessUnreachable
from atlas.ledger.notes import SignedNote, parse_note
from atlas.ledger.proofs import ConsistencyProof
from atlas.ledger.tree import Tree

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_SIZE_TYPE = "text/x.tlog.size"
_MAX_ANSWER_BYTES = 100_000


def collect_cosignature(
    database: Database, client: httpx.Client, url: str, witness: Witness, note: SignedNote
) -> datetime:
    """Ask the witness at the submission prefix ``url`` to cosign a checkpoint signed here, and store its answer.

    Returns the time of the cosignature. Raises WitnessUnreachable, WitnessRefused (also when the witness has cosigned
    a larger tree than this one), and UnknownSigner or BadSignature when the answer does not verify.
    """
    checkpoint = parse_checkpoint(note.text)
    old_size = last_cosigned_size(database, checkpoint.origin, witness)
    answer = _submit(client, url, _request(database, min(old_size, checkpoint.tree_size), note))
    if answer.status_code == 409:
        old_size = _size_in(answer)
        if old_size > checkpoint.tree_size:
            raise WitnessRefused(
                f"{witness.name} has cosigned {old_size} facts of {checkpoint.origin}, more than these "
                f"{checkpoint.tree_size}",
                hint="Sign a checkpoint of the log as it is now; if the log itself is shorter, it was cut or restored.",
            )
        answer = _submit(client, url, _request(database, old_size, note))
    if answer.status_code != 200:
        raise WitnessRefused(
            f"{witness.name} answered {answer.status_code}: {answer.text.strip()[:200]}",
            hint="404: it does not know the origin. 403: not the key. 422: the proof. 409: another root of this size.",
        )
    return store_cosignature(database, _cosigned(note, answer.content), witness)


def _request(database: Database, old_size: int, note: SignedNote) -> bytes:
    new_size = parse_checkpoint(note.text).tree_size
    hashes = Tree(database).consistency_proof(old_size, new_size) if old_size else []
    return ConsistencyProof(old_size, tuple(hashes), note).encode()


def _submit(client: httpx.Client, url: str, body: bytes) -> httpx.Response:
    try:
        return client.post(f"{url.rstrip('/')}/add-checkpoint", content=body)
    except httpx.HTTPError as error:
        raise WitnessUnreachable(f"no answer from {url}: {error}", hint="Check the witness's URL.") from error


def _size_in(answer: httpx.Response) -> int:
    """The size in a conflict's answer. Raises WitnessRefused when it has another reason."""
    match = _SIZE.fullmatch(answer.content)
    if answer.headers.get("content-type") != _SIZE_TYPE or match is None:
        raise WitnessRefused(
            f"the witness sees a conflict: {answer.text.strip()[:200]}",
            hint="It may have cosigned another root of this size: that would be a second log of this name.",
        )
    return int(match[1])


def _cosigned(note: SignedNote, lines: bytes) -> SignedNote:
    """The note with the signature lines of an answer."""
    try:
        if len(lines) > _MAX_ANSWER_BYTES:
            raise MalformedNote(f"{len(lines)} bytes of signatures")
        return parse_note(note.encode() + lines)
    except MalformedNote as error:
        raise WitnessUnreachable(f"the witness answered something else than signatures: {error.message}") from error
