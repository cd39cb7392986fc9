"""The lines of a royalty statement, and the proof of one of them without the others.

    leaf   line salt || canonical JSON of {"after","currency","line","number","payee","upto"}
    root   of the RFC 6962 tree over the leaves, which the statement names

    {"after":…,"currency":…,"format":"atlas-royalty-line/1","line":{…},"line_salt":"…","lines_root":"…","number":0,
     "payee":"0x…","proof":["…"],"size":8,"upto":…}

A line's salt is SHA-256(statement's salt || number, 8 bytes big-endian): who sees a proof sees hashes of neighbouring
lines, and cannot find their amounts by trying.
"""

from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256
from typing import Final, Literal

import msgspec

from atlas.ledger.errors import LedgerError
from atlas.ledger.merkle.rfc6962 import Node, inclusion_proof, leaf_hash, node_hash, root, verify_inclusion
from atlas.protocol.vocabulary import Beneficiary, RevenueKind
from atlas.rights.documents import decode, encode
from atlas.rights.errors import StatementMismatch
from atlas.rights.royalties.accruals import Reason

FORMAT: Final = "atlas-royalty-line/1"


class Line(msgspec.Struct, frozen=True):
    """One part that the payee accrued: from which receipt, by which link, share and rules."""

    position: int
    at: int | None  # seconds since 1970
    kind: RevenueKind
    reason: Reason
    rule: str
    rounding: str
    source: bytes  # the work that received
    asset: bytes  # the work whose shares divide it
    via: bytes | None
    gross_wei: int  # for all payees of the work
    over_ceiling_wei: int
    recouped_wei: int
    role: Beneficiary
    ordinal: int  # of the share, as listed
    share: Fraction
    amount_wei: int  # for this payee
    held: bool


class Sheet(msgspec.Struct, frozen=True):
    """What all lines of a statement have in common, and the salt that its owner keeps."""

    payee: bytes
    after: int
    upto: int
    currency: str
    salt: bytes


class Leaf(msgspec.Struct, frozen=True):
    """What a leaf commits to."""

    payee: bytes
    after: int
    upto: int
    currency: str
    number: int
    line: Line


class LineProof(msgspec.Struct, frozen=True):
    """One line and why it is in the statement with that root."""

    payee: bytes
    after: int
    upto: int
    currency: str
    number: int
    line: Line
    line_salt: bytes
    size: int
    lines_root: bytes
    proof: tuple[bytes, ...]
    format: Literal["atlas-royalty-line/1"] = FORMAT


def lines_root(sheet: Sheet, lines: Sequence[Line]) -> bytes:
    """The root that commits to the lines, 32 bytes."""
    return root(len(lines), _Nodes(sheet, lines))


def prove(sheet: Sheet, lines: Sequence[Line], number: int) -> bytes:
    """The proof of one line, from 0, as a file. Raises StatementMismatch when there is no such line."""
    if not 0 <= number < len(lines):
        raise StatementMismatch(f"the statement has {len(lines)} lines, and no line {number}", hint="Count from 0.")
    nodes = _Nodes(sheet, lines)
    shown = LineProof(
        payee=sheet.payee,
        after=sheet.after,
        upto=sheet.upto,
        currency=sheet.currency,
        number=number,
        line=lines[number],
        line_salt=_line_salt(sheet.salt, number),
        size=len(lines),
        lines_root=root(len(lines), nodes),
        proof=tuple(inclusion_proof(number, len(lines), nodes)),
    )
    return encode(shown)


def check_line(data: bytes, trusted_root: bytes) -> LineProof:
    """The proof in a file, after it led to ``trusted_root``. Raises StatementMismatch."""
    shown = decode(data, LineProof)
    if shown.lines_root != trusted_root:
        raise StatementMismatch(
            f"the line is of a statement with the root {shown.lines_root.hex()}, not {trusted_root.hex()}",
            hint="Take the root from the statement's `lines_root`, as it was published.",
        )
    leaf = Leaf(shown.payee, shown.after, shown.upto, shown.currency, shown.number, shown.line)
    hashed = leaf_hash(shown.line_salt + encode(leaf))
    try:
        verify_inclusion(hashed, shown.number, shown.size, trusted_root, shown.proof)
    except LedgerError as error:
        raise StatementMismatch(f"the line is not in the statement: {error.message}", hint=error.hint) from error
    return shown


def _line_salt(salt: bytes, number: int) -> bytes:
    return sha256(salt + number.to_bytes(8, "big")).digest()


class _Nodes:
    """The hash of any perfect node over the lines; each is computed once."""

    def __init__(self, sheet: Sheet, lines: Sequence[Line]) -> None:
        self._leaves = [self._leaf(sheet, number, line) for number, line in enumerate(lines)]
        self._inner: dict[Node, bytes] = {}

    def __call__(self, node: Node) -> bytes:
        if node.height == 0:
            return self._leaves[node.index]
        if node not in self._inner:
            left, right = (Node(node.height - 1, 2 * node.index + side) for side in (0, 1))
            self._inner[node] = node_hash(self(left), self(right))
        return self._inner[node]

    @staticmethod
    def _leaf(sheet: Sheet, number: int, line: Line) -> bytes:
        leaf = Leaf(sheet.payee, sheet.after, sheet.upto, sheet.currency, number, line)
        return leaf_hash(_line_salt(sheet.salt, number) + encode(leaf))
