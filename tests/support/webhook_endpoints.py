"""Endpoints on a receiver: by the domain alone, and over the API of a running gateway."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.delivery import settle
from dashboard.gateway.delivery.decisions import MarkSent
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.webhooks import dispatcher, endpoints, queue
from dashboard.gateway.webhooks.dispatcher import DispatcherContext
from dashboard.gateway.webhooks.queue import EndpointLease
from dashboard.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from dashboard.providers.base import Outcome
from dashboard.settings import Settings
from dashboard.vocabulary import Scope
from tests.support.stack import Client, Stack
from tests.support.webhook_receiver import Receiver


@dataclass
class Office:
    """The domain alone, with no process around it: messages go through their lives, couriers are sent by hand."""

    sessions: Sessions
    settings: Settings
    context: DispatcherContext
    receiver: Receiver
    caller: Caller

    def listen(self, path: str, **more: Any) -> tuple[str, str]:
        """Make an endpoint on a path; return its id and its secret."""
        wanted = endpoints.NewEndpoint(self.caller.id, more.pop("url", self.receiver.url(path)), **more)
        with self.sessions.begin() as session:
            endpoint, secret = endpoints.create(session, endpoints.cipher(self.context.settings), wanted)
            found = endpoint.id
        self.sessions.kw["bind"].dispose()  # whoever remembers that nobody listened
        return found, secret

    def message(self, phone: str = "+22238089336") -> ClaimedMessage:
        """A message that a worker has claimed."""
        with self.sessions.begin() as session:
            outbox.submit(session, self.caller, outbox.Draft.text(phone, "Bonjour"))
        with self.sessions() as session:
            return outbox.claim(session, "sms", 1)[0]

    def deliver(self, message: ClaimedMessage | None = None) -> ClaimedMessage:
        """Let a message arrive: it is sent and delivered."""
        found = message or self.message()
        with self.sessions.begin() as session:
            settle.apply(session.connection(), [MarkSent(found, "sandbox", Outcome("ref", delivered=True))])
        return found

    def serve(self) -> int:
        """Send a courier to each endpoint that has something due; return how many there were."""
        turns: list[EndpointLease] = []
        for failing in (False, True):
            with self.sessions() as session:
                turns += queue.claim(session, 10, failing=failing)
        for turn in turns:
            dispatcher.serve(self.context, turn, lambda: True)
        return len(turns)

    def use(self, **more: Any) -> None:
        """Work with another web or cipher."""
        self.context.http.close()
        self.context = replace(self.context, **more)

    def hurry(self) -> None:
        """Let every wait be over."""
        with self.sessions.begin() as session:
            due = update(WebhookDelivery).where(WebhookDelivery.due_at.is_not(None), WebhookDelivery.due_at > utcnow())
            session.execute(due.values(due_at=utcnow()))

    def endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        with self.sessions() as session:
            found = session.get_one(WebhookEndpoint, endpoint_id)
            session.expunge_all()
            return found

    def set(self, endpoint_id: str, **values: Any) -> None:
        with self.sessions.begin() as session:
            session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(**values))

    def waits(self) -> list[tuple[datetime, int]]:
        """When each waiting event is due, and how often it was tried."""
        with self.sessions() as session:
            rows = session.execute(
                select(WebhookDelivery.due_at, WebhookDelivery.tries)
                .where(WebhookDelivery.due_at.is_not(None))
                .order_by(WebhookDelivery.id)
            )
            return [(due, tries) for due, tries in rows if due is not None]

    def attempts(self) -> list[WebhookAttempt]:
        with self.sessions() as session:
            found = list(session.scalars(select(WebhookAttempt).order_by(WebhookAttempt.id)))
            session.expunge_all()
            return found

    def events(self) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(select(WebhookEvent.kind).order_by(WebhookEvent.id)))


@dataclass(frozen=True)
class Shop:
    """A caller of the running gateway who manages webhooks."""

    client: Client

    def call(self, method: str, path: str, **fields: Any) -> Any:
        sent = fields if method in ("POST", "PATCH") else None
        answer = self.client.stack.call(method, path, key=self.client.key, json=sent)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def listen(self, url: str, **more: Any) -> Any:
        return self.call("POST", "/webhooks", url=url, **more)


def make_shop(stack: Stack) -> Shop:
    return Shop(stack.client(scopes=tuple(Scope)))
