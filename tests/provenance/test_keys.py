from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from atlas.provenance.authority import (
    CLAIM_SIGNING,
    Certified,
    DevelopmentAuthority,
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
from atlas.provenance.keys import init_keys, load_identity, load_trust_list
from tests.provenance.samples import NOW


def _write(
    directory: Path, authority: DevelopmentAuthority, signer: Certified, *, key: bytes | None = None
) -> tuple[Path, Path]:
    directory.mkdir(exist_ok=True)
    chain_path, key_path = directory / "signer.pem", directory / "signer.key"
    chain_path.write_bytes(certificate_pem(signer.certificate, authority.intermediate.certificate))
    key_path.write_bytes(key or key_pem(signer.key))
    key_path.chmod(0o600)
    return chain_path, key_path


@pytest.fixture
def authority() -> DevelopmentAuthority:
    return create_development_authority("Test", NOW)


def test_fresh_keys_load_and_name_the_signer(tmp_path: Path) -> None:
    files = init_keys(tmp_path / "keys", NOW)
    identity = load_identity(files.chain, files.key, NOW)
    assert identity.common_name == "Atlas Ledger Development Signer"
    assert identity.not_after > NOW + timedelta(days=360)
    assert load_trust_list([files.root]).subjects == ("CN=Atlas Ledger Development Root,O=Atlas Ledger Development",)


def test_the_signing_certificate_has_the_c2pa_profile(tmp_path: Path) -> None:
    leaf = x509.load_pem_x509_certificates(init_keys(tmp_path / "keys", NOW).chain.read_bytes())[0]
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING}
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_every_key_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    init_keys(tmp_path / "keys", NOW)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 6
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    files = init_keys(tmp_path / "keys", NOW)
    before = files.key.read_bytes()
    with pytest.raises(KeyExists):
        init_keys(tmp_path / "keys", NOW)
    assert files.key.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_private_key_never_shows_in_a_repr(tmp_path: Path) -> None:
    files = init_keys(tmp_path / "keys", NOW)
    assert "PRIVATE KEY" not in repr(load_identity(files.chain, files.key, NOW))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match=r"nowhere\.pem"):
        load_identity(tmp_path / "nowhere.pem", tmp_path / "nowhere.key", NOW)


def test_a_certificate_is_refused_before_and_after_its_validity(
    tmp_path: Path, authority: DevelopmentAuthority
) -> None:
    paths = _write(tmp_path, authority, authority.issue_signer("Signer", NOW, valid_days=1))
    load_identity(*paths, NOW)
    for moment in (NOW + timedelta(days=2), NOW - timedelta(days=1)):
        with pytest.raises(CertificateExpired):
            load_identity(*paths, moment)


def test_an_expired_issuer_is_refused_too(tmp_path: Path, authority: DevelopmentAuthority) -> None:
    paths = _write(tmp_path, authority, authority.issue_signer("Signer", NOW, valid_days=4000))
    with pytest.raises(CertificateExpired, match="Signing CA"):
        load_identity(*paths, NOW + timedelta(days=2000))


@pytest.mark.parametrize(
    "purposes",
    [
        (ExtendedKeyUsageOID.EMAIL_PROTECTION,),
        (CLAIM_SIGNING,),
        (ExtendedKeyUsageOID.SERVER_AUTH,),
        (ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    ],
)
def test_a_certificate_for_another_purpose_is_refused(
    tmp_path: Path, authority: DevelopmentAuthority, purposes: tuple[x509.ObjectIdentifier, ...]
) -> None:
    with pytest.raises(CertificateUnfit, match="extended key usage"):
        load_identity(*_write(tmp_path, authority, authority.issue_signer("Signer", NOW, purposes=purposes)), NOW)


def test_an_authority_cannot_sign_claims(tmp_path: Path, authority: DevelopmentAuthority) -> None:
    with pytest.raises(CertificateUnfit, match="certification authority"):
        load_identity(*_write(tmp_path, authority, authority.intermediate), NOW)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, authority: DevelopmentAuthority) -> None:
    paths = _write(tmp_path, authority, authority.issue_signer("Signer", NOW), key=key_pem(authority.root.key))
    with pytest.raises(KeyMismatch):
        load_identity(*paths, NOW)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, authority: DevelopmentAuthority) -> None:
    paths = _write(tmp_path, authority, authority.issue_signer("Signer", NOW))
    paths[1].chmod(0o640)
    with pytest.raises(KeyExposed):
        load_identity(*paths, NOW)


def test_a_chain_that_does_not_hold_is_refused(tmp_path: Path, authority: DevelopmentAuthority) -> None:
    stranger = create_development_authority("Test", NOW)
    with pytest.raises(CertificateUnfit, match="not issued by"):
        load_identity(*_write(tmp_path, stranger, authority.issue_signer("Signer", NOW)), NOW)


def test_a_certificate_without_its_issuer_is_refused(tmp_path: Path, authority: DevelopmentAuthority) -> None:
    signer = authority.issue_signer("Signer", NOW)
    chain, key = _write(tmp_path, authority, signer)
    chain.write_bytes(certificate_pem(signer.certificate))
    with pytest.raises(CertificateUnfit, match="one certificate"):
        load_identity(chain, key, NOW)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    "key",
    [b"", b"not a key", _pem(rsa.generate_private_key(65537, 2048)), _pem(ec.generate_private_key(ec.SECP256K1()))],
)
def test_what_is_not_a_p256_key_is_refused(tmp_path: Path, authority: DevelopmentAuthority, key: bytes) -> None:
    chain, key_path = _write(tmp_path, authority, authority.issue_signer("Signer", NOW))
    key_path.write_bytes(key)
    with pytest.raises(KeyUnreadable):
        load_identity(chain, key_path, NOW)


def test_garbage_is_no_certificate_and_a_signer_is_no_anchor(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(KeyUnreadable):
        load_trust_list([garbage])
    with pytest.raises(CertificateUnfit):
        load_trust_list([init_keys(tmp_path / "keys", NOW).chain])
