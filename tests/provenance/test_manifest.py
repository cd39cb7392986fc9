import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from atlas.protocol.ids import format_aaid, format_locator
from atlas.protocol.vocabulary import Agent
from atlas.provenance.errors import InvalidManifest
from atlas.provenance.manifest import (
    MAX_GENERATIONS,
    PARENT_ID,
    DigitalSourceType,
    Ingredient,
    Relationship,
    all_actions_included,
    define_manifest,
    digital_source_type,
    provenance_assertion,
    relationship,
)
from atlas.provenance.media import MediaType
from atlas.provenance.pedigree import MediaInput, Pedigree
from tests.provenance.samples import CHAIN, MAKER, NOW, REGISTRY, generation, pedigree

PARENT = Ingredient(PARENT_ID, "as it came", MediaType.PNG, bytes(32), Relationship.PARENT, b"")
COMPONENT = Ingredient("input-1", "a voice", MediaType.WAV, bytes(32), Relationship.COMPONENT, bytes([1]) * 32)
READ = msgspec.structs.replace(COMPONENT, identifier="input-2", relationship=Relationship.INPUT)
OUTSIDE = MediaInput("reference", bytes(32), "image/jpeg", 10, None)
SCRIPT = MediaInput("script", bytes(32), "text/plain", 10, None)
MADE = MediaInput("scene", bytes(32), "image/png", 10, bytes([1]) * 32)


def _document(subject: Pedigree, *ingredients: Ingredient) -> dict[str, Any]:
    return json.loads(define_manifest(subject, MediaType.PNG, MAKER, ingredients).document)


def _actions(subject: Pedigree, *ingredients: Ingredient) -> list[dict[str, Any]]:
    return _document(subject, *ingredients)["assertions"][0]["data"]["actions"]


def test_the_generator_names_the_program_and_the_specification() -> None:
    assert _document(pedigree())["claim_generator_info"] == [
        {"name": "Atlas Ledger", "version": "1.2.3", "specVersion": "2.4.0"}
    ]


def test_a_generated_file_was_created_by_its_model() -> None:
    (action,) = _actions(pedigree())
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == DigitalSourceType.TRAINED
    assert action["softwareAgent"] == {"name": "lighthouse lantern", "version": "2.1"}
    assert _document(pedigree())["assertions"][0]["data"]["allActionsIncluded"] is True


def test_several_generations_are_one_creation_then_edits_in_their_order_in_time() -> None:
    late, early = generation(5), generation(2)
    actions = _actions(pedigree(sources=(late, early)))
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.edited"]
    assert early.record_id.hex() in actions[0]["description"]
    assert late.record_id.hex() in actions[1]["description"]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (OUTSIDE, DigitalSourceType.COMPOSITE),
        (SCRIPT, DigitalSourceType.TRAINED),
        (MADE, DigitalSourceType.TRAINED),
    ],
)
def test_media_from_outside_makes_a_composite(item: MediaInput, expected: DigitalSourceType) -> None:
    assert digital_source_type([generation(inputs=(item,))]) == expected


def test_without_a_record_the_file_is_opened_and_nothing_is_claimed_about_its_making() -> None:
    (action,) = _actions(pedigree(sources=()), PARENT)
    assert action == {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT_ID]}}


def test_without_a_record_and_without_the_file_itself_there_is_no_manifest() -> None:
    with pytest.raises(InvalidManifest, match="where this media comes from"):
        define_manifest(pedigree(sources=()), MediaType.PNG, MAKER, ())


def test_what_a_model_read_belongs_to_its_action() -> None:
    created, edited = _actions(pedigree(sources=(generation(1), generation(2))), READ)
    assert created["parameters"] == {"ingredientIds": ["input-2"]}
    assert "parameters" not in edited


def test_only_a_complete_list_of_what_was_laid_in_is_called_complete() -> None:
    edit = msgspec.structs.replace(generation(inputs=(MADE,)), agent=Agent.EDITING)
    assert relationship(edit) is Relationship.COMPONENT
    assert not all_actions_included(pedigree(sources=(edit,)), ())
    assert all_actions_included(pedigree(sources=(edit,)), (COMPONENT,))
    assert all_actions_included(pedigree(sources=(generation(inputs=(MADE,)),)), ())


def test_upstream_files_are_placed() -> None:
    actions = _actions(pedigree(), COMPONENT)
    assert actions[1] == {"action": "c2pa.placed", "parameters": {"ingredientIds": ["input-1"]}}
    assert json.loads(COMPONENT.definition())["relationship"] == "componentOf"


@pytest.mark.parametrize(
    "ingredients",
    [(COMPONENT, COMPONENT), (PARENT, msgspec.structs.replace(COMPONENT, relationship=Relationship.PARENT))],
)
def test_ambiguous_ingredients_are_refused(ingredients: tuple[Ingredient, ...]) -> None:
    with pytest.raises(InvalidManifest):
        define_manifest(pedigree(), MediaType.PNG, MAKER, ingredients)


def test_the_assertion_says_where_the_ledger_has_it() -> None:
    subject = pedigree()
    data = provenance_assertion(subject, "atlas.test/ledger")
    assert data["aaid"] == format_aaid(subject.asset.aaid)
    assert data["token"] == format_locator(CHAIN, REGISTRY, 7)
    assert data["ledger"] == {"origin": "atlas.test/ledger", "position": 40}
    assert data["generations"][0]["position"] == 1
    assert data["generations"][0]["source"] is True


def test_a_prompt_is_told_by_its_hash_only() -> None:
    document = define_manifest(pedigree(), MediaType.PNG, MAKER, ()).document
    assert "keeper" not in document
    assert "promptSha256" in document


def test_integers_beyond_63_bits_are_written_as_text() -> None:
    assert provenance_assertion(pedigree(), "x")["generations"][0]["seed"] == str(2**200)


def test_a_long_lineage_is_cut_and_says_so() -> None:
    ancestors = tuple(generation(number) for number in range(2, 40))
    subject = Pedigree(pedigree().asset, (generation(1),), ancestors, complete=True)
    data = provenance_assertion(subject, "x")
    assert len(data["generations"]) == MAX_GENERATIONS
    assert data["complete"] is False
    assert [entry["source"] for entry in data["generations"][:2]] == [True, False]


def test_the_same_pedigree_gives_the_same_bytes() -> None:
    assert define_manifest(pedigree(), MediaType.PNG, MAKER, (COMPONENT,)) == define_manifest(
        pedigree(), MediaType.PNG, MAKER, (COMPONENT,)
    )


def test_times_are_utc_to_the_second() -> None:
    assert _actions(pedigree())[0]["when"] == (NOW + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
