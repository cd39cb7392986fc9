"""Decisions of people about rights, as facts: disputes, takedowns, portraits, measures, uses, agreements off chain.

    topic                          begins or continues          signed by
    decision.agreement-signed      itself                       licensor, licensee
    decision.agreement-revoked     ``agreement``                licensor
    decision.dispute-filed         itself                       author: the claimant
    decision.dispute-answered      ``dispute``                  author: the respondent
    decision.evidence-attached     ``dispute``                  author: a party or the arbitrator
    decision.dispute-ruled         ``dispute``                  author: the arbitrator
    decision.dispute-appealed      ``dispute``                  author: the claimant or the respondent
    decision.takedown-ordered      itself                       author: a reviewer
    decision.takedown-lifted       ``takedown``                 author: a reviewer
    decision.portrait-declared     itself                       author: a reviewer
    decision.portrait-authorized   ``portrait``                 author: the portrait's guardian
    decision.portrait-withdrawn    ``portrait``                 author: the portrait's guardian
    decision.measure-recorded      itself                       author: a reviewer
    decision.use-recorded          itself                       author: a reviewer
    decision.duty-fulfilled        itself                       author: a reviewer

The payload is the canonical msgpack map of the struct. What is signed, by EIP-712 (``atlas.protocol.typed_data``),
is the struct called like the class with all fields but ``signatures``, ``recorded_at`` and ``document``, in the order
of the class; the digest is the decision's id. Signatures stand in the order of the signers. ``recorded_at`` is when
the ledger took the decision, by its own clock: what a decision ends, forbids or holds, it does from then on.

The first decision of a matter has version 0 of the stream ``decision/0x<its id>``, those that continue it follow.
EIP-712 has no null: an address of zeros is nobody in particular, the number 0 is none, "*" alone is everything.
Disputes have the shapes of ERC-1497 and ERC-792: evidence is a URI with the hash of what is there, an arbitrator
rules 0 (refused), 1 (for the claimant) or 2 (for the respondent).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from atlas.protocol import facts
from atlas.protocol.errors import InvalidSignature, MalformedFact, UnsignedDecision
from atlas.protocol.ids import checksum_address
from atlas.protocol.signing import recover_from_digest
from atlas.protocol.typed_data import Member, typed_data, typed_digest
from atlas.protocol.vocabulary import Ruling

NOBODY: Final = bytes(20)
MAX_DOCUMENT_BYTES: Final = 64 * 1024
_LAST_SECOND = 253_402_300_799  # of 9999-12-31, as in ``atlas.protocol.generation``

Aaid = Annotated[bytes, Meta(min_length=32, max_length=32)]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Address = Annotated[bytes, Meta(min_length=20, max_length=20)]
Signature = Annotated[bytes, Meta(min_length=65, max_length=65)]
Document = Annotated[bytes, Meta(min_length=1, max_length=MAX_DOCUMENT_BYTES)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=_LAST_SECOND)]
# What PostgreSQL cannot store, and UTF-8 cannot write, is no text here: U+0000 and halves of surrogate pairs.
_TEXT: Final = r"\A[^\x00\ud800-\udfff]*\Z"
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=_TEXT)]
Wei = Annotated[str, Meta(pattern=r"\A(0|[1-9][0-9]{0,77})\Z")]  # msgpack integers stop at 64 bits
Uri = Annotated[str, Meta(max_length=2_048, pattern=_TEXT)]
Names = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=300)]


class Remedy(StrEnum):
    """What a ruling for the claimant orders."""

    NONE = "none"
    PROHIBIT = "prohibit"  # the asset, within territories and media, to everybody or to one account
    REVOKE = "revoke"  # the grant in dispute


class TakedownCause(StrEnum):
    """W26: the five risks of generated content."""

    DEEPFAKE = "deepfake"
    UNAUTHORIZED_PORTRAIT = "unauthorized_portrait"
    ILLEGAL_CONTENT = "illegal_content"
    COPYRIGHT_INFRINGEMENT = "copyright_infringement"
    MISINFORMATION = "misinformation"


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A decision; ``issued_at`` is when its author says it was made, in seconds since 1970."""

    TOPIC: ClassVar[str]
    SIGNERS: ClassVar[tuple[str, ...]] = ("author",)
    CONTINUES: ClassVar[str | None] = None  # the field with the id of the decision that began the matter

    issued_at: Seconds
    recorded_at: Seconds = 0
    signatures: Annotated[tuple[Signature, ...], Meta(max_length=2)] = ()

    @property
    def signers(self) -> tuple[bytes, ...]:
        """The addresses that have to sign, in order."""
        return tuple(getattr(self, name) for name in self.SIGNERS)

    @property
    def matter(self) -> bytes:
        """The id of the decision that began the matter; its own where it begins one."""
        return decision_id(self) if self.CONTINUES is None else getattr(self, self.CONTINUES)


