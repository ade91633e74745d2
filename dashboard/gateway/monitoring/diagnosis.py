"""Why did this number get no code? Its messages, codes and refusals in one timeline, and the cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from dashboard.db import utcnow
from dashboard.gateway import workers
from dashboard.gateway.api_keys import keys
from dashboard.gateway.carriers import recent
from dashboard.gateway.limits import lifts, pumping, rate_limit, rejections
from dashboard.gateway.limits.rate_limit import WindowState
from dashboard.gateway.messages import status
from dashboard.gateway.monitoring import failures
from dashboard.gateway.otp.codes import MAX_ATTEMPTS
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import LimitOverride, LimitRejection
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.sms import emails, numbers
from dashboard.vocabulary import (
    SANDBOX,
    Channel,
    KeyMode,
    KeyState,
    Kind,
    Operator,
    PumpingStep,
    Side,
    Status,
    Trend,
    Window,
)

MOST = 40  # of each kind of event
FURTHEST = (Status.EXPIRED, Status.FAILED, Status.QUEUED, Status.SENDING, Status.SENT, Status.DELIVERED)
USUAL_WAIT = timedelta(minutes=1)  # from the request to the phone; only then is a code late


class CauseCode(StrEnum):
    """Why no code came, or that nothing is wrong."""

    NOTHING_ASKED = "nothing_asked"
    FIXED_LINE = "fixed_line"
    NUMBER_REFUSED = "number_refused"  # the network says that it is not in service, or may not be sent to
    TEST_KEY = "test_key"
    NO_CARRIER = "no_carrier"
    KEY_ENDED = "key_ended"
    LIMIT_MINUTE = "limit_minute"
    LIMIT_HOUR = "limit_hour"
    LIMIT_DAY = "limit_day"
    LIMIT_LIFTED = "limit_lifted"  # after the refusal
    LIMIT_PASSED = "limit_passed"
    BLOCKED = "blocked"  # somebody set a limit of 0
    CAP_REACHED = "cap_reached"
    CAP_PASSED = "cap_passed"
    RANGE_HELD = "range_held"  # pumping is suspected
    WORKERS_GONE = "workers_gone"
    NOTHING_LEAVES = "nothing_leaves"  # the routes refuse everything, to all operators
    OUR_FAULT = "our_fault"  # of our carrier account, settings or secrets
    LATE = "late"
    NEVER_LEFT = "never_left"
    CUT_OFF = "cut_off"  # the routes to this operator refuse everything
    REFUSED = "refused"
    WHATSAPP_REFUSED = "whatsapp_refused"
    MAIL_RETURNED = "mail_returned"  # a mail server took it, and could not bring it there
    UNCONFIRMED = "unconfirmed"
    EXPIRED_UNCONFIRMED = "expired_unconfirmed"
    PHONE_OFF = "phone_off"
    NOT_TYPED = "not_typed"
    TYPED_WRONG = "typed_wrong"
    DEAD = "dead"  # typed in wrong three times
    EXPIRED = "expired"
    ON_ITS_WAY = "on_its_way"
    TRIED_AGAIN = "tried_again"
    VERIFIED = "verified"


SIDES = {
    CauseCode.NOTHING_ASKED: Side.NOTHING,
    CauseCode.FIXED_LINE: Side.NUMBER,
    CauseCode.NUMBER_REFUSED: Side.NUMBER,
    CauseCode.MAIL_RETURNED: Side.NUMBER,
    CauseCode.LIMIT_MINUTE: Side.WAIT,
    CauseCode.LIMIT_LIFTED: Side.WELL,
    CauseCode.CUT_OFF: Side.OPERATOR,
    CauseCode.REFUSED: Side.OPERATOR,
    CauseCode.WHATSAPP_REFUSED: Side.OPERATOR,
    CauseCode.UNCONFIRMED: Side.OPERATOR,
    CauseCode.EXPIRED_UNCONFIRMED: Side.OPERATOR,
    CauseCode.PHONE_OFF: Side.PHONE,
    CauseCode.NOT_TYPED: Side.PHONE,
    CauseCode.TYPED_WRONG: Side.PHONE,
    CauseCode.DEAD: Side.PHONE,
    CauseCode.EXPIRED: Side.PHONE,
    CauseCode.ON_ITS_WAY: Side.WAIT,
    CauseCode.TRIED_AGAIN: Side.WAIT,
    CauseCode.VERIFIED: Side.WELL,
}  # all others are ours
LIMITS = {
    Window.MINUTE: CauseCode.LIMIT_MINUTE,
    Window.HOUR: CauseCode.LIMIT_HOUR,
    Window.DAY: CauseCode.LIMIT_DAY,
}


@dataclass(frozen=True)
class Event:
    """Something that happened to the number; exactly one of the three is set."""

    at: datetime
    key: ApiKey
    otp: Otp | None = None
    message: Message | None = None
    refusal: LimitRejection | None = None


@dataclass(frozen=True)
class Cause:
    """The cause, and the times that its sentence names.

    `until` is when the answer may be another one: the number should be looked up again then. `facts` holds `at` (of the
    request, or when the code was typed in), `since` (when a route last took a message) and `valid_until` of the code.
    """

    code: CauseCode
    event: Event | None = None
    until: datetime | None = None
    facts: dict[str, datetime] = field(default_factory=dict)

    @property
    def side(self) -> Side:
        return SIDES.get(self.code, Side.US)

    @property
    def is_limit(self) -> bool:
        """Whether one press can lift it."""
        return self.code in LIMITS.values()


@dataclass(frozen=True)
class Diagnosis:
    """What is known of a number. `lift` is the override of the number and the key that its cause is about."""

    phone: str
    events: list[Event]
    standings: list[tuple[ApiKey, list[WindowState]]]
    verdict: Cause
    lift: LimitOverride | None
    in_turn: dict[int, list[Message]]  # what carries a code by several channels, by the id of the first message

    @property
    def language(self) -> str | None:
        """In which the last code was written, so probably the caller's."""
        return next((event.otp.language for event in self.events if event.otp), None)


