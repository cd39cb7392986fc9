from importlib import resources

from atlas.rights.terms.territories import TERRITORIES


def test_the_codes_are_those_of_the_time_zone_database() -> None:
    lines = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8").splitlines()
    assert {line.split("\t")[0] for line in lines if not line.startswith("#")} == TERRITORIES


def test_there_are_249() -> None:
    assert len(TERRITORIES) == 249
