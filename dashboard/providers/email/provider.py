"""Codes by e-mail, handed to a mail server of the administrator's (RFC 6409), which brings them to their recipients."""

from __future__ import annotations

import smtplib
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from socket import SHUT_RDWR, gaierror

from dashboard.outbound import client
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Outcome, Outgoing
from dashboard.providers.codes import NUMBER_REFUSED, _l
from dashboard.providers.email import message, reply_codes
from dashboard.providers.email.reply_codes import BOOK, LOGIN_NEEDED, Command
from dashboard.providers.email.settings import EmailSettings
from dashboard.providers.kind import CarrierKind
from dashboard.providers.parallel import LONGEST_WORDS, ParallelCarrier, without
from dashboard.sms import emails
from dashboard.vocabulary import Blame, Channel

IDLE_SECONDS = 20.0  # servers keep silent clients for minutes: RFC 5321, 4.5.3.2.7
CLOSING_SECONDS = 1.0

Reply = tuple[int, bytes | str]  # RFC 5321, 4.2: code and words


class Email(ParallelCarrier):
    """One account at a mail server. A connection that took a mail is kept for the next one for a while."""

    def __init__(self, name: str, settings: EmailSettings, timeout: float = client.TIMEOUT) -> None:
        super().__init__(settings.parallel)
        self.name, self.settings, self.timeout = name, settings, timeout
        self._secrets = settings.secret_values()
        self._idle: deque[tuple[float, smtplib.SMTP]] = deque()

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand a code in; raise Refused, NotSent or OutcomeUnknown."""
        if outgoing.code is None:
            raise Refused("email_takes_codes_only", blame=Blame.TEXT)
        mail, end = message.compose(self.settings, outgoing), time.monotonic() + self.timeout
        kept = self._kept()
        if kept is not None:
            with suppress(smtplib.SMTPServerDisconnected):  # while it was idle: nothing was handed over yet
                return self._send_by(kept, mail, outgoing, end)
        return self._send_by(self._connect(end), mail, outgoing, end)

    def examine(self) -> None:
        """Connect and log in, without sending anything; raise Refused or NotSent."""
        _end(self._connect(time.monotonic() + self.timeout))

    def close(self) -> None:
        """Wait for what is under way, then take leave."""
        super().close()
        while self._idle:
            _end(self._idle.popleft()[1])

    # A connection

    def _kept(self) -> smtplib.SMTP | None:
        """The connection that was used last, if the server can still be expected to hold it."""
        while True:
            try:
                since, server = self._idle.pop()
            except IndexError:
                return None
            if time.monotonic() - since < IDLE_SECONDS:
                return server
            _end(server)

    def _connect(self, end: float) -> smtplib.SMTP:
        """A connection on which mail may be handed in; raise Refused or NotSent."""
        server = self._server(end - time.monotonic())
        fault: NotSent | None = None
        try:
            with _cut_at(server, end):
                self._greet(server)
                return server
        except smtplib.SMTPServerDisconnected:
            fault = NotSent("no_answer" if time.monotonic() > end else "connection_lost")
        except ssl.SSLCertVerificationError:
            fault = NotSent("certificate_refused", configuration=True)
        except gaierror:
            fault = NotSent("name_not_found")
        except TimeoutError:
            fault = NotSent("no_answer")
        except (OSError, ValueError):  # a socket that is cut while TLS begins raises either
            fault = NotSent("no_answer" if time.monotonic() > end else "unreachable")
        except BaseException:
            server.close()
            raise
        server.close()
        raise fault

    def _server(self, seconds: float) -> smtplib.SMTP:
        """Not yet connected. It names us by the sender's domain: looking our own up could take long."""
        if self.settings.security == "tls":
            context = client.ssl_context(self.settings.ca_certificate)
            return smtplib.SMTP_SSL(local_hostname=self.settings.domain, timeout=seconds, context=context)
        return smtplib.SMTP(local_hostname=self.settings.domain, timeout=seconds)

    def _greet(self, server: smtplib.SMTP) -> None:
        host, port = self.settings.place
        server._host = host  # type: ignore[attr-defined]  # private: what its certificate is compared with
        self._demand(Command.CONNECT, server.connect(host, port))
        self._demand(Command.CONNECT, server.ehlo())
        if self.settings.security == "starttls":
            if not server.has_extn("starttls"):
                raise NotSent("mail_tls_missing", configuration=True)
            context = client.ssl_context(self.settings.ca_certificate)
            self._demand(Command.CONNECT, server.starttls(context=context))
            self._demand(Command.CONNECT, server.ehlo())
        if self.settings.username:
            self._log_in(server)

    def _log_in(self, server: smtplib.SMTP) -> None:
        try:
            server.login(self.settings.username, self.settings.password.get_secret_value())
        except smtplib.SMTPAuthenticationError as error:
            reply: Reply = (error.smtp_code, error.smtp_error)
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException:  # it offers no way to log in that we know
            raise NotSent(LOGIN_NEEDED, configuration=True) from None
        else:
            return
        self._demand(Command.LOGIN, reply)

    # A mail

    def _send_by(self, server: smtplib.SMTP, mail: EmailMessage, outgoing: Outgoing, end: float) -> Outcome:
        """Hand a mail in. Raises SMTPServerDisconnected where the connection had ended before."""
        try:
            with _cut_at(server, end):
                words = self._hand_in(server, mail, outgoing, end)
        except BaseException:
            server.close()
            raise
        self._idle.append((time.monotonic(), server))
        return Outcome(outgoing.id, answer=words)

    def _hand_in(self, server: smtplib.SMTP, mail: EmailMessage, outgoing: Outgoing, end: float) -> str:
        """Envelope and content; return the words with which the server took it."""
        to, is_unicode = emails.for_smtp(outgoing.phone)
        hidden = (outgoing.text, outgoing.code or "")
        if is_unicode and not server.has_extn("smtputf8"):
            raise NUMBER_REFUSED.error("mail_unicode_unsupported")
        has_dsn = server.has_extn("dsn")
        of_mail = ["SMTPUTF8", "BODY=8BITMIME"] if is_unicode else []
        of_mail += [f"ENVID={outgoing.id}", "RET=HDRS"] if has_dsn else []  # RFC 3461
        bounces_to = emails.for_smtp(self.settings.bounces_to or self.settings.sender)[0]
        self._demand(Command.SENDER, server.mail(bounces_to, of_mail))
        try:
            reply = server.rcpt(to, ["NOTIFY=FAILURE"] if has_dsn else [])
            self._demand(Command.RECIPIENT, reply, *hidden)
        except (smtplib.SMTPServerDisconnected, OSError):
            raise NotSent("connection_lost") from None
        if time.monotonic() >= end:
            raise NotSent("no_answer")
        return self._content(server, mail, hidden)

    def _content(self, server: smtplib.SMTP, mail: EmailMessage, hidden: tuple[str, ...]) -> str:
        """From here on nobody knows whether the server took it, until it says so."""
        try:
            reply: Reply = server.data(mail.as_bytes())
        except smtplib.SMTPDataError as error:  # it does not want the content, which did not leave
            reply = (error.smtp_code, error.smtp_error)
        except (smtplib.SMTPServerDisconnected, OSError, ValueError):
            raise OutcomeUnknown("connection_lost") from None
        self._demand(Command.CONTENT, reply, *hidden)
        return self._words(reply, hidden)

    def _demand(self, stage: Command, reply: Reply, *hidden: str) -> None:
        """Raise what any reply but success means."""
        code, raw = reply
        if code == -1:  # what smtplib makes of an answer that is none
            raise smtplib.SMTPServerDisconnected
        if code // 100 != 2:
            raise reply_codes.error(stage, code, _text(raw), self._words(reply, hidden))

    def _words(self, reply: Reply, hidden: tuple[str, ...]) -> str:
        """A reply for people to read, without what is secret."""
        text = " ".join(_text(reply[1]).split())
        return f"{reply[0]} {without(text, (*self._secrets, *hidden))[:LONGEST_WORDS]}".strip()


def _text(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")


@contextmanager
def _cut_at(server: smtplib.SMTP, end: float) -> Iterator[None]:
    """Cut the connection at a time, whatever is waited for then: a server that dribbles would hold it for ever."""
    timer = threading.Timer(max(0.0, end - time.monotonic()), _cut, [server])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(server: smtplib.SMTP) -> None:
    with suppress(OSError, ValueError):
        if server.sock is not None:
            server.sock.shutdown(SHUT_RDWR)


def _end(server: smtplib.SMTP) -> None:
    """Say goodbye, without waiting long for an answer."""
    with suppress(OSError, ValueError, smtplib.SMTPException):
        if server.sock is not None:
            server.sock.settimeout(CLOSING_SECONDS)
        server.quit()
    server.close()


KIND = CarrierKind(
    "email",
    _l("E-mail"),
    _l("One-time codes by a mail server (SMTP)"),
    (Channel.EMAIL,),
    EmailSettings,
    lambda name, settings, _host: Email(name, settings),
    BOOK,
    calls_back=False,
)