def of_phone(session: Session, number: str) -> Diagnosis:
    """Everything about a number, newest first, and the cause of its trouble. Writes nothing."""
    events = sorted(_events(session, number), key=lambda event: event.at, reverse=True)
    in_turn = _in_turn(session, [event.otp for event in events if event.otp is not None])
    codes = [event for event in events if event.message is None]
    lately = utcnow() - timedelta(seconds=rate_limit.WINDOWS[Window.DAY])
    senders = {event.key.id: event.key for event in codes if event.at > lately}
    standings = [(key, rate_limit.look(session, key_id, number)) for key_id, key in senders.items()]
    lift = lifts.in_force(session, codes[0].key.id, number) if codes else None
    return Diagnosis(number, events, standings, _verdict(session, number, codes, lift), lift, in_turn)


def _in_turn(session: Session, otps: Sequence[Otp]) -> dict[int, list[Message]]:
    """The messages of codes that several carry; for each of these codes the one that came furthest speaks."""
    found = status.steps_of(session, [otp.message for otp in otps])
    for otp in otps:
        if otp.message_id in found:
            furthest = max(found[otp.message_id], key=lambda message: (FURTHEST.index(message.status), message.id))
            set_committed_value(otp, "message", furthest)  # for this look: nothing is written
    return found


def _events(session: Session, number: str) -> list[Event]:
    otps = session.scalars(
        select(Otp)
        .options(joinedload(Otp.message).joinedload(Message.key))
        .where(_went_to(number))
        .order_by(Otp.created_at.desc())
        .limit(MOST)
    )
    texts = session.scalars(
        select(Message)
        .options(joinedload(Message.key))
        .where(Message.phone == number, Message.kind == Kind.MESSAGE)
        .order_by(Message.id.desc())
        .limit(MOST)
    )
    events = [Event(otp.created_at, otp.message.key, otp=otp) for otp in otps]
    events += [Event(text.created_at, text.key, message=text) for text in texts]
    events += [Event(row.at, row.key, refusal=row) for row in rejections.of_phone(session, number, MOST)]
    return events


