import io
import zlib

import av
import numpy as np
import pytest

from atlas.demo import media
from atlas.demo.agents import SEED, STEPS, make
from atlas.protocol.vocabulary import Agent


def test_a_picture_survives_the_png() -> None:
    picture = media.scene(SEED)
    with av.open(io.BytesIO(media.png(picture)), "r") as container:
        frame = next(container.decode(video=0))
    assert np.array_equal(frame.to_ndarray(format="rgb24"), picture)


def test_a_sound_survives_the_wav() -> None:
    sound = media.music(SEED, seconds=0.5)
    assert np.abs(media.read_wav(media.wav(sound)) - sound).max() < 1 / 32_000


def test_an_mp4_has_its_frames_and_its_sound() -> None:
    data = media.mp4(media.shot(SEED, seconds=0.25), media.music(SEED, seconds=0.25))
    assert len(media.read_mp4(data)) == 6
    with av.open(io.BytesIO(data)) as container:
        assert {stream.type for stream in container.streams} == {"video", "audio"}


@pytest.mark.parametrize("picture", [media.scene, media.character, media.storyboard])
def test_pictures_depend_on_their_seed_and_on_nothing_else(picture: type) -> None:
    assert np.array_equal(picture(1), picture(1))
    assert zlib.crc32(picture(1).tobytes()) != zlib.crc32(picture(2).tobytes())


def test_every_step_needs_only_steps_before_it() -> None:
    done: set[Agent] = set()
    for step in STEPS:
        assert set(step.needs) <= done, step.agent
        done.add(step.agent)


def test_the_film_is_a_few_hundred_kilobytes_of_at_least_six_types() -> None:
    made: dict[Agent, bytes] = {}
    for step in STEPS:
        made[step.agent] = make(step.agent, step.prompt, SEED, {need: made[need] for need in step.needs})
    assert 300_000 < sum(map(len, made.values())) < 2_000_000
    assert len({step.asset_type for step in STEPS}) >= 6
