"""The protocol's contracts on the demo's chain: deployed, wired, and called as a dApp would, through web3."""

from collections.abc import Mapping
from typing import Any

import msgspec
from eth_typing import ChecksumAddress, HexStr
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD
from web3.types import TxParams, TxReceipt

from atlas.demo.cast import FOUNDATION, Player
from atlas.demo.errors import DemoError
from atlas.protocol.artifacts import load

TREASURY = "0x00000000000000000000000000000000007EA501"  # nobody's key: what arrives there stays in sight
COOLDOWN_S = 7 * 24 * 3600
_RECEIPT_TIMEOUT_S = 30


class Stage(msgspec.Struct, frozen=True):
    """The contracts by name, bound to a node."""

    web3: Web3
    contracts: Mapping[str, Contract]
    first_block: int

    def __getitem__(self, name: str) -> Contract:
        return self.contracts[name]

    def address(self, name: str) -> ChecksumAddress:
        """Where the contract called ``name`` stands."""
        return ChecksumAddress(self.contracts[name].address)


def send(web3: Web3, call: ContractFunction, sender: Player) -> TxReceipt:
    """Run ``call`` as ``sender`` in a transaction and wait for its receipt. Raises DemoError when it reverts."""
    hash_ = call.transact({"from": ChecksumAddress(sender.address)})  # pyright: ignore[reportArgumentType]
    receipt = web3.eth.wait_for_transaction_receipt(hash_, timeout=_RECEIPT_TIMEOUT_S, poll_latency=0.02)
    if receipt["status"] != 1:
        raise DemoError(f"{call.fn_name} by {sender.name} was reverted", hint="The node's log says why.")
    return receipt


def emitted(contract: Contract, event: str, receipt: TxReceipt) -> Mapping[str, Any]:
    """The arguments of the first ``event`` of ``contract`` in ``receipt``."""
    for found in contract.events[event]().process_receipt(receipt, errors=DISCARD):
        return found["args"]
    raise DemoError(f"the transaction emitted no {event}", hint="The contracts and this program differ.")


def deploy(web3: Web3) -> Stage:
    """Deploy all contracts as the foundation, in the order of their dependencies, and give out the roles."""
    first_block = web3.eth.block_number
    deployed: dict[str, Contract] = {}

    def create(name: str, *arguments: object) -> ChecksumAddress:
        deployed[name] = _create(web3, name, arguments)
        return ChecksumAddress(deployed[name].address)

    admin = FOUNDATION.address
    token = create("AtlasToken", admin)
    settlement = create("FeeSettlement", token, TREASURY, admin)
    registry = create("AssetRegistry", admin)
    licenses = create("LicenseRegistry", token, registry, settlement, admin)
    create("RevenuePool", token, registry)
    create("StakeManager", token, TREASURY, COOLDOWN_S, admin)
    create("CheckpointAnchor")
    send(web3, deployed["AssetRegistry"].functions.setLicenseRegistry(licenses), FOUNDATION)
    stakes = deployed["StakeManager"].functions
    send(web3, stakes.grantRole(stakes.SLASHER_ROLE().call(), admin), FOUNDATION)
    return Stage(web3, deployed, first_block)


def _create(web3: Web3, name: str, arguments: tuple[object, ...]) -> Contract:
    artifact = load(name)
    abi: Any = artifact.abi
    factory = web3.eth.contract(abi=abi, bytecode=HexStr("0x" + artifact.bytecode.hex()))
    sender: TxParams = {"from": ChecksumAddress(FOUNDATION.address)}  # pyright: ignore[reportArgumentType]
    hash_ = factory.constructor(*arguments).transact(sender)
    receipt = web3.eth.wait_for_transaction_receipt(hash_, timeout=_RECEIPT_TIMEOUT_S, poll_latency=0.02)
    address = receipt["contractAddress"]
    if address is None:
        raise DemoError(f"{name} was not deployed", hint="The node's log says why.")
    return web3.eth.contract(address=address, abi=abi)
