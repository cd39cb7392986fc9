"""Decisions as JSON files: drafted by people, signed by their keys or wallets, and recorded.

    {"decision":"agreement-signed",
     "document":{...},
     "message":{"asset":"aaid:...","licensor":"0x...","licensee":"0x...","issued_at":1767225600,"starts_at":1767225600},
     "signatures":{"licensor":"0x...","licensee":"0x..."}}

``message`` has the fields of the decision (``atlas.protocol.decisions``) by name: an asset as its AAID, addresses and
hashes as hexadecimal digits, times in seconds since 1970; fields that have a usual value may be left out, and so may
``terms_hash``, which follows from the document. ``document``, of an agreement, is its terms; keys and spaces may stand
in any order: what is agreed on is the canonical form. Signatures stand under the name of the field of the signer.
"""

import re
from typing import Any

import msgspec
import orjson

from atlas.protocol.decisions import DECISIONS, AgreementSigned, Decision, checked, decision_id
from atlas.protocol.errors import AtlasError, MalformedFact, UnsignedDecision
from atlas.protocol.ids import checksum_address, format_aaid, parse_aaid, parse_address
from atlas.protocol.keccak import keccak256
from atlas.protocol.signing import address_of, sign_digest

MAX_FILE_BYTES = 256 * 1024
_TOPIC_START = "decision."
_BYTES = re.compile(r"0x([0-9a-fA-F]{2})*")
_ADDRESS_BYTES = 20
_HINT = "docs/reference/decisions.md shows the file of each kind of decision."


class _File(msgspec.Struct, forbid_unknown_fields=True):
    decision: str
    message: dict[str, Any]
    document: dict[str, Any] | None = None
    signatures: dict[str, str] = {}


class Draft(msgspec.Struct, frozen=True):
    """A decision and the signatures that it has so far, by the name of the signer's field."""

    decision: Decision
    signatures: dict[str, bytes]

    def signed_by(self, secret: bytes) -> "Draft":
        """With the signature of a 32-byte key. Raises UnsignedDecision for the key of somebody who has not to sign."""
        address = address_of(secret)
        names = [name for name in self.decision.SIGNERS if getattr(self.decision, name) == address]
        if not names:
            told = ", ".join(
                f"{name} {checksum_address(getattr(self.decision, name))}" for name in self.decision.SIGNERS
            )
            raise UnsignedDecision(
                f"the key is that of {checksum_address(address)}, and who signs is {told}",
                hint="Sign with the key of one of them.",
            )
        signature = sign_digest(decision_id(self.decision), secret)
        return Draft(self.decision, {**self.signatures, **dict.fromkeys(names, signature)})

    def complete(self) -> Decision:
        """The decision with its signatures in order, up to the first that is missing."""
        names = self.decision.SIGNERS
        count = next((place for place, name in enumerate(names) if name not in self.signatures), len(names))
        ordered = tuple(self.signatures[name] for name in names[:count])
        return msgspec.structs.replace(self.decision, signatures=ordered)


def read_draft(data: bytes) -> Draft:
    """The draft in a file. Raises MalformedFact, which names the field."""
    if len(data) > MAX_FILE_BYTES:
        raise MalformedFact(f"a decision's file has at most {MAX_FILE_BYTES:,} bytes, not {len(data):,}")
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFact(f"not the file of a decision: {str(error)[:300]}", hint=_HINT) from error
    kind = DECISIONS.get(_TOPIC_START + file.decision)
    if kind is None:
        known = ", ".join(topic.removeprefix(_TOPIC_START) for topic in DECISIONS)
        raise MalformedFact(f"decision is {file.decision[:100]!r}", hint=f"Decisions are {known}.")
    signatures = {name: _bytes(f"signatures.{name}", text) for name, text in file.signatures.items()}
    unknown = next((name for name in signatures if name not in kind.SIGNERS), None)
    if unknown is not None:
        raise MalformedFact(f"signatures.{unknown}: who signs is {', '.join(kind.SIGNERS)}", hint=_HINT)
    return Draft(_decision(kind, file), signatures)


def write_draft(draft: Draft) -> bytes:
    """The file of a draft, indented for people."""
    decision = draft.decision
    fields = msgspec.structs.fields(type(decision))
    written: dict[str, object] = {
        "decision": decision.TOPIC.removeprefix(_TOPIC_START),
        "message": {
            field.name: _text(field.name, getattr(decision, field.name))
            for field in fields
            if field.name not in {"signatures", "recorded_at", "document"}
        },
        "signatures": {name: f"0x{signature.hex()}" for name, signature in draft.signatures.items()},
    }
    if isinstance(decision, AgreementSigned):
        written["document"] = orjson.loads(decision.document)
    return orjson.dumps(written, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _decision(kind: type[Decision], file: _File) -> Decision:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    stated: dict[str, Any] = {name: _value(name, value, fields) for name, value in file.message.items()}
    if kind is AgreementSigned:
        document = orjson.dumps(file.document or {}, option=orjson.OPT_SORT_KEYS)
        stated = {"terms_hash": keccak256(document), **stated, "document": document}
    elif file.document is not None:
        raise MalformedFact("document: only an agreement has one", hint=_HINT)
    missing = next((name for name, field in fields.items() if field.required and name not in stated), None)
    if missing is not None:
        raise MalformedFact(f"message.{missing} is missing", hint=_HINT)
    try:
        return checked(kind(**stated))
    except msgspec.ValidationError as error:  # pragma: no cover - ``checked`` names it
        raise MalformedFact(str(error), hint=_HINT) from error


def _value(name: str, value: object, fields: dict[str, msgspec.structs.FieldInfo]) -> object:
    """As the decision holds it: text that stands for bytes is read."""
    field = fields.get(name)
    if field is None or name in {"signatures", "recorded_at", "document"}:
        raise MalformedFact(f"message.{name[:100]}: there is no such field", hint=_HINT)
    kind = msgspec.inspect.type_info(field.type)
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(kind, msgspec.inspect.BytesType) or not isinstance(value, str):
        return value
    try:
        if name == "asset":
            return parse_aaid(value)
        return parse_address(value) if kind.min_length == _ADDRESS_BYTES else _bytes(name, value)
    except AtlasError as error:
        raise MalformedFact(f"message.{name}: {error.message}", hint=error.hint) from error


def _bytes(name: str, text: str) -> bytes:
    if _BYTES.fullmatch(text) is None:
        raise MalformedFact(f"{name} is 0x and hexadecimal digits, not {text[:100]!r}", hint=_HINT)
    return bytes.fromhex(text[2:])


def _text(name: str, value: object) -> object:
    if not isinstance(value, bytes):
        return value
    if name == "asset":
        return format_aaid(value)
    return checksum_address(value) if len(value) == _ADDRESS_BYTES else f"0x{value.hex()}"
