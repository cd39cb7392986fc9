"""How EVM chains differ in what a block commits to: one family a kind of chain, by EIP-155 number.

    family        receipts                                                         tested on
    ethereum      legacy, 1 (EIP-2930), 2 (EIP-1559), 3 (EIP-4844), 4 (EIP-7702)   mainnet, a chain of every fork, anvil
    op-stack      those, and 0x7e, a deposit                                       no real block: by specification
    arbitrum      those, and 0x64, 0x65, 0x66, 0x68, 0x69, 0x6a, its own           no real block: by specification
    polygon-pos   those, and 0x7f, state sync since Madhugiri                      no real block: by specification
    headers-only  none that can be recomputed                                      no real block

A deposit's receipt ends with its nonce and its version since Canyon, and only then (OP stack specification,
"deposits", "Deposit Receipt"; before, the nonce was reported but not hashed). Arbitrum's own types have Ethereum's
four fields (Nitro); blocks from before Nitro are not covered. On Polygon PoS, until Madhugiri (PIP-74), the logs of
state sync came with a receipt that no header commits to: its transaction hash is the Keccak-256 of
"matic-bor-receipt-", the block's number in eight bytes and its hash. It is left out here, since nothing proves it.

A chain that is not listed counts as Ethereum's family: if it is none, its receipts do not match and nothing is
recorded that was not proven. ZKsync Era and its kin are listed because their blocks look alike and commit to no
receipts: such chains are verified by headers where their headers hash as Ethereum's do, else not at all.
"""

from collections.abc import Mapping

import msgspec

from atlas.protocol.evm.errors import NotProvable
from atlas.protocol.ids import parse_chain
from atlas.protocol.keccak import keccak256

_STATE_SYNC = b"matic-bor-receipt-"


class Family(msgspec.Struct, frozen=True):
    """Chains whose blocks commit to the same things.

    ``receipt_types`` maps each type to how many integers may follow the four fields of its receipt.
    """

    name: str
    receipt_types: Mapping[int, tuple[int, ...]]
    commits_to_receipts: bool = True
    has_unproven_state_sync: bool = False


_ETHEREUM: dict[int, tuple[int, ...]] = dict.fromkeys(range(5), (0,))
_DEPOSIT = {0x7E: (0, 2)}
_ARBITRUM = dict.fromkeys((0x64, 0x65, 0x66, 0x68, 0x69, 0x6A), (0,))
_POLYGON = {0x7F: (0,)}

ETHEREUM = Family("ethereum", _ETHEREUM)
OP_STACK = Family("op-stack", _ETHEREUM | _DEPOSIT)
ARBITRUM = Family("arbitrum", _ETHEREUM | _ARBITRUM)
POLYGON_POS = Family("polygon-pos", _ETHEREUM | _POLYGON, has_unproven_state_sync=True)
HEADERS_ONLY = Family("headers-only", {}, commits_to_receipts=False)

FAMILIES: Mapping[int, Family] = {
    **dict.fromkeys((1, 11_155_111, 560_048, 31_337, 1_337), ETHEREUM),
    # OP Mainnet, Base, Unichain, World Chain, Zora, Ink, Soneium, Mode; Sepolia's OP and Base
    **dict.fromkeys((10, 8453, 130, 480, 7_777_777, 57_073, 1868, 34_443, 11_155_420, 84_532), OP_STACK),
    **dict.fromkeys((42_161, 42_170, 421_614), ARBITRUM),  # One, Nova, Sepolia
    **dict.fromkeys((137, 80_002), POLYGON_POS),  # mainnet, Amoy
    **dict.fromkeys((324, 300, 2741), HEADERS_ONLY),  # ZKsync Era, its Sepolia, Abstract
}


def family_of(chain: str) -> Family:
    """The family of ``chain`` (CAIP-2), Ethereum's for one that is not listed. Raises MalformedId."""
    return FAMILIES.get(parse_chain(chain), ETHEREUM)


def require_provable(chain: str) -> Family:
    """The family of ``chain``, whose blocks commit to their receipts. Raises NotProvable, MalformedId."""
    family = family_of(chain)
    if not family.commits_to_receipts:
        raise NotProvable(
            f"the blocks of {chain} ({family.name}) do not commit to receipts that can be recomputed",
            hint="Verify this chain by headers, and ask two endpoints instead.",
        )
    return family


def state_sync_transaction(number: int, block_hash: bytes) -> bytes:
    """The hash under which Polygon PoS reports the state sync of a block that does not commit to it."""
    return keccak256(_STATE_SYNC + number.to_bytes(8, "big") + block_hash)
