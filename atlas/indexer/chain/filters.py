"""What an endpoint is asked for: logs of some addresses, with some first topics, or both. Pure."""

from collections.abc import Iterable
from functools import cached_property

import msgspec

from atlas.indexer.chain.bloom import may_contain


class LogFilter(msgspec.Struct, frozen=True, dict=True):
    """Logs of one of ``addresses`` whose first topic is one of ``topics``; None stands for any."""

    addresses: tuple[bytes, ...] | None = None
    topics: tuple[bytes, ...] | None = None

    def matches(self, address: bytes, topics: tuple[bytes, ...]) -> bool:
        """Whether a log of ``address`` with ``topics`` is asked for."""
        if self.addresses is not None and address not in self._address_set:
            return False
        return self.topics is None or (bool(topics) and topics[0] in self._topic_set)

    @cached_property
    def _address_set(self) -> frozenset[bytes]:
        return frozenset(self.addresses or ())

    @cached_property
    def _topic_set(self) -> frozenset[bytes]:
        return frozenset(self.topics or ())

    def may_match(self, bloom: int) -> bool:
        """Whether a block with this bloom can have such a log: False is certain, True is not."""
        return _any_in(bloom, self.addresses) and _any_in(bloom, self.topics)


def _any_in(bloom: int, values: Iterable[bytes] | None) -> bool:
    return values is None or any(may_contain(bloom, value) for value in values)
