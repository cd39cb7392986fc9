"""Disputes, their evidence, what they hold while they are pending, and what their rulings order (P8).

rounds   a dispute is pending from its filing to its ruling, and again from an appeal to the next ruling; a round is
         one such time, with the ruling that ended it and, once that was appealed, when its effects were suspended

Who may say what by the log alone is held here too, so that a fact that did not come through the door of decisions puts
no words into anybody's mouth; who is an arbitrator or a reviewer the configuration says, and the door alone asks it.
"""

from typing import Any

from atlas.projections.fold import Fold
from atlas.projections.tables.declarations import EntityTable, bigint, binary, integer, optional, text, time
from atlas.projections.view import Handler
from atlas.projections.views.safety import PROHIBITIONS, reach
from atlas.projections.views.values import moment
from atlas.protocol.decisions import (
    Authored,
    DisputeAnswered,
    DisputeAppealed,
    DisputeFiled,
    DisputeRuled,
    EvidenceAttached,
    Remedy,
    decision_id,
)
from atlas.rights.proceedings import Stage, require_author, require_no_party

INFRINGEMENT = "infringement"
_PARTIES = ("claimant", "respondent")
DISPUTES = EntityTable(
    "disputes",
    key=(binary("dispute_id"),),
    values=(
        binary("aaid"),
        optional(bigint("grant_position")),  # null: over the asset as a whole
        binary("claimant"),
        binary("respondent"),
        binary("arbitrator"),
        text("category"),
        text("stage"),
        integer("round"),  # the latest, counted from 0
        integer("decisions"),  # how many there were so far
        optional(text("ruling")),
        optional(text("remedy")),
        optional(time("appeal_until")),
        time("filed_at"),
        bigint("position"),
        time("updated_at"),
    ),
    indexes=(("aaid",), ("claimant",), ("respondent",)),
)
ROUNDS = EntityTable(
    "dispute_rounds",
    key=(binary("dispute_id"), integer("round")),
    values=(
        binary("aaid"),
        optional(bigint("grant_position")),
        time("opened_at"),
        bigint("opened_position"),
        optional(time("ruled_at")),
        optional(bigint("ruled_position")),
        optional(text("ruling")),
        optional(text("remedy")),
        optional(time("suspended_at")),
        optional(bigint("suspended_position")),
    ),
    indexes=(("aaid",),),
)
EVIDENCE = EntityTable(
    "dispute_evidence",
    key=(binary("dispute_id"), integer("ordinal")),
    values=(
        binary("decision_id"),
        text("act"),
        binary("party"),
        text("uri"),
        binary("sha256"),
        time("recorded_at"),
        bigint("position"),
    ),
)


def dispute_filed(filed: DisputeFiled, fold: Fold) -> None:
    """A dispute is pending from here on, over an asset or one grant."""
    at = moment(filed.recorded_at)
    fold.create(
        DISPUTES,
        filed.matter,
        aaid=filed.asset,
        grant_position=filed.grant or None,
        claimant=filed.author,
        respondent=filed.respondent,
        arbitrator=filed.arbitrator,
        category=filed.category,
        stage=Stage.FILED,
        round=0,
        decisions=1,
        ruling=None,
        remedy=None,
        appeal_until=None,
        filed_at=at,
        position=fold.position,
        updated_at=at,
    )
    _open_round(filed.matter, 0, filed, fold)
    _keep_evidence(filed, 0, fold)


def dispute_answered(answered: DisputeAnswered, fold: Fold) -> None:
    """The respondent has said what it has to say."""
    require_author(answered.author, {"respondent": fold.require(DISPUTES, answered.dispute)["respondent"]})
    _advance(answered, fold, stage=Stage.ANSWERED)


def evidence_attached(attached: EvidenceAttached, fold: Fold) -> None:
    """A party shows something."""
    dispute = fold.require(DISPUTES, attached.dispute)
    require_author(attached.author, {name: dispute[name] for name in (*_PARTIES, "arbitrator")})
    _advance(attached, fold)


