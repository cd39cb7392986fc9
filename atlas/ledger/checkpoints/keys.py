"""Where the key that signs checkpoints is kept: the port, and its adapters.

file                  Signer.load            the key's text in a file of its owner
environment variable  key_from_environment   the key's text, as a secret store hands it to a process
callback              CallbackKey            the key never comes here: a KMS or a security module signs
  a program           command_callback       message on standard input, base64 of the signature on standard output
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from atlas.ledger.checkpoints.notes import NoteSignature, SignedNote, Signer, Verifier, check_text, decode_base64
from atlas.ledger.errors import BadSignature, InvalidKey, MalformedNote, SigningFailed

COMMAND_TIMEOUT_S = 30.0

# From the message to its Ed25519 signature of 64 bytes.
SignMessage = Callable[[bytes], bytes]


class SigningKey(Protocol):
    """A key that signs notes."""

    @property
    def verifier(self) -> Verifier:
        """With which its notes are verified."""
        ...

    def sign(self, text: str) -> SignedNote:
        """The text as a note with this key's signature. Raises MalformedNote, SigningFailed."""
        ...


def key_from_environment(variable: str, environment: Mapping[str, str]) -> Signer:
    """The signer key in an environment variable. Raises InvalidKey when it is not set or is none."""
    text = environment.get(variable)
    if not text:
        raise InvalidKey(f"the environment variable {variable} is not set", hint=f"Set {variable}, or use a key file.")
    try:
        return Signer.parse(text)
    except InvalidKey as error:
        raise InvalidKey(f"the environment variable {variable}: {error.message}", hint=error.hint) from error


class CallbackKey:
    """A key that is kept elsewhere; every signature is verified before it is used."""

    def __init__(self, verifier: Verifier, sign_message: SignMessage) -> None:
        self.verifier = verifier
        self._sign_message = sign_message

    def sign(self, text: str) -> SignedNote:
        """The text as a note. Raises MalformedNote, and SigningFailed when the signature does not fit the key."""
        check_text(text)
        signature = self._sign_message(text.encode())
        note = SignedNote(text, (NoteSignature(self.verifier.name, self.verifier.key_id, signature),))
        try:
            self.verifier.verify(note)
        except BadSignature as error:
            raise SigningFailed(
                f"what came as a signature, {len(signature)} bytes, is none by {self.verifier.format()}",
                hint="Ed25519 over the message itself is expected, 64 bytes, by the key of ledger.verifier_key.",
            ) from error
        return note


def command_callback(command: Sequence[str], *, timeout_s: float = COMMAND_TIMEOUT_S) -> SignMessage:
    """A callback that runs a program for each signature; it raises SigningFailed when that fails."""

    def sign_message(message: bytes) -> bytes:
        try:
            ran = subprocess.run(  # noqa: S603 (the operator names the program)
                list(command), input=message, capture_output=True, timeout=timeout_s, check=True
            )
            return decode_base64(ran.stdout.decode("ascii", "replace").strip(), "a signature")
        except subprocess.CalledProcessError as error:
            reason = f"ended with exit status {error.returncode}: {error.stderr.decode(errors='replace').strip()[:200]}"
        except subprocess.TimeoutExpired:
            reason = f"gave no answer in {timeout_s:g} s"
        except OSError as error:
            reason = f"cannot be run: {error.strerror}"
        except MalformedNote as error:
            reason = f"answered something else: {error.message}"
        raise SigningFailed(f"the signing program {command[0]} {reason}", hint="See ledger.key_command.")

    return sign_message
