import json

import msgspec
import pytest
from eth_account import Account

from atlas.protocol import facts
from atlas.protocol.decisions import (
    DECISIONS,
    AgreementSigned,
    Decision,
    DisputeFiled,
    DisputeRuled,
    checked,
    decision_id,
    members_of,
    open_decision,
    require_signed,
    wallet_form,
)
from atlas.protocol.errors import InvalidSignature, MalformedFact, UnsignedDecision
from tests.deciding import ADA, ASSET, BEN, JUDGE, KEYS, NOW, agreement, decided

FILED = decided(DisputeFiled, ADA, asset=ASSET, respondent=BEN, arbitrator=JUDGE, category="copyright_infringement")


def test_a_wallet_signs_the_same() -> None:
    wallet = Account.from_key(KEYS[ADA]).sign_typed_data(full_message=json.loads(json.dumps(wallet_form(FILED))))
    assert bytes(wallet.signature) == FILED.signatures[0]


def test_a_list_of_names_is_signed_as_a_wallet_does() -> None:
    ruled = decided(DisputeRuled, JUDGE, dispute=b"\1" * 32, ruling=1, territories=("DE", "FR"))
    wallet = Account.from_key(KEYS[JUDGE]).sign_typed_data(full_message=json.loads(json.dumps(wallet_form(ruled))))
    assert bytes(wallet.signature) == ruled.signatures[0]


def test_a_payload_opens_as_what_was_signed() -> None:
    assert open_decision(facts.encode(FILED), DisputeFiled) == FILED
    both = agreement()
    assert open_decision(facts.encode(both), AgreementSigned) == both


def test_when_it_was_recorded_is_not_signed() -> None:
    later = msgspec.structs.replace(FILED, recorded_at=NOW + 9)
    assert decision_id(later) == decision_id(FILED)
    require_signed(later)


@pytest.mark.parametrize("kind", DECISIONS.values(), ids=lambda kind: kind.__name__)
def test_every_field_but_what_stands_beside_is_signed(kind: type[Decision]) -> None:
    fields = {field.name for field in msgspec.structs.fields(kind)}
    assert fields - {member.name for member in members_of(kind)} <= {"signatures", "recorded_at", "document"}


@pytest.mark.parametrize(("field", "value"), [("category", "other"), ("grant", 7), ("issued_at", NOW + 1)])
def test_a_changed_field_is_not_what_was_signed(field: str, value: object) -> None:
    with pytest.raises(UnsignedDecision, match=r"signatures\[0\] is by"):
        require_signed(msgspec.structs.replace(FILED, **{field: value}))


def test_a_missing_signature_names_its_place() -> None:
    both = agreement()
    with pytest.raises(UnsignedDecision, match=r"signatures\[1\] is missing: the licensee"):
        require_signed(msgspec.structs.replace(both, signatures=both.signatures[:1]))


def test_signatures_in_another_order_are_refused() -> None:
    both = agreement()
    with pytest.raises(UnsignedDecision, match=r"signatures\[0\]"):
        require_signed(msgspec.structs.replace(both, signatures=both.signatures[::-1]))


def test_a_signature_too_many_is_refused() -> None:
    with pytest.raises(UnsignedDecision, match="signatures has 2"):
        require_signed(msgspec.structs.replace(FILED, signatures=FILED.signatures * 2))


def test_bytes_that_are_no_signature_name_their_place() -> None:
    with pytest.raises(InvalidSignature, match=r"signatures\[0\]: v is 27 or 28"):
        require_signed(msgspec.structs.replace(FILED, signatures=(bytes(65),)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("asset", b"short"),
        ("respondent", b""),
        ("category", ""),
        ("grant", -1),
        ("category", "a\0b"),
        ("evidence_uri", "\ud800"),
    ],
)
def test_a_field_out_of_bounds_is_named(field: str, value: object) -> None:
    with pytest.raises(MalformedFact, match=field):
        checked(msgspec.structs.replace(FILED, **{field: value}))


def test_a_payload_with_a_flipped_byte_does_not_open() -> None:
    payload = bytearray(facts.encode(FILED))
    payload[payload.index(ASSET)] ^= 1
    with pytest.raises(UnsignedDecision):
        open_decision(bytes(payload), DisputeFiled)
