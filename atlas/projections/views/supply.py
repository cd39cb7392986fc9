"""View ``supply``: balances, the totals with burns by their cause (W16, W17), stakes, slashes and anchors.

A burn is a transfer to the zero address. FeeSettlement and StakeManager say in an event of their own, in the
same transaction, how much they burn and why: the claim. Claims and burns of one contract, one transaction and
one amount are matched in their order, whichever comes first; table ``burn_claims`` keeps the matching. A burn
without a claim counts as ``direct``, so that at every position the causes sum to ``burned``.
"""

from itertools import count
from typing import Final

from atlas.projections.fold import Fold
from atlas.projections.tables.declarations import (
    AccountTable,
    EntityTable,
    bigint,
    binary,
    integer,
    optional,
    text,
    time,
    uint256,
)
from atlas.projections.view import View
from atlas.projections.views.values import ZERO_ADDRESS, moment
from atlas.protocol.events import (
    CheckpointAnchored,
    Event,
    Origin,
    PaymentSettled,
    Slashed,
    Staked,
    Transfer,
    Unstaked,
)
from atlas.protocol.vocabulary import BurnScenario, StakeRole, Violation, from_ordinal

SLASH: Final = "slash"
DIRECT: Final = "direct"

BALANCES = AccountTable("balances", key=(text("chain"), binary("token"), binary("holder")), indexes=(("holder",),))
TOTALS = AccountTable("totals", key=(text("chain"), binary("token"), text("book")))
BURNS = EntityTable(
    "burns",
    key=(text("chain"), binary("tx_hash"), integer("log_index")),
    values=(
        binary("token"),
        text("cause"),
        uint256("amount_wei"),
        binary("burned_by"),
        time("burned_at"),
        bigint("block_number"),
    ),
    indexes=(("burned_by",), ("cause",)),
)
BURN_CLAIMS = EntityTable(
    "burn_claims",
    key=(text("chain"), binary("tx_hash"), binary("burner"), uint256("amount_wei"), integer("ordinal")),
    values=(optional(integer("log_index")), optional(text("cause"))),
)
STAKES = AccountTable(
    "stakes",
    key=(text("chain"), binary("contract"), binary("operator"), text("role")),
    indexes=(("operator",),),
)
SLASHES = EntityTable(
    "slashes",
    key=(text("chain"), binary("tx_hash"), integer("log_index")),
    values=(
        binary("operator"),
        text("role"),
        text("violation"),
        uint256("amount_wei"),
        uint256("burned_wei"),
        uint256("to_treasury_wei"),
        uint256("to_reporter_wei"),
        binary("reporter"),
        binary("evidence_hash"),
        time("slashed_at"),
        bigint("block_number"),
    ),
    indexes=(("operator",),),
)
ANCHORS = EntityTable(
    "anchors",
    # With the submitter: anyone may anchor a root under any log's id, and must not stand in its way.
    key=(text("chain"), binary("log_id"), bigint("tree_size"), binary("submitter")),
    values=(
        binary("root_hash"),
        binary("note_hash"),
        time("anchored_at"),
        bigint("block_number"),
        binary("tx_hash"),
    ),
)


def transferred(event: Transfer, fold: Fold) -> None:
    """Tokens change hands; from and to the zero address they come into being and go out of it."""
    origin = event.origin
    chain, token, block_number = origin.chain, origin.contract, origin.block_number
    if event.sender == ZERO_ADDRESS:
        fold.post(TOTALS, chain, token, "minted", delta=event.value, block_number=block_number)
        fold.post(TOTALS, chain, token, "supply", delta=event.value, block_number=block_number)
    else:
        fold.post(BALANCES, chain, token, event.sender, delta=-event.value, block_number=block_number)
    if event.recipient == ZERO_ADDRESS:
        _burn(event, fold)
    else:
        fold.post(BALANCES, chain, token, event.recipient, delta=event.value, block_number=block_number)


def payment_settled(event: PaymentSettled, fold: Fold) -> None:
    """A payment names the burn of its protocol fee (W16)."""
    _claim_burn(event, event.burned, from_ordinal(BurnScenario, event.scenario), fold)


def slashed(event: Slashed, fold: Fold) -> None:
    """A stake is slashed (W17); the burned part is a burn of its own."""
    origin = event.origin
    role = from_ordinal(StakeRole, event.role)
    fold.create(
        SLASHES,
        origin.chain,
        origin.tx_hash,
        origin.log_index,
        operator=event.operator,
        role=role,
        violation=from_ordinal(Violation, event.violation),
        amount_wei=event.amount,
        burned_wei=event.burned,
        to_treasury_wei=event.to_treasury,
        to_reporter_wei=event.to_reporter,
        reporter=event.reporter,
        evidence_hash=event.evidence_hash,
        slashed_at=moment(origin.block_time),
        block_number=origin.block_number,
    )
    _change_stake(origin, event.operator, role, -event.amount, fold)
    _claim_burn(event, event.burned, SLASH, fold)


