"""Codes by e-mail against a real SMTP server: from the order to the mailbox, and what is done when it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from dashboard.db import core_table
from dashboard.gateway.carriers import carriers
from dashboard.gateway.delivery import attempts, bounces
from dashboard.gateway.delivery.bounces import Bounce
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.monitoring import diagnosis
from dashboard.gateway.monitoring.diagnosis import CauseCode
from dashboard.gateway.otp import verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.verify import Guess
from dashboard.gateway.statistics import rollup
from dashboard.models.otp import Otp
from dashboard.models.statistics import StatisticsBucket
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import Outcome, Outgoing
from dashboard.providers.email.provider import Email
from dashboard.providers.email.settings import EmailSettings
from dashboard.sms import emails
from dashboard.vocabulary import Side, Status
from tests.support import mail_server
from tests.support.certificates import Authority, make_authority
from tests.support.http_carriers import Office
from tests.support.mail_server import PASSWORD, USER, Postbox
from tests.support.outgoing import CODE, ID

TO = "mailto:aminata@example.mr"
_BUCKETS = core_table(StatisticsBucket)


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with mail_server.running() as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def open_at() -> Iterator[Callable[..., Email]]:
    """Makes a carrier of a server on the loopback."""
    with ExitStack() as stack:

        def opened(postbox: Postbox, timeout: float = 10.0, **values: Any) -> Email:
            usual = {"host": "127.0.0.1", "port": str(postbox.port), "security": "none", "sender": "codes@example.mr"}
            made = Email("mail", EmailSettings.read(usual | values), timeout)
            stack.callback(made.close)
            return made

        yield opened


def outgoing(to: str = TO) -> Outgoing:
    return Outgoing(ID, to, "email", f"Votre code est {CODE}.", 1, datetime.now(UTC), CODE, "fr")


def refusal(provider: Email, to: str = TO) -> SendError:
    with pytest.raises(SendError) as raised:
        provider.send(outgoing(to))
    return raised.value


def code_in(text: str) -> str:
    return str(re.findall(r"\b[0-9]{6}\b", text)[0])


# The carrier alone


def test_a_mail_is_handed_in_and_the_next_one_goes_over_the_same_connection(
    postbox: Postbox, open_at: Callable[..., Email]
) -> None:
    provider = open_at(postbox, bounces_to="bounces@example.mr")
    assert [provider.send(outgoing()).reference for _ in range(3)] == [ID] * 3
    assert postbox.connections == 1
    assert {(one.mail_from, tuple(one.rcpt_tos)) for one in postbox.envelopes} == {
        ("bounces@example.mr", ("aminata@example.mr",))
    }


def test_a_connection_that_ended_meanwhile_is_replaced(postbox: Postbox, open_at: Callable[..., Email]) -> None:
    provider = open_at(postbox)
    provider.send(outgoing())
    kept = provider._idle[-1][1].sock
    assert kept is not None
    kept.shutdown(2)
    provider.send(outgoing())
    assert (len(postbox.messages), postbox.connections) == (2, 2)


def test_a_server_that_knows_dsn_is_asked_for_bounces_by_our_id(
    postbox: Postbox, open_at: Callable[..., Email]
) -> None:
    postbox.has_dsn = True
    open_at(postbox).send(outgoing())
    assert postbox.parameters == [f"ENVID={ID}", "RET=HDRS", "NOTIFY=FAILURE"]


def test_an_address_beyond_ascii_needs_a_server_that_takes_it(postbox: Postbox, open_at: Callable[..., Email]) -> None:
    open_at(postbox).send(outgoing("mailto:josé@example.mr"))
    open_at(postbox).send(outgoing("mailto:x@münchen.de"))
    assert [one.rcpt_tos for one in postbox.envelopes] == [["josé@example.mr"], ["x@xn--mnchen-3ya.de"]]
    with mail_server.running(utf8=False) as older:
        error = refusal(open_at(older), "mailto:josé@example.mr")
        assert (type(error), error.code) == (Refused, "mail_unicode_unsupported")
        open_at(older).send(outgoing("mailto:x@münchen.de"))


@pytest.mark.parametrize(
    ("stage", "reply", "kind", "code"),
    [
        ("recipient_refusal", "550 5.1.1 No such user", Refused, "mailbox_unknown"),
        ("recipient_refusal", "450 4.7.1 Greylisted", NotSent, "mail_policy"),
        ("sender_refusal", "553 5.7.1 Not yours", Refused, "mail_sender_refused"),
        ("refusal", "554 5.6.0 No", Refused, "smtp_5_6_0"),
        ("refusal", "452 4.3.1 Disk full", NotSent, "smtp_4_3_1"),
    ],
)
def test_a_refusal_is_what_the_server_says_and_the_next_mail_goes(
    postbox: Postbox, open_at: Callable[..., Email], stage: str, reply: str, kind: type[SendError], code: str
) -> None:
    provider = open_at(postbox)
    setattr(postbox, stage, reply)
    error = refusal(provider)
    assert (type(error), error.code, error.answer) == (kind, code, reply)
    setattr(postbox, stage, "")
    provider.send(outgoing())
    assert len(postbox.messages) == 1


def test_what_a_server_repeats_of_the_code_is_hidden(postbox: Postbox, open_at: Callable[..., Email]) -> None:
    postbox.refusal = f"554 5.6.0 looks like spam: {CODE}"
    assert CODE not in str(refusal(open_at(postbox)).answer)


def test_a_server_that_does_not_answer_to_the_content_leaves_it_in_doubt(
    postbox: Postbox, open_at: Callable[..., Email]
) -> None:
    postbox.hangs_for = 2.0
    assert isinstance(refusal(open_at(postbox, timeout=0.5)), OutcomeUnknown)


def test_nobody_at_the_port_is_not_sent(postbox: Postbox, open_at: Callable[..., Email]) -> None:
    postbox.port += 1
    error = refusal(open_at(postbox))
    assert (type(error), error.code) == (NotSent, "unreachable")


def test_starttls_and_a_login_are_demanded_not_hoped_for(open_at: Callable[..., Email], authority: Authority) -> None:
    safe = {"security": "starttls", "ca_certificate": authority.pem}
    with mail_server.running(authority.context, asks=True) as postbox:
        provider = open_at(postbox, **safe, username=USER, password=PASSWORD)
        provider.examine()
        provider.send(outgoing())
        assert len(postbox.messages) == 1
        error = refusal(open_at(postbox, **safe, username=USER, password="wrong"))
        assert (type(error), error.code, error.configuration) == (Refused, "mail_login_refused", True)
        assert refusal(open_at(postbox, **safe)).code == "mail_login_needed"
        assert refusal(open_at(postbox, **safe | {"ca_certificate": ""})).code == "certificate_refused"
    with mail_server.running() as plain:
        assert refusal(open_at(plain, **safe)).code == "mail_tls_missing"
        assert plain.messages == []


# The whole way


@pytest.fixture
def mail_office(office: Office, postbox: Postbox) -> Office:
    values = {"host": "127.0.0.1", "port": str(postbox.port), "security": "none", "sender": "codes@example.mr"}
    with office.sessions.begin() as session:
        carriers.add(session, carriers.cipher(office.settings), carriers.NewCarrier("email", "mail", values))
    return office


def guess(office: Office, caller: Any, code: str) -> verify.VerifyResult:
    with office.sessions.begin() as session:
        return verify.verify(session, Keyring.of(office.settings), caller, Guess(TO, code, "email"))


def test_a_code_goes_by_mail_and_is_verified_once(mail_office: Office, postbox: Postbox) -> None:
    office, caller = mail_office, mail_office.caller()
    uuid = office.send_code(caller, "email", TO)
    office.drain(office.desk("email"), "email")
    (mail,) = postbox.messages
    assert mail["To"] == "aminata@example.mr"
    message = office.message(uuid)
    assert (message.status, message.carrier, message.segments, message.lane) == (Status.SENT, "mail", 1, "email")
    code = code_in(postbox.texts[0])
    wrong = "000000" if code != "000000" else "111111"
    assert isinstance(guess(office, caller, wrong).refusal, verify.WrongCode)
    assert guess(office, caller, code).refusal is None
    assert isinstance(guess(office, caller, code).refusal, verify.NoLiveOtp)
    assert office.message(uuid).status == Status.DELIVERED
    office.write(rollup.fold)
    with office.sessions() as session:
        day = session.execute(select(_BUCKETS).where(_BUCKETS.c.grain == "day")).one()
    assert (day.channel, day.operator, day.sent, day.verified) == ("email", emails.PLACE_OF_OPERATOR, 1, 1)


def test_limits_hold_for_an_address_as_for_a_number(mail_office: Office) -> None:
    caller = mail_office.caller()
    for _ in range(3):
        mail_office.send_code(caller, "email", TO)
    with pytest.raises(RateLimited):
        mail_office.send_code(caller, "email", TO)
    mail_office.send_code(caller, "email", "mailto:zeinab@example.mr")
    mail_office.send_code(caller, "sms")


def test_a_mailbox_that_is_not_there_fails_with_the_reason_and_the_code_does_not_count(
    mail_office: Office, postbox: Postbox
) -> None:
    office, caller = mail_office, mail_office.caller()
    postbox.recipient_refusal = "550 5.1.1 No such user"
    uuid = office.send_code(caller, "email", TO)
    office.drain(office.desk("email"), "email")
    message = office.message(uuid)
    assert (message.status, message.error_code) == (Status.FAILED, "mailbox_unknown")
    with office.sessions() as session:
        (attempt,) = attempts.failed_attempts(session, message.id)
        assert attempt.answer == "550 5.1.1 No such user"
        assert session.scalars(select(Otp.counted)).all() == [False]
        cause = diagnosis.of_phone(session, TO).verdict
    assert (cause.code, cause.side) == (CauseCode.NUMBER_REFUSED, Side.NUMBER)


def test_a_server_that_is_busy_is_asked_again(mail_office: Office, postbox: Postbox) -> None:
    office, desk = mail_office, mail_office.desk("email")
    postbox.recipient_refusal = "451 4.7.1 Greylisted"
    uuid = office.send_code(office.caller(), "email", TO)
    office.drain(desk, "email")
    message = office.message(uuid)
    assert (message.status, message.attempts, postbox.messages) == (Status.SENDING, 1, [])
    postbox.recipient_refusal = ""
    office.end_waits()
    office.drain(desk, "email")
    assert (office.message(uuid).status, len(postbox.messages)) == (Status.SENT, 1)


def test_a_bounce_fails_its_message_once(mail_office: Office, postbox: Postbox) -> None:
    office = mail_office
    uuid = office.send_code(office.caller(), "email", TO)
    office.drain(office.desk("email"), "email")
    raw = (
        "Subject: Undelivered\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        "Final-Recipient: rfc822; aminata@example.mr\nAction: failed\nStatus: 5.2.2\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {postbox.messages[0]['Message-ID']}\n\n--b--\n"
    )
    for _ in range(2):
        assert bounces.take(office.sessions, raw.encode())[0] is Bounce.TAKEN
        message = office.message(uuid)
        assert (message.status, message.error_code) == (Status.FAILED, "mailbox_full")
    other = raw.replace(uuid, "0" * 8 + uuid[8:])
    assert bounces.take(office.sessions, other.encode())[0] is Bounce.UNKNOWN
    by_sms = office.send_code(office.caller(), "sms")
    assert bounces.take(office.sessions, raw.replace(uuid, by_sms).encode())[0] is Bounce.UNKNOWN
    assert office.message(by_sms).status == Status.QUEUED


def test_a_carrier_of_codes_takes_no_other_text(postbox: Postbox, open_at: Callable[..., Email]) -> None:
    text = Outgoing(ID, TO, "email", "Bonjour", 1, datetime.now(UTC))
    result = open_at(postbox).result_of(text)
    assert isinstance(result, Refused) and not isinstance(result, Outcome)
    assert result.code == "email_takes_codes_only"


def test_tls_from_the_first_byte(open_at: Callable[..., Email], authority: Authority) -> None:
    with mail_server.running_tls(authority.context) as postbox:
        open_at(postbox, security="tls", ca_certificate=authority.pem).send(outgoing())
        assert len(postbox.messages) == 1
