from enum import StrEnum

import pytest

from atlas.protocol import vocabulary
from atlas.protocol.errors import ProtocolError
from atlas.protocol.vocabulary import AssetType, from_ordinal, ordinal

LISTS: list[tuple[type[StrEnum], int]] = [
    (vocabulary.AssetType, 14),
    (vocabulary.LicenseKind, 6),
    (vocabulary.Agent, 12),
    (vocabulary.RevenueKind, 5),
    (vocabulary.Beneficiary, 8),
    (vocabulary.FeeStream, 12),
    (vocabulary.BurnScenario, 10),
    (vocabulary.StakeRole, 6),
    (vocabulary.Violation, 8),
    (vocabulary.Allocation, 7),
    (vocabulary.PremiumService, 7),
]


@pytest.mark.parametrize(("members", "size"), LISTS)
def test_a_list_is_as_long_as_the_rulebook_says(members: type[StrEnum], size: int) -> None:
    assert len(members) == size


@pytest.mark.parametrize(("members", "size"), LISTS)
def test_a_number_on_chain_names_its_member(members: type[StrEnum], size: int) -> None:
    assert [ordinal(from_ordinal(members, number)) for number in range(size)] == list(range(size))


@pytest.mark.parametrize("number", [-1, 14, 255])
def test_a_number_outside_the_list_is_refused(number: int) -> None:
    with pytest.raises(ProtocolError, match="AssetType has the numbers 0 to 13"):
        from_ordinal(AssetType, number)
