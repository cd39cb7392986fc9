from atlas.provenance.reading import MAX_ANCESTORS, read_pedigree, snapshot, versions_with_content
from tests.projections.chain import aaid_of
from tests.provenance.world import CREATOR, WORKER, World, media_input, sha256


def test_a_pedigree_holds_what_the_ledger_knows(world: World) -> None:
    script = world.generate(b"script")
    shot = world.generate(b"shot", media_input(b"script", "text/plain", script, role="script"))
    world.register(1, sha256(b"shot"), shot)
    world.project()
    with snapshot(world.database) as connection:
        pedigree = read_pedigree(connection, aaid_of(1), 1)
    assert pedigree is not None
    assert pedigree.asset.creator == pedigree.asset.owner == CREATOR
    assert pedigree.asset.token_id == 1
    (source,) = pedigree.sources
    assert (source.record_id, source.worker, source.seed) == (shot, WORKER, 11)
    assert source.inputs[0].upstream == script
    assert source.outputs[0].sha256 == sha256(b"shot")
    assert [ancestor.record_id for ancestor in pedigree.ancestors] == [script]
    assert source.position > pedigree.ancestors[0].position > 0
    assert pedigree.complete


def test_ancestors_come_nearest_first_and_each_once(world: World) -> None:
    root = world.generate(b"root")
    left = world.generate(b"left", media_input(b"root", "image/png", root))
    right = world.generate(b"right", media_input(b"root", "image/png", root))
    inputs = (media_input(b"left", "image/png", left), media_input(b"right", "image/png", right))
    world.register(1, sha256(b"top"), world.generate(b"top", *inputs, media_input(b"root", "image/png", root)))
    world.project()
    with snapshot(world.database) as connection:
        pedigree = read_pedigree(connection, aaid_of(1), 1)
    assert pedigree is not None
    assert sorted(item.record_id for item in pedigree.ancestors) == sorted([left, right, root])
    assert pedigree.complete


def test_a_long_line_of_ancestors_is_cut_and_says_so(world: World) -> None:
    record = world.generate(b"0")
    for number in range(1, MAX_ANCESTORS + 3):
        record = world.generate(b"%d" % number, media_input(b"%d" % (number - 1), "image/png", record))
    world.register(1, sha256(b"last"), record)
    world.project()
    with snapshot(world.database) as connection:
        pedigree = read_pedigree(connection, aaid_of(1), 1)
    assert pedigree is not None
    assert len(pedigree.ancestors) == MAX_ANCESTORS
    assert not pedigree.complete


def test_a_record_that_has_not_arrived_leaves_the_pedigree_incomplete(world: World) -> None:
    world.register(1, sha256(b"shot"), world.generate(b"shot", deliver=False))
    world.project()
    with snapshot(world.database) as connection:
        pedigree = read_pedigree(connection, aaid_of(1), 1)
    assert pedigree is not None
    assert pedigree.sources == ()
    assert not pedigree.complete


def test_an_unknown_version_has_no_pedigree_and_content_is_found_by_its_hash(world: World) -> None:
    world.register(2, sha256(b"same"))
    world.register(1, sha256(b"same"))
    world.project()
    with snapshot(world.database) as connection:
        assert read_pedigree(connection, aaid_of(1), 2) is None
        assert versions_with_content(connection, sha256(b"same")) == [(aaid_of(2), 1), (aaid_of(1), 1)]
        assert versions_with_content(connection, sha256(b"other")) == []
