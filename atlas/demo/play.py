"""The demo, act by act: set the stage, play, ask, check, and leave the API running."""

import contextlib
import json
import sys
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from atlas.bootstrap import Program, create_keys, open_program
from atlas.demo import production
from atlas.demo.checks import MEDIA, Outcome, Played, check_all
from atlas.demo.contracts import Stage, deploy
from atlas.demo.crew import working_crew
from atlas.demo.errors import ChecksFailed
from atlas.demo.node import CHAIN, FINALITY_DEPTH, find_anvil, running_node
from atlas.demo.processes import require_free_port, stage
from atlas.demo.production import Asset, Generated
from atlas.demo.questions import Question, questions
from atlas.demo.server import Server
from atlas.projections.views import VIEWS
from atlas.protocol.events import EVENTS
from atlas.protocol.ids import format_aaid
from atlas.protocol.vocabulary import Agent, LicenseKind
from atlas.provenance.anchoring import open_chain
from atlas.settings import Settings, load

HOST = "127.0.0.1"
ORIGIN = "localhost/atlas-ledger-demo"
_SIGNED_FILE = "query ($film: AAID!) { manifests(where: { aaid: $film }) { nodes { signedSha256 } } }"


class Options(msgspec.Struct, frozen=True):
    """Where to play, on which port to answer, and whether to return at the end."""

    directory: Path
    port: int
    exit: bool


def play(options: Options, console: Console) -> None:
    """Play the whole production. Raises ChecksFailed when it does not come out as it must, DemoError before that."""
    find_anvil()
    require_free_port(HOST, options.port)
    with contextlib.ExitStack() as exits:
        directory = exits.enter_context(stage(options.directory.resolve()))
        teller = Teller(console)
        with teller.act(1, "PostgreSQL, an EVM node, the contracts, the server"):
            url = exits.enter_context(running_node(directory / "node.log"))
            web3 = open_chain(url)
            contracts = deploy(web3)
            settings = _settings(directory, options.port, url, contracts)
            program = exits.enter_context(open_program(settings))
            server = Server(
                directory / "atlas-ledger.toml", f"http://{HOST}:{options.port}", directory / "up.log", teller.say
            )
            exits.callback(server.stop)
            server.start()
            teller.say(f"{len(contracts.contracts)} contracts on {CHAIN}, indexed live by `atlas-ledger up`")
        played = _perform(teller, contracts, server, program, directory)
        outcomes = _conclude(teller, console, played)
        _say_where(console, played, options)
        if not options.exit:
            server.run_until_interrupted()
    failed = [outcome.title for outcome in outcomes if outcome.failure]
    if failed:
        raise ChecksFailed(f"{len(failed)} of {len(outcomes)} checks failed: {', '.join(failed)}")


