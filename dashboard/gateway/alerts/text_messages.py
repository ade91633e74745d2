"""Alerts as SMS, through a carrier of the gateway itself: the healthiest one that the alert is not about."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from dashboard.gateway.encryption import Cipher
from dashboard.gateway.monitoring import carrier_status
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.gateway.routing import test_message
from dashboard.models.carriers import Carrier
from dashboard.providers import registry
from dashboard.vocabulary import CarrierState, Channel

MOST_CHARACTERS = 140  # in Latin letters one segment, in Arabic three
UNUSABLE = (CarrierState.OFF, CarrierState.UNOPENED)


class NoCarrier(Exception):
    """None that could take an alert: all are faulty, switched off, or what it is about."""


def submit(session: Session, cipher: Cipher, phone: str, text: str, about: Collection[str]) -> None:
    """Write the alert down as a message for one carrier; `about` names those that are in trouble. Raise NoCarrier.

    The caller commits and wakes the lane `sms`.
    """
    carrier = choose(session, cipher, about)
    test_message.submit_text(session, carrier, phone, text[:MOST_CHARACTERS], Channel.SMS)


def choose(session: Session, cipher: Cipher, about: Collection[str]) -> Carrier:
    """The carrier that an alert goes by; raise NoCarrier."""
    usable = [status for status in carrier_status.all_of(session, cipher) if _is_usable(status, about)]
    if not usable:
        raise NoCarrier
    return min(usable, key=lambda status: (status.state is not CarrierState.OPERATIONAL, -status.work.taken)).carrier


def _is_usable(status: CarrierStatus, about: Collection[str]) -> bool:
    takes_texts = Channel.SMS in registry.KINDS[status.carrier.kind].channels
    return takes_texts and not status.is_faulty and status.state not in UNUSABLE and status.carrier.name not in about
