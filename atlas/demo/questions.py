"""The four questions of the four users, as GraphQL, and their answers as tables."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from rich.table import Table

from atlas.demo.cast import NAMES, STREAMER
from atlas.demo.production import Asset
from atlas.protocol.ids import format_aaid
from atlas.protocol.vocabulary import Agent

Data = dict[str, Any]

WHO_MADE_THIS = """\
query WhoMadeThis($film: AAID!) {
  asset(aaid: $film) {
    creator
    sources { nodes { record {
      ...step
      inputs { upstream { ...step inputs { upstream { ...step
        inputs { upstream { ...step } }
      } } } }
    } } }
    manifests { nodes { mediaType signer signedSha256 } }
  }
}
fragment step on GenerationRecord {
  id agent modelName modelVersion device runtimeMs worker
}
"""

MAY_I_USE_IT = """\
query MayIUseIt($film: AAID!, $who: Address!, $at: DateTime!) {
  film: canUse(
    aaid: $film, account: $who, at: $at, territory: "DE", media: "film"
  ) { ...answer }
  abroad: canUse(
    aaid: $film, account: $who, at: $at, territory: "US", media: "film"
  ) { ...answer }
  game: canUse(
    aaid: $film, account: $who, at: $at, territory: "DE", media: "game"
  ) { ...answer }
}
fragment answer on Decision {
  outcome
  grants { licenseId position constraints { name state wanted seen } }
}
"""

WHO_IS_OWED_WHAT = """\
query WhoIsOwedWhat($film: AAID!) {
  pools(where: { aaid: $film }) {
    nodes {
      shares { payee role shareBps }
      accruals { nodes { payee accrued paid owed final } }
    }
  }
}
"""

WHAT_WAS_BURNED = """\
{
  supply { nodes {
    minted burned supply staked
    burnedByCause { cause amount }
  } }
}
"""


class Question(msgspec.Struct, frozen=True):
    """Who asks, what, in which words, and how the answer reads."""

    user: str
    title: str
    query: str
    variables: Mapping[str, object]
    table: Callable[[Data], Table]


def questions(assets: Mapping[Agent, Asset], at: str) -> tuple[Question, ...]:
    """The four questions about the film; ``at`` is the moment of use, RFC 3339."""
    film = {"film": format_aaid(assets[Agent.EDITING].aaid)}
    use = {**film, "who": STREAMER.address, "at": at}
    return (
        Question("an auditor", "Who made this, and with what?", WHO_MADE_THIS, film, _makers),
        Question("a dApp", "May Harbour Stream use it, there and now?", MAY_I_USE_IT, use, _uses),
        Question("a payee", "Who is owed what?", WHO_IS_OWED_WHAT, film, _owed),
        Question("a treasurer", "What was burned, and what is the supply?", WHAT_WAS_BURNED, {}, _burned),
    )


def name_of(address: str) -> str:
    """The player at ``address``, or the address."""
    return NAMES.get(address.lower(), address)


def _makers(data: Data) -> Table:
    table = Table("step", "model", "device", "runtime", "worker")
    sources = [source["record"] for source in data["asset"]["sources"]["nodes"]]
    known: dict[str, Data] = {}
    for source in sources:
        _learn(source, known)
    shown: set[str] = set()
    for source in sources:
        _show(source["id"], 0, known, shown, table)
    manifest = data["asset"]["manifests"]["nodes"][0]
    table.caption = (
        f"registered by {name_of(data['asset']['creator'])}; "
        f"C2PA manifest of a {manifest['mediaType']} by {manifest['signer']}"
    )
    return table


def _learn(record: Data, known: dict[str, Data]) -> None:
    """Note a record and those upstream of it; where the answer has it twice, the one with its inputs."""
    if "inputs" in record or record["id"] not in known:
        known[record["id"]] = record
    for source in record.get("inputs", []):
        if source["upstream"]:
            _learn(source["upstream"], known)


def _show(identity: str, depth: int, known: dict[str, Data], shown: set[str], table: Table) -> None:
    """A row for a record, then those upstream of it; one that was shown is named, with an arrow up."""
    record = known[identity]
    name = "  " * depth + record["agent"].lower()
    if identity in shown:
        table.add_row(f"[dim]{name} ↑[/]")
        return
    shown.add(identity)
    model = f"{record['modelName']} {record['modelVersion']}"
    table.add_row(name, model, record["device"], f"{record['runtimeMs']} ms", name_of(record["worker"]))
    for source in record.get("inputs", []):
        if source["upstream"]:
            _show(source["upstream"]["id"], depth + 1, known, shown, table)


def _uses(data: Data) -> Table:
    table = Table("use", "answer", "because")
    places = {"film": "a film in Germany", "abroad": "a film in the US", "game": "a game in Germany"}
    for key, place in places.items():
        table.add_row(place, data[key]["outcome"], "\n".join(_because(grant) for grant in data[key]["grants"]))
    return table


def _because(grant: Data) -> str:
    """What speaks against a use under this license, or that nothing does."""
    against = [
        f"{each['name']}: wanted {each['wanted']}, it has {each['seen']}"
        for each in grant["constraints"]
        if each["state"] != "SATISFIED"
    ]
    return f"license {grant['licenseId']} (position {grant['position']}): {'; '.join(against) or 'covers it'}"


def _owed(data: Data) -> Table:
    table = Table("payee", "paid", "owed")
    for column in table.columns[1:]:
        column.justify, column.overflow = "right", "fold"
    pool = data["pools"]["nodes"][0]
    accounts = {account["payee"]: account for account in pool["accruals"]["nodes"]}
    for share in pool["shares"]:
        account = accounts[share["payee"]]
        percent = f"{share['shareBps'] // 100} %"
        role = share["role"].lower().replace("_", " ")
        payee = f"{name_of(share['payee'])}\n  [dim]{role}, {percent}[/]"
        table.add_row(payee, _aligned(account["paid"]), _aligned(account["owed"]))
    return table


def _aligned(amount: str) -> str:
    """An amount with all eighteen decimals, so that a column of them lines up; whole amounts stay short."""
    whole, point, decimals = amount.partition(".")
    return f"{whole}.{decimals:0<18}" if point else f"{whole}{'':19}"


def _burned(data: Data) -> Table:
    table = Table("", "ATLAS")
    table.columns[1].justify = "right"
    supply = data["supply"]["nodes"][0]
    for cause in supply["burnedByCause"]:
        table.add_row(f"burned: {cause['cause'].lower().replace('_', ' ')}", cause["amount"])
    for name in ("burned", "minted", "supply", "staked"):
        table.add_row(name, supply[name], style="bold" if name in {"burned", "supply"} else None)
    return table
