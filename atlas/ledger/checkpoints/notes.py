"""Signed notes (C2SP signed-note) with Ed25519.

    text, every line ended by a newline          origin, size, root, ...
    an empty line
    one signature line for each signer           "— <key name> <base64 of key id and signature>"

    verifier key   <name>+<key id, 8 hex digits>+<base64 of 0x01 and the public key>
    signer key     PRIVATE+KEY+<name>+<key id, 8 hex digits>+<base64 of 0x01 and the seed>
    key id         the first 4 bytes of SHA-256(<name> || 0x0A || 0x01 || public key)

Signatures of unknown keys are ignored, as the specification asks, so that others may cosign; everything else that is
not of this form is refused.
"""

import base64
import binascii
import unicodedata
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from atlas.ledger.errors import BadSignature, InvalidKey, MalformedNote, UnknownSigner

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
_ED25519 = b"\x01"
_KEY_BYTES = 32
_PRIVATE = "PRIVATE+KEY+"
_DASH = "\u2014 "


class NoteSignature(msgspec.Struct, frozen=True):
    """One signature line; ``key_id`` is 4 bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


class SignedNote(msgspec.Struct, frozen=True):
    """A text and its signatures, not verified by having been parsed."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The canonical bytes."""
        return "".join([self.text, "\n", *(signature.line() for signature in self.signatures)]).encode()


class Verifier:
    """A public key of 32 bytes under a name. Raises InvalidKey when either is none."""

    def __init__(self, name: str, public_key: bytes) -> None:
        check_name(name)
        _check_key(public_key)
        self.name = name
        self.public_key = public_key
        self.key_id = key_id_of(name, _ED25519, public_key)

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """The verifier in a ``vkey`` line. Raises InvalidKey."""
        name, key_id, public_key = split_key(text.strip(), "<name>+<key id>+<base64>", _ED25519)
        return _matching(cls(name, public_key), key_id)

    def format(self) -> str:
        """The ``vkey`` text, without a newline."""
        return format_key(self.name, self.key_id, _ED25519 + self.public_key)

    def verify(self, note: SignedNote) -> None:
        """Return when this key has signed the note's text. Raises UnknownSigner, BadSignature."""
        mine = [line for line in note.signatures if line.name == self.name and line.key_id == self.key_id]
        if not mine:
            names = ", ".join(line.name for line in note.signatures)
            raise UnknownSigner(
                f"the note is not signed by {self.name}+{self.key_id.hex()}, but by: {names}",
                hint="Is this the log's verifier key?",
            )
        for line in mine:
            try:
                Ed25519PublicKey.from_public_bytes(self.public_key).verify(line.signature, note.text.encode())
            except InvalidSignature as error:
                raise BadSignature(f"the signature of {self.name} does not fit the note's text") from error


