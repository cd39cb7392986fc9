"""A worker's identity: a secp256k1 private key, and the address that follows from it.

A key file holds 64 hex digits, with or without ``0x``, and may be read by its owner alone (mode 0600).
"""

import os
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import coincurve

from atlas.indexer.workers.errors import KeyUnusable
from atlas.protocol.errors import InvalidSignature
from atlas.protocol.ids import checksum_address
from atlas.protocol.signing import address_of

_KEY_TEXT = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_LONGEST_KEY_FILE_BYTES = 256


class WorkerKey:
    """A private key that signs generation records. Its text form shows the address only."""

    __slots__ = ("address", "secret")

    def __init__(self, secret: bytes) -> None:
        """Take the 32 bytes of a secp256k1 private key. Raises KeyUnusable for anything else."""
        try:
            self.address = address_of(secret)
        except InvalidSignature as error:
            raise KeyUnusable(error.message, hint=error.hint) from error
        self.secret = secret

    def __repr__(self) -> str:
        return f"WorkerKey(address={checksum_address(self.address)})"

    @classmethod
    def from_text(cls, text: str, *, origin: str = "the text") -> "WorkerKey":
        """The key written as 64 hex digits; ``origin`` says in errors where the text came from."""
        match = _KEY_TEXT.fullmatch(text.strip())
        if match is None:
            raise KeyUnusable(
                f"{origin} is not a private key: 64 hex digits were expected, {len(text.strip())} characters came",
                hint="WorkerKey.create(path) writes a new key file.",
            )
        return cls(bytes.fromhex(match[1]))

    @classmethod
    def from_file(cls, path: Path) -> "WorkerKey":
        """The key in the file ``path``. Raises KeyUnusable when it is missing, malformed or open to others."""
        try:
            with path.open("rb") as file:
                _require_private(file.fileno(), path)
                content = file.read(_LONGEST_KEY_FILE_BYTES)
        except OSError as error:
            raise KeyUnusable(f"the key file {path} cannot be read: {error.strerror}") from error
        return cls.from_text(content.decode("ascii", "replace"), origin=f"the key file {path}")

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str] = os.environ) -> "WorkerKey":
        """The key in the environment variable ``name``. Raises KeyUnusable when it is not set or malformed."""
        text = environment.get(name)
        if text is None:
            raise KeyUnusable(f"the environment variable {name} is not set", hint=f"Set {name} or use a key file.")
        return cls.from_text(text, origin=f"the environment variable {name}")

    @classmethod
    def create(cls, path: Path) -> "WorkerKey":
        """Write a new random key to ``path``, which must not exist yet, readable by its owner alone."""
        key = cls(coincurve.PrivateKey().secret)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise KeyUnusable(f"the key file {path} cannot be created: {error.strerror}") from error
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        return key


def _require_private(descriptor: int, path: Path) -> None:
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if sys.platform != "win32" and mode & 0o077:
        raise KeyUnusable(
            f"the key file {path} has mode {mode:04o}; others than its owner can use it, 0600 was expected",
            hint=f"chmod 600 {path}; if others may have read it, use a new key.",
        )
