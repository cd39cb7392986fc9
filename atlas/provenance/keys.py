"""The signing identity and the trust list, as files.

A key directory, as ``init_keys`` writes it (every file 0600, the directory 0700):

    root.pem           the trust anchor, to hand to verifiers
    root.key           its private key; take it offline after the first start
    intermediate.pem   the issuing authority
    intermediate.key   its private key
    signer.pem         the signing certificate, then the intermediate: the chain that goes into a manifest
    signer.key         the private key that signs

Keys are PKCS #8, certificates X.509, all PEM. Nothing here ever overwrites a key.
"""

import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from atlas.provenance.authority import (
    SIGNER_PURPOSES,
    certificate_pem,
    create_development_authority,
    key_pem,
)
from atlas.provenance.errors import (
    CertificateExpired,
    CertificateUnfit,
    KeyExists,
    KeyExposed,
    KeyMismatch,
    KeyMissing,
    KeyUnreadable,
)

ORGANIZATION = "Atlas Ledger Development"
SIGNER_NAME = "Atlas Ledger Development Signer"
OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class KeyFiles:
    """Where ``init_keys`` put what."""

    root: Path
    chain: Path
    key: Path


@dataclass(frozen=True)
class SigningIdentity:
    """A checked signing certificate with its chain and private key. The key never shows in a repr."""

    common_name: str
    organization: str
    not_after: datetime
    chain_pem: bytes
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True)
class TrustList:
    """The certificates a verifier takes as anchors. An empty list trusts nobody."""

    anchors_pem: str = field(repr=False)
    subjects: tuple[str, ...]


