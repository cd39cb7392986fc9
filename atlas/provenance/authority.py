"""A certificate authority for development: issues signing certificates that meet the C2PA profile.

A root certifies an intermediate, the intermediate certifies signers. The end-entity profile is C2PA 2.4's certificate
profile: ECDSA P-256 with SHA-256, critical keyUsage digitalSignature, extended key usage emailProtection and
c2pa-kp-claimSigning, authority and subject key identifiers, not a CA.
In production the certificate comes from an authority on the C2PA trust list; this module then has no part.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")  # c2pa-kp-claimSigning
SIGNER_PURPOSES = (ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING)

ROOT_DAYS = 3650
INTERMEDIATE_DAYS = 1825
SIGNER_DAYS = 365
CLOCK_SKEW = timedelta(minutes=10)  # a verifier whose clock is slightly behind must accept a fresh certificate


@dataclass(frozen=True)
class Certified:
    """A private key with its certificate."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True)
class DevelopmentAuthority:
    """A root and the intermediate that issues signing certificates."""

    organization: str
    root: Certified
    intermediate: Certified

    def issue_signer(
        self,
        common_name: str,
        now: datetime,
        *,
        valid_days: int = SIGNER_DAYS,
        purposes: tuple[x509.ObjectIdentifier, ...] = SIGNER_PURPOSES,
    ) -> Certified:
        """A signing certificate in force from ``now`` for ``valid_days`` days."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.intermediate
        builder = _draft(_name(self.organization, common_name), issuer.certificate.subject, key, now, valid_days)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_content=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(_authority_key(issuer), critical=False)
        )
        return Certified(builder.sign(issuer.key, hashes.SHA256()), key)


def create_development_authority(organization: str, now: datetime) -> DevelopmentAuthority:
    """A new root and intermediate, in force from ``now``. The keys exist in memory only."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = _name(organization, f"{organization} Root")
    root = _sign_authority(_draft(root_name, root_name, root_key, now, ROOT_DAYS), root_key, path_length=1)
    root_pair = Certified(root, root_key)
    key = ec.generate_private_key(ec.SECP256R1())
    draft = _draft(_name(organization, f"{organization} Signing CA"), root_name, key, now, INTERMEDIATE_DAYS)
    draft = draft.add_extension(_authority_key(root_pair), critical=False)
    intermediate = Certified(_sign_authority(draft, root_key, path_length=0), key)
    return DevelopmentAuthority(organization, root_pair, intermediate)


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """The certificates one after the other in PEM."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private key as unencrypted PKCS #8 in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, valid_days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=valid_days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign_authority(
    draft: x509.CertificateBuilder, issuer_key: ec.EllipticCurvePrivateKey, *, path_length: int
) -> x509.Certificate:
    return (
        draft.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(signs_content=False), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _key_usage(*, signs_content: bool) -> x509.KeyUsage:
    """A signer signs content and nothing else; an authority signs certificates and revocation lists."""
    return x509.KeyUsage(
        digital_signature=signs_content,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs_content,
        crl_sign=not signs_content,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(issuer: Certified) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _name(organization: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
