"""Keccak-256, Ethereum's hash: the one helper of the whole program.

Taken from ``safe-pysha3`` directly, so that no environment variable chooses another implementation.
Keccak-256 is the padding before FIPS 202: ``hashlib.sha3_256`` gives different digests.
"""

from sha3 import keccak_256


def keccak256(data: bytes) -> bytes:
    """The 32 bytes of Keccak-256 over ``data``."""
    digest: bytes = keccak_256(data).digest()
    return digest