class Teller:
    """Says what happens, act by act."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def act(self, number: int, title: str) -> Generator[None]:
        """One act, with a sign of life while it runs."""
        self._console.print(f"[bold]{number}/7[/] {title}")
        with self._console.status("working"):
            yield

    def say(self, text: str) -> None:
        """One line of what happened."""
        self._console.print(f"    [dim]{text}[/]", highlight=False, soft_wrap=True)


def _perform(teller: Teller, contracts: Stage, server: Server, program: Program, directory: Path) -> Played:
    with teller.act(2, "Two GPU workers make the film, and sign a record of each step"):
        generated = _generate(teller, contracts, server, program, directory)
    with teller.act(3, "Registered, licensed, paid for, shared, slashed, revoked, reorganised"):
        assets, licenses = _trade(teller, contracts, generated)
        _earn_through_a_reorganisation(teller, contracts, server, assets)
    with teller.act(4, f"Indexed live: {len(VIEWS)} views follow the log"):
        server.wait_for_views(CHAIN, contracts.web3.eth.block_number)
        meta = server.ask("{ _meta { ledgerPosition views { name position } } }")["_meta"]
        teller.say(f"{meta['ledgerPosition']} facts; views at it: {', '.join(view['name'] for view in meta['views'])}")
    with teller.act(5, "A C2PA manifest for each media file, and the log's checkpoint on chain"):
        _wait_for_manifests(teller, server, assets)
        anchored = production.anchor(contracts, program.checkpointer)
        production.mine(contracts.web3, FINALITY_DEPTH + 1)
        server.wait_until(lambda: _is_final(server), "the anchor is final")
        teller.say(f"checkpoint over {anchored.tree_size} facts anchored; everything above is final")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Played(contracts, server, program, assets, licenses, anchored, at)


def _generate(teller: Teller, contracts: Stage, server: Server, program: Program, directory: Path) -> list[Generated]:
    production.fund(contracts)
    content = program.settings.path(program.settings.signing.content)
    with working_crew(directory, content, server.url, teller.say) as crew:
        generated = crew.produce()
        crew.dismiss()
    return generated


def _trade(
    teller: Teller, contracts: Stage, generated: list[Generated]
) -> tuple[dict[Agent, Asset], dict[LicenseKind, int]]:
    assets = production.register(contracts, generated)
    types = {asset.generated.step.asset_type for asset in assets.values()}
    teller.say(f"{len(assets)} assets of {len(types)} types registered")
    production.pay_for_generation(contracts, assets)
    production.pay_for_registration(contracts, assets)
    licenses = production.license_all_kinds(contracts, assets)
    production.trade(contracts, assets)
    teller.say("paid: 100 for a generation, 50 for a registration, 10,000 for a license, 20,000 in a trade")
    production.revoke(contracts, licenses[LicenseKind.DERIVATIVE])
    teller.say(f"{len(licenses)} kinds of license granted, the derivative one revoked")
    return assets, licenses


def _earn_through_a_reorganisation(
    teller: Teller, contracts: Stage, server: Server, assets: Mapping[Agent, Asset]
) -> None:
    web3 = contracts.web3
    pool_id = production.open_pool(contracts, assets)
    evidence = assets[Agent.VIDEO].generated.record_id
    fork = web3.eth.block_number
    production.earn(contracts, pool_id)
    production.slash(contracts, evidence)
    server.wait_until(lambda: _counts(server) == (len(production.RECEIPTS), 1), "receipts and slash are indexed")
    depth = web3.eth.block_number - fork
    production.reorganise(web3, depth)
    server.wait_until(lambda: _counts(server) == (0, 0), "the orphaned blocks are forgotten")
    teller.say(f"{depth} blocks from {fork + 1} on reorganised away: 3 receipts and a slash are gone from the views")
    production.earn(contracts, pool_id, reverse=True)
    production.slash(contracts, evidence)
    production.claim(contracts, pool_id)
    teller.say("mined again in another order; the creator claims a share; worker 2 lost 1,000 of its stake")


def _wait_for_manifests(teller: Teller, server: Server, assets: Mapping[Agent, Asset]) -> None:
    expected = sum(asset.generated.step.media_type in MEDIA for asset in assets.values())
    count = "{ manifests { totalCount } }"
    server.wait_until(lambda: server.ask(count)["manifests"]["totalCount"] == expected, "every media file is signed")
    teller.say(f"{expected} files signed (PNG, WAV, MP4)")


def _conclude(teller: Teller, console: Console, played: Played) -> list[Outcome]:
    with teller.act(6, "Four questions over GraphQL, and what was checked"):
        for question in questions(played.assets, played.at):
            _ask(console, played.server, question)
        outcomes = list(check_all(played))
    table = Table("check", "found", title="What was checked", title_justify="left")
    for outcome in outcomes:
        sign, style = ("✗", "bold red") if outcome.failure else ("✓", "green")
        table.add_row(f"[{style}]{sign}[/] {outcome.title}", outcome.failure or outcome.found)
    console.print(table)
    return outcomes


def _ask(console: Console, server: Server, question: Question) -> None:
    console.print(Panel(Syntax(question.query.strip(), "graphql", theme="ansi_dark"), title=question.user))
    table = question.table(server.ask(question.query, question.variables))
    table.title, table.title_justify = question.title, "left"
    console.print(table)


def _say_where(console: Console, played: Played, options: Options) -> None:
    """What can be looked at next: the API while it runs, the files afterwards."""
    film = played.assets[Agent.EDITING].aaid
    nodes = played.server.ask(_SIGNED_FILE, {"film": format_aaid(film)})["manifests"]["nodes"]
    file = played.program.content.path(bytes.fromhex(nodes[0]["signedSha256"][2:]))
    config = options.directory / "atlas-ledger.toml"
    console.print(f"[bold]7/7[/] the signed film: {file}", soft_wrap=True, highlight=False)
    console.print(f"    {sys.executable} -m atlas verify {file} --config {config}", soft_wrap=True, highlight=False)
    if not options.exit:
        url = played.server.url
        console.print(f"    GraphiQL: {url}   GraphQL: {url}/graphql   Ctrl-C ends it.", highlight=False)


def _counts(server: Server) -> tuple[int, int]:
    data = server.ask("{ receipts { totalCount } slashes { totalCount } }")
    return data["receipts"]["totalCount"], data["slashes"]["totalCount"]


def _is_final(server: Server) -> bool:
    return [node["final"] for node in server.ask("{ anchors { nodes { final } } }")["anchors"]["nodes"]] == [True]


def _settings(directory: Path, port: int, rpc_url: str, contracts: Stage) -> Settings:
    """Write the configuration that ``up`` runs with, and the keys; both processes read the same file."""
    file = directory / "atlas-ledger.toml"
    lines = [
        f"[data]\ndirectory = {json.dumps(str(directory))}",
        f'[ledger]\norigin = "{ORIGIN}"\ncheckpoint_interval_s = 0.5',
        f'[server]\nhost = "{HOST}"\nport = {port}',
        f'[[chains]]\nchain = "{CHAIN}"\nrpc_url = "{rpc_url}"\npoll_interval_s = 0.1',
        *(
            f'[[chains.contracts]]\nabi = "{name}"\naddress = "{contracts.address(name)}"\n'
            f"start_block = {contracts.first_block}"
            for name in EVENTS
        ),
    ]
    file.write_text("\n\n".join(lines) + "\n")
    settings = load(file)
    create_keys(settings)
    return settings
