"""Three languages, complete, and no template that the content policy would refuse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from dashboard.settings import ROOT
from tests.pages.conftest import Browser, World

CATALOGUES = ROOT / "dashboard" / "translations"
SHEETS = sorted((ROOT / "static" / "css").rglob("*.css"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2), "N_": None}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def extracted() -> set[str]:
    """The message ids of code and templates."""
    with (CATALOGUES / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(
        ROOT / "dashboard",
        [(f"**/{floor}/**.py", "python") for floor in ("pages", "providers", "gateway")],
        {},
        KEYWORDS,
    )
    drawn = extract_from_dir(
        ROOT / "templates", [("**.html", "jinja2")], {"**.html": options["templates/**.html"]}, KEYWORDS
    )
    assert dict(methods)["templates/**.html"] == "jinja2"
    ids = (message for _, _, message, _, _ in [*found, *drawn])
    return {one if isinstance(one, str) else one[0] for one in ids}


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_every_message_is_translated_and_none_is_a_guess(language: str) -> None:
    book = catalogue(language)
    known = {message.id if isinstance(message.id, str) else message.id[0]: message for message in book if message.id}
    assert extracted() - known.keys() == set(), "run make translations"
    assert known.keys() - extracted() == set(), "run make translations"
    for message in known.values():
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(texts), message.id
        assert not message.fuzzy, message.id
        assert len(texts) == (1 if isinstance(message.id, str) else book.num_plurals), message.id


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_translations_keep_their_placeholders(language: str) -> None:
    for message in catalogue(language):
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        wanted = set(PLACEHOLDER.findall("".join(ids)))
        allowed = [wanted] if isinstance(message.id, str) else [wanted, wanted - {"%(num)s", "%(num)d"}]
        assert all(set(PLACEHOLDER.findall(text)) in allowed for text in texts if message.id), message.id


def test_french_follows_its_typography() -> None:
    for message in catalogue("fr"):
        for text in [message.string] if isinstance(message.string, str) else message.string:
            if message.id:
                assert "'" not in text, text
                assert not re.search(r"[^\u202f\d][;:!?»](?!//)", text), text
                assert not re.search(r"«[^\u202f]", text), text


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


@pytest.mark.parametrize("form", [{"language": "xx"}, {"theme": '"><script>'}, {"language": "\x00"}])
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


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_holds_inline_script_or_style(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle\s*=|\son\w+\s*=|javascript:|\bhx-on|\bjs:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert "|safe" not in text


def test_the_style_sheet_knows_no_left_and_right() -> None:
    sheet = "".join(path.read_text() for path in SHEETS)
    assert not re.search(r"(?:margin|padding|border)-(?:left|right)|text-align:\s*(?:left|right)|float:", sheet)


def test_fragments_have_a_root_with_an_id_and_extend_nothing() -> None:
    for path in TEMPLATES:
        if path.name.startswith("_"):
            assert "{% extends" not in path.read_text(), path
