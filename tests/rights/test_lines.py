from hashlib import sha256

import pytest

from atlas.rights.errors import StatementMismatch
from atlas.rights.royalties.lines import check_line
from atlas.rights.royalties.revenue import Books
from atlas.rights.royalties.statements import Period, prove_line, state
from tests.rights.books import FILM, HERO, books, payee, receipt

SALT = bytes(range(32))
COUNTS = [1, 2, 3, 7, 8, 20]


def received(count: int) -> Books:
    return books(*(receipt(5 + place, HERO, 3 * 1_000_003 + 3 * place) for place in range(count)), links=())


@pytest.mark.parametrize("count", COUNTS)
def test_every_line_is_proved_to_whoever_has_the_root(count: int) -> None:
    file = state(received(count), Period(payee(2), 0, 99), salt=SALT)
    for number, line in enumerate(file.statement.lines):
        shown = check_line(prove_line(file, number), file.statement.lines_root)
        assert (shown.line, shown.number, shown.size, shown.payee) == (line, number, count, payee(2))


def test_a_proof_shows_no_other_line() -> None:
    file = state(received(8), Period(payee(2), 0, 99), salt=SALT)
    proof = prove_line(file, 3)
    others = [line for number, line in enumerate(file.statement.lines) if number != 3]
    assert not any(str(line.amount_wei).encode() in proof for line in others)
    assert SALT.hex().encode() not in proof


def test_the_salt_keeps_a_neighbour_from_being_guessed() -> None:
    books_of_two = received(2)
    one, other = (state(books_of_two, Period(payee(2), 0, 99), salt=salt) for salt in (SALT, sha256(SALT).digest()))
    assert one.statement.lines == other.statement.lines
    assert one.statement.lines_root != other.statement.lines_root


def test_a_proof_with_one_byte_changed_is_refused() -> None:
    file = state(received(5), Period(payee(2), 0, 99), salt=SALT)
    proof = prove_line(file, 2)
    for place in range(len(proof)):
        changed = bytearray(proof)
        changed[place] ^= 1
        with pytest.raises(StatementMismatch):
            check_line(bytes(changed), file.statement.lines_root)


def test_a_line_of_another_statement_is_refused() -> None:
    one = state(received(5), Period(payee(2), 0, 99), salt=SALT)
    other = state(received(5), Period(payee(9), 0, 99), salt=SALT)
    with pytest.raises(StatementMismatch, match="with the root"):
        check_line(prove_line(one, 2), other.statement.lines_root)


@pytest.mark.parametrize("number", [-1, 5])
def test_a_line_that_is_not_there_has_no_proof(number: int) -> None:
    file = state(received(5), Period(payee(2), 0, 99), salt=SALT)
    with pytest.raises(StatementMismatch, match="5 lines"):
        prove_line(file, number)


def test_a_statement_without_lines_has_the_root_of_the_empty_tree() -> None:
    file = state(books(receipt(5, FILM, 1)), Period(payee(77), 0, 99), salt=SALT)
    assert file.statement.lines_root == sha256(b"").digest()
