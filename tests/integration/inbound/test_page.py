"""The page of texts received, and its command."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dashboard.cli.registry import main
from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.inbound import inbox
from dashboard.providers.base import Incoming
from tests.support.dashboard_client import Browser, World

PAGE = "/dashboard/incoming/"
PHONE, OTHER = "+22238089336", "+22247000000"


def receive(services: Services, words: str = "Où est ma commande <7> ?", sender: str = PHONE) -> None:
    inbox.receive(services.sessions, "mattel", [Incoming(sender, "3601", words, utcnow())])


def test_texts_are_shown_with_who_wrote_them_and_to_whom(operator: Browser, services: Services) -> None:
    assert "No text has come yet" in operator.get(PAGE).text
    receive(services)
    page = operator.get(PAGE).text
    assert "Où est ma commande &lt;7&gt; ?" in page and "+222 38 08 93 36" in page and "3601" in page


@pytest.mark.parametrize("typed", ["38089336", "+222 38 08 93 36", "0022238089336"])
def test_one_phone_is_found_however_it_is_written(operator: Browser, services: Services, typed: str) -> None:
    receive(services, "Un")
    receive(services, "Deux", OTHER)
    page = operator.get(PAGE, query_string={"phone": typed}).text
    assert "Un" in page and "Deux" not in page


def test_viewers_see_neither_numbers_nor_words_and_find_none(viewer: Browser, services: Services) -> None:
    receive(services)
    receive(services, "Bonjour", "+33612345678")
    page = viewer.get(PAGE, query_string={"phone": "47000000"}).text
    assert "+222 38 •• •• 36" in page and "commande" not in page and "612345678" not in page
    assert "Text hidden (24 characters)" in page


def test_older_ones_are_loaded(operator: Browser, services: Services) -> None:
    for number in range(inbox.PAGE + 1):
        receive(services, f"Texte {number}.")
    first = operator.get(PAGE).text
    assert "Texte 50." in first and "Texte 0." not in first and "Load more" in first
    more = operator.partial(f"{PAGE}?before=2", target="tr#more").text
    assert "Texte 0." in more and "<html" not in more


def test_the_command_lists_them_without_words(
    services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(services)
    receive(services, "Bonjour", "+33612345678")
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    listed = CliRunner().invoke(main, ["incoming", "list", "--json"], catch_exceptions=False)
    rows = json.loads(listed.stdout)
    assert [row["number"] for row in rows] == ["+336••••", "+22238••••36"]
    assert "commande" not in listed.output and rows[0]["to"] == "3601"
    listed = CliRunner().invoke(main, ["incoming", "keywords", "--json"], catch_exceptions=False)
    assert [row["keyword"] for row in json.loads(listed.stdout)] == ["stop", "start", "help"]
