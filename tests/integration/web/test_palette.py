"""The palette: numbers, messages, keys and pages by what was typed, each for those who may see them."""

from __future__ import annotations

import re

import pytest

from tests.support.dashboard_client import PARTIAL, Browser, World

GO = "/dashboard/go/"


def found(browser: Browser, typed: str) -> list[str]:
    """The addresses that are offered."""
    page = browser.post(GO, {"q": typed}, headers=PARTIAL).text
    return re.findall(r'role="option"[^>]* href="([^"]+)"', page)


@pytest.mark.parametrize("typed", ["38089336", "+222 38 08-93-36", "٣٨٠٨٩٣٣٦"])
def test_a_number_leads_to_the_desk_and_to_its_messages(desk: Browser, viewer: Browser, typed: str) -> None:
    assert found(viewer, typed) == []
    assert found(desk, typed) == ["/dashboard/lookup/?phone=%2B22238089336", "/dashboard/messages/?q=%2B22238089336"]


def test_the_beginning_of_a_number_lists_numbers_to_those_who_may_read_them(
    operator: Browser, viewer: Browser, world: World
) -> None:
    world.text(world.key())
    assert found(operator, "3808") == ["/dashboard/lookup/?phone=%2B22238089336"]
    assert found(viewer, "3808") == []


def test_a_message_is_found_by_its_id_and_a_key_by_its_name_or_the_end_of_its_secret(
    operator: Browser, world: World
) -> None:
    key = world.key("Boutique")
    message = world.text(key)
    assert found(operator, f" {message.uuid.upper()} ") == [f"/dashboard/messages/{message.uuid}"]
    hint = key.secrets[0].hint[-4:]
    for typed in ("bouti", hint, f"cq_live_{'x' * 20}{hint}"):
        assert found(operator, typed) == [f"/dashboard/keys/{key.id}"]


def test_pages_are_found_in_the_reader_s_language_and_by_role(viewer: Browser, operator: Browser) -> None:
    assert found(operator, "sandb") == ["/dashboard/sandbox/"]
    assert found(viewer, "sandb") == []
    assert found(viewer, "no code") == []
    operator.headers["Accept-Language"] = "fr"
    assert found(operator, "PAS DE CODE") == ["/dashboard/lookup/"]


def test_every_page_of_the_menu_has_a_letter_that_the_list_and_the_palette_tell(owner: Browser) -> None:
    menu = re.findall(r'<li data-go="(\w*)">\s*<a href="([^"]+)"', owner.get("/dashboard/keys/").text)
    letters = [letter for letter, _url in menu]
    assert len(menu) == 22 and all(len(letter) == 1 for letter in letters) and len({*letters}) == 22
    listed = owner.get(f"{GO}keys", headers=PARTIAL).text
    assert re.findall(r'<kbd dir="ltr">g</kbd>\s*<kbd dir="ltr">(\w)</kbd>', listed) == letters
    offered = owner.post(GO, {"q": ""}, headers=PARTIAL).text
    assert re.findall(r'href="([^"]+)"(?:(?!</a>).)*<kbd>g</kbd> <kbd>(\w)</kbd>', offered, re.S) == [
        (url, letter) for letter, url in menu
    ]


def test_nothing_typed_offers_one_s_last_numbers_and_the_pages(desk: Browser) -> None:
    desk.get("/dashboard/lookup/?phone=38089336")
    offered = found(desk, "")
    assert offered[0] == "/dashboard/lookup/?phone=%2B22238089336" and "/dashboard/keys/" in offered


def test_what_fits_nothing_is_said_and_escaped(viewer: Browser) -> None:
    page = viewer.post(GO, {"q": "<b>pizza"}).text
    assert "Nothing is called “&lt;b&gt;pizza”." in page and "<html" in page


def test_the_shortcuts_are_listed(viewer: Browser) -> None:
    page = viewer.get(GO + "keys").text
    assert "Keyboard shortcuts" in page and page.count("<kbd") > 15
