"""Three languages and two themes, as the browser asks and as the reader chooses."""

from __future__ import annotations

import pytest
from flask import Flask, render_template_string

from dashboard.pages.ui import formats
from tests.support.dashboard_client import Browser, World


@pytest.mark.parametrize(
    ("accepted", "language", "direction"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr", "ltr"),
        ("ar-MR,ar;q=0.9", "ar", "rtl"),
        ("en-GB", "en", "ltr"),
        ("de,es;q=0.5", "fr", "ltr"),
        ("de,ar;q=0.5,fr;q=0.1", "ar", "rtl"),
        ("", "fr", "ltr"),
        ("\x01;q=x,,,;;" + "a" * 3000, "fr", "ltr"),
    ],
)
def test_the_browser_s_language_is_taken_and_french_otherwise(
    stranger: Browser, accepted: str, language: str, direction: str
) -> None:
    page = stranger.get("/dashboard/sign-in", headers={"Accept-Language": accepted}).text
    assert f'<html lang="{language}" dir="{direction}"' in page


def test_a_chosen_language_stays_also_signed_out(stranger: Browser) -> None:
    answer = stranger.post("/dashboard/preferences", {"language": "ar", "next": "/dashboard/sign-in"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard/sign-in")
    page = stranger.get("/dashboard/sign-in").text
    assert 'lang="ar" dir="rtl"' in page
    assert "تسجيل الدخول" in page


def test_a_chosen_theme_stays(stranger: Browser) -> None:
    stranger.post("/dashboard/preferences", {"theme": "dark"})
    assert 'data-theme="dark"' in stranger.get("/dashboard/sign-in").text


@pytest.mark.parametrize("form", [{"language": "xx"}, {"theme": '"><script>'}, {"language": "\x01"}])
def test_unknown_preferences_are_not_kept(stranger: Browser, form: dict[str, str]) -> None:
    assert stranger.post("/dashboard/preferences", form).status_code == 303
    assert stranger.client.get_cookie("chinqit_language") is None
    assert stranger.client.get_cookie("chinqit_theme") is None


def test_no_get_writes_a_preference(stranger: Browser) -> None:
    assert stranger.get("/dashboard/preferences?language=ar").status_code == 405
    assert 'lang="en"' in stranger.get("/dashboard/sign-in?language=ar&lang=ar").text


def test_numbers_and_plurals_are_the_reader_s(owner: Browser, world: World) -> None:
    key = world.key(message_cap=25_000)
    first, *_ = [world.text(key) for _ in range(4)]

    def told(language: str) -> str:
        headers = {"Accept-Language": language, "HX-Request": "true", "HX-Request-Type": "partial"}
        page = owner.client.get(f"/dashboard/messages/live?newest={first.id}", headers=headers).text
        return page + owner.client.get("/dashboard/keys/", headers={"Accept-Language": language}).text

    assert "3 رسائل جديدة" in told("ar")
    assert "3 nouveaux messages" in told("fr") and "25\u202f000" in told("fr")
    assert "3 new messages" in told("en") and "25,000" in told("en")


@pytest.mark.parametrize(
    ("language", "number", "results"),
    [("fr", "12\u202f345", "résultats"), ("en", "12,345", "results"), ("ar", "12.345", "نتيجة")],
)
def test_counts_in_sentences_are_written_as_other_numbers(app: Flask, language: str, number: str, results: str) -> None:
    with app.test_request_context(headers={"Accept-Language": language}):
        assert formats.ngettext("%(num)s result", "%(num)s results", 12_345) == f"{number} {results}"
        page = '{{ ngettext("%(num)s result", "%(num)s results", 12345) }}{{ ngettext("%(x)s", "%(x)s", 2, x="<b>") }}'
        assert render_template_string(page) == f"{number} {results}&lt;b&gt;"
