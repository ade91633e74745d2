"""What a mail server's answer, or a bounce, means for a code, and in words.

Replies are RFC 5321's (4.2); what follows them, and what bounces bear, are the enhanced status codes of RFC 3463 and
the registry of RFC 5248.
"""

from __future__ import annotations

import re
from enum import StrEnum

from dashboard.outbound.errors import SendError
from dashboard.providers.codes import NUMBER_REFUSED, SETUP, TEXT_REFUSED, TRY_LATER, Code, CodeBook, Rule, _l
from dashboard.vocabulary import Blame, NextStep

ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)", re.ASCII)
NAMES = {  # subject and detail of an enhanced status, whatever its class
    "1.1": "mailbox_unknown",
    "1.6": "mailbox_unknown",
    "1.10": "mailbox_unknown",  # RFC 7505: the domain takes no mail
    "2.1": "mailbox_disabled",
    "2.2": "mailbox_full",
    "1.2": "mail_domain_unknown",
    "4.4": "mail_domain_unknown",
    "2.3": "mail_too_large",
    "3.4": "mail_too_large",
}
SENDER_REFUSED, LOGIN_REFUSED, LOGIN_NEEDED = "mail_sender_refused", "mail_login_refused", "mail_login_needed"
LOGIN_REPLIES = (530, 534, 535, 538)  # RFC 4954, 6
# Greylisting, and a mailbox that is busy: neither says anything of other recipients.
RECIPIENT_LATER = Rule(NextStep.AGAIN, Blame.NUMBER, wait_seconds=20)
# That the server does not relay for us, or does not like our mail, is for somebody here to mend; the code is lost.
POLICY = Rule(NextStep.FINAL, Blame.CARRIER)


class Command(StrEnum):
    """What a server was told when it answered."""

    CONNECT = "connect"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


BOOK = CodeBook(
    {
        "mailbox_unknown": Code(_l("There is no mailbox with this address.")),
        "mailbox_disabled": Code(_l("The mailbox takes no mail.")),
        "mailbox_full": Code(_l("The mailbox is full.")),
        "mail_domain_unknown": Code(_l("No mail server is known for the domain of this address.")),
        "mail_too_large": Code(_l("The mail is larger than the recipient’s server allows.")),
        "mail_policy": Code(
            _l("A mail server refused the mail by its rules."),
            _l("See that the server relays for this account, and that the sender’s domain has SPF, DKIM and DMARC."),
        ),
        "mail_unicode_unsupported": Code(
            _l("The mail server takes no address with letters beyond ASCII before the @.")
        ),
        "email_takes_codes_only": Code(_l("This e-mail carrier sends one-time codes only.")),
        "mail_tls_missing": Code(
            _l("The mail server offers no STARTTLS: nothing was sent."),
            _l("Choose the encryption that the server has, and the port that goes with it."),
        ),
        SENDER_REFUSED: Code(
            _l("The mail server refuses the sender’s address."),
            _l("Enter a sender that this account may use, or have the server allow it."),
        ),
        LOGIN_REFUSED: Code(
            _l("The mail server refuses the user name or the password."),
            _l("Enter the right credentials."),
            is_credentials=True,
        ),
        LOGIN_NEEDED: Code(
            _l("The mail server asks for a user name and a password, or offers no way to give them."),
            _l("Enter user name and password, and choose an encrypted connection."),
            is_credentials=True,
        ),
    },
    prefix="smtp_",
    unlisted=_l("The mail server answered with %(detail)s."),
)


def of_status(status: str) -> str:
    """The code of an enhanced status, as `5.1.1`, alone or at the beginning of a reply; empty where there is none."""
    found = ENHANCED.match(status.strip())
    if found is None:
        return ""
    if found[2] == "7":
        return "mail_policy"
    return NAMES.get(f"{found[2]}.{found[3]}", f"smtp_{'_'.join(found.groups())}")


def error(stage: Command, reply: int, words: str, shown: str) -> SendError:
    """A reply other than success, as what a provider raises. `shown` are its words for people."""
    named = of_status(words)
    if stage is Command.LOGIN or reply in LOGIN_REPLIES:
        if reply // 100 == 4:
            return TRY_LATER.error(f"smtp_{reply}", answer=shown)
        return SETUP.error(LOGIN_NEEDED if reply == 530 else LOGIN_REFUSED, answer=shown)
    code = named or f"smtp_{reply}"
    if reply // 100 != 5:  # 421 among them: the server closes the connection
        rule = RECIPIENT_LATER if stage is Command.RECIPIENT and reply != 421 else TRY_LATER
        return rule.error(code, answer=shown)
    if stage is Command.SENDER:
        return SETUP.error(SENDER_REFUSED, answer=shown)
    if stage is Command.CONNECT:
        return SETUP.error(code, answer=shown)
    if named == "mail_policy":
        return POLICY.error(named, answer=shown)
    return (NUMBER_REFUSED if stage is Command.RECIPIENT else TEXT_REFUSED).error(code, answer=shown)
