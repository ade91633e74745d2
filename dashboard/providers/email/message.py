"""The mail that carries a code: the same text plain and as HTML, in the language of the code."""

from __future__ import annotations

import email.policy
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from dashboard.providers.base import Outgoing
from dashboard.providers.email.settings import EmailSettings
from dashboard.sms import emails
from dashboard.vocabulary import Language

SUBJECTS: dict[str, str] = {
    Language.FRENCH: "Votre code de vérification",
    Language.ENGLISH: "Your verification code",
    Language.ARABIC: "رمز التحقق الخاص بك",
}
# Mail programs read no style sheets: every style stands where it applies.
PAGE = """<!DOCTYPE html>
<html lang="{language}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{subject}</title>
</head>
<body dir="{direction}" style="margin:0;padding:24px;font-family:system-ui,-apple-system,'Segoe UI',Arial,sans-serif">
<div style="max-width:480px;margin:0 auto;font-size:16px;line-height:1.6;text-align:start">
{paragraphs}
</div>
</body>
</html>
"""
PARAGRAPH = '<p style="margin:0 0 16px">{text}</p>'
CODE = '<strong dir="ltr" style="font-size:28px;line-height:1.4;letter-spacing:4px;white-space:nowrap">{code}</strong>'


def compose(settings: EmailSettings, outgoing: Outgoing) -> EmailMessage:
    """The mail as it leaves. Its id is the message's, by which a bounce is known again.

    The code stands in the body alone: subjects are shown on locked screens and written into the logs of mail servers.
    """
    to, is_unicode = emails.for_smtp(outgoing.phone)
    language = outgoing.language or Language.FRENCH
    subject = SUBJECTS[language]
    written = email.policy.SMTPUTF8 if is_unicode else email.policy.SMTP
    mail = EmailMessage(policy=written.clone(cte_type="7bit"))  # not every server on the way takes 8 bits
    mail["From"] = _address(emails.for_smtp(settings.sender)[0], settings.sender_name)
    mail["To"] = _address(to)
    if settings.reply_to:
        mail["Reply-To"] = _address(emails.for_smtp(settings.reply_to)[0])
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{outgoing.id}@{settings.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine is to answer
    mail["X-Auto-Response-Suppress"] = "All"  # the same for Exchange (MS-OXCMAIL, 2.2.3.2.14)
    mail.set_content(outgoing.text)
    mail.add_alternative(page(outgoing.text, outgoing.code or "", language, subject), subtype="html")
    for part in mail.walk():  # of the whole, too: what was set before its parts would have gone to one of them
        part["Content-Language"] = language
    return mail


def page(text: str, code: str, language: str, subject: str) -> str:
    """The text as HTML, with the code large."""
    lines = [escape(line) for line in text.split("\n") if line.strip()]
    if code:
        lines = [line.replace(code, CODE.format(code=code), 1) for line in lines]
    return PAGE.format(
        language=language,
        direction="rtl" if language == Language.ARABIC else "ltr",
        subject=escape(subject),
        paragraphs="\n".join(PARAGRAPH.format(text=line) for line in lines),
    )


def _address(address: str, name: str = "") -> Address:
    username, _at, domain = address.rpartition("@")
    return Address(name, username, domain)
