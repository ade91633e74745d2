"""How each carrier stands at this moment, put together from what workers and the relay write down of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers, health, metrics
from dashboard.gateway.carriers.metrics import Work
from dashboard.gateway.delivery import receipts
from dashboard.models.carriers import Carrier, CarrierConnection

SLOW_SECONDS = 5.0  # for 95 of 100 answers
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FAULTY = frozenset({"down", "trying", "broken", "credentials", "unreadable"})
CREDENTIALS = frozenset(
    {"http_401", "http_403", "whatsapp_0", "whatsapp_10", "whatsapp_190"}
    | {f"whatsapp_{number}" for number in range(200, 300)}
    | {f"smpp_{name}" for name in ("invalid_password", "invalid_system_id", "invalid_system_type")}
)


@dataclass(frozen=True)
class CarrierStatus:
    """A carrier with its `state`:

    `operational`, `slow`; `opening`, `waiting` (for a free bind), `unopened` (no worker has it yet); `off`;
    `down` (left alone until `until`), `trying` (a try is due or under way), `broken` (no session comes about),
    `credentials` (they are refused), `unreadable` (sealed under another DATA_SECRET). `code` says why.
    """

    carrier: Carrier
    state: str
    code: str | None
    lines: list[CarrierConnection]
    work: Work  # of the last hour
    strays: int  # receipts of the last day that fit no message
    fresh_strays: int  # of them, those of the last hour

    @property
    def is_faulty(self) -> bool:
        return self.state in FAULTY

    @property
    def since(self) -> datetime | None:
        return self.carrier.down_since if self.is_faulty else None

    @property
    def until(self) -> datetime | None:
        """When it is given a try again."""
        return self.carrier.down_until if self.state in ("down", "credentials") else None


def all_of(session: Session, box: Fernet) -> list[CarrierStatus]:
    """Every carrier, by name."""
    now, alive, work = utcnow(), health.lines(session), metrics.last_hour(session)
    strays = receipts.count_unmatched(session, now - DAY)
    fresh = receipts.count_unmatched(session, now - HOUR)
    found = []
    for carrier in carriers.listed(session):
        mine = [line for line in alive if line.carrier_id == carrier.id]
        done = work.get(carrier.name, Work())
        state, code = _state(carrier, box, mine, done, now)
        counts = strays.get(carrier.name, 0), fresh.get(carrier.name, 0)
        found.append(CarrierStatus(carrier, state, code, mine, done, *counts))
    return found


def _state(
    carrier: Carrier, box: Fernet, lines: list[CarrierConnection], work: Work, now: datetime
) -> tuple[str, str | None]:
    if not carrier.enabled:
        return "off", None
    if not _is_readable(box, carrier):
        return "unreadable", None
    current = [line for line in lines if line.version == carrier.version]
    broken = next((line.code for line in current if line.state == "broken"), None)
    if carrier.down_since is not None or (broken and not any(line.state == "ready" for line in current)):
        return _fault(carrier, broken, now)
    if any(line.state == "ready" for line in current):
        return ("slow" if (work.p95 or 0) > SLOW_SECONDS else "operational"), None
    if not lines:
        return "unopened", None
    waiting = next((line for line in current if line.state == "waiting"), None)
    return ("waiting", waiting.code) if waiting else ("opening", None)


def _fault(carrier: Carrier, broken: str | None, now: datetime) -> tuple[str, str | None]:
    code = (carrier.down_code if carrier.down_since is not None else None) or broken
    if code in CREDENTIALS or broken in CREDENTIALS:
        return "credentials", code if code in CREDENTIALS else broken
    if carrier.down_since is None:
        return "broken", code
    return ("down" if health.is_down(carrier, now) else "trying"), code


def _is_readable(box: Fernet, carrier: Carrier) -> bool:
    try:
        carriers.decrypted(box, carrier)
    except carriers.UnreadableSettings:
        return False
    return True
