"""What a malicious administrator does to the facts, their keys and the tree, place by place and column by column.

Each edit is made three times: alone, with leaf hashes (and keys) that fit it, and with the tree rebuilt over it. What
only the signature gives away is named by the stretch between two checkpoints, everything else by its position.
"""

import itertools
import os
from collections.abc import Iterator

import pytest

from atlas.ledger.checkpoints.checkpointer import Checkpointer
from atlas.ledger.checkpoints.notes import SignedNote
from atlas.ledger.database import Database
from atlas.ledger.errors import (
    AlteredFact,
    AlteredHead,
    AlteredKey,
    AlteredTree,
    LedgerBehindCheckpoint,
    LedgerCorrupt,
    MisplacedFact,
    MissingFact,
    RootMismatch,
)
from atlas.ledger.log import Ledger
from atlas.ledger.verification.whole import verify_ledger
from tests.ledger.archives import SIGNER
from tests.ledger.examples import facts
from tests.ledger.tampering import (
    FITTING_KEYS,
    FITTING_LEAF,
    Tampering,
    copy_of,
    make_place,
    new_log,
    open_all,
    rebuild_tiles,
)

PARTITION, OLDER, SIZE = 512, 400, 1100
# first, middle, both sides of the edges of a tile, of a checkpoint and of a partition, last
PLACES = (1, 150, 256, 257, OLDER, OLDER + 1, PARTITION, PARTITION + 1, 1024, SIZE)
_serial = itertools.count()


def between_checkpoints(position: int) -> int:
    """The first position that a change may lie at when all but the signatures was made to fit it."""
    return 1 if position <= OLDER else OLDER + 1


@pytest.fixture(scope="module")
def signed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, SignedNote]]:
    """The name of a database with a signed log, and its latest checkpoint, kept outside."""
    name = f"tampering_{os.getpid()}"
    with new_log(postgres_url, tmp_path_factory.mktemp("tampering"), name, partition_facts=PARTITION) as ledger:
        checkpointer = Checkpointer(ledger.database, SIGNER)
        ledger.append(facts("a", OLDER))
        checkpointer.checkpoint()
        ledger.append(facts("b", SIZE - OLDER, topic="other.fact"))
        note = checkpointer.checkpoint()
        ledger.database.close()
        yield name, note


@pytest.fixture
def note(signed: tuple[str, SignedNote]) -> SignedNote:
    return signed[1]


@pytest.fixture
def database(postgres_url: str, signed: tuple[str, SignedNote]) -> Iterator[Database]:
    with (
        copy_of(postgres_url, signed[0], f"{signed[0]}_{next(_serial)}") as url,
        Database(url) as database,
    ):
        yield database


@pytest.fixture
def tamper(database: Database) -> Iterator[Tampering]:
    tampering = Tampering(database.url)
    open_all(tampering)
    make_place(tampering)
    yield tampering
    tampering.close()


def refused(database: Database, note: SignedNote, error: type[LedgerCorrupt], position: int | None) -> None:
    with pytest.raises(error) as caught:
        verify_ledger(Ledger(database), note, SIGNER.verifier)
    assert caught.value.position == position, caught.value.message


def found_however_well_it_fits(
    database: Database, note: SignedNote, tamper: Tampering, position: int, *edit: str
) -> None:
    """The edit is found with leaf hashes and keys that fit it, and with tiles that fit it too."""
    tamper(*edit, FITTING_LEAF, *FITTING_KEYS)
    refused(database, note, AlteredTree, position)
    rebuild_tiles(database)
    refused(database, note, RootMismatch, between_checkpoints(position))


def test_the_untouched_log_verifies(database: Database, note: SignedNote, tamper: Tampering) -> None:
    tamper("drop table ledger.events_elsewhere")
    verify_ledger(Ledger(database), note, SIGNER.verifier)
    tamper(FITTING_LEAF, *FITTING_KEYS)
    rebuild_tiles(database)
    verify_ledger(Ledger(database), note, SIGNER.verifier)


EDITS = {
    "stream": "stream = '00000000-0000-8000-8000-000000000000'",
    "version": "version = version + 100000",
    "topic": "topic = topic || 'x'",
    "payload": "payload = set_byte(payload, 0, get_byte(payload, 0) # 1)",
}


@pytest.mark.parametrize("position", PLACES)
@pytest.mark.parametrize("column", EDITS)
def test_an_edited_column_is_found(
    database: Database, note: SignedNote, tamper: Tampering, column: str, position: int
) -> None:
    edit = f"update ledger.events set {EDITS[column]} where position = {position}"
    tamper(edit)
    refused(database, note, AlteredFact, position)
    found_however_well_it_fits(database, note, tamper, position)