class Signer:
    """A private key, its seed of 32 bytes, under a name. Raises InvalidKey when either is none."""

    def __init__(self, name: str, seed: bytes) -> None:
        _check_key(seed)
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> "Signer":
        """A new key from the operating system's randomness. Raises InvalidKey for a name that is none."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> "Signer":
        """The signer in an ``skey`` line. Raises InvalidKey."""
        text = text.strip()
        if not text.startswith(_PRIVATE):
            raise InvalidKey("a signer key begins with PRIVATE+KEY+", hint="Is this the file of the verifier key?")
        name, key_id, seed = split_key(text.removeprefix(_PRIVATE), f"{_PRIVATE}<name>+<key id>+<base64>", _ED25519)
        signer = cls(name, seed)
        _matching(signer.verifier, key_id)
        return signer

    @classmethod
    def load(cls, path: Path) -> "Signer":
        """The signer in a file of its owner's. Raises InvalidKey when it is missing, malformed, or open to others."""
        try:
            _require_private(path)
            return cls.parse(path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InvalidKey(
                f"no signer key in {path}: {reason}",
                hint="Make one with `atlas-ledger keys init`, or name its file in ledger.key_file.",
            ) from error

    def format(self) -> str:
        """The ``skey`` text, without a newline. Keep it secret."""
        return _PRIVATE + format_key(self.verifier.name, self.verifier.key_id, _ED25519 + self._seed)

    def save(self, path: Path) -> None:
        """Write the key to a new file that only its owner may read. Raises InvalidKey when the file exists."""
        try:
            path.touch(mode=0o600, exist_ok=False)
        except FileExistsError as error:
            raise InvalidKey(f"{path} exists, and a key is never overwritten") from error
        path.write_text(self.format() + "\n")

    def sign(self, text: str) -> SignedNote:
        """The text as a note with this key's signature. Raises MalformedNote when it is no note's text."""
        check_text(text)
        signature = NoteSignature(self.verifier.name, self.verifier.key_id, self._key.sign(text.encode()))
        return SignedNote(text, (signature,))


def parse_note(data: bytes) -> SignedNote:
    """The note in ``data``, its signatures not verified. Raises MalformedNote unless the form is exact."""
    if len(data) > MAX_NOTE_BYTES:
        raise MalformedNote(f"a note has at most {MAX_NOTE_BYTES} bytes, not {len(data)}")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedNote("a note is UTF-8 text") from error
    text, separator, signatures = whole.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise MalformedNote("a note is a text, an empty line and signature lines, each ended by a newline")
    check_text(text + "\n")
    lines = signatures.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedNote(f"a note has at most {MAX_SIGNATURES} signatures, not {len(lines)}")
    return SignedNote(text + "\n", tuple(map(_parse_signature, lines)))


def _parse_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise MalformedNote(f"a signature line is '{_DASH}<name> <base64>', not {line[:120]!r}")
    signature = decode_base64(encoded, "a signature")
    if len(signature) < 5:
        raise MalformedNote(f"a signature has a key id of 4 bytes and more, not {len(signature)} bytes in all")
    return NoteSignature(name, signature[:4], signature[4:])


def decode_base64(text: str, what: str) -> bytes:
    """The bytes of canonical standard base64. Raises MalformedNote."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedNote(f"{what} is base64, not {text[:120]!r}") from error
    if base64.b64encode(data).decode() != text:
        raise MalformedNote(f"{what} is base64 in canonical form, not {text[:120]!r}")
    return data


def check_text(text: str) -> None:
    """Raises MalformedNote unless this is the text of a note."""
    if not text.endswith("\n") or len(text) < 2:
        raise MalformedNote("the text of a note has at least one line, and each line ends with a newline")
    if any(ord(character) < 0x20 and character != "\n" for character in text):
        raise MalformedNote("the text of a note has no control characters but newlines")


def _is_name(name: str) -> bool:
    """Key names have no plus and no Unicode space, and are not empty."""
    return bool(name) and "+" not in name and not any(_is_space(character) for character in name)


def _is_space(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc")


def check_name(name: str) -> None:
    """Raises InvalidKey unless this is a key's name."""
    if not _is_name(name):
        raise InvalidKey(
            f"a key's name has no spaces and no '+', and is not empty: {name!r}",
            hint="The customary name is a host name with a path, as in log.example.org/ledger.",
        )


def _check_key(key: bytes) -> None:
    if len(key) != _KEY_BYTES:
        raise InvalidKey(f"an Ed25519 key has {_KEY_BYTES} bytes, not {len(key)}")


def key_id_of(name: str, algorithm: bytes, public_key: bytes) -> bytes:
    """The 4 bytes by which a signature line names its key; ``algorithm`` is one byte."""
    return sha256(name.encode() + b"\n" + algorithm + public_key).digest()[:4]


def format_key(name: str, key_id: bytes, key: bytes) -> str:
    """The text of a key, whose bytes begin with its algorithm."""
    return f"{name}+{key_id.hex()}+{base64.b64encode(key).decode()}"


def split_key(text: str, form: str, algorithm: bytes) -> tuple[str, bytes, bytes]:
    """Name, key id and the bytes of a key of this algorithm. Raises InvalidKey."""
    parts = text.split("+", 2)
    if len(parts) != 3 or len(parts[1]) != 8:
        raise InvalidKey(f"a key is {form}")
    try:
        key_id, key = bytes.fromhex(parts[1]), decode_base64(parts[2], "a key")
    except (ValueError, MalformedNote) as error:
        raise InvalidKey(f"a key is {form}: {error}") from error
    if key[:1] != algorithm:
        raise InvalidKey(
            f"a key that begins with the byte 0x{algorithm.hex()} is expected, not 0x{key[:1].hex()}",
            hint="0x01 is the Ed25519 key of a log, 0x04 the Ed25519 key of a witness.",
        )
    return parts[0], key_id, key[1:]


def _require_private(path: Path) -> None:
    """Raises InvalidKey when others than its owner may read or write a file, OSError when it is not there."""
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise InvalidKey(
            f"{path} has the mode {mode:o}, and others than its owner may use the key in it",
            hint=f"Run `chmod 600 {path}`; if it was open for long, let another key take over (`ledger hand-over`).",
        )


def _matching(verifier: Verifier, key_id: bytes) -> Verifier:
    if verifier.key_id != key_id:
        raise InvalidKey(
            f"the key id is {key_id.hex()}, but name and key give {verifier.key_id.hex()}",
            hint="The key was damaged, or its name was edited.",
        )
    return verifier