class Authored(Decision, frozen=True, kw_only=True):
    """A decision of one author, with what it rests on."""

    author: Address
    evidence_uri: Uri = ""
    evidence_sha256: Hash = bytes(32)  # of what is there; zeros where there is nothing


class AgreementSigned(Decision, frozen=True, kw_only=True):
    """A licence agreed on outside any chain: ``document`` is its terms, in force from ``starts_at``."""

    TOPIC: ClassVar[str] = "decision.agreement-signed"
    SIGNERS: ClassVar[tuple[str, ...]] = ("licensor", "licensee")

    asset: Aaid
    licensor: Address
    licensee: Address
    terms_hash: Hash  # keccak256 of ``document``
    starts_at: Seconds
    expires_at: Seconds = 0  # 0 is perpetual
    exclusive: bool = False
    under: Count = 0  # the ledger position of the grant that it sub-licenses
    document: Document


class AgreementRevoked(Authored, frozen=True, kw_only=True):
    """The agreement ends when this is recorded."""

    TOPIC: ClassVar[str] = "decision.agreement-revoked"
    CONTINUES: ClassVar[str | None] = "agreement"

    agreement: Hash


class DisputeFiled(Authored, frozen=True, kw_only=True):
    """A dispute over an asset, or over one grant on it; the evidence is ERC-1497's meta-evidence."""

    TOPIC: ClassVar[str] = "decision.dispute-filed"

    asset: Aaid
    respondent: Address
    arbitrator: Address
    category: Name
    grant: Count = 0  # its ledger position


class DisputeAnswered(Authored, frozen=True, kw_only=True):
    """The respondent's answer."""

    TOPIC: ClassVar[str] = "decision.dispute-answered"
    CONTINUES: ClassVar[str | None] = "dispute"

    dispute: Hash


class EvidenceAttached(Authored, frozen=True, kw_only=True):
    """A party's further evidence."""

    TOPIC: ClassVar[str] = "decision.evidence-attached"
    CONTINUES: ClassVar[str | None] = "dispute"

    dispute: Hash


class DisputeRuled(Authored, frozen=True, kw_only=True):
    """The arbitrator's ruling; it can be appealed until before ``appeal_until``."""

    TOPIC: ClassVar[str] = "decision.dispute-ruled"
    CONTINUES: ClassVar[str | None] = "dispute"

    dispute: Hash
    ruling: Literal[0, 1, 2]
    remedy: Remedy = Remedy.NONE
    against: Address = NOBODY
    territories: Names = ("*",)
    media: Names = ("*",)
    appeal_until: Seconds = 0

    @property
    def outcome(self) -> Ruling:
        """The ruling by its name."""
        return tuple(Ruling)[self.ruling]


class DisputeAppealed(Authored, frozen=True, kw_only=True):
    """A party appeals: the dispute is pending again, and the ruling's effects are suspended."""

    TOPIC: ClassVar[str] = "decision.dispute-appealed"
    CONTINUES: ClassVar[str | None] = "dispute"

    dispute: Hash


