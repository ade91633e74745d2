"""Traffic that never was: keys, messages and codes of the last days, to look at pages and to measure them.

The same numbers always make the same traffic, up to the moment at which it ends. Nothing of it is due, so that no
worker sends any of it. The keys have secrets that nobody is told.
"""

from __future__ import annotations

import random
import uuid
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, islice
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, core_table, utcnow
from dashboard.driver import BulkInsert
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.messages.outbox import PRIORITY, VALIDITY
from dashboard.gateway.otp import template_rules
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import LIFETIME
from dashboard.gateway.statistics import rollup
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.sms import encoding
from dashboard.vocabulary import SANDBOX, Proof

SIGN = "dev seed"  # who made its keys
KEYS = (("Boutique Android", 46, "live"), ("Banque en ligne", 27, "live"), ("Livraison", 19, "live"), ("CI", 8, "test"))
OPERATORS = ("4", "3", "2")
OPERATOR_SHARES = (0.46, 0.8, 1.0)
LANGUAGES = ("fr", "ar", "en")
LANGUAGE_SHARES = (0.56, 0.94, 1.0)
HOURS = (1, 1, 1, 1, 2, 4, 8, 14, 22, 28, 30, 28, 24, 22, 24, 27, 29, 30, 30, 28, 22, 14, 7, 3)
BODIES = (
    "Votre colis est arrivé. Retirez-le avant vendredi, de 9 h à 18 h.",
    "وصل طردك. يمكنك استلامه قبل يوم الجمعة.",
    "Rappel : rendez-vous demain à 10 h 30. Répondez STOP pour ne plus recevoir de rappels.",
    "Your parcel has arrived. Pick it up before Friday.",
)
SHAPES = {body: encoding.shape(body) for body in BODIES} | {
    language: encoding.shape(template_rules.render(language, "000000", None)) for language in LANGUAGES
}
HOURS_SO_FAR = list(accumulate(HOURS))
REASONS = ("unreachable", "absent_subscriber", "barred", "no_answer", "invalid_number")
CHUNK = 10_000  # rows of a statement
TOGETHER = 10  # statements of a transaction: each one writes all pages of the indexes anew
PHONES_PER_MESSAGE = 0.08


@dataclass
class SeedPlan:
    """Who is to be sent what, and when: one entry a message in each column, oldest first."""

    seconds: array[float]  # from the start
    who: array[int]  # key, kind, channel and number in one
    next: array[int]  # the next message of the same; 0 for the last


@dataclass
class Made:
    """One message of the seed, with the names that the roll-ups know."""

    key_id: str
    kind: str
    channel: str
    phone: str
    shape: encoding.Shape
    status: str
    error_code: str | None
    created_at: datetime
    sent_at: datetime | None
    language: str
    verified_at: datetime | None = None
    attempts: int = 0
    tallied_status: str | None = None
    tallied_sent: bool | None = None
    tallied_error: str | None = None

    @property
    def segments(self) -> int:
        return self.shape.segments


Tell = Callable[[int], None]
Row = tuple[dict[str, Any], dict[str, Any] | None, Made]


def real_messages(session: Session) -> bool:
    """Whether a key that is not the seed's has sent anything."""
    others = session.scalars(select(ApiKey.id).where(ApiKey.created_by.is_distinct_from(SIGN)))
    return any(session.scalar(select(Message.id).where(Message.key_id == one).limit(1)) for one in others)


def seed(sessions: Sessions, keyring: Keyring, messages: int, days: int, tell: Tell = lambda _: None) -> None:
    """Write so many messages down, spread over the last days, and count them; commits in parts.

    `tell` hears now and then how many there are.
    """
    chance, end = random.Random(messages * 1_000 + days), utcnow()  # noqa: S311  traffic, not secrets
    with sessions.begin() as session:
        key_ids = _keys(session, end - timedelta(days=days))
        session.execute(
            update(Otp).where(Otp.key_id.in_(key_ids), Otp.superseded_at.is_(None)).values(superseded_at=end)
        )
        first = (session.scalar(select(func.max(Message.id))) or 0) + 1
    author = _Author(chance, _plan(chance, end, messages, days), end, key_ids, keyring.kid, first)
    rows, done = author.rows(), 0
    while done < messages:
        with sessions.begin() as session:
            sums = rollup.Sums()
            for part in islice(iter(lambda: list(islice(rows, CHUNK)), []), TOGETHER):
                _write(session, part, sums)
                done += len(part)
                tell(done)
            rollup.write(session, sums)


