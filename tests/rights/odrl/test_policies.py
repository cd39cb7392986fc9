import json

import msgspec
import pytest
from Crypto.Hash import keccak
from hypothesis import given

from atlas.protocol.vocabulary import LicenseKind
from atlas.rights.errors import InvalidPolicy, InvalidTerms
from atlas.rights.odrl.policies import LicensePolicy, PolicyType, encode_policy, policy_hash, with_uid
from atlas.rights.odrl.reading import parse_policy, read_policy
from atlas.rights.terms.document import make_terms
from tests.rights.odrl.policies import AGREEMENT, drawn


@given(drawn())
def test_a_policy_reads_back_with_nothing_lost(policy: LicensePolicy) -> None:
    document = encode_policy(policy)
    assert read_policy(document).losses == ()
    assert parse_policy(document) == policy


@given(drawn())
def test_the_canonical_form_is_sorted_json_without_spaces_and_its_keccak_the_hash(policy: LicensePolicy) -> None:
    document = encode_policy(policy)
    again = json.dumps(json.loads(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert document == again.encode()
    assert policy_hash(policy) == keccak.new(digest_bits=256, data=document).digest()


def test_another_spelling_reads_as_the_same_policy_and_is_not_canonical() -> None:
    spaced = json.dumps(json.loads(encode_policy(AGREEMENT)), indent=2).encode()
    assert read_policy(spaced).require() == AGREEMENT
    with pytest.raises(InvalidPolicy, match="canonical"):
        parse_policy(spaced)


def test_a_name_depends_on_all_that_a_policy_says() -> None:
    other = msgspec.structs.replace(AGREEMENT, issued_at=0)
    assert with_uid(AGREEMENT).uid == AGREEMENT.uid != with_uid(other).uid


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"assigner": "0x" + "11" * 20}, "assigner"),
        ({"assignee": "eip155:1:0x12"}, "assignee"),
        ({"assignee": None}, "assignee"),
        ({"uid": "policy 1"}, "uid"),
        ({"currency": "wei of ether"}, "currency"),
        ({"issued_at": -1}, "issued_at"),
    ],
    ids=str,
)
def test_a_policy_that_names_nobody_is_refused_by_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidPolicy, match=field):
        encode_policy(msgspec.structs.replace(AGREEMENT, **changes))


def test_a_channel_that_no_use_can_name_is_not_written() -> None:
    terms = make_terms(LicenseKind.WORLD, channels=["a" * 201])
    with pytest.raises(InvalidTerms, match="channels"):
        encode_policy(msgspec.structs.replace(AGREEMENT, terms=terms))


def test_an_offer_may_be_made_to_anyone() -> None:
    offer = msgspec.structs.replace(AGREEMENT, type=PolicyType.OFFER, assignee=None)
    assert parse_policy(encode_policy(offer)) == offer
