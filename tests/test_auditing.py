"""The auditor's page: its program runs on a bare Python, accepts what is so and refuses what is not."""

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpoint
from atlas.ledger.checkpoints.notes import SignedNote, Signer
from atlas.ledger.checkpoints.proofs import InclusionProof
from atlas.ledger.merkle.rfc6962 import Node, inclusion_proof, leaf_hash, perfect_root, root
from atlas.ledger.recording.entries import entry_of
from tests.ledger.examples import facts

PAGE = Path(__file__).parents[1] / "docs/explanation/ledger.md"
ORIGIN = "log.example.org/ledger"
SIGNER = Signer(ORIGIN, bytes(range(32)))
FACTS = facts("a", 21)
ENTRIES = [entry_of(fact.stream, fact.version, fact.topic, fact.payload).encode() for fact in FACTS]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def node(wanted: Node) -> bytes:
    return perfect_root(b"".join(LEAVES[wanted.index << wanted.height : (wanted.index + 1) << wanted.height]))


def proof(index: int, size: int) -> bytes:
    note = SIGNER.sign(Checkpoint(ORIGIN, size, root(size, node)).text())
    cosigned = SignedNote(note.text, (*Signer.generate("witness").sign(note.text).signatures, *note.signatures))
    return InclusionProof(ENTRIES[index], index, tuple(inclusion_proof(index, size, node)), cosigned).encode()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    file = tmp_path / "check.py"
    file.write_text(snippet)
    return file


def check(
    program: Path, data: bytes, *, payload: bytes | None = None, key: str = ""
) -> "subprocess.CompletedProcess[str]":
    file, payload_file = program.with_name("proof"), program.with_name("payload")
    file.write_bytes(data)
    options = [] if payload is None else [str(payload_file)]
    payload_file.write_bytes(payload or b"")
    # -I and -S: nothing but the standard library is there.
    command = [sys.executable, "-I", "-S", str(program), str(file), key or SIGNER.verifier.format(), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (1, 2), (4, 5), (0, 21), (13, 21), (20, 21), (15, 16)])
def test_the_page_s_program_accepts_a_proof(program: Path, index: int, size: int) -> None:
    ran = check(program, proof(index, size), payload=FACTS[index].payload)
    assert ran.returncode == 0, ran.stderr
    assert f"position {index + 1} of {ORIGIN}, in the log over {size} facts" in ran.stdout


def test_the_page_s_program_refuses_what_is_not_so(program: Path) -> None:
    good = proof(13, 21)
    lines = good.decode().split("\n")
    for place in range(1, len(lines)):
        altered = _altered(lines[place])
        if altered != lines[place] and not lines[place].startswith("— witness"):
            ran = check(program, "\n".join([*lines[:place], altered, *lines[place + 1 :]]).encode())
            assert ran.returncode != 0, altered
    assert "ANOTHER PAYLOAD" in check(program, good, payload=b"other").stderr
    assert check(program, good, key=Signer.generate(ORIGIN).verifier.format()).returncode != 0
    fewer = "\n".join([*lines[:3], *lines[4:]]).encode()
    assert check(program, fewer).returncode != 0


def _altered(line: str) -> str:
    """The line with one bit of its last field changed."""
    *head, last = line.split(" ")
    try:
        data = base64.b64decode(last, validate=True)
    except ValueError:
        data = b""
    if last.isdigit():
        return " ".join([*head, str(int(last) ^ 1)])
    return " ".join([*head, base64.b64encode(data[:-1] + bytes([data[-1] ^ 1])).decode()]) if len(data) > 8 else line
