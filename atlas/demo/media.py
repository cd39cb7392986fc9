"""The media of the demo's film, made on the CPU: pictures by numpy, sound by sines, encoded by PyAV.

A picture is an array of height x width x 3 bytes (sRGB); a sound is an array of samples, float in
[-1, 1], mono. Every function is deterministic in its arguments.
"""

import io
import wave
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Sound = NDArray[np.float64]

WIDTH, HEIGHT = 640, 360
FRAMES_PER_S = 24
SAMPLES_PER_S = 22_050
HORIZON = 0.62  # of the height


def scene(seed: int, beam_angle: float = 0.35, tide: float = 0.0) -> Picture:
    """A lighthouse at night: sky with stars, moving sea, a beam at ``beam_angle`` radians."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    depth = (y / HEIGHT)[..., None]
    sky = np.array([10, 14, 38]) * (1 - depth) + np.array([64, 42, 84]) * depth
    picture = sky + _stars(seed)[..., None] * (depth < HORIZON)
    picture = picture + _beam(x, y, beam_angle)[..., None] * np.array([255, 224, 150])
    picture = np.where(depth > HORIZON, _sea(x, y, seed, tide), picture)
    return _tower(picture, x, y).clip(0, 255).astype(np.uint8)


def character(seed: int) -> Picture:
    """The keeper: a figure with a lantern before a warm light."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    glow = np.exp(-((x - 400) ** 2 + (y - 190) ** 2) / 22_000)[..., None]
    picture = np.array([18, 16, 30]) + glow * np.array([230, 150, 70])
    body = (abs(x - 300) < 46 + (y - 150) * 0.22) & (y > 150)
    head = (x - 300) ** 2 + (y - 112) ** 2 < 38**2
    picture[body | head] = np.array([34, 40, 66])
    picture[(abs(x - 388) < 14) & (abs(y - 205) < 20)] = np.array([255, 226, 140])
    grain = np.random.default_rng(seed).normal(0, 4, picture.shape)
    return (picture + grain).clip(0, 255).astype(np.uint8)


