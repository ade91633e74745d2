"""Numbers that got no code, for each cause, as rows in the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

import pytest
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway import workers
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.limits import overrides, pumping, rejections
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.limits.rejections import Rejection
from dashboard.gateway.monitoring.diagnosis import CauseCode
from dashboard.gateway.otp import send
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import PumpedRange
from dashboard.models.messages import Message
from dashboard.models.monitoring import Process
from dashboard.models.otp import Otp
from dashboard.sms import emails
from tests.support.dashboard_client import World

PHONE, ADDRESS = "+22238089336", "mailto:aminata@example.mr"
OLD = timedelta(minutes=30)


class Maker(Protocol):
    """Gives a number its trouble with the codes of a key."""

    def __call__(self, world: World, key: ApiKey, phone: str = PHONE, /) -> object: ...


def age(world: World, message: Message, by: timedelta = OLD) -> None:
    with world.services.sessions.begin() as session:
        row = session.query(Otp).filter_by(message_id=message.id).one()
        row.created_at, row.expires_at = row.created_at - by, row.expires_at - by


def channel_of(phone: str) -> str:
    return "email" if emails.is_email(phone) else "sms"


def worker(world: World, phone: str) -> None:
    """One of its lane runs, and gives a sign of life that lasts as long as the test."""
    with world.services.sessions.begin() as session:
        workers.beat(session, channel_of(phone), utcnow())
        session.execute(update(Process).values(beat_at=utcnow() + timedelta(hours=1)))


def delivered(world: World, key: ApiKey, phone: str = PHONE, **more: Any) -> Message:
    return world.code(key, phone, **world.sent(carrier="smsc", **more))


def failed(world: World, key: ApiKey, code: str, phone: str = PHONE, **more: Any) -> Message:
    return world.code(key, phone, status="failed", error_code=code, failed_at=utcnow(), due_at=None, **more)


def guess_wrong(world: World, message: Message, times: int) -> None:
    with world.services.sessions.begin() as session:
        session.execute(update(Otp).where(Otp.message_id == message.id).values(attempts=times))


def refuse(world: World, key: ApiKey, phone: str = PHONE) -> None:
    with world.services.sessions() as session, pytest.raises(RateLimited):
        try:
            send.send(
                session,
                world.services.keyring,
                authentication.Caller.from_row(key),
                send.Order(phone, channel_of(phone)),
            )
        finally:
            session.commit()


def limited(window: str) -> Maker:
    """Three codes are sent, and one is refused; only this window lets no more than three through."""

    def fill(world: World, key: ApiKey, phone: str = PHONE) -> None:
        quotas = {"minute": 60, "hour": 60, "day": 60, window: 3}
        with world.services.sessions.begin() as session:
            rule = NewOverride(key.id, None, quotas["minute"], quotas["hour"], quotas["day"])
            overrides.save(session, rule)
        for _ in range(3):
            world.code(key, phone)
        refuse(world, key, phone)

    return fill


def blocked(world: World, key: ApiKey, phone: str = PHONE) -> None:
    with world.services.sessions.begin() as session:
        overrides.save(session, NewOverride(None, phone, minute=0, reason="Fraud"))
    refuse(world, key, phone)


def passed(world: World, key: ApiKey, phone: str = PHONE) -> None:
    limited("minute")(world, key, phone)
    with world.services.sessions.begin() as session:
        session.execute(update(Otp).where(Otp.phone == phone).values(counted=False))


def lifted(world: World, key: ApiKey, phone: str = PHONE) -> None:
    limited("minute")(world, key, phone)
    with world.services.sessions.begin() as session:
        overrides.save(session, NewOverride(key.id, phone, minute=60, until=utcnow() + timedelta(hours=1)))


def capped(world: World, _key: ApiKey, phone: str = PHONE) -> None:
    key = world.key("Capped", otp_cap=1)
    world.code(key, phone)
    with world.services.sessions() as session, pytest.raises(quotas.CapReached):
        try:
            send.send(
                session,
                world.services.keyring,
                authentication.Caller.from_row(key),
                send.Order(phone, channel_of(phone)),
            )
        finally:
            session.commit()


def capped_yesterday(world: World, key: ApiKey, phone: str = PHONE) -> None:
    with world.services.sessions.begin() as session:
        rejections.record(session, Rejection(key.id, phone, "sms", "cap", 1))
        session.flush()
        rejections.of_phone(session, phone, 1)[0].at -= timedelta(days=1)


def held(world: World, key: ApiKey, phone: str = PHONE) -> None:
    """Its range is stopped."""
    with world.services.sessions.begin() as session:
        row = PumpedRange(key_id=key.id, digits=pumping.range_of(phone), step="stop", sent=40, verified=1, numbers=30)
        row.is_sequential, row.refused, row.began_at, row.until = False, 8, utcnow(), utcnow() + timedelta(hours=1)
        session.add(row)
        rejections.record(session, Rejection(key.id, phone, "sms", "range", 30))


def cut_off(world: World, key: ApiKey, phone: str = PHONE) -> None:
    """Nothing gets through to the number's operator, and all to another one."""
    for n in range(5):
        failed(world, key, "http_400", f"{phone[:5]}800000{n}")
    world.code(key, "+22247000001", **world.sent(carrier="smsc"))
    failed(world, key, "http_400", phone)


