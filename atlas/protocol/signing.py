"""EIP-191 personal messages and other digests: what a wallet signs and how the signer is found again.

    digest     keccak256("\\x19Ethereum Signed Message:\\n" || decimal length || message), or one of ``typed_data``
    signature  r (32 bytes) || s (32 bytes, in the lower half: EIP-2) || v (27 or 28)

The lower half of s makes the signature unique: the mirrored one names the same signer and is refused.
"""

from coincurve import PrivateKey, PublicKey

from atlas.protocol.errors import InvalidSignature
from atlas.protocol.keccak import keccak256

SIGNATURE_BYTES = 65
_CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def sign_message(message: bytes, private_key: bytes) -> bytes:
    """The 65-byte signature of ``message`` (deterministic, RFC 6979). Raises InvalidSignature for a bad key."""
    return sign_digest(_digest(message), private_key)


def sign_digest(digest: bytes, private_key: bytes) -> bytes:
    """The 65-byte signature of 32 bytes that are a hash already. Raises InvalidSignature for a bad key."""
    signature = _key(private_key).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([27 + signature[64]])


def recover_signer(message: bytes, signature: bytes) -> bytes:
    """The 20-byte address whose key signed ``message``. Raises InvalidSignature.

    Any well-formed signature recovers to some address: compare it with the one expected.
    """
    return recover_from_digest(_digest(message), signature)


def recover_from_digest(digest: bytes, signature: bytes) -> bytes:
    """The 20-byte address whose key signed the hash ``digest``. Raises InvalidSignature."""
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidSignature(f"a signature has {SIGNATURE_BYTES} bytes, got {len(signature)}")
    if signature[64] not in (27, 28):
        raise InvalidSignature(f"v is 27 or 28, got {signature[64]}", hint="Add 27 to a recovery id of 0 or 1.")
    if int.from_bytes(signature[32:64], "big") > _CURVE_ORDER // 2:
        raise InvalidSignature("s is in the upper half of the curve order", hint="Sign with low s (EIP-2).")
    recoverable = signature[:64] + bytes([signature[64] - 27])
    try:
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except ValueError as error:
        raise InvalidSignature(f"no key made this signature: {error}") from error
    return _address(key)


def address_of(private_key: bytes) -> bytes:
    """The 20-byte address of a private key. Raises InvalidSignature for a bad key."""
    return _address(_key(private_key).public_key)


def _key(private_key: bytes) -> PrivateKey:
    if len(private_key) != 32 or not 0 < int.from_bytes(private_key, "big") < _CURVE_ORDER:
        raise InvalidSignature("not a secp256k1 private key", hint="A key is 32 bytes between 1 and the curve order.")
    return PrivateKey(private_key)


def _address(key: PublicKey) -> bytes:
    return keccak256(key.format(compressed=False)[1:])[-20:]


def _digest(message: bytes) -> bytes:
    return keccak256(b"\x19Ethereum Signed Message:\n%d%b" % (len(message), message))
