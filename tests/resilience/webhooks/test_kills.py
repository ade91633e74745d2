"""Nothing is lost and nothing comes out of order when webhook workers, relay and Valkey are killed."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

import pytest
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.models.webhooks import WebhookEndpoint
from tests.support.phones import new_phone
from tests.support.stack import Stack, until
from tests.support.webhook_endpoints import make_shop
from tests.support.webhook_receiver import Answer, Receiver

pytestmark = pytest.mark.usefixtures("healed")

MESSAGES = 40
KILLS = 3
PARALLEL = 8  # calls at once to one endpoint, by default


def has_got(receiver: Receiver, path: str, count: int) -> bool:
    return len(receiver.got(path)) >= count


def test_kills_lose_nothing_and_double_little(stack: Stack, receiver: Receiver, path: str) -> None:
    shop = make_shop(stack)
    receiver.answers[path] = Answer(seconds=0.02)
    shop.listen(receiver.url(path))
    sent = [shop.client.send(new_phone()).json()["messageId"] for _ in range(MESSAGES)]
    for number in range(KILLS):
        until(partial(has_got, receiver, path, 20 * (number + 1)), 60)
        stack.restart("webhooks")
        if number == 1:
            stack.restart("valkey", "relay")
        release(stack)
    until(lambda: len({one.id for one in receiver.got(path)}) >= 2 * MESSAGES, 90)
    time.sleep(1)
    got = receiver.got(path)
    times = Counter(one.id for one in got)
    assert len(times) == 2 * MESSAGES, "lost"
    assert sum(times.values()) - len(times) <= KILLS * PARALLEL, "doubled more often than calls were under way"
    firsts = list({one.id: one for one in reversed(got)}.values())[::-1]
    order: dict[str, list[str]] = {}
    for one in sorted(firsts, key=lambda one: one.at):
        order.setdefault(one.event["data"]["messageId"], []).append(one.type)
    assert order == {one: ["message.sent", "message.delivered"] for one in sent}
    assert receiver.most_at_once[path] <= PARALLEL


def test_what_waited_for_a_dead_worker_is_told_at_once_when_it_is_back(
    stack: Stack, receiver: Receiver, path: str
) -> None:
    shop = make_shop(stack)
    shop.listen(receiver.url(path), events=["message.sent"])
    stack.kill("webhooks")
    phone = new_phone()
    stack.arrived(phone, shop.client.send(phone).json()["messageId"])
    assert receiver.got(path) == []
    stack.start("webhooks")
    until(lambda: receiver.got(path), 10)


def release(stack: Stack) -> None:
    """Do not wait for the lease of the one who was killed: let 30 seconds have passed."""
    with stack.sessions.begin() as session:
        dead = update(WebhookEndpoint).where(WebhookEndpoint.claim.is_not(None))
        session.execute(dead.values(lease_until=utcnow()))
