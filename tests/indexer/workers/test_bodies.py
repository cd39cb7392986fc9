import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.intake.bodies import unpack
from atlas.indexer.workers.wire import ENVELOPE_TYPE, FRAMES_TYPE, join_frames


@given(st.lists(st.binary(max_size=50), min_size=1), st.booleans())
def test_envelopes_come_out_as_they_were_packed(envelopes: list[bytes], zipped: bool) -> None:
    body = join_frames(envelopes)
    packed, coding = (gzip.compress(body), "gzip") if zipped else (body, "identity")
    assert unpack(packed, kind=FRAMES_TYPE, coding=coding, max_bytes=len(body)) == envelopes


def test_a_body_is_taken_up_to_the_limit_and_not_a_byte_beyond() -> None:
    packed = gzip.compress(bytes(1000))
    assert unpack(packed, kind=ENVELOPE_TYPE, coding="gzip", max_bytes=1000) == [bytes(1000)]
    with pytest.raises(RequestRefused) as caught:
        unpack(packed, kind=ENVELOPE_TYPE, coding="gzip", max_bytes=999)
    assert caught.value.status == 413


def test_a_gzip_bomb_takes_no_more_memory_than_the_limit() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(RequestRefused):
            unpack(bomb, kind=ENVELOPE_TYPE, coding="gzip", max_bytes=1 << 20)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 << 20


def test_no_envelopes_are_no_submission() -> None:
    with pytest.raises(RequestRefused, match="no envelope"):
        unpack(b"", kind=FRAMES_TYPE, coding="identity", max_bytes=1)


@given(st.binary(max_size=200), st.sampled_from([ENVELOPE_TYPE, FRAMES_TYPE]), st.sampled_from(["gzip", "identity"]))
def test_random_bytes_are_unpacked_or_refused(body: bytes, kind: str, coding: str) -> None:
    try:
        envelopes = unpack(body, kind=kind, coding=coding, max_bytes=100)
    except RequestRefused:
        return
    assert envelopes