class TakedownOrdered(Authored, frozen=True, kw_only=True):
    """Within these territories and media nobody, or not ``against``, may use the asset (W26)."""

    TOPIC: ClassVar[str] = "decision.takedown-ordered"

    asset: Aaid
    cause: TakedownCause
    against: Address = NOBODY
    territories: Names = ("*",)
    media: Names = ("*",)


class TakedownLifted(Authored, frozen=True, kw_only=True):
    """The takedown ends."""

    TOPIC: ClassVar[str] = "decision.takedown-lifted"
    CONTINUES: ClassVar[str | None] = "takedown"

    takedown: Hash


class PortraitDeclared(Authored, frozen=True, kw_only=True):
    """The asset shows, or sounds like, a real person, for whom ``guardian`` signs (W26)."""

    TOPIC: ClassVar[str] = "decision.portrait-declared"

    asset: Aaid
    person: Hash
    guardian: Address


class PortraitAuthorized(Authored, frozen=True, kw_only=True):
    """The person allows the portrait, to everybody or to one account."""

    TOPIC: ClassVar[str] = "decision.portrait-authorized"
    CONTINUES: ClassVar[str | None] = "portrait"

    portrait: Hash
    account: Address = NOBODY
    territories: Names = ("*",)
    media: Names = ("*",)
    starts_at: Seconds = 0
    ends_at: Seconds = 0  # 0 is never


class PortraitWithdrawn(Authored, frozen=True, kw_only=True):
    """An authorization ends."""

    TOPIC: ClassVar[str] = "decision.portrait-withdrawn"
    CONTINUES: ClassVar[str | None] = "portrait"

    portrait: Hash
    authorization: Hash


class MeasureRecorded(Authored, frozen=True, kw_only=True):
    """A measure that the law of a place asks for was taken for an asset, or failed (W27)."""

    TOPIC: ClassVar[str] = "decision.measure-recorded"

    asset: Aaid
    measure: Name
    territories: Names
    taken_at: Seconds
    passed: bool = True


class UseRecorded(Authored, frozen=True, kw_only=True):
    """A use that counts against the grant at ledger position ``grant`` (W3)."""

    TOPIC: ClassVar[str] = "decision.use-recorded"

    grant: Count
    used_at: Seconds
    reference: Hash  # of the publication: two uses that are alike otherwise are two
    count: Annotated[int, Meta(ge=1, le=2**63 - 1)] = 1
    exposure_s: Count = 0


class DutyFulfilled(Authored, frozen=True, kw_only=True):
    """The licensee of the grant at ledger position ``grant`` paid, reported or credited, as the terms ask (W3)."""

    TOPIC: ClassVar[str] = "decision.duty-fulfilled"

    grant: Count
    action: Literal["pay", "report", "attribute"]
    fulfilled_at: Seconds
    amount_wei: Wei = "0"  # of a payment
    until: Seconds = 0  # of a report: up to when it tells; 0 is when it was made
    use: Count = 0  # of an attribution: the position of the recorded use that was credited


DECISIONS: Final[Mapping[str, type[Decision]]] = {
    kind.TOPIC: kind
    for kind in (
        AgreementSigned,
        AgreementRevoked,
        DisputeFiled,
        DisputeAnswered,
        EvidenceAttached,
        DisputeRuled,
        DisputeAppealed,
        TakedownOrdered,
        TakedownLifted,
        PortraitDeclared,
        PortraitAuthorized,
        PortraitWithdrawn,
        MeasureRecorded,
        UseRecorded,
        DutyFulfilled,
    )
}
"""Every kind of decision by its topic."""

Kind = TypeVar("Kind", bound=Decision)
_BESIDE: Final = frozenset({"signatures", "recorded_at", "document"})
_SOLIDITY: Final = {20: "address", 32: "bytes32"}


@cache
def members_of(kind: type[Decision]) -> tuple[Member, ...]:
    """The members of the typed struct of a kind of decision, in order."""
    fields = msgspec.structs.fields(kind)
    return tuple(Member(field.name, _solidity(field.type)) for field in fields if field.name not in _BESIDE)


