"""How a schedule's chain is reached: one node, or a pool of several behind JSON-RPC, whose answers a quorum or receipts
prove. What their nodes may do wrong is what the setting promises to bear."""

import random
from collections.abc import Callable, Sequence

import msgspec

from atlas.indexer.chain.rpc.calls import Calls
from atlas.indexer.chain.rpc.endpoint import Endpoint
from atlas.indexer.chain.source import Source
from atlas.indexer.chain.sources.pool import QUORUM, EndpointPool
from atlas.indexer.chain.sources.proven import ProvenEndpoint
from atlas.protocol.evm.families import ETHEREUM
from tests.indexer.simulation.node import Faults, SimulatedNode, World
from tests.indexer.simulation.rpc import NodeCalls

SEVERAL_FROM = 100_000  # schedules of lower seeds have one node, asked without JSON-RPC


class Clock:
    """Seconds that pass when somebody looks or sleeps."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += 0.01
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds


class Setting:
    """The nodes, and how they are asked; ``verify`` is None where the schedule may choose."""

    def __init__(self, nodes: Sequence[SimulatedNode], *, quorum: int = 1, verify: str | None = None) -> None:
        self.nodes = nodes
        self.verify = verify
        self.is_plain = verify is None
        self._quorum = quorum
        self._clock = Clock()

    def connect(self, chain: str) -> tuple[Source, Sequence[Source]]:
        """The source, and other endpoints to be asked in doubt: as after the start of a process."""
        if self.is_plain:
            return self.nodes[0], ()
        make: Callable[[Calls], Endpoint] = _proven if self.verify == "receipts" else Endpoint
        endpoints = [make(NodeCalls(node, node.name)) for node in self.nodes]
        pool = EndpointPool(chain, endpoints, quorum=self._quorum, clock=self._clock, sleep=self._clock.sleep)
        return pool, endpoints[1:]

    def remember(self) -> None:
        """Stale nodes stay at the chain of now."""
        for node in self.nodes:
            node.remember()

    def calm(self) -> None:
        """No faults from here on."""
        for node in self.nodes:
            node.calm()


def draw_setting(seed: int, world: World, rng: random.Random, faults: Faults) -> Setting:
    """By dice of its own: what ``seed`` decides elsewhere stays."""
    if seed < SEVERAL_FROM:
        return Setting([SimulatedNode(world, rng, faults)])
    dice = random.Random(f"{seed} endpoints")
    random.seed(seed)  # how long an endpoint rests is spread by the dice of the program
    way = dice.choice(("bloom", "bloom", "quorum", "receipts", "receipts"))
    count = dice.randint(2 if way == "quorum" else 1, 3)
    liar = dice.randrange(count)
    nodes: list[SimulatedNode] = []
    for place in range(count):
        own = _own_faults(dice, faults, is_primary=place == 0)
        if way == "quorum":
            own = _of_quorum(dice, own, lies=place == liar)
        elif way == "receipts":
            own = msgspec.structs.replace(own, missing=dice.choice((0, 0.05, 0.2)))
        nodes.append(SimulatedNode(world, dice, own, f"node {place}"))
    verify = "receipts" if way == "receipts" else "bloom"
    return Setting(nodes, quorum=QUORUM if way == "quorum" else 1, verify=verify)


def _own_faults(dice: random.Random, faults: Faults, *, is_primary: bool) -> Faults:
    """Of one node among several: some are flawless, some serve another chain now and then."""
    if dice.random() < 0.3:
        faults = Faults(max_range=faults.max_range, tag=faults.tag)
    foreign = 0.0 if is_primary else dice.choice((0, 0, 0.1))
    return msgspec.structs.replace(faults, foreign=foreign, lag=dice.choice((0, faults.lag)))


def _of_quorum(dice: random.Random, faults: Faults, *, lies: bool) -> Faults:
    """One of them may say what it likes; no two keep the same back, where they are not behind."""
    if lies:
        return msgspec.structs.replace(faults, missing=dice.choice((0, 0.1, 0.4)))
    return msgspec.structs.replace(faults, lie=0.0, empty=0.0)


def _proven(client: Calls) -> Endpoint:
    return ProvenEndpoint(client, ETHEREUM, lambda _, lie: None)
