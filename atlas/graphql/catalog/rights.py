"""What decides beside licenses on chain: agreements, disputes, takedowns, portraits, measures, uses, past owners."""

from enum import StrEnum

from atlas.graphql.catalog.licensing import LICENSE_KIND, LICENSE_STATUS, SOURCE
from atlas.graphql.entities import Entity, Listing, Lookup, amount, many, one, parts, value
from atlas.graphql.kinds import AAID, ADDRESS, BIG_INTEGER, BOOLEAN, BYTES, INTEGER, JSON, TEXT, TIME, enumeration
from atlas.graphql.sources import Versions
from atlas.projections.views import agreements, disputes, ownership, safety
from atlas.protocol.decisions import Remedy
from atlas.protocol.vocabulary import Ruling
from atlas.rights.decisions.jurisdictions import Measure
from atlas.rights.proceedings import Stage


class ProhibitionCause(StrEnum):
    """W26's five risks, and what a ruling found."""

    DEEPFAKE = "deepfake"
    UNAUTHORIZED_PORTRAIT = "unauthorized_portrait"
    ILLEGAL_CONTENT = "illegal_content"
    COPYRIGHT_INFRINGEMENT = "copyright_infringement"
    MISINFORMATION = "misinformation"
    INFRINGEMENT = "infringement"


RULING = enumeration(Ruling, "What an arbitrator decided (ERC-792: 0, 1 and 2).")
REMEDY = enumeration(Remedy, "What a ruling for the claimant orders.")
_ASSET = one("asset", "Asset", {"aaid": "aaid"}, "The asset.")
_POSITION = value("position", BIG_INTEGER, "The ledger position from which on it is known.")
_DISPUTE = {"dispute_id": "dispute_id"}
_EVIDENCE = (
    value("evidence_uri", TEXT, "Where the evidence is; empty where there is none."),
    value("evidence_sha256", BYTES, "SHA-256 of the evidence; zeros where there is none."),
)
_REACH = (
    value("account", ADDRESS, "Whom it concerns; null is everybody.", nullable=True),
    value("territories", JSON, 'Where: `{"of": [...]}`, ISO 3166-1 codes, groups, or * for everywhere.'),
    value("media", JSON, 'In what: `{"of": [...]}`, names of media, or * for all.'),
)
_ENDS = (
    value("ended_at", TIME, "When it ended; null while it does not end.", nullable=True),
    value("ended_position", BIG_INTEGER, "The ledger position from which on its end is known.", nullable=True),
)

