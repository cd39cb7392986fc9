import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.ledger.checkpoints.notes import NoteSignature, SignedNote, Signer, Verifier, parse_note
from atlas.ledger.errors import BadSignature, InvalidKey, MalformedNote, NoteError, UnknownSigner

SIGNER = Signer("log.example.org/ledger", bytes(range(32)))
TEXT = "log.example.org/ledger\n5\nAAAA\n"
lines = st.lists(st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), max_size=20), min_size=1)


def test_a_key_has_the_text_form_and_id_of_the_specification() -> None:
    # The example keys of the signed-note package's documentation.
    skey = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    signer = Signer.parse(skey)
    assert signer.verifier.format() == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert signer.format() == skey


def test_a_published_note_verifies() -> None:
    verifier = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    note = parse_note(f"{text}\n— PeterNeumann {signature}\n".encode())
    verifier.verify(note)


@given(lines)
def test_a_signed_note_reads_back_and_verifies(drawn: list[str]) -> None:
    text = "".join(f"{line}\n" for line in ["first", *drawn])
    note = SIGNER.sign(text)
    assert parse_note(note.encode()) == note
    SIGNER.verifier.verify(note)


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    encoded = bytearray(SIGNER.sign(TEXT).encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NoteError):
        SIGNER.verifier.verify(parse_note(bytes(encoded)))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_canonical(data: bytes) -> None:
    try:
        note = parse_note(data)
    except MalformedNote:
        return
    assert note.encode() == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"\n\n\xe2\x80\x94 name AAAAAAA=\n",
        "text\n\n— name AAAAAAA=".encode(),
        "text\n\n— name AAAAAAA\n".encode(),
        "text\n\n— name AAAAAAB=\n".encode(),
        "text\n\n— name AAAAAA==\n".encode(),
        "text\n\n— na+me AAAAAAA=\n".encode(),
        "text\n\n—  AAAAAAA=\n".encode(),
        b"text\n\n- name AAAAAAA=\n",
        "te\txt\n\n— name AAAAAAA=\n".encode(),
        "text\r\n\n— name AAAAAAA=\n".encode(),
        b"\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"x" * 1_000_001,
        b"text\n\n" + "— name AAAAAAA=\n".encode() * 101,
    ],
)
def test_what_is_not_exactly_a_note_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedNote):
        parse_note(data)


def test_signatures_of_strangers_are_ignored() -> None:
    stranger = Signer.generate("witness.example.org").sign(TEXT)
    note = SignedNote(TEXT, (*stranger.signatures, *SIGNER.sign(TEXT).signatures))
    SIGNER.verifier.verify(parse_note(note.encode()))


def test_a_note_without_the_expected_signature_names_those_who_signed() -> None:
    note = Signer.generate("witness.example.org").sign(TEXT)
    with pytest.raises(UnknownSigner, match=r"witness\.example\.org"):
        SIGNER.verifier.verify(note)


def test_another_key_under_the_same_name_is_another_signer() -> None:
    with pytest.raises(UnknownSigner):
        SIGNER.verifier.verify(Signer.generate(SIGNER.verifier.name).sign(TEXT))


def test_a_signature_of_another_text_is_refused() -> None:
    signatures = SIGNER.sign("another text\n").signatures
    with pytest.raises(BadSignature):
        SIGNER.verifier.verify(SignedNote(TEXT, signatures))


def test_a_second_bad_signature_of_the_same_key_is_not_overlooked() -> None:
    good = SIGNER.sign(TEXT).signatures[0]
    bad = NoteSignature(good.name, good.key_id, bytes(64))
    with pytest.raises(BadSignature):
        SIGNER.verifier.verify(SignedNote(TEXT, (good, bad)))


@pytest.mark.parametrize("text", ["", "\n", "no newline", "tab\there\n"])
def test_nothing_but_a_text_of_lines_is_signed(text: str) -> None:
    with pytest.raises(MalformedNote):
        SIGNER.sign(text)


@pytest.mark.parametrize("name", ["", "two words", "plus+plus", "non\u00a0breaking", "new\nline"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidKey):
        Signer.generate(name)


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_a_key_of_the_wrong_length_is_refused(seed: bytes) -> None:
    with pytest.raises(InvalidKey):
        Signer("name", seed)
    with pytest.raises(InvalidKey):
        Verifier("name", seed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name+00000000",
        "name+0000000g+AQ==",
        "name+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(),
        SIGNER.verifier.format().replace("log.", "lag."),
        SIGNER.verifier.format()[:-4] + "AAAA",
        f"name+00000000+{base64.b64encode(bytes(33)).decode()}",
        SIGNER.format(),
    ],
)
def test_a_verifier_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey):
        Verifier.parse(text)


def test_a_verifier_key_is_no_signer_key() -> None:
    with pytest.raises(InvalidKey, match="PRIVATE"):
        Signer.parse(SIGNER.verifier.format())


def test_a_key_is_saved_for_its_owner_alone_and_loads_again(tmp_path: Path) -> None:
    signer = Signer.generate("log.example.org/ledger")
    signer.save(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert Signer.load(tmp_path / "key").format() == signer.format()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    SIGNER.save(tmp_path / "key")
    with pytest.raises(InvalidKey, match="never overwritten"):
        Signer.generate("other").save(tmp_path / "key")
    assert Signer.load(tmp_path / "key").format() == SIGNER.format()


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidKey, match="missing"):
        Signer.load(tmp_path / "missing")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o666])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    SIGNER.save(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(InvalidKey, match=f"mode {mode:o}") as refused:
        Signer.load(tmp_path / "key")
    assert f"chmod 600 {tmp_path / 'key'}" in refused.value.hint
    (tmp_path / "key").chmod(0o400)
    assert Signer.load(tmp_path / "key").format() == SIGNER.format()
