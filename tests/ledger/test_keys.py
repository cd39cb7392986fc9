"""One contract for every place where the signing key may be kept."""

import base64
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas.ledger.checkpoints.keys import CallbackKey, SigningKey, command_callback, key_from_environment
from atlas.ledger.checkpoints.notes import Signer, Verifier
from atlas.ledger.errors import InvalidKey, MalformedNote, SigningFailed

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))
TEXT = "log.example.org/ledger\n5\nAAAA\n"

# A stand-in for a KMS's client: it has the key, and the ledger runs it.
PROGRAM = """
import base64, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
print(base64.b64encode(key.sign(sys.stdin.buffer.read())).decode())
"""


def from_file(directory: Path) -> SigningKey:
    SIGNER.save(directory / "key")
    return Signer.load(directory / "key")


def from_environment(_: Path) -> SigningKey:
    return key_from_environment("LOG_KEY", {"LOG_KEY": SIGNER.format() + "\n"})


def from_callback(_: Path) -> SigningKey:
    return CallbackKey(SIGNER.verifier, lambda message: SIGNER.sign(message.decode()).signatures[0].signature)


def from_program(directory: Path) -> SigningKey:
    program = directory / "kms.py"
    program.write_text(PROGRAM)
    return CallbackKey(SIGNER.verifier, command_callback([sys.executable, str(program)]))


class TestContract:
    @pytest.fixture(params=[from_file, from_environment, from_callback, from_program], ids=lambda make: make.__name__)
    def key(self, request: pytest.FixtureRequest, tmp_path: Path) -> SigningKey:
        make: Callable[[Path], SigningKey] = request.param
        return make(tmp_path)

    def test_its_signature_verifies_and_is_the_same_wherever_the_key_is(self, key: SigningKey) -> None:
        note = key.sign(TEXT)
        key.verifier.verify(note)
        assert note == SIGNER.sign(TEXT)

    def test_its_verifier_is_the_public_key(self, key: SigningKey) -> None:
        assert Verifier.parse(key.verifier.format()).public_key == SIGNER.verifier.public_key

    def test_nothing_but_a_text_of_lines_is_signed(self, key: SigningKey) -> None:
        with pytest.raises(MalformedNote):
            key.sign("no newline")


def test_a_variable_that_is_not_set_or_no_key_is_named_and_not_quoted() -> None:
    with pytest.raises(InvalidKey, match="LOG_KEY is not set"):
        key_from_environment("LOG_KEY", {})
    with pytest.raises(InvalidKey, match="LOG_KEY") as caught:
        key_from_environment("LOG_KEY", {"LOG_KEY": "a secret that is no key"})
    assert "secret" not in caught.value.message


def test_a_signature_that_does_not_fit_the_key_is_never_used() -> None:
    for answer in (b"", bytes(64), Signer.generate("other").sign(TEXT).signatures[0].signature):
        with pytest.raises(SigningFailed, match=f"{len(answer)} bytes"):
            CallbackKey(SIGNER.verifier, lambda _, answer=answer: answer).sign(TEXT)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.exit('the HSM is locked')", "exit status 1: the HSM is locked"),
        ("print('not base64!')", "answered something else"),
        ("import time; time.sleep(60)", "no answer in 1 s"),
    ],
)
def test_a_program_that_fails_is_named_with_the_reason(program: str, reason: str) -> None:
    key = CallbackKey(SIGNER.verifier, command_callback([sys.executable, "-c", program], timeout_s=1))
    with pytest.raises(SigningFailed, match=reason):
        key.sign(TEXT)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(SigningFailed, match="/no/such/program"):
        command_callback(["/no/such/program"])(b"")


def test_a_program_answers_for_the_whole_message(tmp_path: Path) -> None:
    answer = tmp_path / "message"
    program = f"import sys, base64; open({str(answer)!r}, 'wb').write(sys.stdin.buffer.read()); print('AAAA')"
    assert command_callback([sys.executable, "-c", program])(TEXT.encode()) == base64.b64decode("AAAA")
    assert answer.read_bytes() == TEXT.encode()
