"""Licences agreed on outside any chain, from the documents that both parties signed (W3)."""

from atlas.projections.fold import Fold
from atlas.projections.tables.declarations import EntityTable, bigint, binary, boolean, json, optional, text, time
from atlas.projections.view import Handler
from atlas.projections.views.values import moment
from atlas.protocol.decisions import AgreementRevoked, AgreementSigned
from atlas.rights.proceedings import agreed_terms, require_author
from atlas.rights.terms.document import terms_document

OFF_CHAIN = "off_chain"
AGREEMENTS = EntityTable(
    "agreements",
    key=(binary("agreement_id"),),
    values=(
        binary("aaid"),
        binary("licensor"),
        binary("licensee"),
        text("kind"),
        binary("terms_hash"),
        json("terms"),
        time("starts_at"),
        optional(time("expires_at")),
        boolean("exclusive"),
        optional(bigint("under")),  # the position of the grant that it sub-licenses
        text("source"),
        text("status"),
        optional(time("revoked_at")),
        optional(text("reason_uri")),
        time("signed_at"),  # as the parties say
        time("recorded_at"),
        bigint("position"),  # of the agreement
        optional(bigint("revoked_position")),
    ),
    indexes=(("aaid",), ("licensee",), ("licensor",), ("position",)),
)


def agreement_signed(agreement: AgreementSigned, fold: Fold) -> None:
    """A licence is granted; it is known from here on, and in force from the day that it names."""
    terms = agreed_terms(agreement)
    fold.create(
        AGREEMENTS,
        agreement.matter,
        aaid=agreement.asset,
        licensor=agreement.licensor,
        licensee=agreement.licensee,
        kind=terms.kind,
        terms_hash=agreement.terms_hash,
        terms=terms_document(terms),
        starts_at=moment(agreement.starts_at),
        expires_at=moment(agreement.expires_at) if agreement.expires_at else None,
        exclusive=agreement.exclusive or terms.scope.exclusive,
        under=agreement.under or None,
        source=OFF_CHAIN,
        status="granted",
        revoked_at=None,
        reason_uri=None,
        signed_at=moment(agreement.issued_at),
        recorded_at=moment(agreement.recorded_at),
        position=fold.position,
        revoked_position=None,
    )


def agreement_revoked(revocation: AgreementRevoked, fold: Fold) -> None:
    """The licence ends when its revocation, which is the licensor's, was recorded."""
    signed = fold.require(AGREEMENTS, revocation.agreement)
    require_author(revocation.author, {"licensor": signed["licensor"]})
    fold.update(
        AGREEMENTS,
        revocation.agreement,
        status="revoked",
        revoked_at=moment(revocation.recorded_at),
        reason_uri=revocation.evidence_uri or None,
        revoked_position=fold.position,
    )


AGREEMENT_HANDLERS: dict[type, Handler] = {AgreementSigned: agreement_signed, AgreementRevoked: agreement_revoked}
