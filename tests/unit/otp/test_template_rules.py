"""The wording of codes fits one segment, with and without a hash."""

from __future__ import annotations

import pytest

from dashboard.gateway.otp import template_rules
from dashboard.sms import encoding

HASH = "FA+9qCX9VSu"
LANGUAGES = ("fr", "en", "ar")


def test_there_are_three_languages() -> None:
    assert set(template_rules.TEXTS) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("app_hash", [None, HASH])
def test_every_text_is_one_segment_and_holds_the_code_once(language: str, app_hash: str | None) -> None:
    found = template_rules.render(language, "048213", app_hash)
    assert encoding.shape(found).segments == 1
    assert encoding.shape(found).encoding == ("ucs2" if language == "ar" else "gsm7")
    assert found.count("048213") == 1
    assert len(found.encode()) <= 140
    assert "{" not in found


@pytest.mark.parametrize(("language", "size"), [("fr", 100), ("en", 100)])
def test_latin_texts_with_a_hash_are_short(language: str, size: int) -> None:
    assert len(template_rules.render(language, "048213", HASH).encode()) <= size + 12


def test_the_arabic_text_with_a_hash_leaves_room_in_one_segment() -> None:
    assert encoding.shape(template_rules.render("ar", "048213", HASH)).units <= 70


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_hash_is_alone_on_the_last_line(language: str) -> None:
    found = template_rules.render(language, "048213", HASH)
    assert found.split("\n") == [template_rules.render(language, "048213"), HASH]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_begins_like_a_hash_message_of_old(language: str) -> None:
    assert not template_rules.render(language, "048213", HASH).startswith("<#>")