def _went_to(number: str) -> ColumnElement[bool]:
    """Codes to a number; or to an e-mail address, those also that a number asked for and that were to go by mail."""
    if not emails.is_email(number):
        return Otp.phone == number
    by_mail = select(Message.step_of).where(Message.phone == number, Message.step_of.is_not(None))
    return or_(Otp.phone == number, Otp.message_id.in_(by_mail))


def _verdict(session: Session, number: str, codes: Sequence[Event], lift: LimitOverride | None) -> Cause:
    """The newest attempt decides; the first cause that fits, those that nothing else can mend before others."""
    if not codes:
        return Cause(CauseCode.FIXED_LINE if numbers.is_fixed(number) else CauseCode.NOTHING_ASKED)
    newest = codes[0]
    if newest.otp is not None and newest.otp.verified_at is not None:
        return Cause(CauseCode.VERIFIED, newest, facts={"at": newest.otp.verified_at})
    if newest.key.mode == KeyMode.TEST:
        return Cause(CauseCode.TEST_KEY, newest)
    if numbers.is_fixed(number):
        return Cause(CauseCode.FIXED_LINE, newest)
    if newest.refusal is not None:
        return _of_refusal(session, codes, newest.refusal, lift)
    return _of_code(session, newest)


def _of_refusal(session: Session, codes: Sequence[Event], refusal: LimitRejection, lift: LimitOverride | None) -> Cause:
    newest = codes[0]
    if keys.state(newest.key) is not KeyState.ACTIVE:
        return Cause(CauseCode.KEY_ENDED, newest)
    last_sent = next((event for event in codes if event.otp is not None), None)
    if last_sent is not None and last_sent.otp is not None and last_sent.otp.message.status == Status.FAILED:
        cut_off = _cut_off(session, last_sent)
        if cut_off is not None:  # more codes would be refused there, too
            return cut_off
    if refusal.window == "cap":
        is_today = refusal.at.date() == utcnow().date()
        return Cause(CauseCode.CAP_REACHED if is_today else CauseCode.CAP_PASSED, newest)
    if refusal.window == "range":
        held = pumping.current(session, newest.key.id, refusal.phone)
        is_held = held is not None and held.step in (PumpingStep.SLOW, PumpingStep.STOP)
        return Cause(CauseCode.RANGE_HELD if is_held else CauseCode.LIMIT_PASSED, newest)
    full = [window for window in rate_limit.look(session, newest.key.id, refusal.phone) if window.left == 0]
    if any(window.quota == 0 for window in full):
        return Cause(CauseCode.BLOCKED, newest)
    if full:
        longest = max(full, key=lambda window: window.reset)
        return Cause(LIMITS[longest.window], newest, utcnow() + timedelta(seconds=longest.reset))
    if lift is not None and lift.until is not None and lift.created_at > refusal.at:
        return Cause(CauseCode.LIMIT_LIFTED, newest, facts={"valid_until": lift.until})
    return Cause(CauseCode.LIMIT_PASSED, newest)


def _of_code(session: Session, event: Event) -> Cause:
    otp = event.otp
    assert otp is not None  # noqa: S101  it is neither a text nor a refusal
    for judge in _CAUSES:
        cause = judge(session, event, otp)
        if cause is not None:
            return cause
    return _about(CauseCode.EXPIRED_UNCONFIRMED, event, otp)


def _about(code: CauseCode, event: Event, otp: Otp, until: datetime | None = None) -> Cause:
    """A cause that is told with the times of a code."""
    return Cause(code, event, until, {"at": event.at, "valid_until": otp.expires_at})


def _failed(session: Session, event: Event, otp: Otp) -> Cause | None:
    message = otp.message
    if message.status != Status.FAILED:
        return None
    side = failures.side_of(message.error_code or "")
    if side in (Side.NUMBER, Side.OPERATOR) and emails.is_email(message.phone) and message.sent_at is not None:
        return _about(CauseCode.MAIL_RETURNED, event, otp)
    if side is Side.NUMBER:
        return _about(CauseCode.NUMBER_REFUSED, event, otp)
    if side is Side.PHONE:
        return _about(CauseCode.PHONE_OFF, event, otp)
    cut_off = _cut_off(session, event)
    if cut_off is not None:
        return cut_off
    if side is Side.US:
        return _about(CauseCode.OUR_FAULT, event, otp)
    is_whatsapp = message.lane == Channel.WHATSAPP
    return _about(CauseCode.WHATSAPP_REFUSED if is_whatsapp else CauseCode.REFUSED, event, otp)


