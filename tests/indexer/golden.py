"""Reorganisations on the benchmark chain, at its golden answer: python -m tests.indexer.golden [--blocks 2000]

The chain is deterministic: one contract whose every transaction emits transfers among a pool of accounts. It is
indexed; its last 5, 40 and 90 blocks are replaced by empty ones, and the same transactions are sent again. Every time
the balances that the log amounts to must be those of the final chain. After 2,000 blocks of 100 transfers the digest is

    md5(string_agg(address || ':' || balance, ',' order by address)) = 6cc296cbc3f1b709b25ff80e6a4995db
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable

from atlas.indexer.chain.schema import MIGRATIONS
from atlas.indexer.chain.watching.rules import Contract
from atlas.ledger import schema
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger, RecordedFact
from atlas.ledger.migrations import migrate
from atlas.ledger.postgres import EmbeddedPostgres
from atlas.protocol.facts import LOG_TOPIC, REORGED_TOPIC, ChainLog, ChainReorged, decode
from atlas.protocol.keccak import keccak256
from tests.anvil import ACCOUNT, Anvil
from tests.indexer.chain.workbench import Workbench, catch_up

GOLDEN = {(2_000, 100, 5_000): "6cc296cbc3f1b709b25ff80e6a4995db"}
DEPTHS = (5, 40, 90)
TRANSFER = keccak256(b"Transfer(address,address,uint256)")
# States are kept in memory: those that anvil reads back from disk have lost the contract's code.
OPTIONS = (
    *("--prune-history", "3000"),
    *("--gas-limit", "300000000", "--base-fee", "1000000000", "--no-mining"),
    *("--timestamp", "1700000000"),
)

# Creation code of a contract with the event Transfer(address indexed from, address indexed to, uint256 value) and the
# function run(uint256 n, uint256 pool), which emits n of them. Of the k-th ever, from 0, the value is k + 1, and with
# h = keccak256(abi.encode(k)), from and to are 0x100000 + h % pool and 0x100000 + (h >> 128) % pool.
EMITTER = bytes.fromhex(
    "6080604052348015600f57600080fd5b506102238061001f6000396000f3fe608060405234801561001057600080fd5b50600436"
    "106100365760003560e01c80637357f5d21461003b578063affed0e014610050575b600080fd5b61004e61004936600461016156"
    "5b61006b565b005b61005960005481565b60405190815260200160405180910390f35b60008054905b8381101561015957600082"
    "60405160200161008e91815260200190565b60408051601f19818403018152919052805160209091012090506100b68460808390"
    "1c610183565b6100c390621000006101bb565b73ffffffffffffffffffffffffffffffffffffffff166100e38583610183565b61"
    "00f090621000006101bb565b73ffffffffffffffffffffffffffffffffffffffff167fddf252ad1be2c89b69c2b068fc378daa95"
    "2ba7f163c4a11628f55a4df523b3ef6101328660016101bb565b60405190815260200160405180910390a38261014d816101d456"
    "5b93505050600101610071565b506000555050565b6000806040838503121561017457600080fd5b505080359260209091013591"
    "50565b6000826101a057634e487b7160e01b600052601260045260246000fd5b500690565b634e487b7160e01b60005260116004"
    "5260246000fd5b808201808211156101ce576101ce6101a5565b92915050565b6000600182016101e6576101e66101a5565b5060"
    "01019056fea26469706673582212206f97b2da38c89255fd852cc16a301edf913ab1a85021d2a267603e16d55aeca464736f6c63"
    "4300081c0033"
)


class GoldenChain:
    """The benchmark chain on an anvil; the same blocks every time."""

    def __init__(self, anvil: Anvil, events_per_block: int, pool: int) -> None:
        self._anvil = anvil
        self._events = events_per_block
        self._pool = pool
        self.sent = 0
        anvil.rpc("anvil_setBlockTimestampInterval", 12)
        transaction = {"from": ACCOUNT, "data": "0x" + EMITTER.hex(), "gas": hex(1_000_000), "gasPrice": hex(2 * 10**9)}
        created = anvil.rpc("eth_sendTransaction", transaction)
        anvil.rpc("evm_mine")
        self.contract = bytes.fromhex(anvil.rpc("eth_getTransactionReceipt", created)["contractAddress"][2:])

    def run(self, blocks: int) -> None:
        """So many blocks, each with its transfers."""
        selector = keccak256(b"run(uint256,uint256)")[:4]
        data = selector + self._events.to_bytes(32, "big") + self._pool.to_bytes(32, "big")
        for _ in range(blocks):
            self.sent += 1
            transaction = {
                "from": ACCOUNT,
                "to": "0x" + self.contract.hex(),
                "data": "0x" + data.hex(),
                "gas": hex(60_000 + self._events * 4_000),
                "gasPrice": hex(2 * 10**9),
                "nonce": hex(self.sent),
            }
            self._anvil.rpc("eth_sendTransaction", transaction)
            self._anvil.rpc("evm_mine")

    def fork(self, depth: int) -> None:
        """The last ``depth`` blocks give way to empty ones; what was in them can be sent again."""
        self._anvil.rpc("anvil_reorg", depth, [])
        self._anvil.rpc("anvil_dropAllTransactions")
        # The deployment was the account's first transaction.
        self.sent = int(self._anvil.rpc("eth_getTransactionCount", ACCOUNT, "latest"), 16) - 1


def balances(facts: Iterable[RecordedFact]) -> dict[bytes, int]:
    """What each account has of what the log amounts to: the blocks that left do not count."""
    gone: set[bytes] = set()
    transfers: list[tuple[bytes, bytes, bytes, int]] = []
    for fact in facts:
        if fact.topic == LOG_TOPIC:
            log = decode(fact.payload, ChainLog)
            assert log.topics[0] == TRANSFER
            amount = int.from_bytes(log.data, "big")
            transfers.append((log.block_hash, log.topics[1][12:], log.topics[2][12:], amount))
        elif fact.topic == REORGED_TOPIC:
            reorged = decode(fact.payload, ChainReorged)
            gone |= {block.hash for block in reorged.orphaned}
            gone -= {block.hash for block in reorged.restored}
    held: dict[bytes, int] = defaultdict(int)
    for block_hash, sender, recipient, amount in transfers:
        if block_hash not in gone:
            held[sender] -= amount
            held[recipient] += amount
    return held


def expected(transfers: int, pool: int) -> dict[bytes, int]:
    """What each account has after so many transfers, by the contract's rule."""
    held: dict[bytes, int] = defaultdict(int)
    for index in range(transfers):
        digest = int.from_bytes(keccak256(index.to_bytes(32, "big")), "big")
        held[(0x100000 + digest % pool).to_bytes(20, "big")] -= index + 1
        held[(0x100000 + (digest >> 128) % pool).to_bytes(20, "big")] += index + 1
    return held


