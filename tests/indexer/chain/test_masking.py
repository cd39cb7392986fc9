"""What of a URL may be shown."""

import pytest

from atlas.indexer.chain.rpc.masking import masked_url, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://user:hunter2@node.example/rpc", "https://***@node.example/rpc"),
        ("https://node.example/v3/0123456789abcdef0123456789abcdef", "https://node.example/v3/***"),
        ("https://node.example/rpc?apikey=hunter2&x=", "https://node.example/rpc?apikey=***&x=***"),
        ("https://node.example/ethereum-mainnet", "https://node.example/ethereum-mainnet"),
        ("http://[::1]:8545/", "http://[::1]:8545/"),
        ("https://node.example/v1/abc.def123.ghi-456.jkl", "https://node.example/v1/***"),
        ("https://node.example/abcdefghijklmnopqrstuvwx", "https://node.example/***"),
        ("https://node.example/%61bcdef0123456789abcdef", "https://node.example/***"),
        ("https://node.example/rpc;token=hunter2", "https://node.example/***"),
        ("https://node.example/?0123456789abcdef0123456789abcdef", "https://node.example/?***"),
        ("https://node.example/rpc?x=1;key=hunter2", "https://node.example/rpc?x=***&key=***"),
        ("https://0123456789abcdef0123456789abcdef.rpc.example/", "https://***.rpc.example/"),
    ],
)
def test_secrets_are_masked_and_the_rest_is_kept(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    "text",
    ["http://[::1/secret", "secret", "https://user:hun/ter2@node.example/", "https://user:hun#ter2@node.example/"],
)
def test_what_is_no_url_is_masked_whole(text: str) -> None:
    assert masked_url(text) == "***"


@pytest.mark.parametrize(
    ("url", "words", "told"),
    [
        ("https://user:hunter2@node.example/", "no user:hunter2 here", "no ***:*** here"),
        ("https://node.example/rpc?key=hunter2", "the key hunter2 expired", "the key *** expired"),
        ("https://node.example/?key=hunter%32", "hunter2, sent as hunter%32", "***, sent as ***"),
        ("https://node.example/v3/0123456789abcdef", "no path /v3/0123456789abcdef", "no path /v3/***"),
        ("wss://node.example/0123456789abcdef", "wss://node.example/0123456789abcdef?", "wss://node.example/***?"),
        (
            "http://127.0.0.1:8545/?a=1",
            "refused 1 of 1 by http://127.0.0.1:8545",
            "refused 1 of 1 by http://127.0.0.1:8545",
        ),
        ("***", "*** is no URL", "*** is no URL"),
    ],
)
def test_what_somebody_else_says_is_told_without_the_secrets_of_the_url(url: str, words: str, told: str) -> None:
    assert without_secrets(words, url) == told
