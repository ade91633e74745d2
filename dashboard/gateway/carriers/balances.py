"""What is left on our accounts with carriers: who is to be asked, and what they said.

A balance says nothing of another account, so one that was asked by older settings is forgotten with them.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, case, null, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import core_table, insert, utcnow
from dashboard.gateway.carriers import carriers
from dashboard.gateway.encryption import Cipher
from dashboard.models.carriers import Carrier, CarrierBalance
from dashboard.providers.base import Balance

ASK_EVERY = timedelta(minutes=15)
STALE_AFTER = timedelta(hours=1)
LOST_AFTER = timedelta(hours=24)

SAID = ("amount", "low", "known_at", "code")
_BALANCES = core_table(CarrierBalance)


def due(session: Session, cipher: Cipher) -> list[Carrier]:
    """The carriers in use that can be asked, and were not by their settings of now, or not lately."""
    known, earliest = of_carriers(session), utcnow() - ASK_EVERY
    return [
        carrier
        for carrier in carriers.listed(session)
        if carrier.enabled
        and (carrier.id not in known or known[carrier.id].asked_at <= earliest)
        and carriers.tells_balance(cipher, carrier)
    ]


def claim(session: Session, carrier: Carrier) -> bool:
    """Whether it is ours to ask: of several relays one does. The caller commits."""
    now = utcnow()
    row = {"carrier_id": carrier.id, "version": carrier.version, "unit": "", "asked_at": now}
    is_of_older = _BALANCES.c.version != carrier.version
    forgotten = {name: case((is_of_older, null()), else_=_BALANCES.c[name]) for name in SAID}
    claimed = (
        insert(session, _BALANCES)
        .values(row)
        .on_conflict_do_update(
            index_elements=["carrier_id"],
            set_={"version": carrier.version, "asked_at": now, **forgotten},
            where=or_(is_of_older, _BALANCES.c.asked_at <= now - ASK_EVERY),
        )
    )
    return session.execute(claimed.returning(_BALANCES.c.carrier_id)).first() is not None


def note(session: Session, carrier: Carrier, found: Balance | str) -> None:
    """Keep what it said, or the code of why it said nothing. The caller commits."""
    values = {"code": found[:40]} if isinstance(found, str) else vars(found) | {"known_at": utcnow(), "code": None}
    mine = CarrierBalance.carrier_id == carrier.id, CarrierBalance.version == carrier.version
    session.execute(update(CarrierBalance).where(*mine).values(values))


def of_carriers(session: Session) -> dict[int, CarrierBalance]:
    """What is known by the settings of now, by the carrier's id."""
    mine = CarrierBalance.carrier_id == Carrier.id, CarrierBalance.version == Carrier.version
    return {one.carrier_id: one for one in session.scalars(select(CarrierBalance).join(Carrier, and_(*mine)))}


def unknown_for(balance: CarrierBalance) -> timedelta | None:
    """How long the carrier has not told it, where it did once and could not for LOST_AFTER; else None."""
    if balance.known_at is None or balance.code is None:
        return None
    length = utcnow() - balance.known_at
    return length if length > LOST_AFTER else None


def is_stale(balance: CarrierBalance) -> bool:
    """Whether it may have changed since: the carrier has not told it for a while."""
    return balance.known_at is None or utcnow() - balance.known_at > STALE_AFTER