def decision_id(decision: Decision) -> bytes:
    """The 32 bytes that are signed, and that the decision is known by."""
    return typed_digest(type(decision).__name__, members_of(type(decision)), _message(decision))


def wallet_form(decision: Decision) -> dict[str, Any]:
    """What ``eth_signTypedData_v4`` takes, as JSON."""
    return typed_data(type(decision).__name__, members_of(type(decision)), _message(decision))


def decision_stream(matter: bytes) -> UUID:
    """The stream of a matter, named by the id of the decision that began it."""
    return facts.stream_id(f"decision/0x{matter.hex()}")


def open_decision(payload: bytes, kind: type[Kind]) -> Kind:
    """The decision in a payload, its signatures verified. Raises MalformedFact, InvalidSignature, UnsignedDecision."""
    decision = facts.decode(payload, kind)
    require_signed(decision)
    return decision


def checked(decision: Kind) -> Kind:
    """The same decision, within the bounds of its fields. Raises MalformedFact, which names the field."""
    try:
        return msgspec.convert(
            msgspec.to_builtins(decision, builtin_types=(bytes,)), type(decision), builtin_types=(bytes,)
        )
    except msgspec.ValidationError as error:
        raise MalformedFact(f"{type(decision).__name__}: {error}", hint="Correct the field that is named.") from error


def require_signed(decision: Decision) -> None:
    """Return when everybody who has to has signed. Raises UnsignedDecision, InvalidSignature, naming the field."""
    digest = decision_id(decision)
    for place, signer in enumerate(decision.signers):
        name = decision.SIGNERS[place]
        if place >= len(decision.signatures):
            raise UnsignedDecision(
                f"signatures[{place}] is missing: the {name} {checksum_address(signer)} has not signed",
                hint="Let every signer sign the typed data, in the order of the signers.",
            )
        _require_signer(digest, decision.signatures[place], signer, f"signatures[{place}]", name)
    if len(decision.signatures) > len(decision.signers):
        raise UnsignedDecision(
            f"signatures has {len(decision.signatures)} entries, and {len(decision.signers)} sign",
            hint="Leave out the signatures of others.",
        )


def _require_signer(digest: bytes, signature: bytes, signer: bytes, field: str, name: str) -> None:
    try:
        found = recover_from_digest(digest, signature)
    except InvalidSignature as error:
        raise InvalidSignature(f"{field}: {error.message}", hint=error.hint) from error
    if found != signer:
        raise UnsignedDecision(
            f"{field} is by {checksum_address(found)}, and the {name} is {checksum_address(signer)}",
            hint="Something was changed after it was signed, or another key signed.",
        )


def _message(decision: Decision) -> dict[str, object]:
    return {member.name: _written(getattr(decision, member.name), member.type) for member in members_of(type(decision))}


def _written(value: object, kind: str) -> object:
    """As the JSON of typed data has it."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, str):
        return str(value)
    return [str(each) for each in value] if isinstance(value, Sequence) and kind == "string[]" else value


def _solidity(annotation: Any) -> str:  # noqa: ANN401 (a type, as msgspec reflects it)
    match msgspec.inspect.type_info(annotation):
        case msgspec.inspect.BytesType(min_length=length) if length in _SOLIDITY:
            return _SOLIDITY[length]
        case msgspec.inspect.BoolType():
            return "bool"
        case msgspec.inspect.StrType() | msgspec.inspect.EnumType():
            return "string"
        case msgspec.inspect.IntType():
            return "uint64"
        case msgspec.inspect.LiteralType(values=values):
            return "uint8" if all(isinstance(value, int) for value in values) else "string"
        case msgspec.inspect.VarTupleType():
            return "string[]"
        case other:  # pragma: no cover - a decision with a field that has no such type does not come to be
            raise TypeError(f"no Solidity type for {other}")
