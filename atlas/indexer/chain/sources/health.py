"""When an endpoint that failed is asked again. Pure: the clock's seconds and the dice come in as arguments."""

import msgspec

from atlas.indexer.errors import EndpointError, EndpointUnavailable, LyingEndpoint

FIRST_REST_S = 0.25
MAX_REST_S = 30.0
# An endpoint that lied, or serves another chain, is no passing trouble.
LONG_REST_S = 60.0
# An endpoint may ask for patience, but not put itself out of use for good.
MAX_ASKED_S = 300.0


class Health(msgspec.Struct, frozen=True):
    """What is known of an endpoint. ``is_identified``: it said, after its last failure, that it serves the chain."""

    failures: int = 0  # in a row
    rest_until_s: float = 0.0
    is_identified: bool = False
    wrong_chain: str = ""  # what it said that it serves
    head: int = -1  # the highest block that it said it has
    kept_from: int = 0  # it said that it no longer has what is older

    def rests(self, now_s: float) -> bool:
        """Whether it is not to be asked now."""
        return now_s < self.rest_until_s

    def succeeded(self) -> "Health":
        """It answered."""
        return msgspec.structs.replace(self, failures=0, rest_until_s=0.0)

    def identified(self) -> "Health":
        """It serves the chain."""
        return msgspec.structs.replace(self, is_identified=True, wrong_chain="")

    def on_wrong_chain(self, name: str, now_s: float) -> "Health":
        """It serves the chain ``name``."""
        return msgspec.structs.replace(
            self, is_identified=False, wrong_chain=name, rest_until_s=now_s + LONG_REST_S, failures=self.failures + 1
        )

    def failed(self, error: EndpointError, now_s: float, dice: float) -> "Health":
        """It failed by ``error``; ``dice`` is in [0, 1) and spreads those who come back."""
        rest_s = LONG_REST_S if isinstance(error, LyingEndpoint) else FIRST_REST_S * 2 ** min(self.failures, 10)
        rest_s = min(rest_s, MAX_REST_S if not isinstance(error, LyingEndpoint) else LONG_REST_S) * (0.75 + dice / 2)
        if isinstance(error, EndpointUnavailable) and error.retry_after_s is not None:
            rest_s = max(rest_s, min(error.retry_after_s, MAX_ASKED_S))
        return msgspec.structs.replace(
            self, failures=self.failures + 1, rest_until_s=now_s + rest_s, is_identified=False
        )

    def at(self, head: int) -> "Health":
        """Its newest block is ``head``."""
        return msgspec.structs.replace(self, head=head)

    def lost(self, before: int) -> "Health":
        """It no longer keeps blocks at or before ``before``."""
        return msgspec.structs.replace(self, kept_from=max(self.kept_from, before + 1))
