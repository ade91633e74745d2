"""Codes by e-mail: settings, the mail itself, what answers mean, and bounces."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from dashboard.outbound.errors import NotSent, Refused
from dashboard.providers.base import Outgoing
from dashboard.providers.email import bounces, message, reply_codes
from dashboard.providers.email.reply_codes import Command
from dashboard.providers.email.settings import EmailSettings
from dashboard.providers.registry import problem_sentence
from dashboard.providers.settings import InvalidSettings
from dashboard.vocabulary import Blame, ReceiptState
from tests.support.outgoing import CODE, ID

GOOD = {"host": "smtp.example.mr", "sender": "codes@example.mr"}
TEXTS = {
    "fr": f"Votre code de vérification est {CODE}. <Boutique> & Cie",
    "en": f"Your code is {CODE}.",
    "ar": f"رمز التحقق: {CODE}. صالح 10 دقائق.",
}


def settings(**values: Any) -> EmailSettings:
    return EmailSettings.read(GOOD | values)


def outgoing(language: str = "fr", to: str = "mailto:aminata@example.mr") -> Outgoing:
    return Outgoing(ID, to, "email", TEXTS[language], 1, datetime.now(UTC), CODE, language)


def composed(mail: EmailMessage) -> EmailMessage:
    """As the recipient's program reads it."""
    return email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"sender": "codes"}, "sender", "not_an_email"),
        ({"sender": "codés@example.mr"}, "sender", "sender_not_ascii"),
        ({"sender": "a@example.mr\r\nBcc: b@example.mr"}, "sender", "not_an_email"),
        ({"reply_to": "nobody"}, "reply_to", "not_an_email"),
        ({"bounces_to": "nobody"}, "bounces_to", "not_an_email"),
        ({"sender_name": "Boutique\r\nBcc: x"}, "sender_name", "name_form"),
        ({"sender_name": "Boutique <x>"}, "sender_name", "name_form"),
        ({"security": "none"}, "security", "tls_needed"),
        ({"username": "gw"}, "password", "password_needed"),
        ({"password": "secret"}, "username", "password_needed"),
        ({"username": "gw", "password": "se\ncret"}, "password", "login_characters"),
        ({"ca_certificate": "x"}, "ca_certificate", "not_pem"),
        ({"host": "smtp.example.mr/x"}, "host", "string_pattern_mismatch"),
    ],
)
def test_settings_that_make_no_carrier_are_refused_in_words(values: dict[str, str], field: str, code: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        settings(**values)
    (problem,) = refused.value.errors
    assert (problem.field, problem.code) == (field, code)
    assert problem_sentence("email", problem) != problem.code


def test_without_encryption_the_server_is_on_this_machine_and_ports_follow_the_encryption() -> None:
    assert settings(security="none", host="127.0.0.1").place == ("127.0.0.1", 25)
    assert [settings(security=name).place[1] for name in ("starttls", "tls")] == [587, 465]
    assert settings(port="2525").place[1] == 2525


@pytest.mark.parametrize(("language", "direction"), [("fr", "ltr"), ("en", "ltr"), ("ar", "rtl")])
def test_a_mail_says_the_same_plain_and_as_html_in_its_language(language: str, direction: str) -> None:
    mail = composed(
        message.compose(settings(sender_name="Boutique Nour", reply_to="aide@example.mr"), outgoing(language))
    )
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content().strip() == TEXTS[language]
    page = html.get_content()
    assert f'<html lang="{language}" dir="{direction}">' in page
    assert page.count(CODE) == 1
    assert "<Boutique>" not in page
    assert [part["Content-Language"] for part in mail.walk()] == [language] * 3
    assert str(mail["From"]) == "Boutique Nour <codes@example.mr>"
    assert (str(mail["To"]), str(mail["Reply-To"])) == ("aminata@example.mr", "aide@example.mr")
    assert (mail["Auto-Submitted"], mail["Message-ID"]) == ("auto-generated", f"<{ID}@example.mr>")
    assert mail["Date"].datetime.tzinfo is not None
    assert CODE not in str(mail["Subject"])


def test_what_travels_is_ascii_but_for_an_address_that_is_not() -> None:
    assert message.compose(settings(), outgoing("ar", "mailto:x@münchen.de")).as_bytes().isascii()
    assert b"To: x@xn--mnchen-3ya.de" in message.compose(settings(), outgoing("ar", "mailto:x@münchen.de")).as_bytes()
    assert (
        "To: josé@example.mr".encode()
        in message.compose(settings(), outgoing("fr", "mailto:josé@example.mr")).as_bytes()
    )


@pytest.mark.parametrize(
    ("stage", "reply", "words", "kind", "code", "blame"),
    [
        (Command.RECIPIENT, 550, "5.1.1 no such user", Refused, "mailbox_unknown", Blame.NUMBER),
        (Command.RECIPIENT, 552, "5.2.2 full", Refused, "mailbox_full", Blame.NUMBER),
        (Command.RECIPIENT, 550, "go away", Refused, "smtp_550", Blame.NUMBER),
        (Command.RECIPIENT, 554, "5.7.1 Relay access denied", Refused, "mail_policy", Blame.CARRIER),
        (Command.RECIPIENT, 450, "4.7.1 greylisted", NotSent, "mail_policy", Blame.NUMBER),
        (Command.RECIPIENT, 451, "later", NotSent, "smtp_451", Blame.NUMBER),
        (Command.RECIPIENT, 421, "closing", NotSent, "smtp_421", Blame.CARRIER),
        (Command.SENDER, 553, "5.7.1 not owned", Refused, "mail_sender_refused", Blame.CARRIER),
        (Command.SENDER, 451, "4.3.0 later", NotSent, "smtp_4_3_0", Blame.CARRIER),
        (Command.SENDER, 530, "5.7.0 log in", Refused, "mail_login_needed", Blame.CARRIER),
        (Command.LOGIN, 535, "5.7.8 wrong", Refused, "mail_login_refused", Blame.CARRIER),
        (Command.LOGIN, 454, "4.7.0 later", NotSent, "smtp_454", Blame.CARRIER),
        (Command.CONTENT, 554, "5.6.0 unwanted", Refused, "smtp_5_6_0", Blame.TEXT),
        (Command.CONTENT, 452, "4.3.1 disk full", NotSent, "smtp_4_3_1", Blame.CARRIER),
        (Command.CONNECT, 554, "no service", Refused, "smtp_554", Blame.CARRIER),
    ],
)
def test_a_reply_is_final_or_not_and_says_whose_fault_it_is(
    stage: Command, reply: int, words: str, kind: type[Exception], code: str, blame: Blame
) -> None:
    error = reply_codes.error(stage, reply, words, words)
    assert (type(error), error.code, error.blame) == (kind, code, blame)
    is_setup = stage in (Command.LOGIN, Command.CONNECT, Command.SENDER) and kind is Refused
    assert error.configuration is is_setup


def report(action: str = "failed", status: str = "5.1.1", envelope_id: str = "", returned: str = "") -> bytes:
    """A report as Postfix writes it."""
    envelope = f"Original-Envelope-Id: {envelope_id}\n" if envelope_id else ""
    headers = f"--b\nContent-Type: {returned}\n\nMessage-ID: <{ID}@example.mr>\nSubject: x\n\n" if returned else ""
    return (
        "From: MAILER-DAEMON@mx.example.mr\nTo: codes@example.mr\nSubject: Undelivered\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nI am sorry.\n\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.mr\n{envelope}\n"
        f"Final-Recipient: rfc822; aminata@example.mr\nAction: {action}\nStatus: {status}\n\n{headers}--b--\n"
    ).encode()


@pytest.mark.parametrize(
    "raw",
    [
        report(envelope_id=ID),
        report(envelope_id=ID.upper()),
        report(returned="message/rfc822"),
        report(returned="text/rfc822-headers"),
        report(status="5.1.1 (bad destination mailbox)", returned="message/rfc822").replace(b"\n", b"\r\n"),
        b"In-Reply-To: <%s@example.mr>\n" % ID.encode() + report(),
    ],
)
def test_a_bounce_is_known_by_what_it_names(raw: bytes) -> None:
    receipt = bounces.read(raw)
    assert receipt is not None
    assert (receipt.message_id, receipt.state, receipt.code) == (ID, ReceiptState.FAILED, "mailbox_unknown")


@pytest.mark.parametrize(("status", "code"), [("5.2.2", "mailbox_full"), ("5.4.1", "smtp_5_4_1"), ("", "failed")])
def test_a_bounce_says_why(status: str, code: str) -> None:
    receipt = bounces.read(report(status=status, envelope_id=ID))
    assert receipt is not None
    assert receipt.code == code


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff" * 50,
        b"Subject: I am away\n\nUntil Monday.",
        report(action="delayed", status="4.4.1", envelope_id=ID),
        report(action="relayed", status="2.0.0", envelope_id=ID),
        report(),
        report(envelope_id="some-other-id"),
        f"Message-ID: <{ID}@example.mr>\n\n".encode(),
    ],
)
def test_other_mail_says_nothing(raw: bytes) -> None:
    assert bounces.read(raw) is None


def test_a_mail_that_arrived_is_delivered() -> None:
    receipt = bounces.read(report(action="delivered", status="2.1.5", envelope_id=ID))
    assert receipt is not None
    assert (receipt.state, receipt.code) == (ReceiptState.DELIVERED, None)