def storyboard(seed: int, panels: int = 6) -> Picture:
    """A sheet of ``panels`` small frames in two rows."""
    columns = panels // 2
    sheet = np.full((HEIGHT, WIDTH, 3), 236, np.uint8)
    small_height, small_width = HEIGHT // 2 - 16, WIDTH // columns - 16
    for index in range(panels):
        frame = scene(seed, beam_angle=0.1 + 0.25 * index, tide=index)
        rows = np.linspace(0, HEIGHT - 1, small_height).astype(int)
        cells = np.linspace(0, WIDTH - 1, small_width).astype(int)
        top = 8 + (index // columns) * (HEIGHT // 2)
        left = 8 + (index % columns) * (WIDTH // columns)
        sheet[top : top + small_height, left : left + small_width] = frame[np.ix_(rows, cells)]
    return sheet


def shot(seed: int, seconds: float = 2.0) -> Iterable[Picture]:
    """The frames of a slow turn of the beam."""
    count = round(seconds * FRAMES_PER_S)
    return (scene(seed, beam_angle=0.15 + 0.9 * index / count, tide=index / 6) for index in range(count))


def voice(seed: int, syllables: int = 9) -> Sound:
    """A spoken line, as the melody of its syllables: a glottal buzz through two moving formants."""
    random = np.random.default_rng(seed)
    parts: list[Sound] = []
    for _ in range(syllables):
        duration = random.uniform(0.12, 0.24)
        time = np.arange(int(duration * SAMPLES_PER_S)) / SAMPLES_PER_S
        pitch, first, second = random.uniform(105, 150), random.uniform(350, 750), random.uniform(1100, 2100)
        envelope = np.sin(np.pi * time / duration) ** 0.6
        buzz = sum(
            np.sin(2 * np.pi * pitch * k * time) * (_formant(pitch * k, first) + 0.5 * _formant(pitch * k, second))
            for k in range(1, 24)
        )
        parts += [0.25 * envelope * buzz, np.zeros(int(0.03 * SAMPLES_PER_S))]
    return np.clip(np.concatenate(parts), -1, 1)


def music(seed: int, seconds: float = 4.0) -> Sound:
    """A slow chord progression of plucked tones."""
    time = np.arange(int(seconds * SAMPLES_PER_S)) / SAMPLES_PER_S
    chords = ((220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (196.0, 246.94, 293.66), (164.81, 196.0, 246.94))
    random = np.random.default_rng(seed)
    sound = np.zeros_like(time)
    for bar, chord in enumerate(chords):
        start = bar * seconds / len(chords)
        for tone in chord:
            since = time - start - random.uniform(0, 0.12)
            sound += np.where(since > 0, np.exp(-2.2 * since.clip(0)) * np.sin(2 * np.pi * tone * since), 0)
    return 0.2 * sound


def png(picture: Picture) -> bytes:
    """``picture`` as a PNG file (W3C PNG, third edition)."""
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt = "rgb24"
    encoder.time_base = Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def wav(sound: Sound) -> bytes:
    """``sound`` as a RIFF/WAVE file of 16-bit mono PCM."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES_PER_S)
        file.writeframes((sound.clip(-1, 1) * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()


def mp4(frames: Iterable[Picture], sound: Sound | None = None) -> bytes:
    """``frames`` as an MP4 file (H.264), with ``sound`` as AAC beside them when given."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FRAMES_PER_S, options={"crf": "30", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLES_PER_S, layout="mono") if sound is not None else None
        for picture in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None, :], format="fltp", layout="mono")
            frame.sample_rate = SAMPLES_PER_S
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return buffer.getvalue()


def read_mp4(data: bytes) -> list[Picture]:
    """The frames of an MP4 file."""
    with av.open(io.BytesIO(data), "r") as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def read_wav(data: bytes) -> Sound:
    """The samples of a 16-bit mono WAV file."""
    with wave.open(io.BytesIO(data)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32_767


def _stars(seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    field = np.zeros((HEIGHT, WIDTH))
    field[random.integers(0, HEIGHT, 220), random.integers(0, WIDTH, 220)] = random.uniform(60, 200, 220)
    return field


def _beam(x: NDArray[np.int_], y: NDArray[np.int_], angle: float) -> NDArray[np.float64]:
    along_x, along_y = x - 470, 118 - y
    distance = np.hypot(along_x, along_y) + 1
    off_axis = np.abs(np.arctan2(along_y, -along_x) - angle)
    return 0.8 * np.exp(-((off_axis / 0.09) ** 2)) * np.exp(-distance / 420)


def _sea(x: NDArray[np.int_], y: NDArray[np.int_], seed: int, tide: float) -> NDArray[np.float64]:
    phase = np.random.default_rng(seed).uniform(0, 6.28)
    wave_height = np.sin(x / 23 + tide + phase) + 0.6 * np.sin(x / 9 - 1.7 * tide + y / 5)
    shade = (0.6 + 0.12 * wave_height)[..., None]
    return np.array([22, 44, 78]) * shade + np.array([20, 30, 40])


def _tower(picture: NDArray[np.float64], x: NDArray[np.int_], y: NDArray[np.int_]) -> NDArray[np.float64]:
    shaft = (abs(x - 470) < 12 + (y - 130) * 0.07) & (y > 130) & (y < 250)
    stripes = ((y // 24) % 2 == 0)[..., None]
    picture = np.where(shaft[..., None], np.where(stripes, [214, 214, 220], [160, 40, 48]), picture)
    lamp = (abs(x - 470) < 9) & (abs(y - 120) < 10)
    return np.where(lamp[..., None], [255, 240, 190], picture)


def _formant(frequency: float, centre: float) -> float:
    return float(np.exp(-(((frequency - centre) / 160) ** 2)))
