"""The running gateway tells servers that fail, hang, redirect and dawdle; one that is well notices nothing of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.gateway.webhooks import dispatcher
from dashboard.gateway.webhooks.queue import JITTER, WAITS
from dashboard.models.webhooks import WebhookDelivery, WebhookEndpoint
from tests.support.phones import new_phone
from tests.support.stack import Stack, until
from tests.support.webhook_endpoints import Shop
from tests.support.webhook_receiver import Answer, Got, Receiver

pytestmark = pytest.mark.timeout(240)

MESSAGES = 2
LATE = timedelta(seconds=20)  # of whoever looks, on a busy machine
Bad = Callable[[Got], Answer]


def for_a_while(calls: int, answer: Answer) -> Bad:
    """So bad for so many calls of the first event, then well."""
    first: list[str] = []

    def answered(got: Got) -> Answer:
        first.append(got.id)
        return answer if got.id == first[0] and first.count(got.id) <= calls else Answer()

    return answered


class FastClock:
    """Lets each wait of some endpoints be over as soon as it has begun, and notes how long it would have been."""

    def __init__(self, stack: Stack, endpoint_ids: list[str]) -> None:
        self.stack = stack
        self.endpoint_ids = endpoint_ids
        self.waits: list[tuple[int, timedelta]] = []  # after how many tries, how long
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> FastClock:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.1):
            self._turn()

    def _turn(self) -> None:
        with self.stack.sessions.begin() as session:
            due_at = WebhookDelivery.due_at
            waiting = (WebhookDelivery.endpoint_id.in_(self.endpoint_ids), due_at > utcnow())
            rows = session.execute(select(WebhookDelivery.id, WebhookDelivery.tries, due_at).where(*waiting)).all()
            now = utcnow()  # after the rows were read: that may have waited, and a wait is not to look longer for it
            for row in rows:
                if row.tries:
                    self.waits.append((row.tries, row.due_at - now))
                due = update(WebhookDelivery).where(WebhookDelivery.id == row.id)
                session.execute(due.values(due_at=now))


@pytest.fixture
def troubled(shop: Shop, receiver: Receiver, path: str) -> Iterator[dict[str, str]]:
    """Endpoints by what is the matter with them: their ids. Each gets over it."""
    matters: dict[str, Bad | Answer] = {
        "well": Answer(),
        "fails": for_a_while(4, Answer(500, body=b"out of order")),
        "redirects": for_a_while(2, Answer(307, {"Location": receiver.url(f"{path}-elsewhere")})),
        "hangs": for_a_while(1, Answer(seconds=dispatcher.TIMEOUT_SECONDS + 1)),
        "dawdles": Answer(seconds=2),
    }
    for matter, answer in matters.items():
        receiver.answers[f"{path}-{matter}"] = answer
    yield {matter: shop.listen(receiver.url(f"{path}-{matter}"))["webhookId"] for matter in matters}
    with shop.client.stack.sessions.begin() as session:
        session.execute(update(WebhookEndpoint).values(disabled_at=utcnow()))


def test_nothing_is_lost_on_servers_in_trouble_and_none_holds_up_another(
    stack: Stack, shop: Shop, receiver: Receiver, path: str, troubled: dict[str, str]
) -> None:
    began = time.monotonic()
    with FastClock(stack, list(troubled.values())) as clock:
        sent = [shop.client.send(new_phone()).json()["messageId"] for _ in range(MESSAGES)]
        until(
            lambda: heard(receiver, f"{path}-well") == 2 * MESSAGES,
            dispatcher.TIMEOUT_SECONDS,
            lambda: f"heard {[(got.id, got.type) for got in receiver.got(f'{path}-well')]}\n{stack.printed()[-2000:]}",
        )
        assert time.monotonic() - began < dispatcher.TIMEOUT_SECONDS, "the one that is well waited for the others"
        until(lambda: all(heard(receiver, f"{path}-{matter}") >= 2 * MESSAGES for matter in troubled), 90)
        until(lambda: settled(stack, troubled), 30)
    for matter in troubled:
        assert arrivals(receiver, f"{path}-{matter}") == {
            message: ["message.sent", "message.delivered"] for message in sent
        }, matter
    assert receiver.got(f"{path}-elsewhere") == [], "a redirect was followed"
    assert len(receiver.got(f"{path}-well")) == 2 * MESSAGES, "the one that is well was told twice"
    assert max(receiver.most_at_once[f"{path}-{matter}"] for matter in troubled if matter != "hangs") <= 8
    assert {tries for tries, _ in clock.waits} >= {2, 3, 4}  # the first, of 5 s, may be over before anybody looks
    for tries, wait in clock.waits:
        usual = WAITS[tries - 1]
        assert usual - LATE <= wait <= usual * (1 + JITTER), f"after {tries} tries: {wait}"


def heard(receiver: Receiver, path: str) -> int:
    """How many different events came."""
    return len({got.id for got in receiver.got(path)})


def settled(stack: Stack, troubled: dict[str, str]) -> bool:
    waiting = select(WebhookDelivery.id).where(
        WebhookDelivery.endpoint_id.in_(troubled.values()), WebhookDelivery.due_at.is_not(None)
    )
    with stack.sessions() as session:
        return session.scalars(waiting).first() is None


def arrivals(receiver: Receiver, path: str) -> dict[str, list[str]]:
    """What each message's events were, in the order of their last arrival: the one that was taken."""
    last = {got.id: got for got in receiver.got(path)}
    kinds: dict[str, list[str]] = {}
    for got in sorted(last.values(), key=lambda got: got.at):
        kinds.setdefault(got.event["data"]["messageId"], []).append(got.type)
    return kinds
