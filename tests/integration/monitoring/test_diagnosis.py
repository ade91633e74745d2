"""“Why no code?”: a verdict for each cause, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway import workers
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.monitoring import diagnosis
from dashboard.gateway.otp import send
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.pages.diagnosis import SENTENCES
from tests.support.dashboard_client import Browser, World

PAGE = "/dashboard/lookup/?phone=38089336"
PHONE = "+22238089336"
OLD = timedelta(minutes=30)


def verdict(world: World, phone: str = PHONE) -> str:
    with world.services.sessions() as session:
        return diagnosis.story(session, phone).verdict.code


def age(world: World, message: Message, by: timedelta = OLD) -> None:
    with world.services.sessions.begin() as session:
        row = session.query(Otp).filter_by(message_id=message.id).one()
        row.created_at, row.expires_at = row.created_at - by, row.expires_at - by


def worker(world: World) -> None:
    with world.services.sessions.begin() as session:
        workers.beat(session, "sms", utcnow())


def delivered(world: World, key: ApiKey, **more: Any) -> Message:
    return world.code(key, **world.sent(carrier="smsc", **more))


def guess_wrong(world: World, key: ApiKey, times: int) -> None:
    with world.services.sessions.begin() as session:
        session.execute(update(Otp).where(Otp.key_id == key.id).values(attempts=times))


def full(world: World, key: ApiKey) -> None:
    for _ in range(3):
        world.code(key)
    with world.services.sessions() as session, pytest.raises(RateLimited):
        try:
            send.send(session, world.services.keyring, authentication.Caller.from_row(key), send.Order(PHONE))
        finally:
            session.commit()


def refused(world: World, key: ApiKey) -> None:
    world.code(key, status="failed", error_code="unreachable", failed_at=utcnow(), due_at=None)


def retrying(world: World, key: ApiKey) -> None:
    worker(world)
    world.code(key, error_code="no_answer", due_at=utcnow() + timedelta(seconds=40))


def waiting(world: World, key: ApiKey) -> None:
    worker(world)
    world.code(key)


def sandboxed(world: World, key: ApiKey) -> None:
    world.code(key, **world.sent())


def expired(world: World, key: ApiKey) -> None:
    age(world, delivered(world, key))


def unconfirmed(world: World, key: ApiKey) -> None:
    age(world, world.code(key, **world.sent(carrier="smsc", status="sent", delivered_at=None)))


def unsent(world: World, key: ApiKey) -> None:
    age(world, world.code(key, status="expired", expired_at=utcnow(), due_at=None))


def verified(world: World, key: ApiKey) -> None:
    world.guess_right(key, delivered(world, key))


def dead(world: World, key: ApiKey) -> None:
    delivered(world, key)
    guess_wrong(world, key, 3)


def doubtful(world: World, key: ApiKey) -> None:
    delivered(world, key)
    guess_wrong(world, key, 1)


def ended(world: World, key: ApiKey) -> None:
    age(world, delivered(world, key))
    with world.services.sessions.begin() as session:
        keys.revoke(session, keys.find(session, key.id))


CAUSES: dict[str, Callable[[World, ApiKey], object]] = {
    "nothing_asked": lambda _world, _key: None,
    "limit_reached": full,
    "carrier_refused": refused,
    "carrier_busy": retrying,
    "waiting": waiting,
    "workers_gone": lambda world, key: world.code(key),
    "no_carrier": sandboxed,
    "not_typed": delivered,
    "no_receipt": lambda world, key: world.code(key, **world.sent(carrier="smsc", status="sent", delivered_at=None)),
    "expired_delivered": expired,
    "expired_unused": unconfirmed,
    "never_left": unsent,
    "verified": verified,
    "wrong_three_times": dead,
    "wrong_so_far": doubtful,
    "key_ended": ended,
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_its_verdict_and_its_sentence(viewer: Browser, world: World, cause: str) -> None:
    CAUSES[cause](world, world.key())
    assert verdict(world) == cause
    for language in ("fr", "ar", "en"):
        viewer.headers["Accept-Language"] = language
        answer = viewer.get(PAGE)
        assert answer.status_code == 200 and "%(" not in answer.text


def test_a_test_key_is_the_cause_when_its_code_is_on_the_sandbox_phone(world: World) -> None:
    world.code(world.key(mode="test"), **world.sent())
    assert verdict(world) == "test_key"


def test_a_fixed_line_gets_no_code_whatever_its_carrier_says(world: World) -> None:
    world.code(world.key(), "+22225112233", **world.sent(carrier="smsc"))
    assert verdict(world, "+22225112233") == verdict(world, "+22235112233") == "fixed_line"


def test_a_limit_that_is_over_says_so(world: World) -> None:
    full(world, world.key())
    with world.services.sessions.begin() as session:
        session.execute(update(Otp).values(counted=False))
    assert verdict(world) == "limit_passed"


def test_the_cap_of_the_key_is_told_from_the_limits(world: World) -> None:
    key = world.key(otp_cap=1)
    world.code(key)
    with world.services.sessions() as session, pytest.raises(quotas.CapReached):
        try:
            send.send(session, world.services.keyring, authentication.Caller.from_row(key), send.Order(PHONE))
        finally:
            session.commit()
    assert verdict(world) == "cap_reached"


def test_every_sentence_but_the_past_ones_is_reached_by_a_test() -> None:
    told = {*CAUSES, "test_key", "fixed_line", "limit_passed", "cap_reached"}
    assert set(SENTENCES) - told == {"cap_passed"}


def test_the_story_spans_all_keys_and_offers_what_helps(operator: Browser, viewer: Browser, world: World) -> None:
    full(world, world.key("Shop"))
    world.text(world.key("Bank"), body="Bonjour")
    page = operator.get(PAGE).text
    assert "Shop" in page and "Bank" in page and "3 / 3" in page
    assert "lift=1" in page and "Lift the limit for an hour" in page
    assert "lift=1" not in viewer.get(PAGE).text


def test_lifting_the_limit_prefills_an_override_of_an_hour(operator: Browser, world: World) -> None:
    key = world.key()
    form = operator.get(f"/dashboard/limits/new?phone=38089336&key={key.id}&lift=1").text
    assert (
        '<option selected value="1h">' in form
        and re.search(r'name="minute"[^>]* value="10"', form)
        and "Support call" in form
    )


def test_a_number_that_is_none_is_refused_politely(viewer: Browser) -> None:
    answer = viewer.get("/dashboard/lookup/?phone=12")
    assert answer.status_code == 200 and "eight digits" in answer.text
