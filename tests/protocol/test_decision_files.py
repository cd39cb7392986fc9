import json
from typing import Any

import msgspec
import pytest

from atlas.protocol.decision_files import Draft, read_draft, write_draft
from atlas.protocol.decisions import AgreementSigned, DisputeRuled, Remedy, require_signed
from atlas.protocol.errors import MalformedFact, UnsignedDecision
from atlas.protocol.ids import checksum_address, format_aaid
from tests.deciding import ADA, ASSET, BEN, JUDGE, KEYS, NOW, STRANGER, agreement, decided


def drafted(**changes: Any) -> dict[str, Any]:
    """What a licensor writes: the usual values are left out."""
    message = {
        "asset": format_aaid(ASSET),
        "licensor": checksum_address(ADA),
        "licensee": f"0x{BEN.hex()}",
        "issued_at": NOW,
        "starts_at": NOW - 1_000,
        **changes,
    }
    return {
        "decision": "agreement-signed",
        "message": {name: value for name, value in message.items() if value is not None},
        "document": json.loads(agreement().document),
    }


def read(file: dict[str, Any]) -> Draft:
    return read_draft(json.dumps(file, indent=2).encode())


def test_what_two_parties_sign_one_after_the_other_is_the_agreement() -> None:
    draft = read_draft(write_draft(read(drafted()).signed_by(KEYS[BEN])))
    assert draft.signed_by(KEYS[ADA]).complete() == agreement()


def test_a_file_reads_as_what_was_written() -> None:
    ruled = decided(DisputeRuled, JUDGE, dispute=ASSET, ruling=1, remedy=Remedy.PROHIBIT, territories=("DE",))
    draft = Draft(msgspec.structs.replace(ruled, signatures=()), {"author": ruled.signatures[0]})
    assert read_draft(write_draft(draft)) == draft
    assert draft.complete() == ruled


def test_the_document_may_come_in_any_order_and_spacing() -> None:
    decision = read(drafted()).decision
    assert isinstance(decision, AgreementSigned)
    assert (decision.document, decision.terms_hash) == (agreement().document, agreement().terms_hash)


def test_a_missing_signature_is_found_though_the_later_one_is_there() -> None:
    with pytest.raises(UnsignedDecision, match=r"signatures\[0\] is missing: the licensor"):
        require_signed(read(drafted()).signed_by(KEYS[BEN]).complete())


def test_who_is_no_signer_cannot_sign() -> None:
    with pytest.raises(UnsignedDecision, match="who signs is licensor"):
        read(drafted()).signed_by(KEYS[STRANGER])


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (drafted(asset="aaid:1"), r"message\.asset: expected an AAID"),
        (drafted(licensor="0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"), r"message\.licensor: the checksum"),
        (drafted(terms_hash="ab"), r"message\.terms_hash: terms_hash is 0x"),
        (drafted(starts_at="soon"), r"starts_at"),
        (drafted(starts_at=-1), r"starts_at"),
        (drafted(starts_at=None), r"message\.starts_at is missing"),
        (drafted(recorded_at=5), r"message\.recorded_at: there is no such field"),
        (drafted(nonsense=5), r"message\.nonsense: there is no such field"),
        ({**drafted(), "decision": "coup"}, "decision is 'coup'"),
        ({**drafted(), "more": 1}, "unknown field `more`"),
        ({**drafted(), "signatures": {"notary": "0x00"}}, r"signatures\.notary: who signs"),
        ({**drafted(), "signatures": {"licensor": "zz"}}, r"signatures\.licensor is 0x"),
    ],
)
def test_what_is_wrong_names_the_field(file: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedFact, match=message):
        read(file)


def test_a_document_where_none_belongs_is_refused() -> None:
    ruled = json.loads(write_draft(Draft(decided(DisputeRuled, JUDGE, dispute=ASSET, ruling=2), {})))
    with pytest.raises(MalformedFact, match="document"):
        read({**ruled, "document": {}})


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"decision":"x"}'])
def test_bytes_that_are_no_file_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedFact, match="not the file of a decision"):
        read_draft(data)
