"""When an endpoint that failed is asked again."""

import pytest

from atlas.indexer.chain.sources.health import LONG_REST_S, MAX_ASKED_S, MAX_REST_S, Health
from atlas.indexer.errors import EndpointError, EndpointUnavailable, LyingEndpoint


def rest_after(*errors: EndpointError, dice: float = 0.5) -> float:
    health = Health()
    for error in errors:
        health = health.failed(error, 100.0, dice)
    return health.rest_until_s - 100.0


def test_rests_double_up_to_a_bound() -> None:
    gone = EndpointUnavailable("gone")
    assert [rest_after(*[gone] * times) for times in (1, 2, 3)] == [0.25, 0.5, 1.0]
    assert rest_after(*[gone] * 500) == MAX_REST_S


def test_the_dice_spread_those_who_come_back() -> None:
    gone = EndpointUnavailable("gone")
    assert rest_after(gone, dice=0.0) == pytest.approx(0.1875)
    assert rest_after(gone, dice=0.999) == pytest.approx(0.3125, rel=0.01)


def test_a_wait_that_is_asked_for_is_kept_within_a_bound() -> None:
    assert rest_after(EndpointUnavailable("slow down", retry_after_s=7.0)) == 7.0
    assert rest_after(EndpointUnavailable("slow down", retry_after_s=1e9)) == MAX_ASKED_S


def test_a_lie_is_followed_by_a_long_rest() -> None:
    assert rest_after(LyingEndpoint("no")) == LONG_REST_S


def test_a_failure_takes_the_identity_and_a_success_ends_the_rest() -> None:
    health = Health().identified().failed(EndpointUnavailable("gone"), 100.0, 0.5)
    assert not health.is_identified
    assert health.rests(100.1)
    assert not health.rests(101.0)
    assert not health.succeeded().rests(100.1)
    assert health.succeeded().failures == 0


def test_an_endpoint_of_another_chain_rests_long() -> None:
    health = Health().on_wrong_chain("eip155:1", 100.0)
    assert health.rests(100.0 + LONG_REST_S - 1)
    assert health.identified().wrong_chain == ""


def test_what_it_dropped_only_grows() -> None:
    assert Health().lost(7).lost(3).kept_from == 8
