import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.indexer.workers.errors import RequestRefused
from atlas.indexer.workers.wire import join_frames, split_frames


@given(st.lists(st.binary(max_size=100)))
def test_frames_come_apart_as_they_were_joined(envelopes: list[bytes]) -> None:
    assert split_frames(join_frames(envelopes)) == envelopes


@given(st.lists(st.binary(max_size=100), min_size=1), st.data())
def test_a_cut_off_frame_is_refused_and_never_shortened(envelopes: list[bytes], data: st.DataObject) -> None:
    body = join_frames(envelopes)
    last = len(join_frames(envelopes[:-1]))
    cut = data.draw(st.integers(last + 1, len(body) - 1))
    with pytest.raises(RequestRefused) as caught:
        split_frames(body[:cut])
    assert caught.value.status == 400


@given(st.binary(max_size=200))
def test_bytes_are_refused_or_are_the_frames_they_say(body: bytes) -> None:
    try:
        envelopes = split_frames(body)
    except RequestRefused:
        return
    assert join_frames(envelopes) == body