def init_keys(directory: Path, now: datetime) -> KeyFiles:
    """Make a development authority and one signer in ``directory``, which must not exist or be empty.

    All files appear at once or none does. Raises KeyExists.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))  # mkdtemp makes it 0700
    try:
        for name, content in _development_keys(now).items():
            _write_private(draft / name, content)
        draft.rename(directory)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if directory.exists():
            raise KeyExists(
                f"expected {directory} to be absent or empty, it is not",
                hint="Use the keys that are there, or name another directory.",
            ) from error
        raise
    return KeyFiles(directory / "root.pem", directory / "signer.pem", directory / "signer.key")


def load_identity(chain: Path, key: Path, now: datetime) -> SigningIdentity:
    """The signing identity in two PEM files, checked against the C2PA certificate profile at ``now``.

    Raises KeyMissing, KeyExposed, KeyUnreadable, KeyMismatch, CertificateExpired, CertificateUnfit.
    """
    certificates = _read_certificates(chain)
    private_key = _read_key(key)
    leaf = certificates[0]
    if leaf.public_key() != private_key.public_key():
        raise KeyMismatch(
            f"the private key in {key} does not belong to the first certificate in {chain}",
            hint="The signing certificate comes first in the chain file, its issuers after it.",
        )
    for certificate in certificates:
        _check_in_force(certificate, now)
    _check_profile(leaf)
    _check_chain(certificates)
    return SigningIdentity(
        common_name=_attribute(leaf, NameOID.COMMON_NAME),
        organization=_attribute(leaf, NameOID.ORGANIZATION_NAME),
        not_after=leaf.not_valid_after_utc,
        chain_pem=certificate_pem(*certificates),
        key_pem=key_pem(private_key),
    )


def load_trust_list(paths: Sequence[Path]) -> TrustList:
    """The anchors in these PEM files, one or more certificates each.

    Validity is left to the verifier: what was signed while an anchor was in force stays readable.
    Raises KeyMissing, KeyUnreadable, CertificateUnfit.
    """
    anchors = [certificate for path in paths for certificate in _read_certificates(path)]
    for anchor in anchors:
        if not _is_authority(anchor):
            raise CertificateUnfit(
                f"{anchor.subject.rfc4514_string()} is not a certification authority",
                hint="A trust list holds the root certificates of issuers, not signing certificates.",
            )
    return TrustList(
        certificate_pem(*anchors).decode("ascii"), tuple(anchor.subject.rfc4514_string() for anchor in anchors)
    )


def _development_keys(now: datetime) -> dict[str, bytes]:
    authority = create_development_authority(ORGANIZATION, now)
    signer = authority.issue_signer(SIGNER_NAME, now)
    return {
        "root.pem": certificate_pem(authority.root.certificate),
        "root.key": key_pem(authority.root.key),
        "intermediate.pem": certificate_pem(authority.intermediate.certificate),
        "intermediate.key": key_pem(authority.intermediate.key),
        "signer.pem": certificate_pem(signer.certificate, authority.intermediate.certificate),
        "signer.key": key_pem(signer.key),
    }


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyMissing(
            f"cannot read {path}: {error.strerror}",
            hint="`atlas-ledger keys init` makes keys for development; or correct the path.",
        ) from error


def _read_certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise KeyUnreadable(
            f"expected PEM certificates in {path}: {error}", hint="Restore the file, or name the right one."
        ) from error


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    content = _read(path)
    if path.stat().st_mode & OPEN_TO_OTHERS:
        raise KeyExposed(
            f"expected {path} to be readable by its owner only, its mode is {stat.filemode(path.stat().st_mode)}",
            hint=f"chmod 600 {path}, and replace the key if others may have read it.",
        )
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnreadable(
            f"expected an unencrypted PEM private key in {path}: {error}",
            hint="Restore the file, name the right one, or decrypt it with `openssl pkey`.",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyUnreadable(
            f"expected an ECDSA P-256 key in {path}: manifests are signed with ES256",
            hint="Ask the issuer for a certificate of such a key.",
        )
    return key


def _check_in_force(certificate: x509.Certificate, now: datetime) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= now <= end:
        raise CertificateExpired(
            f"{certificate.subject.rfc4514_string()} is in force from {start} to {end}, now is {now}",
            hint="Get a new signing certificate, or correct the clock.",
        )


def _check_profile(leaf: x509.Certificate) -> None:
    """The C2PA 2.4 certificate profile: what an end-entity certificate must say."""
    if _is_authority(leaf):
        raise _unfit(leaf, "it is a certification authority")
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
        purposes = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError) as error:
        raise _unfit(leaf, str(error)) from error
    if not usage.critical or not usage.value.digital_signature or usage.value.key_cert_sign:
        raise _unfit(leaf, "its critical key usage must allow digital signatures and not certificate signing")
    missing = set(SIGNER_PURPOSES) - purposes
    if missing:
        names = ", ".join(sorted(purpose.dotted_string for purpose in missing))
        raise _unfit(leaf, f"its extended key usage lacks {names}")
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
        raise _unfit(leaf, "its extended key usage must not be anyExtendedKeyUsage")


def _check_chain(certificates: Sequence[x509.Certificate]) -> None:
    if len(certificates) < 2:
        raise CertificateUnfit(
            "expected the signing certificate and its issuers, found one certificate",
            hint="Append the issuing authority's certificate to the chain file.",
        )
    for subject, issuer in itertools.pairwise(certificates):
        try:
            subject.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise CertificateUnfit(
                f"{subject.subject.rfc4514_string()} was not issued by the next one, {issuer.subject.rfc4514_string()}",
                hint="Put the chain in order: the signing certificate, its issuer, the issuer's issuer.",
            ) from error


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _unfit(certificate: x509.Certificate, reason: str) -> CertificateUnfit:
    return CertificateUnfit(
        f"{certificate.subject.rfc4514_string()} cannot sign C2PA claims: {reason}",
        hint="Ask the issuer for a certificate with the C2PA claim-signing profile.",
    )


def _attribute(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> str:
    values = certificate.subject.get_attributes_for_oid(kind)
    if not values:
        raise _unfit(certificate, f"its subject has no {kind.dotted_string}")
    return str(values[0].value)
