"""The state of each carrier at this moment, from what workers and the relay have written down of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.carriers import balances, carriers, health, metrics, notices, recent
from dashboard.gateway.carriers.metrics import Work
from dashboard.gateway.carriers.recent import Recent
from dashboard.gateway.delivery import receipts
from dashboard.gateway.encryption import Cipher
from dashboard.models.carriers import Carrier, CarrierBalance, CarrierConnection, CarrierNotice
from dashboard.providers import registry
from dashboard.vocabulary import CarrierState, ConnectionState, Trend

SLOW_SECONDS = 5.0  # for 95 of 100 answers
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FAULTY = frozenset(
    {
        CarrierState.DOWN,
        CarrierState.TRYING,
        CarrierState.BROKEN,
        CarrierState.CREDENTIALS,
        CarrierState.UNREADABLE,
        CarrierState.REFUSING,
    }
)
NOTHING_TRIED = Recent(0, 0, None)


@dataclass(frozen=True)
class CarrierStatus:
    """A carrier with its state; `code` says why, where something is wrong."""

    carrier: Carrier
    state: CarrierState
    code: str | None
    lines: list[CarrierConnection]
    work: Work  # of the last hour
    recent: Recent  # the last minutes
    strays: int  # receipts of the last day that fit no message
    fresh_strays: int  # of them, those of the last hour
    unread: int  # receipts of the last day whose words could not be read
    notices: list[CarrierNotice]  # what it said of itself, the newest first
    balance: CarrierBalance | None  # None: it is switched off, or cannot be asked

    @property
    def is_faulty(self) -> bool:
        return self.state in FAULTY

    @property
    def since(self) -> datetime | None:
        """Since when it is faulty; None where that is not known."""
        if self.state == CarrierState.REFUSING:
            return self.recent.since
        return self.carrier.down_since if self.is_faulty else None

    @property
    def until(self) -> datetime | None:
        """When it is tried again."""
        return self.carrier.down_until if self.state in (CarrierState.DOWN, CarrierState.CREDENTIALS) else None


def all_of(session: Session, cipher: Cipher) -> list[CarrierStatus]:
    """Every carrier, by name."""
    now, connections, work = utcnow(), health.connections(session), metrics.last_hour(session)
    strays = receipts.count_unmatched(session, now - DAY)
    fresh, unread = receipts.count_unmatched(session, now - HOUR), receipts.count_unread(session, now - DAY)
    lately, noted = recent.of_carriers(session), notices.of_carriers(session)
    left = balances.of_carriers(session)
    statuses = []
    for carrier in carriers.listed(session):
        mine = [connection for connection in connections if connection.carrier_id == carrier.id]
        done, minutes = work.get(carrier.name, Work()), lately.get(carrier.name, NOTHING_TRIED)
        state, code = _state(carrier, cipher, mine, now)
        if state == CarrierState.OPERATIONAL:
            state = _judged(done, minutes)
        status = CarrierStatus(
            carrier,
            state,
            code,
            lines=mine,
            work=done,
            recent=minutes,
            strays=strays.get(carrier.name, 0),
            fresh_strays=fresh.get(carrier.name, 0),
            unread=unread.get(carrier.name, 0),
            notices=noted.get(carrier.name, []),
            balance=left.get(carrier.id),
        )
        statuses.append(status)
    return statuses


def _state(
    carrier: Carrier, cipher: Cipher, connections: list[CarrierConnection], now: datetime
) -> tuple[CarrierState, str | None]:
    if not carrier.enabled:
        return CarrierState.OFF, None
    try:
        carriers.decrypted(cipher, carrier)
    except carriers.UnreadableSettings:
        return CarrierState.UNREADABLE, None
    current = [connection for connection in connections if connection.version == carrier.version]
    is_ready = any(connection.state == ConnectionState.READY for connection in current)
    broken = next((connection.code for connection in current if connection.state == ConnectionState.BROKEN), None)
    if carrier.down_since is not None or (broken and not is_ready):
        return _fault(carrier, broken, now)
    if is_ready:
        return CarrierState.OPERATIONAL, None
    if not connections:
        return CarrierState.UNOPENED, None
    waiting = next((connection for connection in current if connection.state == ConnectionState.WAITING), None)
    return (CarrierState.WAITING, waiting.code) if waiting else (CarrierState.OPENING, None)


def _judged(work: Work, minutes: Recent) -> CarrierState:
    """The state of a carrier that can be reached, by what it answered."""
    if minutes.trend == Trend.CUT_OFF:
        return CarrierState.REFUSING
    if minutes.trend == Trend.WEAK:
        return CarrierState.WEAK
    return CarrierState.SLOW if (work.p95 or 0) > SLOW_SECONDS else CarrierState.OPERATIONAL


def _fault(carrier: Carrier, broken: str | None, now: datetime) -> tuple[CarrierState, str | None]:
    """`broken` is the code of a connection that does not come about."""
    code = (carrier.down_code if carrier.down_since is not None else None) or broken
    refused = next((name for name in (code, broken) if registry.is_credentials(name)), None)
    if refused:
        return CarrierState.CREDENTIALS, refused
    if carrier.down_since is None:
        return CarrierState.BROKEN, code
    return (CarrierState.DOWN if health.is_down(carrier, now) else CarrierState.TRYING), code
