"""Processes that append and sign until they are killed, and say in a file what was acknowledged.

A line is written by one system call into the page cache, so a killed process leaves whole lines or none.
"""

import base64
import logging
import os
import random
import time
from pathlib import Path

import msgspec

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.high_water import HighWater
from atlas.ledger.checkpoints.notes import Signer
from atlas.ledger.database import Database
from atlas.ledger.errors import DatabaseUnreachable
from atlas.ledger.log import Ledger
from tests.ledger.examples import facts

ORIGIN = "log.example.org/crashing"
SIGNER = Signer(ORIGIN, bytes(range(32)))
NOTE_FILE = "checkpoint.note"
# One by function call, several, the last below COPY, the first by COPY, and a large one.
COUNTS = (1, 1, 2, 10, 255, 256, 300)
LONGEST_PAUSE_S = 0.01
AWAY_S = 0.05
# Connections are lost on purpose here.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


class Acknowledged(msgspec.Struct, frozen=True):
    """A batch whose positions ``append`` has returned: facts ``name`` with versions 0 to ``count`` - 1."""

    name: str
    count: int
    positions: list[int]


def append_for_ever(url: str, name: str, seed: int, file: str, batches: int = 1_000_000) -> None:
    """Append batches of random size, each a stream of its own; one that failed is tried again until it is recorded."""
    chance = random.Random(f"{seed}/{name}")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Database(url, timeout_s=2) as database:
        ledger = Ledger(database)
        for number in range(batches):
            batch, count = f"{name}/{number}", chance.choice(COUNTS)
            positions = _persistently(ledger, batch, count)
            if chance.random() < 0.1:
                assert positions == _persistently(ledger, batch, count)
            os.write(descriptor, msgspec.json.encode(Acknowledged(batch, count, positions)) + b"\n")
            time.sleep(chance.random() * LONGEST_PAUSE_S)


def _persistently(ledger: Ledger, batch: str, count: int) -> list[int]:
    while True:
        try:
            return ledger.append(facts(batch, count, payload_bytes=60))
        except DatabaseUnreachable:
            time.sleep(AWAY_S)


def sign_for_ever(url: str, file: str) -> None:
    """Sign checkpoints, keep the last beside ``file``, and publish each by writing it down."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Database(url, timeout_s=2) as database:
        high_water = HighWater(database, Path(file).with_name(NOTE_FILE), ORIGIN)
        checkpointer = Checkpointer(database, SIGNER, keep=high_water.keep)
        while True:
            try:
                note = checkpointer.checkpoint().encode()
            except DatabaseUnreachable:
                time.sleep(AWAY_S)
                continue
            os.write(descriptor, base64.b64encode(note) + b"\n")
            time.sleep(0.01)


def read_acknowledged(file: Path) -> list[Acknowledged]:
    """What was acknowledged, in order."""
    return [msgspec.json.decode(line, type=Acknowledged) for line in _lines(file)]


def read_published(file: Path) -> list[bytes]:
    """The notes that were published, in order."""
    return [base64.b64decode(line) for line in _lines(file)]


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines() if file.exists() else []
