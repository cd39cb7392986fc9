"""A simulated node behind JSON-RPC: what an Endpoint, a ProvenEndpoint and a pool of them ask.

One request, batch or not, is answered by one view of the chain, as one node behind a balancer does.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import rlp
from msgspec.json import Decoder

from atlas.indexer.chain.filters import LogFilter
from atlas.indexer.chain.hexadecimal import format_data, format_quantity
from atlas.indexer.chain.rpc.calls import Call, decoded
from atlas.indexer.chain.source import Log
from atlas.indexer.chain.verification.receipts import ReceiptAnswer
from atlas.indexer.errors import EndpointRefused, FinalityUnknown, MalformedResponse, RangeTooLarge
from atlas.protocol.evm.headers import HEADER_FIELDS
from tests.indexer.simulation.node import SimulatedNode
from tests.indexer.simulation.tree import Block, receipts_of

Result = TypeVar("Result")

_NAMES = {"sha3_uncles": "sha3Uncles"}


class NodeCalls:
    """``Calls`` of ``node``, called ``name``."""

    def __init__(self, node: SimulatedNode, name: str) -> None:
        self._node = node
        self._name = name

    @property
    def display_url(self) -> str:
        return self._name

    def close(self) -> None:
        """Nothing is open."""

    def call(self, method: str, parameters: Sequence[Any], decoder: Decoder[Result]) -> Result:
        return self.batch([(method, parameters)], decoder)[0]

    def batch(self, calls: Sequence[Call], decoder: Decoder[Result]) -> list[Result]:
        return [decoded(raw, decoder, self._name) for raw in self.results(calls)]

    def results(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        self._node.may_fail()
        if self._node.happens(self._node.faults.lie / 8):
            raise MalformedResponse(f"{self._name}: the answer is not complete JSON")
        chain = self._node.view()
        return [msgspec.Raw(msgspec.json.encode(self._answer(chain, *call))) for call in calls]

    def _answer(self, chain: list[Block], method: str, parameters: Sequence[Any]) -> Any:
        if method == "eth_chainId":
            return format_quantity(self._node.world.number + self._node.happens(self._node.faults.foreign))
        if method == "eth_getCode":
            return "0x01"
        if method == "eth_getBlockByNumber":
            return self._numbered(chain, parameters[0])
        if method == "eth_getBlockByHash":
            return self._header(self._known(parameters[0]))
        if method == "eth_getBlockReceipts":
            return self._receipts(self._known(parameters[0]))
        assert method == "eth_getLogs", method
        logs = [_log(log) for log in self._node.spoiled(self._logs(chain, parameters[0]))]
        if logs and self._node.happens(self._node.faults.lie / 8):
            logs[-1]["removed"] = True
        return logs

    def _known(self, block_hash: str) -> Block | None:
        block = self._node.world.blocks.get(bytes.fromhex(block_hash[2:]))
        return None if self._node.happens(self._node.faults.lie / 8) else block

    def _numbered(self, chain: list[Block], number: str) -> Any:
        if number == "latest":
            return self._header(chain[-1])
        if number.startswith("0x"):
            return self._header(chain[int(number, 16)] if int(number, 16) < len(chain) else None)
        if not self._node.faults.tag:
            raise FinalityUnknown("no such tag", code=-32602)
        return self._header(self._node.final_in(chain))

    def _header(self, block: Block | None) -> Any:
        """As JSON; a liar says another time than was hashed, or that there is no such block."""
        if block is None or self._node.happens(self._node.faults.lie / 16):
            return None
        fields: dict[str, Any] = {"hash": format_data(block.header.hash)}
        items: Any = rlp.decode(block.header.rlp)
        for (name, length), item in zip(HEADER_FIELDS.items(), items, strict=False):
            text = format_quantity(int.from_bytes(item)) if length is None else format_data(item)
            fields[_NAMES.get(name, _camel(name))] = text
        if self._node.happens(self._node.faults.lie / 8):
            fields["timestamp"] = "0x1"
        return fields

    def _logs(self, chain: list[Block], asked: dict[str, Any]) -> list[Log]:
        wanted = LogFilter(_listed(asked.get("address")), _listed(asked.get("topics", [None])[0]))
        if "blockHash" in asked:
            block = self._node.world.blocks.get(bytes.fromhex(asked["blockHash"][2:]))
            if block is None:
                raise EndpointRefused("unknown block", code=-32000)
            return self._node.logs(block, wanted, by_hash=True)
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        if last - first + 1 > self._node.faults.max_range:
            raise RangeTooLarge("too large", code=-32005)
        return [log for block in chain[first : last + 1] for log in self._node.logs(block, wanted, by_hash=False)]

    def _receipts(self, block: Block | None) -> Any:
        if block is None:
            return None
        receipts = receipts_of([(log.address, log.topics, log.data) for log in block.logs])
        answers = [
            ReceiptAnswer(
                block_hash=format_data(block.header.hash),
                transaction_hash=format_data(block.logs[2 * index].tx_hash),
                transaction_index=format_quantity(index),
                cumulative_gas_used=format_quantity(receipt.cumulative_gas),
                logs_bloom=format_data(receipt.logs_bloom.to_bytes(256)),
                logs=tuple(_log(log) for log in block.logs[2 * index : 2 * index + 2]),
                type="0x2",
                status="0x1",
            )
            for index, receipt in enumerate(receipts)
        ]
        return answers[:-1] if self._node.happens(self._node.faults.missing) else answers


def _listed(values: Sequence[str] | None) -> tuple[bytes, ...] | None:
    return None if values is None else tuple(bytes.fromhex(value[2:]) for value in values)


def _log(log: Log) -> Any:
    return {
        "address": format_data(log.address),
        "topics": [format_data(topic) for topic in log.topics],
        "data": format_data(log.data),
        "blockNumber": format_quantity(log.block_number),
        "blockHash": format_data(log.block_hash),
        "transactionHash": format_data(log.tx_hash),
        "transactionIndex": format_quantity(log.tx_index),
        "logIndex": format_quantity(log.log_index),
    }


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)
