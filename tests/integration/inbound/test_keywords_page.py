"""The page of keywords: who changes what, and what is said of it."""

from __future__ import annotations

import pytest

from dashboard.extensions import Services
from dashboard.gateway.inbound import keywords
from tests.support.dashboard_client import Browser

PAGE = "/dashboard/incoming/keywords/"
HELP = {"words_fr": "AIDE\nINFO", "answer_fr": "Boutique Sahel, 45 25 00 00."}


def held(services: Services) -> list[tuple[str, list[str], list[str]]]:
    with services.sessions() as session:
        return [
            (rule.keyword, [word for _language, word in rule.all_words()], list(rule.answers.values()))
            for rule in keywords.rules(session)
        ]


def test_the_words_of_the_country_stand_there_from_the_start(viewer: Browser) -> None:
    page = viewer.get(PAGE).text
    assert all(word in page for word in ("STOP", "ARRET", "إيقاف", "قف", "START", "HELP", "AIDE", "مساعدة"))
    assert page.count("No answer") == 3 and "New keyword" not in page


def test_a_keyword_gets_words_and_an_answer_and_goes_back(operator: Browser, services: Services) -> None:
    assert "AIDE" in operator.partial(f"{PAGE}help/edit").text
    assert operator.post(f"{PAGE}help/edit", HELP).status_code == 303
    assert held(services)[2] == ("help", ["AIDE", "INFO"], ["Boutique Sahel, 45 25 00 00."])
    page = operator.get(PAGE).text
    assert "Boutique Sahel" in page and "1 segment" in page and "Restore the usual words" in page
    operator.post(f"{PAGE}help/remove")
    assert held(services)[2] == ("help", ["AIDE", "HELP", "مساعدة"], [])


def test_a_word_of_ones_own_is_added_and_removed(operator: Browser, services: Services) -> None:
    operator.post(f"{PAGE}new", {"words_ar": "سعر", "answer_ar": "10 أوقيات"})
    (keyword, words, answers) = held(services)[3]
    assert (keyword, words, answers) == ("reply", ["سعر"], ["10 أوقيات"])
    with services.sessions() as session:
        row_id = keywords.rules(session)[3].id
    assert "سعر" in operator.get(PAGE).text
    operator.post(f"{PAGE}{row_id}/remove")
    assert len(held(services)) == 3


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({}, "Enter at least one word."),
        ({"words_fr": "PRIX"}, "Enter an answer in at least one language."),
        ({"words_fr": "arrêt", "answer_fr": "x"}, "This word is known already: arrêt"),
        ({"words_en": "?!", "answer_en": "x"}, "Letters or digits, at most 40 characters: ?!"),
        ({"words_fr": "PRIX", "answer_fr": "STOP"}, "An answer may not be a keyword itself"),
        ({"words_fr": "PRIX", "answer_ar": "س" * 300}, "At most 3 segments."),
        ({"words_fr": "PRIX", "answer_fr": "a\x07b"}, "control character"),
        ({"words_fr": "\n".join(f"W{n}" for n in range(21)), "answer_fr": "x"}, "Most words of a language: 20."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(
    operator: Browser, services: Services, typed: dict[str, str], fault: str
) -> None:
    answer = operator.post(f"{PAGE}new", typed)
    assert answer.status_code == 422 and fault in answer.text
    assert all(word in answer.text for word in typed.get("words_fr", "").split())
    assert len(held(services)) == 3


def test_an_unknown_rule_is_not_found(operator: Browser) -> None:
    assert operator.get(f"{PAGE}999/edit").status_code == 404
