"""E-mail by the machine's SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

TIMEOUT_SECONDS = 10.0
PORTS = {"smtp": 587, "smtps": 465}  # RFC 6409 and RFC 8314
LOCAL = ("localhost", "127.0.0.1", "::1")


class MailNotSent(Exception):
    """The server took nothing; the message says why, without an address or a password."""


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in, and whom it comes from."""

    url: str = field(repr=False)
    sender: str

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand a message in; raise MailNotSent. A password leaves over TLS alone, but for a server on this machine."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, to, subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine is to answer
        message.set_content(text)
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise MailNotSent(f"{type(error).__name__} {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused:
            raise MailNotSent("the server refuses the address") from None
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotSent(getattr(error, "strerror", None) or type(error).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        if parts.scheme == "smtps":
            tls = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=tls)
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            elif parts.username and host not in LOCAL:
                raise MailNotSent("the server offers no TLS: the password was not sent")
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        return server
