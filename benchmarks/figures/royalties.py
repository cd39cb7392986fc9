"""Royalties: a million receipts into pools of a hundred payees, and the stack of a work with 1,024 ancestors.

Seconds are of processor time on one thread. The baseline of the accrual is the same receipts divided payee by payee,
measured on a part of them; both sides' totals are compared on that part first.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction

from atlas.protocol.vocabulary import Beneficiary, RevenueKind
from atlas.rights.royalties.accruals import Accrual
from atlas.rights.royalties.lineage import Lineage, Link
from atlas.rights.royalties.revenue import Books, Receipt, RuleFrom, Share, Work
from atlas.rights.royalties.rules import ALL_PATHS, PER_HOP, VISIT_ONCE, stack
from benchmarks.measuring import Figure, against, alone

_CURRENCY = "eip155:1/slip44:60"
_POOLS = 100
_PAYEES = 100
_ANCESTORS = 1_024
_PARENTS = 4


def _asset(number: int) -> bytes:
    return number.to_bytes(32)


def _books(receipts: int) -> Books:
    """Pools of a hundred payees in basis points; every second work derives from the one after it."""
    made = random.Random(1)
    kinds, roles = list(RevenueKind), list(Beneficiary)
    works = tuple(
        Work(
            1,
            _asset(number),
            "lr/1" if number % 3 else "floor-first-listed/1",
            tuple(
                Share(made.randbytes(20), roles[place % len(roles)], Fraction(100 + (place % 2 or -1), 10_000))
                for place in range(_PAYEES)
            ),
        )
        for number in range(_POOLS)
    )
    links = tuple(
        Link(1, _asset(number), _asset(number + 1), Fraction(7, 100), ceiling_wei=10**24, guarantee_wei=10**18)
        for number in range(0, _POOLS, 2)
    )
    received = tuple(
        Receipt(
            10 + place, 0, _asset(made.randrange(_POOLS)), made.choice(kinds), 1 + made.randrange(10**20), _CURRENCY
        )
        for place in range(receipts)
    )
    return Books(_CURRENCY, (RuleFrom(0, ALL_PATHS),), works, links, received)


def _payee_by_payee(books: Books) -> Counter[bytes]:
    accrual = Accrual(books)
    sums: Counter[bytes] = Counter()
    for flow in accrual.flows():
        parts = accrual.divisions[flow.asset].parts(flow.amount_wei)
        for share, part in zip(accrual.works[flow.asset].shares, parts, strict=True):
            sums[share.payee] += part
    return sums


def _in_totals(books: Books) -> Counter[bytes]:
    sums: Counter[bytes] = Counter()
    for account, amount_wei in Accrual(books).totals().items():
        sums[account.payee] += amount_wei
    return sums


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _tree() -> Lineage:
    """A work with four parents, each with four of its own, up to 1,024 ancestors: every rule fits."""
    pairs = [(parent, (parent - 1) // _PARENTS) for parent in range(1, _ANCESTORS + 1)]
    return Lineage([Link(1, _asset(child), _asset(parent), Fraction(1, 2_500)) for parent, child in pairs])


def _woven() -> Lineage:
    """A work with 1,024 ancestors in as many generations, each with up to four parents among the eight after it."""
    made = random.Random(2)
    links: list[Link] = []
    for number in range(_ANCESTORS):
        near = {number + 1, *made.sample(range(number + 1, number + 9), _PARENTS - 1)}
        parents = [parent for parent in sorted(near) if parent <= _ANCESTORS]
        links += [Link(1, _asset(number), _asset(parent), Fraction(1, 10_000)) for parent in parents]
    return Lineage(links)


def _stack_ms(lineage: Lineage, rule: str, rounds: int) -> float:
    assert len(lineage.ancestors(_asset(0))) == _ANCESTORS, "not the pedigree that was meant"
    return 1_000 * min(_cpu_s(lambda: stack(rule, lineage, _asset(0))) for _ in range(rounds))


def figures(quick: bool) -> Iterator[Figure]:
    """The accrual against its baseline, then the slowest rule's stack, and stacks of a pedigree full of diamonds."""
    part, count = _books(2_000), 100_000 if quick else 1_000_000
    assert _in_totals(part) == _payee_by_payee(part), "totals are not the parts added up"
    one_by_one_s = _cpu_s(lambda: _payee_by_payee(part)) * 1_000_000 / 2_000
    books = _books(count)
    accrued_s = _cpu_s(lambda: Accrual(books).totals()) * 1_000_000 / count
    yield against("accrue_million_receipts_s", accrued_s, "s", one_by_one_s)
    tree, woven = _tree(), _woven()
    slowest_ms = max(_stack_ms(tree, rule, 15) for rule in (ALL_PATHS, VISIT_ONCE, PER_HOP))
    yield alone("royalty_stack_1024_ms", slowest_ms, "ms")
    yield alone("royalty_stack_1024_woven_ms", _stack_ms(woven, VISIT_ONCE, 15), "ms")
    yield alone("royalty_stack_1024_woven_per_hop_ms", _stack_ms(woven, PER_HOP, 3), "ms")