def _on_its_way(session: Session, event: Event, otp: Otp) -> Cause | None:
    message = otp.message
    if message.status not in (Status.QUEUED, Status.SENDING):
        return None
    if not workers.alive(session).get(message.lane):
        return _about(CauseCode.WORKERS_GONE, event, otp)
    now = utcnow()
    if message.error_code and message.due_at and message.due_at > now:
        return _about(CauseCode.TRIED_AGAIN, event, otp, message.due_at)
    usual = event.at + USUAL_WAIT
    return _about(CauseCode.ON_ITS_WAY, event, otp, usual) if usual > now else _about(CauseCode.LATE, event, otp)


def _never_left(session: Session, event: Event, otp: Otp) -> Cause | None:
    if otp.message.status != Status.EXPIRED:
        return None
    if not workers.alive(session).get(otp.message.lane):
        return _about(CauseCode.WORKERS_GONE, event, otp)
    return _cut_off(session, event) or _about(CauseCode.NEVER_LEFT, event, otp)


def _no_carrier(_session: Session, event: Event, otp: Otp) -> Cause | None:
    return _about(CauseCode.NO_CARRIER, event, otp) if otp.message.carrier == SANDBOX else None


def _dead(_session: Session, event: Event, otp: Otp) -> Cause | None:
    return _about(CauseCode.DEAD, event, otp) if otp.attempts >= MAX_ATTEMPTS else None


def _key_ended(_session: Session, event: Event, otp: Otp) -> Cause | None:
    is_over = otp.expires_at <= utcnow() or otp.superseded_at is not None
    return Cause(CauseCode.KEY_ENDED, event) if is_over and keys.state(event.key) is not KeyState.ACTIVE else None


def _still_good(_session: Session, event: Event, otp: Otp) -> Cause | None:
    now = utcnow()
    if otp.expires_at <= now:
        return None
    if otp.attempts:
        return _about(CauseCode.TYPED_WRONG, event, otp)
    if _has_arrived(otp):
        return _about(CauseCode.NOT_TYPED, event, otp)
    usual = event.at + USUAL_WAIT
    return _about(CauseCode.ON_ITS_WAY, event, otp, usual) if usual > now else _about(CauseCode.UNCONFIRMED, event, otp)


def _expired(_session: Session, event: Event, otp: Otp) -> Cause | None:
    return _about(CauseCode.EXPIRED, event, otp) if _has_arrived(otp) else None


def _has_arrived(otp: Otp) -> bool:
    """Whether it is where people look. A mail that its server took is: what cannot be brought there comes back."""
    is_taken = emails.is_email(otp.message.phone) and otp.message.status == Status.SENT
    return is_taken or otp.message.status == Status.DELIVERED


_CAUSES: tuple[Callable[[Session, Event, Otp], Cause | None], ...] = (
    _failed,
    _on_its_way,
    _never_left,
    _dead,
    _no_carrier,
    _key_ended,
    _still_good,
    _expired,
)


def _cut_off(session: Session, event: Event) -> Cause | None:
    """The cause when no code gets through to this number's operator now, whatever is asked for.

    It is ours when there is traffic to another operator that gets through no better. None of an e-mail address: each
    has a server of its own.
    """
    otp = event.otp
    assert otp is not None  # noqa: S101  callers have looked
    if emails.is_email(otp.message.phone):
        return None
    lately = recent.of_operators(session)
    mine = lately.pop(Operator(otp.phone[4]))
    if mine.trend is not Trend.CUT_OFF:
        return None
    others = [minutes for minutes in lately.values() if minutes.tried]
    is_ours = bool(others) and all(minutes.lost == minutes.tried for minutes in others)
    facts = {"since": mine.since} if mine.since else {}
    return Cause(CauseCode.NOTHING_LEAVES if is_ours else CauseCode.CUT_OFF, event, facts=facts)