def staked(event: Staked, fold: Fold) -> None:
    """An operator puts up a stake."""
    _change_stake(event.origin, event.operator, from_ordinal(StakeRole, event.role), event.amount, fold)


def unstaked(event: Unstaked, fold: Fold) -> None:
    """An operator withdraws a stake; until then it is staked, and can be slashed."""
    _change_stake(event.origin, event.operator, from_ordinal(StakeRole, event.role), -event.amount, fold)


def checkpoint_anchored(event: CheckpointAnchored, fold: Fold) -> None:
    """A ledger's signed root is on chain; its submitter may anchor another note of the same root."""
    origin = event.origin
    fold.put(
        ANCHORS,
        origin.chain,
        event.log_id,
        event.tree_size,
        event.submitter,
        root_hash=event.root_hash,
        note_hash=event.note_hash,
        anchored_at=moment(origin.block_time),
        block_number=origin.block_number,
        tx_hash=origin.tx_hash,
    )


def _change_stake(origin: Origin, operator: bytes, role: StakeRole, delta: int, fold: Fold) -> None:
    fold.post(STAKES, origin.chain, origin.contract, operator, role, delta=delta, block_number=origin.block_number)
    token = fold.contracts.first(origin.chain, "AtlasToken", origin.position)
    if token is None:
        fold.report("missing-token", f"no AtlasToken is watched on {origin.chain}, in whose totals this stake counts")
        return
    fold.post(TOTALS, origin.chain, token, "staked", delta=delta, block_number=origin.block_number)


def _burn(event: Transfer, fold: Fold) -> None:
    """Tokens are burned; the cause is known when the burning contract has named it before, or is named later."""
    origin = event.origin
    if not event.value:
        return
    account = (origin.chain, origin.contract)
    fold.post(TOTALS, *account, "burned", delta=event.value, block_number=origin.block_number)
    fold.post(TOTALS, *account, "supply", delta=-event.value, block_number=origin.block_number)
    cause = _match_burn(event, fold)
    fold.post(TOTALS, *account, f"burned:{cause}", delta=event.value, block_number=origin.block_number)
    fold.create(
        BURNS,
        origin.chain,
        origin.tx_hash,
        origin.log_index,
        token=origin.contract,
        cause=cause,
        amount_wei=event.value,
        burned_by=event.sender,
        burned_at=moment(origin.block_time),
        block_number=origin.block_number,
    )


def _match_burn(event: Transfer, fold: Fold) -> str:
    """The cause that its sender has claimed for such a burn in this transaction, else ``direct``.

    Whoever burns: a contract whose claims count may become known after its burns were recorded.
    """
    origin = event.origin
    for ordinal in count():
        key = (origin.chain, origin.tx_hash, event.sender, event.value, ordinal)
        claim = fold.get(BURN_CLAIMS, *key)
        if claim is None or claim["log_index"] is None:
            cause = None if claim is None else claim["cause"]
            fold.put(BURN_CLAIMS, *key, log_index=origin.log_index, cause=cause)
            return cause or DIRECT
    raise AssertionError("count() does not end")


def _claim_burn(event: Event, amount_wei: int, cause: str, fold: Fold) -> None:
    """The contract that speaks burns ``amount_wei`` in this transaction because of ``cause``."""
    origin = event.origin
    if not amount_wei:
        return
    for ordinal in count():
        key = (origin.chain, origin.tx_hash, origin.contract, amount_wei, ordinal)
        claim = fold.get(BURN_CLAIMS, *key)
        if claim is None or claim["cause"] is None:
            log_index = None if claim is None else claim["log_index"]
            fold.put(BURN_CLAIMS, *key, log_index=log_index, cause=cause)
            if log_index is not None:
                _attribute(origin, log_index, cause, fold)
            return


def _attribute(origin: Origin, log_index: int, cause: str, fold: Fold) -> None:
    """A burn that had counted as direct gets its cause."""
    burn = fold.require(BURNS, origin.chain, origin.tx_hash, log_index)
    account = (origin.chain, burn["token"])
    amount_wei, block_number = burn["amount_wei"], origin.block_number
    fold.post(TOTALS, *account, f"burned:{DIRECT}", delta=-amount_wei, block_number=block_number)
    fold.post(TOTALS, *account, f"burned:{cause}", delta=amount_wei, block_number=block_number)
    fold.update(BURNS, origin.chain, origin.tx_hash, log_index, cause=cause)


SUPPLY = View(
    name="supply",
    version=3,
    tables=(BALANCES, TOTALS, BURNS, BURN_CLAIMS, STAKES, SLASHES, ANCHORS),
    handlers={
        Transfer: transferred,
        PaymentSettled: payment_settled,
        Slashed: slashed,
        Staked: staked,
        Unstaked: unstaked,
        CheckpointAnchored: checkpoint_anchored,
    },
)