def nothing_leaves(world: World, key: ApiKey, phone: str = PHONE) -> None:
    failed(world, key, "http_400", "+22247000001")
    for n in range(4):
        failed(world, key, "http_400", f"+2223800000{n}")
    failed(world, key, "http_400", phone)


def retrying(world: World, key: ApiKey, phone: str = PHONE) -> None:
    worker(world, phone)
    world.code(key, phone, error_code="no_answer", due_at=utcnow() + timedelta(seconds=40))


def waiting(world: World, key: ApiKey, phone: str = PHONE) -> None:
    worker(world, phone)
    world.code(key, phone)


def late(world: World, key: ApiKey, phone: str = PHONE) -> None:
    worker(world, phone)
    age(world, world.code(key, phone), timedelta(minutes=2))


def sent(world: World, key: ApiKey, by: timedelta, phone: str = PHONE) -> None:
    age(world, world.code(key, phone, **world.sent(carrier="smsc", status="sent", delivered_at=None)), by)


def unsent(world: World, key: ApiKey, phone: str = PHONE) -> None:
    worker(world, phone)
    age(world, world.code(key, phone, status="expired", expired_at=utcnow(), due_at=None))


def dead(world: World, key: ApiKey, phone: str = PHONE) -> None:
    guess_wrong(world, delivered(world, key, phone), 3)


def doubtful(world: World, key: ApiKey, phone: str = PHONE) -> None:
    guess_wrong(world, delivered(world, key, phone), 1)


def ended(world: World, key: ApiKey, phone: str = PHONE) -> None:
    age(world, delivered(world, key, phone))
    with world.services.sessions.begin() as session:
        keys.revoke(session, keys.find(session, key.id))


def returned(world: World, key: ApiKey, code: str, phone: str) -> None:
    failed(world, key, code, phone, carrier="mail", sent_at=utcnow())


CAUSES: dict[CauseCode, Maker] = {
    CauseCode.NOTHING_ASKED: lambda _world, _key, _phone=PHONE: None,
    CauseCode.FIXED_LINE: delivered,
    CauseCode.NUMBER_REFUSED: lambda world, key, phone=PHONE: failed(world, key, "invalid_number", phone),
    CauseCode.TEST_KEY: lambda world, _key, phone=PHONE: world.code(world.key(mode="test"), phone, **world.sent()),
    CauseCode.NO_CARRIER: lambda world, key, phone=PHONE: world.code(key, phone, **world.sent()),
    CauseCode.KEY_ENDED: ended,
    CauseCode.LIMIT_MINUTE: limited("minute"),
    CauseCode.LIMIT_HOUR: limited("hour"),
    CauseCode.LIMIT_DAY: limited("day"),
    CauseCode.LIMIT_LIFTED: lifted,
    CauseCode.LIMIT_PASSED: passed,
    CauseCode.BLOCKED: blocked,
    CauseCode.CAP_REACHED: capped,
    CauseCode.CAP_PASSED: capped_yesterday,
    CauseCode.RANGE_HELD: held,
    CauseCode.WORKERS_GONE: lambda world, key, phone=PHONE: world.code(key, phone),
    CauseCode.NOTHING_LEAVES: nothing_leaves,
    CauseCode.OUR_FAULT: lambda world, key, phone=PHONE: failed(world, key, "http_401", phone),
    CauseCode.LATE: late,
    CauseCode.NEVER_LEFT: unsent,
    CauseCode.CUT_OFF: cut_off,
    CauseCode.REFUSED: lambda world, key, phone=PHONE: failed(world, key, "http_400", phone),
    CauseCode.WHATSAPP_REFUSED: lambda world, key, phone=PHONE: failed(
        world, key, "whatsapp_failed", phone, channel="whatsapp"
    ),
    CauseCode.MAIL_RETURNED: lambda world, key, phone=ADDRESS: returned(world, key, "mailbox_unknown", phone),
    CauseCode.UNCONFIRMED: lambda world, key, phone=PHONE: sent(world, key, timedelta(minutes=2), phone),
    CauseCode.EXPIRED_UNCONFIRMED: lambda world, key, phone=PHONE: sent(world, key, OLD, phone),
    CauseCode.PHONE_OFF: lambda world, key, phone=PHONE: failed(world, key, "absent_subscriber", phone),
    CauseCode.NOT_TYPED: delivered,
    CauseCode.TYPED_WRONG: doubtful,
    CauseCode.DEAD: dead,
    CauseCode.EXPIRED: lambda world, key, phone=PHONE: age(world, delivered(world, key, phone)),
    CauseCode.ON_ITS_WAY: waiting,
    CauseCode.TRIED_AGAIN: retrying,
    CauseCode.VERIFIED: lambda world, key, phone=PHONE: world.guess_right(key, delivered(world, key, phone)),
}
