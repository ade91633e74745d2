"""The sandbox phone: what arrives, what is polled, what is sent from the page, what is thrown away."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import func, select

from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import prices
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.gateway.sandbox import inbox
from dashboard.models.limits import LimitRejection
from dashboard.models.messages import Message
from dashboard.models.sandbox import SandboxMessage
from dashboard.providers.sandbox import ENDINGS, FAILED
from tests.support.dashboard_client import PARTIAL, Browser, World
from tests.support.http_carriers import HTTP

PAGE = "/dashboard/sandbox/"
POLL = {**PARTIAL, "X-Poll": "1"}


def deliver(world: World) -> None:
    services = world.services
    worker.drain(WorkerContext.open(services.sessions, services.settings), "sms", lambda: True)


def seen(page: str) -> str:
    found = re.search(r"seen=([0-9.]+)", page)
    assert found
    return found[1]


def test_texts_and_codes_are_on_the_phone_and_codes_can_be_copied(operator: Browser, world: World) -> None:
    key = world.key(mode="test")
    world.text(key, body="طلبك في الطريق")
    world.code(key)
    deliver(world)
    page = operator.get(PAGE).text
    assert "+222 38 08 93 36" in page and 'dir="auto">طلبك في الطريق' in page
    assert re.search(r'data-copy="[0-9]{6}"', page)


def test_a_text_tells_what_it_would_cost_for_real(operator: Browser, world: World) -> None:
    key = world.key(mode="test")
    world.text(key, "+22248089336", body="fenêtre " * 12)  # ê: 70 characters a segment, so two
    deliver(world)
    assert "would cost" not in operator.get(PAGE).text  # no carrier, no price
    with world.services.sessions.begin() as session:
        told = HTTP | {"url": "http://127.0.0.1:9/"}
        carriers.add(session, carriers.cipher(world.services.settings), NewCarrier("http", "mauritel", told))
        rules.set_rule(session, ("sms", None, None), [NewRouteTarget("mauritel", 0)])
        today = utcnow().date()
        prices.save(session, NewPrice("mauritel", "sms", prices.ALL_OPERATORS, today, 5_000))
        prices.save(session, NewPrice("mauritel", "sms", "4", today, 3_255))
        prices.save(session, NewPrice("mauritel", "sms", "4", today + timedelta(days=1), 9_000))
    page = " ".join(operator.get(PAGE).text.split())
    assert "2 segments · would cost 0.651 MRU" in page


def test_a_poll_answers_only_when_something_came_or_went(operator: Browser, world: World) -> None:
    key = world.key(mode="test")
    page = operator.get(PAGE).text
    url = f"{PAGE}?seen={seen(page)}"
    assert operator.get(url, headers=POLL).status_code == 204
    world.text(key)
    deliver(world)
    fresh = operator.get(url, headers=POLL)
    assert fresh.status_code == 200 and "Bonjour" in fresh.text
    url = f"{PAGE}?seen={seen(fresh.text)}"
    assert operator.get(url, headers=POLL).status_code == 204
    operator.post(f"{PAGE}clear")
    assert operator.get(url, headers=POLL).status_code == 200


def test_the_composer_sends_as_an_app_would(operator: Browser, world: World) -> None:
    key = world.key(mode="test")
    form = {"key": key.id, "phone": "38 08 93 36", "kind": "message", "text": "Salut"}
    assert operator.post(f"{PAGE}send", form).status_code == 303
    assert operator.post(f"{PAGE}send", {**form, "kind": "otp", "language": "ar"}).status_code == 303
    with world.services.sessions() as session:
        rows = session.scalars(select(Message).order_by(Message.id)).all()
        assert [(row.kind, row.key_id, row.body) for row in rows] == [
            ("message", key.id, "Salut"),
            ("otp", key.id, None),
        ]


def test_the_composer_takes_test_keys_only(operator: Browser, world: World) -> None:
    live = world.key()
    world.key("CI", mode="test")
    answer = operator.post(f"{PAGE}send", {"key": live.id, "phone": "38089336", "kind": "otp"})
    assert answer.status_code == 422 and "Choose a test key" in answer.text
    assert live.id not in operator.get(PAGE).text


def test_endings_are_documented_on_the_page(operator: Browser) -> None:
    page = operator.get(PAGE).text
    assert all(ending in page and text in page for ending, text in ENDINGS.items())


def test_a_number_that_is_refused_with_429_says_so_and_leaves_a_note(operator: Browser, world: World) -> None:
    key = world.key(mode="test")
    form = {"key": key.id, "phone": "38999905", "kind": "otp"}
    answer = operator.post(f"{PAGE}send", form, headers=PARTIAL)
    assert answer.status_code == 422 and "429" in answer.text
    with world.services.sessions() as session:
        assert session.scalar(select(func.count()).select_from(LimitRejection)) == 1
        assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_a_live_key_may_send_to_that_number(world: World) -> None:
    assert world.code(world.key(), "+22238999905").status == "queued"


def test_a_number_that_fails_after_being_taken(world: World) -> None:
    message = world.text(world.key(mode="test"), f"+22238{FAILED}")
    deliver(world)
    after = world.settle(message.id)
    assert (after.status, after.error_code, after.carrier) == ("failed", "sandbox_undelivered", "sandbox")
    assert after.sent_at and after.failed_at and after.sent_at <= after.failed_at <= utcnow()
    assert after.due_at is None


def test_clearing_asks_first_and_leaves_other_phones(operator: Browser, world: World) -> None:
    key = world.key(mode="test")
    world.text(key)
    world.text(key, "+22246112233")
    deliver(world)
    assert "Clear this phone?" in operator.partial(f"{PAGE}clear?phone=38089336", "div#dialog-body").text
    operator.post(f"{PAGE}clear", {"phone": "38089336"})
    with world.services.sessions() as session:
        assert session.scalars(select(SandboxMessage.phone).where(inbox.SHOWN)).all() == ["+22246112233"]
    with world.services.sessions.begin() as session:
        assert inbox.forget_cleared(session, utcnow() - timedelta(minutes=2)) == 0  # it may still come back
        assert inbox.forget_cleared(session, utcnow() + timedelta(seconds=1)) == 1
    with world.services.sessions() as session:
        assert session.scalars(select(SandboxMessage.phone)).all() == ["+22246112233"]
        assert session.scalar(select(func.count()).select_from(Message)) == 2
