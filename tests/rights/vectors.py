"""The rounding rules on drawn inputs, as ``atlas.rights`` computes them; the contracts' tests hold Solidity to them.

contracts/test/vectors/rounding.json    amounts are decimal text, lists run in parallel

    {"fees":     {"amounts", "feeBps", "burnBps", "fees", "burned", "toTreasury"},
     "slashes":  {"amounts", "burned", "toTreasury", "toReporter"},
     "splits":   [{"amount", "sharesBps", "parts"}, ...]}

After a rule has changed: ``python -m tests.rights.vectors`` writes the file anew.
"""

import json
import random
from pathlib import Path
from typing import Any

from atlas.protocol.parameters import MAX_SUPPLY_WEI
from atlas.rights.royalties.fees import settle, slash
from atlas.rights.royalties.splits import split

PATH = Path(__file__).parents[2] / "contracts" / "test" / "vectors" / "rounding.json"
_COUNT = 64
_UINT256_MAX = 2**256 - 1


def render() -> str:
    """The file: the same on every call."""
    draw = random.Random(1)
    content = {"fees": _fees(draw), "slashes": _slashes(draw), "splits": [_split(draw) for _ in range(_COUNT)]}
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _fees(draw: random.Random) -> dict[str, list[str]]:
    inputs = [(_amount(draw, _UINT256_MAX), _rate(draw), _rate(draw)) for _ in range(_COUNT)]
    results = [settle(*each) for each in inputs]
    return {
        "amounts": [str(amount) for amount, _, _ in inputs],
        "feeBps": [str(fee_bps) for _, fee_bps, _ in inputs],
        "burnBps": [str(burn_bps) for _, _, burn_bps in inputs],
        "fees": [str(each.fee_wei) for each in results],
        "burned": [str(each.burned_wei) for each in results],
        "toTreasury": [str(each.treasury_wei) for each in results],
    }


def _slashes(draw: random.Random) -> dict[str, list[str]]:
    # A slash moves real tokens, and all of them together do not exceed what there is.
    amounts = [_amount(draw, MAX_SUPPLY_WEI // (2 * _COUNT)) or 1 for _ in range(_COUNT)]
    results = [slash(amount) for amount in amounts]
    return {
        "amounts": [str(amount) for amount in amounts],
        "burned": [str(each.burned_wei) for each in results],
        "toTreasury": [str(each.treasury_wei) for each in results],
        "toReporter": [str(each.reporter_wei) for each in results],
    }


def _split(draw: random.Random) -> dict[str, Any]:
    amount = _amount(draw, _UINT256_MAX)
    cuts = sorted(draw.sample(range(1, 10_000), draw.choice([0, 1, 2, 3, 7, 20])))
    shares_bps = [end - start for start, end in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    parts = split(amount, shares_bps)
    return {"amount": str(amount), "sharesBps": [*map(str, shares_bps)], "parts": [*map(str, parts)]}


def _amount(draw: random.Random, most: int) -> int:
    """Of every size, the smallest and the largest among them."""
    return draw.choice([draw.randrange(100), draw.randrange(10**6), draw.randint(0, most), most - draw.randrange(3)])


def _rate(draw: random.Random) -> int:
    return draw.choice([0, 1, 9_000, 9_999, 10_000, draw.randint(0, 10_000)])


if __name__ == "__main__":
    PATH.write_text(render())
