"""A small chain, and nodes that serve it over HTTP: real answers, until a test scripts another one."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import rlp

from atlas.protocol.keccak import keccak256
from tests.indexer.chain.scripted import Reply, ScriptedServer

CHAIN = "eip155:31337"
ADDRESS = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
TOPIC = bytes.fromhex("11" * 32)

Fault = Callable[[str, list[Any]], Reply | dict[str, Any] | None]  # method, parameters -> a reply, an answer, or none

_NOTHING = "0x" + "00" * 32
_ZEROS = {
    "sha3Uncles": _NOTHING,
    "miner": "0x" + "00" * 20,
    "stateRoot": _NOTHING,
    "transactionsRoot": _NOTHING,
    "receiptsRoot": _NOTHING,
    "logsBloom": "0x" + "ff" * 256,
    "difficulty": "0x0",
    "number": "0x0",
    "gasLimit": "0x0",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x",
    "mixHash": _NOTHING,
    "nonce": "0x" + "00" * 8,
}
_QUANTITIES = frozenset({"difficulty", "number", "gasLimit", "gasUsed", "timestamp"})


def header(number: int, parent: str, fork: int = 0) -> dict[str, str]:
    """A header that hashes to its hash."""
    fields = {
        "parentHash": parent,
        **_ZEROS,
        "number": hex(number),
        "timestamp": hex(number * 12),
        "gasUsed": hex(fork),
    }
    return {**fields, "hash": "0x" + keccak256(rlp.encode([_item(*field) for field in fields.items()])).hex()}


def _item(name: str, text: str) -> bytes:
    if name in _QUANTITIES:
        value = int(text, 16)
        return value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes.fromhex(text[2:])


def chain(length: int, *, fork_at: int | None = None) -> list[dict[str, str]]:
    """Headers 0 to ``length`` - 1; those from ``fork_at`` on are others than without."""
    headers: list[dict[str, str]] = []
    for number in range(length):
        parent = headers[-1]["hash"] if headers else _NOTHING
        headers.append(header(number, parent, int(fork_at is not None and number >= fork_at)))
    return headers


def log(block: dict[str, str], index: int = 0, **fields: Any) -> dict[str, Any]:
    """A log of ``block``."""
    return {
        "address": "0x" + ADDRESS.hex(),
        "topics": ["0x" + TOPIC.hex()],
        "data": "0x" + index.to_bytes(32, "big").hex(),
        "blockNumber": block["number"],
        "blockHash": block["hash"],
        "transactionHash": "0x" + "22" * 32,
        "transactionIndex": "0x0",
        "logIndex": hex(index),
        "removed": False,
        **fields,
    }


class ChainNode(ScriptedServer):
    """Serves ``headers`` with two logs each; ``fault`` comes first, and may be changed at any time."""

    def __init__(self, headers: Sequence[dict[str, str]], *, number: int = 31337, fault: Fault | None = None) -> None:
        self.headers = list(headers)
        self.number = number
        self.fault: Fault | None = fault
        self.asked: list[tuple[str, list[Any]]] = []
        super().__init__(self._reply)

    def count(self, method: str) -> int:
        """How often ``method`` was called."""
        return sum(asked == method for asked, _ in self.asked)

    def _reply(self, body: bytes) -> Reply:
        asked = json.loads(body)
        answers: list[dict[str, Any]] = []
        for request in asked if isinstance(asked, list) else [asked]:
            answer = self._answer(request)
            if not isinstance(answer, dict):
                return answer
            answers.append({"jsonrpc": "2.0", "id": request["id"], **answer})
        return 200, {}, json.dumps(answers if isinstance(asked, list) else answers[0]).encode()

    def _answer(self, request: dict[str, Any]) -> Reply | dict[str, Any]:
        method, parameters = request["method"], request["params"]
        self.asked.append((method, parameters))
        fault = None if self.fault is None else self.fault(method, parameters)
        return {"result": self._result(method, parameters)} if fault is None else fault

    def _result(self, method: str, parameters: list[Any]) -> Any:
        match method:
            case "eth_chainId":
                return hex(self.number)
            case "eth_getBlockByNumber":
                number = len(self.headers) - 1 if parameters[0] == "latest" else int(parameters[0], 16)
                return self.headers[number] if number < len(self.headers) else None
            case "eth_getBlockByHash":
                return next((each for each in self.headers if each["hash"] == parameters[0]), None)
            case "eth_getLogs":
                return [log(block, index) for block in self._blocks(parameters[0]) for index in range(2)]
            case _:
                raise AssertionError(f"{method} is not scripted")

    def _blocks(self, asked: dict[str, Any]) -> list[dict[str, str]]:
        if "blockHash" in asked:
            return [each for each in self.headers if each["hash"] == asked["blockHash"]]
        return self.headers[int(asked["fromBlock"], 16) : int(asked["toBlock"], 16) + 1]


def refused(code: int, message: str) -> dict[str, Any]:
    """An error object as an answer."""
    return {"error": {"code": code, "message": message}}


def always(answer: Reply | dict[str, Any]) -> Fault:
    """The same to every call."""
    return lambda _method, _parameters: answer


def only(method: str, answer: Reply | dict[str, Any]) -> Fault:
    """The same to every call of ``method``."""
    return lambda asked, _parameters: answer if asked == method else None
