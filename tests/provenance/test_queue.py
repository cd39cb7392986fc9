from datetime import UTC, datetime

import pytest

from atlas.provenance import queue
from atlas.provenance.queue import pending
from tests.projections.chain import aaid_of
from tests.provenance.world import World, sha256

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("page_versions", [1, 2, 5, 6])
def test_every_unsigned_version_comes_once_and_the_oldest_first(
    world: World, monkeypatch: pytest.MonkeyPatch, page_versions: int
) -> None:
    monkeypatch.setattr(queue, "PAGE_VERSIONS", page_versions)
    for token_id in (4, 2, 3, 1):
        world.register(token_id, sha256(b"%d" % token_id))
    world.add_version(2, 2, sha256(b"second"))
    world.project()
    found = list(pending(world.database, NOW))
    assert [(item.aaid, item.version) for item in found] == [
        *((aaid_of(token_id), 1) for token_id in (4, 2, 3, 1)),
        (aaid_of(2), 2),
    ]
    assert [item.position for item in found] == sorted(item.position for item in found)
    assert found[-1].content_hash == sha256(b"second")
