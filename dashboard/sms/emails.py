"""E-mail addresses, which stand wherever a phone number may.

They are kept as URIs (RFC 6068), `mailto:aminata@example.mr`, so that every recipient tells by itself what it is.
"""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

PREFIX = "mailto:"
PLACE_OF_OPERATOR = PREFIX[4]  # what stands where a phone number tells its operator: the same for all addresses
LONGEST = 254  # bytes: RFC 5321, 4.5.3.1.3, without the angle brackets
LONGEST_STORED = len(PREFIX) + LONGEST
CUT = "•••"


class InvalidEmail(ValueError):
    """Says which rule the address breaks."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(raw: str) -> str:
    """`Aminata@Example.MR` → `mailto:aminata@example.mr`; raise InvalidEmail.

    The domain is in Unicode. Small letters also before the @: RFC 5321 tells them apart there, mailboxes do not, and by
    spelling one mailbox in many ways the limits would be passed.
    """
    if len(raw) > LONGEST:
        raise InvalidEmail("email_length", f"An e-mail address has at most {LONGEST} characters")
    try:
        normalized = unicodedata.normalize("NFC", _validated(raw).normalized.lower())
    except EmailNotValidError as error:
        raise InvalidEmail("email_format", str(error)) from None
    if len(normalized.encode()) > LONGEST:
        raise InvalidEmail("email_length", f"An e-mail address has at most {LONGEST} characters")
    return PREFIX + normalized


def is_email(recipient: str) -> bool:
    """Whether it is an e-mail address, and no phone number."""
    return recipient.startswith(PREFIX)


def plain(recipient: str) -> str:
    """The address as people write it."""
    return recipient.removeprefix(PREFIX)


def for_smtp(recipient: str) -> tuple[str, bool]:
    """The address as a mail server takes it, and whether it must know SMTPUTF8 (RFC 6531) for that.

    A domain goes as IDNA has it; only a local part beyond ASCII needs the extension.
    """
    address = _validated(plain(recipient))
    return (address.ascii_email or address.normalized), address.smtputf8


def masked(recipient: str) -> str:
    """An address without most of its name: `a•••@example.mr`."""
    name, at, domain = plain(recipient).rpartition("@")
    return f"{name[:1]}{CUT}{at}{domain}" if at else CUT


def _validated(address: str) -> ValidatedEmail:
    """Judge its form alone; raise EmailNotValidError."""
    return validate_email(address, check_deliverability=False)
