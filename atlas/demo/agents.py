"""The steps of the film, and what each agent (W9) makes of its inputs."""

import json
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from atlas.demo import media
from atlas.protocol.generation import Model
from atlas.protocol.vocabulary import Agent, AssetType

TITLE = "The Last Lighthouse"
SEED = 1887


class Step(msgspec.Struct, frozen=True):
    """One generation: by which agent on which worker, from the outputs of which other agents."""

    agent: Agent
    worker: int
    asset_type: AssetType
    prompt: str
    model: Model
    media_type: str
    needs: tuple[Agent, ...] = ()


STEPS = (
    Step(
        Agent.SCRIPT,
        0,
        AssetType.SCRIPT,
        "A keeper refuses to leave the last lighthouse. One night, one scene.",
        Model("lantern-text", "1.2.0", "Beacon Labs"),
        "text/markdown",
    ),
    Step(
        Agent.WORLD,
        0,
        AssetType.WORLD_MODEL,
        "The northern coast in the last winter before automation.",
        Model("lantern-text", "1.2.0", "Beacon Labs"),
        "application/json",
        (Agent.SCRIPT,),
    ),
    Step(
        Agent.CHARACTER,
        0,
        AssetType.CHARACTER,
        "The keeper, in silhouette, with a lantern.",
        Model("tallow-image", "3.0.1", "Wick & Sons"),
        "image/png",
        (Agent.SCRIPT, Agent.WORLD),
    ),
    Step(
        Agent.SCENE,
        0,
        AssetType.SCENE,
        "The lighthouse at night, a calm sea, stars.",
        Model("tallow-image", "3.0.1", "Wick & Sons"),
        "image/png",
        (Agent.WORLD, Agent.CHARACTER),
    ),
    Step(
        Agent.STORYBOARD,
        0,
        AssetType.STORYBOARD,
        "Six panels: the beam turns from the land to the sea.",
        Model("tallow-image", "3.0.1", "Wick & Sons"),
        "image/png",
        (Agent.SCRIPT, Agent.CHARACTER, Agent.SCENE),
    ),
    Step(
        Agent.VIDEO,
        1,
        AssetType.SHOT,
        "Two seconds: the beam sweeps, the sea moves.",
        Model("fresnel-video", "0.9.4", "Second Order Optics"),
        "video/mp4",
        (Agent.STORYBOARD, Agent.CHARACTER, Agent.SCENE),
    ),
    Step(
        Agent.VOICE,
        1,
        AssetType.VOICE,
        "I have kept it lit for forty years. I will keep it lit tonight.",
        Model("bellows-voice", "2.1.0", "Beacon Labs"),
        "audio/wav",
        (Agent.SCRIPT, Agent.CHARACTER),
    ),
    Step(
        Agent.MUSIC,
        1,
        AssetType.MUSIC,
        "Four slow chords, plucked, a minor key.",
        Model("bellows-music", "2.0.0", "Beacon Labs"),
        "audio/wav",
        (Agent.SCENE, Agent.SCRIPT),
    ),
    Step(
        Agent.EDITING,
        1,
        AssetType.SHOT,
        "Cut the shot to the music and the line.",
        Model("fresnel-edit", "0.4.0", "Second Order Optics"),
        "video/mp4",
        (Agent.VIDEO, Agent.VOICE, Agent.MUSIC),
    ),
)


def make(agent: Agent, prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    """What ``agent`` makes: deterministic in its arguments."""
    return _MAKERS[agent](prompt, seed, inputs)


def _script(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    beats = ("The lamp is lit.", "A boat signals: come away.", "The keeper answers with the beam.", "Dawn, still lit.")
    lines = [f"# {TITLE}", "", f"> {prompt}", "", *(f"{number}. {beat}" for number, beat in enumerate(beats, 1))]
    return "\n".join([*lines, "", f"Draft {seed}.", ""]).encode()


def _world(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    model = {
        "world_setting": prompt,
        "timeline": ["1887, the last winter"],
        "geography": ["the pier", "the tower", "the sea"],
        "visual_style": {"palette": ["night blue", "lamp amber"], "seed": seed},
        "narrative_rules": ["the lamp is never out"],
        "script_lines": inputs[Agent.SCRIPT].decode().count("\n"),
    }
    return json.dumps(model, indent=1, sort_keys=True).encode()


def _character(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    return media.png(media.character(seed))


def _scene(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    return media.png(media.scene(seed))


def _storyboard(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    return media.png(media.storyboard(seed))


def _video(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    return media.mp4(media.shot(seed))


def _voice(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    return media.wav(media.voice(seed, syllables=len(prompt.split())))


def _music(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    return media.wav(media.music(seed))


def _editing(prompt: str, seed: int, inputs: Mapping[Agent, bytes]) -> bytes:
    line, score = media.read_wav(inputs[Agent.VOICE]), media.read_wav(inputs[Agent.MUSIC])
    mixed = np.zeros(max(len(line), len(score)))
    mixed[: len(score)] += score
    mixed[: len(line)] += 0.8 * line
    return media.mp4(media.read_mp4(inputs[Agent.VIDEO]), mixed)


_MAKERS: dict[Agent, Callable[[str, int, Mapping[Agent, bytes]], bytes]] = {
    Agent.SCRIPT: _script,
    Agent.WORLD: _world,
    Agent.CHARACTER: _character,
    Agent.SCENE: _scene,
    Agent.STORYBOARD: _storyboard,
    Agent.VIDEO: _video,
    Agent.VOICE: _voice,
    Agent.MUSIC: _music,
    Agent.EDITING: _editing,
}