AGREEMENT = Entity(
    "Agreement",
    "A license agreed on outside any chain, signed by both parties (EIP-712); it counts like one on chain.",
    Versions("licensing", agreements.AGREEMENTS),
    members=(
        value("agreement_id", BYTES, "The digest that the parties signed."),
        value("aaid", AAID, "The asset."),
        value("licensor", ADDRESS, "Who granted it."),
        value("licensee", ADDRESS, "Who may use the asset."),
        value("kind", LICENSE_KIND, "The kind of license."),
        value("terms_hash", BYTES, "keccak256 of the document that was agreed on."),
        value("terms", JSON, "The terms."),
        value("starts_at", TIME, "When it begins."),
        value("expires_at", TIME, "When it has ended; null is perpetual.", nullable=True),
        value("exclusive", BOOLEAN, "Whether nobody else may hold such a license."),
        value("under", BIG_INTEGER, "The position of the grant that it sub-licenses, if any.", nullable=True),
        value("source", SOURCE, "Where it was granted."),
        value("status", LICENSE_STATUS, "Whether it was revoked."),
        value("revoked_at", TIME, "When it was revoked, if it was.", nullable=True),
        value("reason_uri", TEXT, "Where the reason is that it was revoked for, if it is told.", nullable=True),
        value("signed_at", TIME, "When it was signed, as the parties say."),
        value("recorded_at", TIME, "When the ledger took it."),
        _POSITION,
        value("revoked_position", BIG_INTEGER, "The position from which on its revocation is known.", nullable=True),
        _ASSET,
        many("uses", "RecordedUse", {"grant_position": "position"}, "The uses that count against it."),
        many("fulfilments", "Fulfilment", {"grant_position": "position"}, "The duties that were met under it."),
        many("disputes", "Dispute", {"grant_position": "position"}, "The disputes over it."),
    ),
)
DISPUTE = Entity(
    "Dispute",
    "A dispute over an asset or over one license on it (ERC-1497, ERC-792).",
    Versions("licensing", disputes.DISPUTES),
    members=(
        value("dispute_id", BYTES, "The digest that the claimant signed."),
        value("aaid", AAID, "The asset."),
        value("grant_position", BIG_INTEGER, "The position of the license in dispute, if it is one.", nullable=True),
        value("claimant", ADDRESS, "Who filed."),
        value("respondent", ADDRESS, "Against whom."),
        value("arbitrator", ADDRESS, "Who decides."),
        value("category", TEXT, "What it is about, in the claimant's word."),
        value(
            "stage",
            enumeration(Stage, "How far a dispute is; pending until it is ruled, and again when that is appealed."),
            "How far it is.",
        ),
        value("round", INTEGER, "How often a ruling of it was appealed."),
        value("decisions", INTEGER, "How many decisions it consists of so far."),
        value("ruling", RULING, "The ruling that stands, if any.", nullable=True),
        value("remedy", REMEDY, "What that orders.", nullable=True),
        value("appeal_until", TIME, "Until before when the ruling can be appealed.", nullable=True),
        value("filed_at", TIME, "When it was filed."),
        _POSITION,
        value("updated_at", TIME, "When the latest decision was recorded."),
        _ASSET,
        parts("rounds", "DisputeRound", _DISPUTE, "When it was pending: uses are undetermined, accruals held."),
        parts("evidence", "DisputeEvidence", _DISPUTE, "Every decision with what it rests on, in order."),
    ),
)
DISPUTE_ROUND = Entity(
    "DisputeRound",
    "One time in which a dispute is pending, the ruling that ended it, and whether an appeal suspended that.",
    Versions("licensing", disputes.ROUNDS),
    listed=False,
    members=(
        value("round", INTEGER, "Its number, counted from 0."),
        value("opened_at", TIME, "When it began."),
        value("opened_position", BIG_INTEGER, "The ledger position from which on that is known."),
        value("ruled_at", TIME, "When it ended, if it did.", nullable=True),
        value("ruled_position", BIG_INTEGER, "The ledger position from which on that is known.", nullable=True),
        value("ruling", RULING, "What was decided.", nullable=True),
        value("remedy", REMEDY, "What was ordered.", nullable=True),
        value("suspended_at", TIME, "When an appeal suspended the ruling, if one did.", nullable=True),
        value("suspended_position", BIG_INTEGER, "The ledger position from which on that is known.", nullable=True),
    ),
)
DISPUTE_EVIDENCE = Entity(
    "DisputeEvidence",
    "One decision of a dispute and what it rests on.",
    Versions("licensing", disputes.EVIDENCE),
    listed=False,
    members=(
        value("ordinal", INTEGER, "Its place in the dispute, counted from 0."),
        value("decision_id", BYTES, "The digest that its author signed."),
        value("act", TEXT, "What was decided: dispute-filed, dispute-answered and so on."),
        value("party", ADDRESS, "Who decided."),
        value("uri", TEXT, "Where the evidence is; empty where there is none."),
        value("sha256", BYTES, "SHA-256 of the evidence; zeros where there is none."),
        value("recorded_at", TIME, "When the ledger took it."),
        _POSITION,
    ),
)
PROHIBITION = Entity(
    "Prohibition",
    "A takedown, or what a ruling prohibits: it wins over every license (W26).",
    Versions("licensing", safety.PROHIBITIONS),
    members=(
        value("cause_id", BYTES, "The takedown's id, or that of the dispute that was ruled."),
        value("round", INTEGER, "The round of the dispute; 0 for a takedown."),
        value("aaid", AAID, "The asset; what derives from it is prohibited too."),
        value("cause", enumeration(ProhibitionCause, "Why a use is prohibited."), "Why."),
        *_REACH,
        value("author", ADDRESS, "Who decided."),
        *_EVIDENCE,
        value("starts_at", TIME, "From when on."),
        _POSITION,
        *_ENDS,
        _ASSET,
    ),
)
PORTRAIT = Entity(
    "Portrait",
    "An asset shows, or sounds like, a real person: its uses need that person's leave (W26).",
    Versions("licensing", safety.PORTRAITS),
    members=(
        value("portrait_id", BYTES, "The digest that the reviewer signed who declared it."),
        value("aaid", AAID, "The asset."),
        value("person", BYTES, "How the ledger names the person: a hash."),
        value("guardian", ADDRESS, "Who signs for the person."),
        value("declared_at", TIME, "When it was declared."),
        _POSITION,
        _ASSET,
        many("authorizations", "PortraitAuthorization", {"portrait_id": "portrait_id"}, "The leave that was given."),
    ),
)
AUTHORIZATION = Entity(
    "PortraitAuthorization",
    "A person allows the use of a portrait.",
    Versions("licensing", safety.AUTHORIZATIONS),
    members=(
        value("authorization_id", BYTES, "The digest that the guardian signed."),
        value("portrait_id", BYTES, "The portrait."),
        value("aaid", AAID, "The asset."),
        value("person", BYTES, "How the ledger names the person: a hash."),
        *_REACH,
        value("starts_at", TIME, "From when on."),
        _POSITION,
        *_ENDS,
        _ASSET,
    ),
)
MEASURE = Entity(
    "RecordedMeasure",
    "A measure that the law of a place asks for was taken for an asset, or failed (W27).",
    Versions("licensing", safety.MEASURES),
    members=(
        value("measure_id", BYTES, "The digest that the reviewer signed."),
        value("aaid", AAID, "The asset."),
        value("measure", enumeration(Measure, "What can be done for a distribution to be lawful."), "What was done."),
        value("territories", JSON, 'Where it counts: `{"of": [...]}`.'),
        value("passed", BOOLEAN, "Whether it succeeded."),
        value("author", ADDRESS, "Who says so."),
        *_EVIDENCE,
        value("taken_at", TIME, "When it was taken."),
        _POSITION,
        _ASSET,
    ),
)
RECORDED_USE = Entity(
    "RecordedUse",
    "A use that counts against a license.",
    Versions("licensing", safety.USES),
    members=(
        value("use_id", BYTES, "The digest that the reviewer signed."),
        value("grant_position", BIG_INTEGER, "The ledger position of the license."),
        value("count", BIG_INTEGER, "How many uses it is."),
        value("exposure_s", BIG_INTEGER, "For how long it was on screen, in seconds."),
        value("reference", BYTES, "What was published: its hash."),
        value("used_at", TIME, "When it was used."),
        _POSITION,
    ),
)
FULFILMENT = Entity(
    "Fulfilment",
    "A licensee paid, reported or credited, as its license asks.",
    Versions("licensing", safety.FULFILMENTS),
    members=(
        value("fulfilment_id", BYTES, "The digest that the reviewer signed."),
        value("grant_position", BIG_INTEGER, "The ledger position of the license."),
        value("action", TEXT, "What was done: pay, report or attribute."),
        *amount("amount", "What was paid"),
        value("reported_until", TIME, "Up to when a report tells.", nullable=True),
        value("use_position", BIG_INTEGER, "The position of the use that was credited.", nullable=True),
        value("fulfilled_at", TIME, "When it was done."),
        _POSITION,
    ),
)
OWNERSHIP = Entity(
    "Ownership",
    "An account became an asset's owner.",
    Versions("licensing", ownership.OWNERSHIPS),
    members=(
        value("aaid", AAID, "The asset."),
        value("position", BIG_INTEGER, "The ledger position of the registration or the transfer."),
        value("owner", ADDRESS, "Who became its owner."),
        value("starts_at", TIME, "When: the time of the block."),
        value("block_number", BIG_INTEGER, "The block."),
        _ASSET,
    ),
)

RIGHTS_ENTITIES = (
    AGREEMENT,
    DISPUTE,
    DISPUTE_ROUND,
    DISPUTE_EVIDENCE,
    PROHIBITION,
    PORTRAIT,
    AUTHORIZATION,
    MEASURE,
    RECORDED_USE,
    FULFILMENT,
    OWNERSHIP,
)
RIGHTS_ROOTS = (
    Lookup(
        name="agreement",
        entity="Agreement",
        arguments={"agreement_id": "agreement_id"},
        description="One agreement off chain by its id.",
    ),
    Listing(name="agreements", entity="Agreement", description="Licenses that were agreed on off chain."),
    Lookup(
        name="dispute", entity="Dispute", arguments={"dispute_id": "dispute_id"}, description="One dispute by its id."
    ),
    Listing(name="disputes", entity="Dispute", description="Disputes over assets and licenses."),
    Listing(name="prohibitions", entity="Prohibition", description="Takedowns, and what rulings prohibit."),
    Listing(name="portraits", entity="Portrait", description="Assets that show real persons."),
)
