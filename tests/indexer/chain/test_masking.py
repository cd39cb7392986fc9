"""What of a URL may be shown."""

import pytest

from atlas.indexer.chain.masking import masked_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://user:hunter2@node.example/rpc", "https://***@node.example/rpc"),
        ("https://node.example/v3/0123456789abcdef0123456789abcdef", "https://node.example/v3/***"),
        ("https://node.example/rpc?apikey=hunter2&x=", "https://node.example/rpc?apikey=***&x=***"),
        ("https://node.example/ethereum-mainnet", "https://node.example/ethereum-mainnet"),
        ("http://[::1]:8545/", "http://[::1]:8545/"),
    ],
)
def test_secrets_are_masked_and_the_rest_is_kept(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_what_is_no_url_is_masked_whole() -> None:
    assert masked_url("http://[::1/secret") == "***"
