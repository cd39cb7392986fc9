"""A malicious administrator: plain SQL and every file, everything but the signing key."""

from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import psycopg

from atlas.ledger import MIGRATIONS
from atlas.ledger.archive.archive import Archive
from atlas.ledger.archive.manifests import MANIFEST, FileHash, Range
from atlas.ledger.checkpoints.checkpointer import latest_note
from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.ledger.merkle.tree import Tree
from atlas.ledger.migrations import migrate
from atlas.ledger.schema import set_partition_facts
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import SIGNER

# A leaf hash that fits its row, as one who can write SQL would compute it.
FITTING_LEAF = """
update ledger.events set leaf_hash = sha256('\\x00'::bytea || uuid_send(stream) || int8send(version)
    || int2send(octet_length(convert_to(topic, 'UTF8'))::int2) || convert_to(topic, 'UTF8')
    || int8send(octet_length(payload)) || sha256(payload))
"""
FITTING_KEYS = (
    "delete from ledger.keys",
    "insert into ledger.keys select stream, version, position from ledger.events on conflict do nothing",
)


class Tampering:
    """Plain SQL by someone with access to the database, every constraint out of the way."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def __call__(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement.encode())

    def close(self) -> None:
        self._connection.close()


def open_all(tamper: Tampering) -> None:
    """Take the constraints of the tables away."""
    tamper(
        "alter table ledger.tiles drop constraint tiles_check",
        "alter table ledger.tiles drop constraint tiles_level_check",
        "alter table ledger.tiles drop constraint tiles_width_check",
        "alter table ledger.head drop constraint head_only_row_check",
        "alter table ledger.head drop constraint head_partition_facts_check",
        "alter table ledger.archives drop constraint archives_check",
    )


def make_place(tamper: Tampering) -> None:
    """Make a place for rows where the log has no partition."""
    tamper("create table ledger.events_elsewhere partition of ledger.events default")


def rebuild_tiles(database: Database) -> None:
    """The tree over what the facts have become."""
    with database.connection() as connection:
        connection.execute("delete from ledger.tiles")
    Tree(database).integrate()


@contextmanager
def new_log(postgres_url: str, directory: Path, name: str, *, partition_facts: int) -> Generator[Ledger]:
    """An empty log in a database of this name, with an archive."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
    with Database(postgres_url.replace("/postgres?", f"/{name}?")) as database:
        migrate(database, MIGRATIONS)
        with database.connection() as connection:
            set_partition_facts(connection, partition_facts)
        yield Ledger(database, Archive(directory))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)'.encode())


@contextmanager
def copy_of(postgres_url: str, template: str, name: str) -> Generator[str]:
    """The URL of a copy of a database that nobody is connected to."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{template}"'.encode())
    yield postgres_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)'.encode())


def refit(directory: Path, part: Range, database: Database) -> None:
    """Make the manifest of a range, and what the database has recorded of it, fit its files."""
    path = directory / part.name
    manifest = Archive(directory).manifest(part)
    for name, was in manifest.files.items():
        data = (path / name).read_bytes()
        now = FileHash(len(data), sha256(data).hexdigest())
        text = (path / MANIFEST).read_bytes()
        text = text.replace(was.sha256.encode(), now.sha256.encode())
        text = text.replace(
            b'"size_bytes": %d,\n      "sha256": "%b"' % (was.size_bytes, now.sha256.encode()),
            b'"size_bytes": %d,\n      "sha256": "%b"' % (now.size_bytes, now.sha256.encode()),
        )
        (path / MANIFEST).write_bytes(text)
    with database.connection() as connection:
        digest = Archive(directory).manifest(part).sha256()
        connection.execute("update ledger.archives set manifest_sha256 = %s where first = %s", (digest, part.first))


def verify(ledger: Ledger) -> None:
    """As an auditor does who has the latest checkpoint from outside."""
    note = latest_note(ledger.database, SIGNER.verifier)
    assert note is not None
    verify_ledger(ledger, note, SIGNER.verifier)
