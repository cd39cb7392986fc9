from tests.rights.vectors import PATH, render


def test_the_contracts_are_tested_with_what_these_rules_give() -> None:
    assert PATH.read_text() == render()