def digest(held: dict[bytes, int]) -> str:
    """The MD5 by which answers are compared."""
    text = ",".join(f"0x{address.hex()}:{held[address]}" for address in sorted(held))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def play(bench: Workbench, chain: GoldenChain, *, blocks: int, events: int, pool: int, depths: Iterable[int]) -> None:
    """Index ``blocks``, then fork and send again at each depth; the digests are compared every time."""
    golden = digest(expected(blocks * events, pool))
    assert golden == GOLDEN.get((blocks, events, pool), golden)
    chain.run(blocks)
    indexer = bench.indexer(Contract("Emitter", chain.contract, 0), finality="depth", confirmations=128)
    for depth in (0, *depths):
        if depth:
            chain.fork(depth)
            catch_up(indexer)
            forked = digest(balances(bench.ledger.facts(after=0)))
            assert forked == digest(expected(chain.sent * events, pool)), f"after the fork of {depth}"
            chain.run(blocks - chain.sent)
        started = time.monotonic()
        catch_up(indexer)
        found = digest(balances(bench.ledger.facts(after=0)))
        print(
            f"reorg {depth:3}: {found} {'golden' if found == golden else 'WRONG'}, {time.monotonic() - started:.1f} s"
        )
        assert found == golden


def main() -> int:
    """Play it as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--pool", type=int, default=5_000)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="atlas-golden-") as directory,
        EmbeddedPostgres(directory) as server,
        Database(server.url) as database,
        Anvil(*OPTIONS) as anvil,
    ):
        migrate(database, [*schema.MIGRATIONS, *MIGRATIONS])
        chain = GoldenChain(anvil, arguments.events, arguments.pool)
        with Workbench(anvil, Ledger(database), database, emitter=chain.contract) as bench:
            sizes = {"blocks": arguments.blocks, "events": arguments.events, "pool": arguments.pool}
            play(bench, chain, **sizes, depths=DEPTHS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
