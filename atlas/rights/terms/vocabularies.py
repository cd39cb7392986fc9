"""The names that terms and uses are written in: trees of narrower terms (SKOS), and open names with a grammar.

    media, formats, industries, modifications   closed trees, edition ``EDITION``; a name stands for all below it
    channels, works, projects, series           open: lower-case parts joined by hyphens, narrower after a dot
                                                (dark-harbour.season-1.episode-3), or an asset's AAID
    languages                                   BCP 47 language, script, region, variants: de-AT is narrower than de

A name that is broader than every name below it is still a name of its own: leave to make "film" is not
implied by leave to make each kind of film that this edition lists.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

ANY: Final = "*"
EDITION: Final = "2026-11"

_MEDIA = {
    "film": "feature_film short_film documentary trailer",
    "series": "miniseries animated_series documentary_series web_series",
    "short_drama": "vertical_drama interactive_drama",
    "advertising": "commercial_spot branded_content product_placement outdoor_advertising print_advertising",
    "game": "console_game mobile_game vr_game cinematic",
    "merchandise": "apparel toy poster collectible",
    "social": "short_video livestream sticker avatar",
    "music": "soundtrack music_video",
    "publishing": "novel comic art_book audiobook",
    "stage": "theatre musical",
    "exhibition": "museum theme_park",
    "education": "classroom training_course",
}
_FORMATS = {
    "product_placement": "background_prop hero_prop wardrobe",
    "overlay": "banner lower_third logo_bug",
    "spot": "pre_roll mid_roll post_roll",
    "brand_integration": "plot_integration verbal_mention",
    "signage": "virtual_billboard storefront",
}
_INDUSTRIES = {
    "automotive": "electric_vehicles motorcycles",
    "beauty": "cosmetics fragrance",
    "education_services": "",
    "entertainment": "film_and_television recorded_music video_games",
    "fashion": "luxury sportswear",
    "finance": "banking insurance crypto_assets",
    "food_and_beverage": "soft_drinks alcohol restaurants snacks",
    "gambling": "casinos sports_betting",
    "health": "pharmaceuticals wellness",
    "politics": "campaigns advocacy",
    "public_sector": "tourism_boards",
    "real_estate": "",
    "retail": "e_commerce supermarkets",
    "technology": "consumer_electronics software telecommunications",
    "tobacco": "vaping",
    "toys_and_games": "",
    "travel": "airlines hotels",
    "weapons": "",
}
_MODIFICATIONS = {
    "edit": "trim crop recolor reframe",
    "translate": "dub subtitle",
    "adapt": "sequel prequel spin_off remake format_change",
    "remix": "mashup sample",
    "style_transfer": "",
    "character_change": "appearance_change voice_change personality_change",
    "scene_change": "relight redress extend_set",
    "train_model": "",
}

_OPEN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*|aaid:[0-9a-f]{64}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*")
_MAX_NAME = 200


@dataclass(frozen=True)
class Vocabulary:
    """Names, and which are broader: ``broader`` gives a name, then what is broader than it, nearest first."""

    name: str
    broader: Callable[[str], tuple[str, ...]]
    knows: Callable[[str], bool]
    tops: tuple[str, ...] | None  # the broadest names; None where names are without number
    example: Callable[[int], str]  # the names of an open vocabulary that stand for any other, by number
    names: tuple[str, ...] = ()  # all names of a closed vocabulary

    def is_narrowest(self, name: str) -> bool:
        """Whether the vocabulary has no name below this one."""
        return self.tops is not None and not any(name in self.broader(each)[1:] for each in self.names)


def _closed(name: str, tree: Mapping[str, str]) -> Vocabulary:
    lines = {top: (top,) for top in tree} | {
        narrower: (narrower, top) for top, below in tree.items() for narrower in below.split()
    }
    return Vocabulary(
        name, lines.__getitem__, lines.__contains__, tuple(sorted(tree)), sorted(lines).__getitem__, tuple(lines)
    )


def _open(name: str, grammar: re.Pattern[str], separator: str, example: Callable[[int], str]) -> Vocabulary:
    @lru_cache(maxsize=65_536)
    def broader(text: str) -> tuple[str, ...]:
        if text == ANY:
            return (ANY,)
        parts = text.split(separator)
        return (*(separator.join(parts[:end]) for end in range(len(parts), 0, -1)), ANY)

    def knows(text: str) -> bool:
        return len(text) <= _MAX_NAME and grammar.fullmatch(text) is not None

    return Vocabulary(name, broader, knows, None, example)


def _other(number: int) -> str:
    return f"other-{number}"


def _private_language(number: int) -> str:
    """One that ISO 639-2 keeps for local use (qaa to qtz), with a variant where those run out."""
    serial, rest = divmod(number, 26 * 20)
    code = f"q{chr(ord('a') + rest // 26)}{chr(ord('a') + rest % 26)}"
    return f"{code}-{serial:05d}" if serial else code


MEDIA: Final = _closed("media", _MEDIA)
FORMATS: Final = _closed("formats", _FORMATS)
INDUSTRIES: Final = _closed("industries", _INDUSTRIES)
MODIFICATIONS: Final = _closed("modifications", _MODIFICATIONS)
CHANNELS: Final = _open("channels", _OPEN, ".", _other)
WORKS: Final = _open("works", _OPEN, ".", _other)
PROJECTS: Final = _open("projects", _OPEN, ".", _other)
SERIES: Final = _open("series", _OPEN, ".", _other)
LANGUAGES: Final = _open("languages", _LANGUAGE, "-", _private_language)