def dispute_ruled(ruled: DisputeRuled, fold: Fold) -> None:
    """The round ends, and what the ruling orders is in force from here on."""
    dispute = fold.require(DISPUTES, ruled.dispute)
    require_no_party(ruled.author, [dispute[name] for name in _PARTIES])
    number = dispute["round"]
    until = moment(ruled.appeal_until) if ruled.appeal_until else None
    said: dict[str, Any] = {"ruling": ruled.outcome, "remedy": ruled.remedy}
    _advance(ruled, fold, stage=Stage.RULED, appeal_until=until, **said)
    fold.update(ROUNDS, ruled.dispute, number, ruled_at=moment(ruled.recorded_at), ruled_position=fold.position, **said)
    if ruled.remedy is Remedy.PROHIBIT:
        _prohibit(ruled, number, fold)


def dispute_appealed(appealed: DisputeAppealed, fold: Fold) -> None:
    """The dispute is pending again; what the last ruling ordered is suspended."""
    dispute = fold.require(DISPUTES, appealed.dispute)
    require_author(appealed.author, {name: dispute[name] for name in _PARTIES})
    number, at = dispute["round"], moment(appealed.recorded_at)
    _advance(appealed, fold, stage=Stage.APPEALED, round=number + 1, ruling=None, remedy=None, appeal_until=None)
    fold.update(ROUNDS, appealed.dispute, number, suspended_at=at, suspended_position=fold.position)
    if fold.get(PROHIBITIONS, appealed.dispute, number) is not None:
        fold.update(PROHIBITIONS, appealed.dispute, number, ended_at=at, ended_position=fold.position)
    _open_round(appealed.dispute, number + 1, appealed, fold)


def _advance(decision: Authored, fold: Fold, **changes: Any) -> None:  # noqa: ANN401 (columns)
    ordinal = fold.require(DISPUTES, decision.matter)["decisions"]
    at = moment(decision.recorded_at)
    fold.update(DISPUTES, decision.matter, decisions=ordinal + 1, updated_at=at, **changes)
    _keep_evidence(decision, ordinal, fold)


def _open_round(dispute: bytes, number: int, decision: Authored, fold: Fold) -> None:
    row = fold.require(DISPUTES, dispute)
    fold.create(
        ROUNDS,
        dispute,
        number,
        aaid=row["aaid"],
        grant_position=row["grant_position"],
        opened_at=moment(decision.recorded_at),
        opened_position=fold.position,
        ruled_at=None,
        ruled_position=None,
        ruling=None,
        remedy=None,
        suspended_at=None,
        suspended_position=None,
    )


def _prohibit(ruled: DisputeRuled, number: int, fold: Fold) -> None:
    fold.create(
        PROHIBITIONS,
        ruled.dispute,
        number,
        aaid=fold.require(DISPUTES, ruled.dispute)["aaid"],
        cause=INFRINGEMENT,
        **reach(ruled.against, ruled.territories, ruled.media),
        author=ruled.author,
        evidence_uri=ruled.evidence_uri,
        evidence_sha256=ruled.evidence_sha256,
        starts_at=moment(ruled.recorded_at),
        position=fold.position,
        ended_at=None,
        ended_position=None,
    )


def _keep_evidence(decision: Authored, ordinal: int, fold: Fold) -> None:
    """Each decision of a dispute, numbered as they come, with what it rests on."""
    fold.create(
        EVIDENCE,
        decision.matter,
        ordinal,
        decision_id=decision_id(decision),
        act=decision.TOPIC.removeprefix("decision."),
        party=decision.author,
        uri=decision.evidence_uri,
        sha256=decision.evidence_sha256,
        recorded_at=moment(decision.recorded_at),
        position=fold.position,
    )


DISPUTE_TABLES = (DISPUTES, ROUNDS, EVIDENCE)
DISPUTE_HANDLERS: dict[type, Handler] = {
    DisputeFiled: dispute_filed,
    DisputeAnswered: dispute_answered,
    EvidenceAttached: evidence_attached,
    DisputeRuled: dispute_ruled,
    DisputeAppealed: dispute_appealed,
}
