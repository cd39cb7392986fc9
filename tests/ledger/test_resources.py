import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.errors import MalformedResource
from atlas.ledger.publication.resources import TileResource, encode_bundle, parse_tile_resource

resources = st.builds(
    TileResource, st.none() | st.integers(0, 63), st.integers(0, 2**53).map(lambda n: n % 10**18), st.integers(1, 256)
)


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (TileResource(0, 0), "tile/0/000"),
        (TileResource(0, 1234067), "tile/0/x001/x234/067"),
        (TileResource(1, 999, 1), "tile/1/999.p/1"),
        (TileResource(63, 1000, 255), "tile/63/x001/000.p/255"),
        (TileResource(None, 273, 112), "tile/entries/273.p/112"),
    ],
)
def test_names_are_those_of_the_specification(resource: TileResource, name: str) -> None:
    assert resource.format() == name
    assert parse_tile_resource(name) == resource


@given(resources)
def test_every_name_reads_back(resource: TileResource) -> None:
    assert parse_tile_resource(resource.format()) == resource


@pytest.mark.parametrize(
    "name",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x00/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/٠/000",
        "tile/0/٠٠٠",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000 ",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/data/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/entries/../0/000",
    ],
)
def test_no_resource_has_a_second_name(name: str) -> None:
    with pytest.raises(MalformedResource):
        parse_tile_resource(name)


@given(st.text(max_size=40))
def test_arbitrary_names_are_refused_or_canonical(name: str) -> None:
    try:
        resource = parse_tile_resource(name)
    except MalformedResource:
        return
    assert resource.format() == name


def test_a_bundle_has_the_length_before_each_entry() -> None:
    assert encode_bundle([b"ab", b"", b"c" * 300]) == b"\x00\x02ab\x00\x00\x01\x2c" + b"c" * 300
