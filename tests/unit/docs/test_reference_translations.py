"""The reference in French and Arabic: every text of the description is translated, and by the English of today."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dashboard.pages.docs import reference

DOCUMENT = reference.document()
TRANSLATED = ("fr", "ar")


def missing(document: dict[str, Any], language: str) -> set[str]:
    """What is shown in English, whatever the language."""
    return set(reference.texts(document)) - reference.translated(document, language).keys()


def left_over(document: dict[str, Any], language: str) -> set[str]:
    """The places of translations where nothing is said any more, or what is no longer shown."""
    shown, said = set(reference.texts(document)), reference.places(document)
    return {place for place in reference.translations(language) if said.get(place) not in shown}


def older(document: dict[str, Any], language: str) -> set[str]:
    """The places whose English was reworded after it was translated: mend both "en" and the translation."""
    said = reference.places(document)
    entries = reference.translations(language).items()
    return {place for place, one in entries if place in said and said[place] != one.english}


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_from_the_english_of_today(language: str) -> None:
    assert len(reference.translations(language)) > 150
    assert missing(DOCUMENT, language) == set()
    assert left_over(DOCUMENT, language) == set()
    assert older(DOCUMENT, language) == set()


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_sentence_that_is_reworded_keeps_its_translation_and_is_told_to_be_older(language: str) -> None:
    reworded = copy.deepcopy(DOCUMENT)
    operation = reworded["paths"]["/me"]["get"]
    operation["summary"] = "Look at your key"
    before = reference.read(DOCUMENT, language, "").find("me")
    after = reference.read(reworded, language, "").find("me")
    assert before and after and after.summary == before.summary != DOCUMENT["paths"]["/me"]["get"]["summary"]
    assert older(reworded, language) == {"me.summary"}
    assert missing(reworded, language) == left_over(reworded, language) == set()


def test_a_new_sentence_is_missing_and_one_that_is_gone_is_left_over() -> None:
    changed = copy.deepcopy(DOCUMENT)
    schema = changed["components"]["schemas"]["Me"]
    field = next(name for name, one in schema["properties"].items() if f"Me.{name}" in reference.translations("fr"))
    schema["properties"]["nickname"] = {"type": "string", "description": "What friends call it."}
    del schema["properties"][field]
    assert missing(changed, "fr") == {"What friends call it."}
    assert left_over(changed, "fr") == {f"Me.{field}"}