@pytest.mark.parametrize("position", PLACES)
def test_an_edited_leaf_hash_is_found(database: Database, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(f"update ledger.events set leaf_hash = sha256('x') where position = {position}")
    refused(database, note, AlteredFact, position)
    rebuild_tiles(database)
    refused(database, note, AlteredFact, position)


@pytest.mark.parametrize("position", PLACES)
def test_a_payload_set_to_null_is_found(database: Database, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(f"update ledger.events set payload = null where position = {position}")
    refused(database, note, AlteredFact, position)


@pytest.mark.parametrize("target", [0, -1, SIZE + 1, 10**6])
@pytest.mark.parametrize("position", PLACES)
def test_a_fact_moved_out_of_the_log_is_found(
    database: Database, note: SignedNote, tamper: Tampering, position: int, target: int
) -> None:
    tamper(f"update ledger.events set position = {target} where position = {position}")
    refused(database, note, MisplacedFact, target)


@pytest.mark.parametrize("position", PLACES)
def test_a_deleted_fact_is_found(database: Database, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(f"delete from ledger.events where position = {position}")
    refused(database, note, MissingFact, position)
    tamper(f"delete from ledger.keys where position = {position}")
    refused(database, note, MissingFact, position)


def closed_up(position: int) -> list[str]:
    return [
        f"delete from ledger.events where position = {position}",
        f"update ledger.events set position = -position where position > {position}",
        "update ledger.events set position = -position - 1 where position < 0",
    ]


def insertion(position: int) -> str:
    return f"insert into ledger.events select {position}, gen_random_uuid(), 0, 'forged', 'x', ''"


@pytest.mark.parametrize("position", PLACES)
def test_a_deleted_fact_is_found_when_the_gap_is_closed(
    database: Database, note: SignedNote, tamper: Tampering, position: int
) -> None:
    tamper(*closed_up(position), f"update ledger.head set position = {SIZE - 1}")
    refused(database, note, LedgerBehindCheckpoint, SIZE)
    tamper(f"update ledger.head set position = {SIZE}")
    found_however_well_it_fits(database, note, tamper, position, insertion(SIZE))


@pytest.mark.parametrize("position", PLACES)
def test_an_inserted_fact_is_found(database: Database, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(
        f"update ledger.events set position = -position where position >= {position}",
        "update ledger.events set position = -position + 1 where position < 0",
        insertion(position),
    )
    refused(database, note, MisplacedFact, SIZE + 1)
    found_however_well_it_fits(database, note, tamper, position, f"update ledger.head set position = {SIZE + 1}")


@pytest.mark.parametrize("position", PLACES[:-1])
def test_swapped_facts_are_found(database: Database, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(
        f"update ledger.events set position = 0 where position = {position}",
        f"update ledger.events set position = {position} where position = {position + 1}",
        f"update ledger.events set position = {position + 1} where position = 0",
    )
    refused(database, note, AlteredTree, position)
    found_however_well_it_fits(database, note, tamper, position)


@pytest.mark.parametrize("column", ["topic", "payload", "leaf_hash"])
@pytest.mark.parametrize("position", PLACES[:-1])
def test_swapped_columns_are_found(
    database: Database, note: SignedNote, tamper: Tampering, column: str, position: int
) -> None:
    other = OLDER if position > OLDER else SIZE
    tamper(
        f"update ledger.events as one set {column} = other.{column} from ledger.events as other"
        f" where one.position in ({position}, {other}) and other.position = {position} + {other} - one.position"
    )
    refused(database, note, AlteredFact, min(position, other))


@pytest.mark.parametrize("position", PLACES)
def test_a_truncated_log_is_found(database: Database, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(f"delete from ledger.events where position >= {position}")
    refused(database, note, MissingFact, position)
    tamper(f"update ledger.head set position = {position - 1}", *FITTING_KEYS)
    refused(database, note, LedgerBehindCheckpoint, position)
    tamper(f"delete from ledger.checkpoints where tree_size >= {position}")
    rebuild_tiles(database)
    refused(database, note, LedgerBehindCheckpoint, position)


def test_a_dropped_partition_that_is_not_archived_is_found(
    database: Database, note: SignedNote, tamper: Tampering
) -> None:
    tamper("drop table ledger.events_0")
    refused(database, note, AlteredHead, None)
    tamper(f"update ledger.head set dropped = {PARTITION}")
    refused(database, note, AlteredHead, 1)


@pytest.mark.parametrize(
    "edit",
    [
        "update ledger.keys set stream = gen_random_uuid() where position = {}",
        "update ledger.keys set version = version + 100000 where position = {}",
        "update ledger.keys set position = position + 5000 where position = {}",
        "delete from ledger.keys where position = {}",
    ],
)
@pytest.mark.parametrize("position", PLACES)
def test_an_altered_key_is_found(
    database: Database, note: SignedNote, tamper: Tampering, edit: str, position: int
) -> None:
    tamper(edit.format(position))
    refused(database, note, AlteredKey, position)


@pytest.mark.parametrize("position", PLACES[:-1])
def test_swapped_keys_are_found(database: Database, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(
        f"update ledger.keys set position = {2 * position + 1} - position"
        f" where position in ({position}, {position + 1})"
    )
    refused(database, note, AlteredKey, position)


@pytest.mark.parametrize("position", [*PLACES, -1, 0, SIZE + 1, 10**12])
def test_an_inserted_key_is_found(database: Database, note: SignedNote, tamper: Tampering, position: int) -> None:
    tamper(f"insert into ledger.keys values (gen_random_uuid(), 0, {position})")
    refused(database, note, AlteredKey, position)
