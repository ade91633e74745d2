"""Carriers as administrators set them up: add, revise, switch on and off, remove. Their settings are encrypted."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.db import lock
from dashboard.gateway import encryption
from dashboard.gateway.carriers import notices
from dashboard.gateway.encryption import Cipher, Purpose
from dashboard.gateway.messages import outbox
from dashboard.models.carriers import Carrier, CarrierConnection, Route
from dashboard.providers import registry
from dashboard.providers.base import Host, Provider
from dashboard.providers.settings import InvalidSettings, Scalar, SettingProblem
from dashboard.settings import Settings
from dashboard.sms import senders
from dashboard.vocabulary import SANDBOX, Channel

NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")
HOOK = re.compile(r"[A-Za-z0-9_-]{43}")  # as secrets.token_urlsafe(32) makes them
MOST = 50
SHORTEST_DOWN, LONGEST_DOWN = timedelta(seconds=15), timedelta(seconds=120)


class CarrierNotFound(LookupError):
    """No carrier has this name."""


class UnreadableSettings(Exception):
    """Its settings were encrypted with another DATA_SECRET."""


@dataclass(frozen=True)
class NewCarrier:
    """A new carrier as a form or command gives it; `values` are checked by its kind."""

    kind: str
    name: str
    values: Mapping[str, Any] = field(repr=False)
    label: str | None = None  # what people call it


def cipher(settings: Settings) -> Cipher:
    """Encrypts the settings of carriers at rest."""
    return encryption.cipher(settings, Purpose.CARRIER_SETTINGS)


def add(session: Session, cipher: Cipher, new: NewCarrier, created_by: str | None = None) -> Carrier:
    """Make a carrier; the first of a channel becomes its default route. Raise InvalidSettings. The caller commits."""
    lock(session, "carriers")
    problem = _name_problem(session, new.name)
    if problem:
        raise InvalidSettings([SettingProblem("name", problem)])
    stored = registry.revise(new.kind, {}, new.values)
    carrier = Carrier(
        name=new.name,
        kind=new.kind,
        label=new.label,
        sealed=_seal(cipher, stored),
        hook=secrets.token_urlsafe(32),
        created_by=created_by,
    )
    session.add(carrier)
    session.flush()
    for channel in registry.KINDS[new.kind].channels:
        if session.scalar(select(Route.id).where(Route.channel == channel).limit(1)) is None:
            session.add(Route(channel=channel, carrier_id=carrier.id, position=0, weight=1))
    session.flush()
    return carrier


def revise(session: Session, cipher: Cipher, carrier: Carrier, values: Mapping[str, Any]) -> None:
    """Change its settings; a secret that is left empty stays. Raise InvalidSettings."""
    carrier.sealed = _seal(cipher, registry.revise(carrier.kind, decrypted(cipher, carrier), values))
    _renew(session, carrier)
    session.flush()


def change(session: Session, cipher: Cipher, carrier: Carrier, changes: Mapping[str, Any]) -> None:
    """Change these settings alone; one that is given empty is emptied. Raise InvalidSettings or UnreadableSettings."""
    settings = registry.KINDS[carrier.kind].settings
    carrier.sealed = _seal(cipher, settings.read({**decrypted(cipher, carrier), **changes}).to_store())
    _renew(session, carrier)
    session.flush()


def replace(session: Session, cipher: Cipher, carrier: Carrier, values: Mapping[str, Any]) -> None:
    """Set all of its settings anew, secrets too, when those it has cannot be read. Raise InvalidSettings."""
    carrier.sealed = _seal(cipher, registry.revise(carrier.kind, {}, values))
    _renew(session, carrier)
    session.flush()


def switch(session: Session, carrier: Carrier, *, on: bool) -> None:
    """Use it or leave it out; what waits for it is routed anew."""
    carrier.enabled = on
    _renew(session, carrier)
    session.flush()
    outbox.release_deferred(session, [carrier.id])


def remove(session: Session, carrier: Carrier) -> None:
    """Forget a carrier, its credentials and its routes; what waits for it is routed anew, the log keeps its name.

    Its row is locked first, as by all that writes of a carrier: in another order two transactions would deadlock.
    """
    session.execute(select(Carrier.id).where(Carrier.id == carrier.id).with_for_update())
    outbox.release_deferred(session, [carrier.id])
    session.execute(delete(CarrierConnection).where(CarrierConnection.carrier_id == carrier.id))
    notices.clear(session, carrier.name)
    session.delete(carrier)
    session.flush()


def find(session: Session, name: str) -> Carrier:
    """Raise CarrierNotFound."""
    carrier = named(session, name)
    if carrier is None:
        raise CarrierNotFound(name)
    return carrier


def named(session: Session, name: str | None) -> Carrier | None:
    """The carrier of this name, if it is still there."""
    return session.scalar(select(Carrier).where(Carrier.name == name)) if name else None


def by_hook(session: Session, hook: str) -> Carrier | None:
    """The carrier that is called back at this address."""
    if not HOOK.fullmatch(hook):  # nor is a database asked for what it cannot hold
        return None
    return session.scalar(select(Carrier).where(Carrier.hook == hook))


def listed(session: Session) -> list[Carrier]:
    """All of them, by name."""
    return list(session.scalars(select(Carrier).order_by(Carrier.name)))


def decrypted(cipher: Cipher, carrier: Carrier) -> dict[str, Scalar]:
    """Its settings in the clear, secrets too; raise UnreadableSettings."""
    try:
        settings: dict[str, Scalar] = json.loads(cipher.decrypt(carrier.sealed))
    except InvalidToken:
        raise UnreadableSettings(carrier.name) from None
    return settings


def shown(cipher: Cipher, carrier: Carrier) -> dict[str, Scalar]:
    """Its settings as people may see them: of a secret, whether it is set."""
    return registry.shown(carrier.kind, decrypted(cipher, carrier))


def has_receipts(cipher: Cipher, carrier: Carrier) -> bool:
    """Whether it tells what becomes of the texts that it took; of one whose settings nobody can read: it may."""
    try:
        return registry.has_receipts(carrier.kind, decrypted(cipher, carrier))
    except (UnreadableSettings, InvalidSettings):
        return True


def tells_balance(cipher: Cipher, carrier: Carrier) -> bool:
    """Whether it can be asked what is left on our account; not where nobody can read its settings."""
    try:
        return registry.tells_balance(carrier.kind, decrypted(cipher, carrier))
    except (UnreadableSettings, InvalidSettings):
        return False


def carries(cipher: Cipher, carrier: Carrier, sender: str) -> bool:
    """Whether its texts can show this sender; a phone with an app shows its own number, which it was sent to."""
    kind = registry.KINDS[carrier.kind]
    if Channel.SMS not in kind.channels:
        return False
    if "other_senders" not in kind.settings.model_fields:
        return True
    try:
        settings: Any = kind.settings.read(decrypted(cipher, carrier))
    except (UnreadableSettings, InvalidSettings):
        return False
    return senders.is_same(sender, senders.choose([sender], settings.sender, settings.other_senders))


def build(cipher: Cipher, carrier: Carrier, host: Host) -> Provider:
    """Make the provider of a carrier, ready to send; raise UnreadableSettings or InvalidSettings."""
    return registry.build(carrier.kind, decrypted(cipher, carrier), carrier.name, host)


def _renew(session: Session, carrier: Carrier) -> None:
    """A change may have mended what was wrong: it gets another chance at once."""
    carrier.version += 1
    carrier.down_since = carrier.down_until = carrier.down_code = None
    notices.clear(session, carrier.name)


def _seal(cipher: Cipher, values: Mapping[str, Scalar]) -> bytes:
    return cipher.encrypt(json.dumps(values).encode())


def _name_problem(session: Session, name: str) -> str | None:
    """The code of what is wrong with a name; see providers.settings.PROBLEMS."""
    if not NAME.fullmatch(name) or name == SANDBOX:
        return "name_form"
    if session.scalar(select(Carrier.id).where(Carrier.name == name)) is not None:
        return "name_taken"
    if len(listed(session)) >= MOST:
        return "too_many_carriers"
    return None
