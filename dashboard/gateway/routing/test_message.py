"""Try a carrier: a real message through it alone, whatever the routes say."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import update
from sqlalchemy.orm import Session

from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.costs import reservations
from dashboard.gateway.costs.estimates import Text
from dashboard.gateway.costs.reservations import Wanted
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order, send
from dashboard.models.carriers import Carrier
from dashboard.models.messages import Message
from dashboard.providers import registry
from dashboard.vocabulary import Channel, Kind

TEXT = "Chinqit Gateway: test of {name}."


def submit(session: Session, keyring: Keyring, carrier: Carrier, phone: str) -> tuple[str, str]:
    """Write a message for this carrier down; return its uuid and channel. Raise RateLimited. The caller commits and
    wakes the lane. A carrier that takes codes alone is sent one.
    """
    channel = registry.KINDS[carrier.kind].channels[0]
    if channel == Channel.SMS:
        return submit_text(session, carrier, phone, TEXT.format(name=carrier.name), channel), channel
    reference = send(session, keyring, Caller.from_row(keys.own(session)), Order(phone, channel)).message_id
    _bind_to(session, carrier, reference)
    return reference, channel


def submit_text(session: Session, carrier: Carrier, phone: str, text: str, channel: str) -> str:
    """Write a text of the gateway's own for this carrier down; return its uuid. The caller commits and wakes.

    Budgets of all keys count it and never refuse it: a trial and an alert have to leave above all when things go wrong.
    """
    caller, draft = Caller.from_row(keys.own(session)), Draft.text(phone, text, channel)
    texts = [Text(channel, phone, draft.shape.segments, carrier.name)]
    cost = reservations.reserve_one(session, Wanted(caller.id, Kind.MESSAGE, texts, must_go=True))
    reference = outbox.submit(session, caller, replace(draft, reserved=cost))[1]
    _bind_to(session, carrier, reference)
    return reference


def _bind_to(session: Session, carrier: Carrier, reference: str) -> None:
    session.connection().execute(update(Message).where(Message.uuid == reference).values(carrier_id=carrier.id))