def _keys(session: Session, since: datetime) -> list[str]:
    """The ids of the seed's keys, which are made when they are not there."""
    ids = []
    for name, _, mode in KEYS:
        key_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{SIGN} {name}"))
        if session.get(ApiKey, key_id) is None:
            key, _secret = keys.create(session, NewKey(name, mode=mode, id=key_id), created_by=SIGN)
            key.created_at = since
            key.last_used_at = utcnow()
        ids.append(key_id)
    return ids


def _plan(chance: random.Random, end: datetime, messages: int, days: int) -> SeedPlan:
    passed = (end - end.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    seconds = array("d", sorted(_moment(chance, passed, days) for _ in range(messages)))
    phones = max(50, int(messages * PHONES_PER_MESSAGE))
    weights = list(accumulate(share for _, share, _ in KEYS))
    who = array("q", (_who(chance, weights, phones) for _ in range(messages)))
    later: dict[int, int] = {}
    following = array("q", bytes(8 * messages))
    for place in range(messages - 1, -1, -1):
        following[place] = later.get(who[place], 0)
        later[who[place]] = place
    return SeedPlan(seconds, who, following)


def _moment(chance: random.Random, passed: float, days: int) -> float:
    """Seconds before the end, as a negative number: as many in each hour of the day as people write.

    `passed` are those of the day on which it ends.
    """
    hour = bisect_left(HOURS_SO_FAR, chance.random() * HOURS_SO_FAR[-1])
    at = (hour + chance.random()) * 3_600 - passed - int(chance.random() * days) * 86_400
    return at if at <= 0 else at - days * 86_400


def _who(chance: random.Random, weights: list[int], phones: int) -> int:
    """Key, kind, channel and number in one; some numbers are written to often."""
    key = bisect_left(weights, chance.random() * weights[-1])
    is_otp = chance.random() < 0.7
    whatsapp = is_otp and chance.random() < 0.18
    return ((int(chance.random() ** 1.7 * phones) * 10 + key) * 2 + is_otp) * 2 + whatsapp


@dataclass
class _Author:
    """Makes the rows of a plan."""

    chance: random.Random
    plan: SeedPlan
    end: datetime
    key_ids: list[str]
    kid: str
    first: int  # row id

    def rows(self) -> Iterator[Row]:
        for place in range(len(self.plan.seconds)):
            yield self._row(place)

    def _row(self, place: int) -> Row:
        who, draw = self.plan.who[place], self.chance.random
        is_otp, at = bool(who // 2 % 2), self._at(place)
        language = LANGUAGES[bisect_left(LANGUAGE_SHARES, draw())] if is_otp else ""
        body = None if is_otp else BODIES[int(draw() * len(BODIES))]
        made = Made(
            key_id=self.key_ids[who // 4 % 10],
            kind="otp" if is_otp else "message",
            channel="whatsapp" if who % 2 else "sms",
            phone=_phone(who // 40),
            shape=SHAPES[body or language],
            status="delivered",
            error_code=None,
            created_at=at,
            sent_at=at + timedelta(seconds=0.02 + draw() ** 6 * 4),
            language=language,
        )
        self._settle(made)
        message = self._message(place, made)
        message["body"] = body
        message["uuid"] = f"{self.first + place:08x}-{int(draw() * 65_536):04x}-4{place % 4_096:03x}-8000-{who:012x}"
        return message, self._otp(place, made) if is_otp else None, made

    def _at(self, place: int) -> datetime:
        return self.end + timedelta(seconds=self.plan.seconds[place])

    def _settle(self, made: Made) -> None:
        """Whether it arrived, and whether its code was typed in."""
        draw = self.chance.random()
        weak = {"2": 0.075, "3": 0.035, "4": 0.022}[made.phone[4]]
        if made.phone[4] == "2" and made.created_at.hour in (19, 20) and made.created_at.day % 5 == 0:
            weak = 0.4  # an evening on which one operator was ill
        if draw < weak:
            made.status, made.sent_at = "failed", None
            made.error_code = REASONS[int(draw / weak * len(REASONS))]
            return
        if draw > 0.985:
            made.status = "sent"
        if made.kind == "otp":
            self._judge(made)

    def _judge(self, made: Made) -> None:
        draw = self.chance.random()
        if draw < 0.86:
            made.attempts = 1 if draw < 0.78 else 2
            made.verified_at = made.created_at + timedelta(seconds=min(590, 4 + self.chance.lognormvariate(2.5, 0.75)))
            if made.verified_at > self.end:
                made.attempts, made.verified_at = 0, None
            else:
                made.status = "delivered"
        elif draw < 0.885:
            made.attempts = 3

    def _message(self, place: int, made: Made) -> dict[str, Any]:
        failed = made.status == "failed"
        arrived = made.sent_at + timedelta(seconds=2 + 3 * self.chance.random()) if made.sent_at else None
        return {
            "id": self.first + place,
            "key_id": made.key_id,
            "kind": made.kind,
            "channel": made.channel,
            "phone": made.phone,
            "encoding": made.shape.encoding,
            "segments": made.segments,
            "status": made.status,
            "error_code": made.error_code,
            "carrier": SANDBOX,
            "carrier_ref": None,
            "confirmed_by": (Proof.OTP if made.verified_at else Proof.RECEIPT) if made.status == "delivered" else None,
            "lane": made.channel,
            "priority": PRIORITY[made.kind],
            "attempts": 1,
            "valid_until": made.created_at + VALIDITY[made.kind],
            "created_at": made.created_at,
            "sending_at": made.created_at,
            "sent_at": made.sent_at,
            "delivered_at": arrived if made.status == "delivered" else None,
            "failed_at": made.created_at if failed else None,
            "tallied_status": made.status,
            "tallied_sent": not failed,
            "tallied_error": made.error_code if failed else None,
        }

    def _otp(self, place: int, made: Made) -> dict[str, Any]:
        following = self.plan.next[place]
        return {
            "message_id": self.first + place,
            "key_id": made.key_id,
            "phone": made.phone,
            "channel": made.channel,
            "language": made.language,
            "nonce": self.chance.randbytes(16),
            "kid": self.kid,
            "attempts": made.attempts,
            "counted": True,
            "created_at": made.created_at,
            "expires_at": made.created_at + LIFETIME,
            "verified_at": made.verified_at,
            "superseded_at": self._at(following) if following else None,
            "tallied": True if made.verified_at or made.attempts >= 3 else None,
        }


def _phone(number: int) -> str:
    """The same number always has the same digits."""
    spread = number * 2_654_435_761 % 2**32
    operator = OPERATORS[bisect_left(OPERATOR_SHARES, (spread % 1_000) / 1_000)]
    return f"+222{operator}{1 + number % 4}{number * 7_919 % 1_000_000:06d}"


def _write(session: Session, part: list[Row], sums: rollup.Sums) -> None:
    for _, _, made in part:
        sums.add_message(made)
        if made.verified_at or made.attempts >= 3:
            sums.add_verdict(made)
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size = -400000")  # KiB; else its indexes are read again and again
    messages, otps = [message for message, _, _ in part], [otp for _, otp, _ in part if otp]
    BulkInsert(core_table(Message), *messages[0]).run(connection, messages)
    if otps:
        BulkInsert(core_table(Otp), *otps[0]).run(connection, otps)
    if connection.dialect.name == "postgresql":  # row ids were chosen here
        connection.execute(select(func.setval(func.pg_get_serial_sequence("messages", "id"), part[-1][0]["id"])))
