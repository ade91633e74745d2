"""The conversation with one number: both ways in time, masked as the log is, and an answer by hand."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.inbound import inbox
from dashboard.gateway.maintenance import retention
from dashboard.gateway.message_log import conversation
from dashboard.models.carriers import Carrier
from dashboard.models.inbound import IncomingMessage
from dashboard.models.messages import Message
from dashboard.providers.base import Incoming
from tests.support.dashboard_client import Browser, World
from tests.support.http_carriers import HTTP, SMSGATE

PHONE, OTHER = "+22238089336", "+22247000000"


def receive(services: Services, words: str, sender: str = PHONE, minutes: int = 0, to: str = "3601") -> str:
    at = utcnow() - timedelta(minutes=minutes)
    inbox.receive(services.sessions, "mattel", [Incoming(sender, to, words, at)])
    with services.sessions() as session:
        return session.scalars(select(IncomingMessage.uuid).order_by(IncomingMessage.id.desc())).first() or ""


def add_carrier(services: Services, kind: str = "http", **values: str) -> None:
    settings = {"http": HTTP | {"url": "http://127.0.0.1:9/"}, "smsgate": SMSGATE | {"address": "http://127.0.0.1:9"}}
    with services.sessions.begin() as session:
        wanted = NewCarrier(kind, "mattel", settings[kind] | values)
        carriers.add(session, carriers.cipher(services.settings), wanted)


def page_of(reference: str) -> str:
    return f"/dashboard/incoming/with/{reference}"


def test_both_ways_stand_in_the_order_of_time(operator: Browser, services: Services, world: World) -> None:
    key = world.key("Boutique")
    first = receive(services, "Où est ma commande ?", minutes=9)
    sent = world.text(key, PHONE, created_at=utcnow() - timedelta(minutes=5))
    receive(services, "Merci bien")
    receive(services, "Autre chose", OTHER)
    for reference in (first, sent.uuid):
        page = operator.get(page_of(reference)).text
        found = [page.index(words) for words in ("Où est ma commande ?", sent.body or "-", "Merci bien")]
        assert found == sorted(found) and "Autre chose" not in page and "Boutique" in page
    assert page_of(first) in operator.get("/dashboard/incoming/").text
    assert page_of(sent.uuid) in operator.get(f"/dashboard/messages/{sent.uuid}").text


def test_codes_stay_masked_and_a_keyword_says_what_it_did(operator: Browser, services: Services, world: World) -> None:
    code = world.code(world.key("Boutique"), PHONE)
    receive(services, "STOP")
    page = operator.get(page_of(code.uuid)).text
    assert "••••••" in page and "Opt-out" in page and "Opted out by the word" in page


def test_viewers_see_it_masked_and_reveal_one_text_at_a_time(viewer: Browser, services: Services, world: World) -> None:
    receive(services, "Bonjour à vous")
    second = receive(services, "Encore moi")
    page = viewer.get(page_of(second)).text
    assert "+222 38 •• •• 36" in page and "38 08 93 36" not in page
    assert not re.search("Bonjour|Encore", page) and "38089336" not in page and page.count("Text hidden") == 2
    page = viewer.post(f"{page_of(second)}/reveal").text
    assert "Encore moi" in page and "Bonjour" not in page and "+222 38 08 93 36" in page


def test_what_is_too_much_for_one_page_goes_on_without_loss(
    operator: Browser, services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "PAGE", 3)
    key = world.key("Boutique")
    for number in range(4):
        receive(services, f"Texte {number}.", minutes=60 - number)
        world.text(key, PHONE, body=f"Réponse {number}.", created_at=utcnow() - timedelta(minutes=50 - number))
    address, seen = page_of(receive(services, "Le dernier.")), ""
    pages = 0
    while address:
        page = operator.get(address).text
        seen += page
        pages += 1
        older = re.search(r'href="([^"]+message_id[^"]+)"', page) or re.search(r'href="([^"]+incoming_id[^"]+)"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    words = [f"{kind} {number}." for kind in ("Texte", "Réponse") for number in range(4)] + ["Le dernier."]
    assert pages == 3 and all(seen.count(f">{word}<") == 1 for word in words)


def test_a_number_that_retention_has_cut_is_nobody_s(operator: Browser, services: Services, world: World) -> None:
    sent = world.text(world.key("Boutique"), PHONE)
    with services.sessions.begin() as session:
        session.execute(update(Message).values(phone=retention.cut(Message.phone)))
    assert operator.get(page_of(sent.uuid)).status_code == 404
    assert "/incoming/with/" not in operator.get(f"/dashboard/messages/{sent.uuid}").text


@pytest.mark.parametrize(
    ("kind", "values", "is_open"),
    [
        ("http", {"sender": "3601"}, True),
        ("http", {"sender": "Sahel", "other_senders": "3601"}, True),
        ("http", {"sender": "Sahel", "other_senders": "*"}, True),
        ("http", {"sender": "Sahel"}, False),
        ("smsgate", {}, True),
    ],
)
def test_there_is_an_answer_where_a_carrier_shows_the_number_that_was_written_to(
    operator: Browser, services: Services, kind: str, values: dict[str, str], is_open: bool
) -> None:
    add_carrier(services, kind, **values)
    reference = receive(services, "Bonjour")
    assert ('id="reply"' in operator.get(page_of(reference)).text) is is_open
    operator.post(f"{page_of(reference)}/reply", {"text": "Bonjour à vous"})
    with services.sessions() as session:
        sent = [(row.phone, row.body, row.sender) for row in session.scalars(select(Message))]
    assert sent == ([(PHONE, "Bonjour à vous", "3601")] if is_open else [])


def test_there_is_none_for_viewers_without_a_carrier_or_after_stop(
    operator: Browser, viewer: Browser, services: Services
) -> None:
    reference = receive(services, "Bonjour")
    assert 'id="reply"' not in operator.get(page_of(reference)).text
    add_carrier(services, sender="3601")
    assert 'id="reply"' not in viewer.get(page_of(reference)).text
    assert viewer.post(f"{page_of(reference)}/reply", {"text": "x"}).status_code == 403
    receive(services, "STOP")
    assert 'id="reply"' not in operator.get(page_of(reference)).text
    operator.post(f"{page_of(reference)}/reply", {"text": "Revenez !"})
    receive(services, "START")
    with services.sessions.begin() as session:
        session.execute(update(Carrier).values(enabled=False))
    assert 'id="reply"' not in operator.get(page_of(reference)).text
    with services.sessions() as session:
        assert session.scalar(select(Message.id)) is None


def test_an_empty_answer_is_refused_and_an_own_word_for_it_kept(operator: Browser, services: Services) -> None:
    add_carrier(services, sender="3601")
    answer = operator.post(f"{page_of(receive(services, 'Bonjour'))}/reply", {"text": "a\x07b"})
    assert answer.status_code == 422 and "control character" in answer.text
