"""Mauritanian phone numbers. What is said of a recipient may be asked of an e-mail address, too: see `emails`."""

from __future__ import annotations

import re
import unicodedata

from dashboard.sms import emails
from dashboard.vocabulary import Operator

# ASCII digits only: \d takes Arabic-Indic ones, and $ takes a newline at the end.
ACCEPTED = re.compile(r"(?:\+?222)?([234][0-9]{7})")
WRITTEN_BY_CARRIERS = re.compile(r"(?:\+|00)?(?:222)?([234][0-9]{7})")
OPERATORS: dict[str, str] = {operator: operator.name.title() for operator in Operator}  # first digit → name
FIXED = ("25", "35", "45")
LOCAL_DIGITS = 8


class InvalidPhone(ValueError):
    """Says which rule the number breaks."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(raw: str) -> str:
    """`38089336`, `22238089336` or `+22238089336` → `+22238089336`; raise InvalidPhone."""
    match = ACCEPTED.fullmatch(raw)
    if match is None:
        raise _fault(raw)
    return "+222" + match[1]


def of_carrier(address: str) -> str:
    """+222XXXXXXXX from what a carrier writes, also with 00; empty where it is no number of this country."""
    found = WRITTEN_BY_CARRIERS.fullmatch(address.strip())
    return f"+222{found[1]}" if found else ""


def operator(phone: str) -> str:
    """Whose number it is, by its first digit; empty of an e-mail address."""
    return "" if emails.is_email(phone) else OPERATORS[phone[4]]


def operator_name(digit: str) -> str:
    """The operator whose numbers begin so; empty for what is counted of e-mail addresses."""
    return "" if digit == emails.PLACE_OF_OPERATOR else OPERATORS.get(digit, digit)


def digit_of(name: str) -> str | None:
    """The first digit of an operator's numbers; the name may be in any case."""
    return next((operator for operator in Operator if operator.name.lower() == name.lower()), None)


def is_fixed(phone: str) -> bool:
    """Whether it is a fixed line, which no text reaches."""
    return phone[4:6] in FIXED


def written(phone: str) -> str:
    """What every writing of a recipient holds: the eight digits, or the e-mail address."""
    return emails.plain(phone) if emails.is_email(phone) else phone[-LOCAL_DIGITS:]


def as_fields(phone: str) -> dict[str, str | None]:
    """A recipient as it stands in JSON: `phoneNumber`, which is None of an e-mail address, and then `email`."""
    return {"phoneNumber": None, "email": emails.plain(phone)} if emails.is_email(phone) else {"phoneNumber": phone}


def spaced(phone: str) -> str:
    """`+22238089336` → `+222 38 08 93 36`; an e-mail address as people write it."""
    if emails.is_email(phone):
        return emails.plain(phone)
    local = phone[4:]
    return "+222 " + " ".join(local[i : i + 2] for i in range(0, LOCAL_DIGITS, 2))


def masked(phone: str) -> str:
    """A number without its middle, for what is kept for good: `+22238••••36`; of an address, `a•••@example.mr`."""
    if emails.is_email(phone):
        return emails.masked(phone)
    return f"{phone[:6]}••••{phone[-2:]}"


def _fault(raw: str) -> InvalidPhone:
    if not raw:
        return InvalidPhone("phone_length", "The phone number is empty")
    hidden = next((c for c in raw if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")), None)
    if hidden is not None:  # what is copied from contacts or chats often brings one along
        return InvalidPhone("phone_format", f"The phone number holds an invisible character (U+{ord(hidden):04X})")
    if re.search(r"[\s\-.()]", raw):
        return InvalidPhone("phone_format", "Write the phone number without spaces, dashes, dots or parentheses")
    if not re.fullmatch(r"\+?[0-9]+", raw):
        return InvalidPhone("phone_format", "The phone number may hold only the digits 0 to 9 and one leading +")
    if raw.startswith("+") and not raw.startswith("+222"):
        return InvalidPhone("phone_country", "Not a Mauritanian phone number: it must begin with +222")
    local = raw.removeprefix("+")
    if raw.startswith("+") or len(local) > LOCAL_DIGITS:
        local = local.removeprefix("222")
    if len(local) != LOCAL_DIGITS:
        return InvalidPhone("phone_length", "A Mauritanian phone number has eight digits after +222")
    return InvalidPhone("phone_prefix", "The eight-digit number must begin with 2, 3 or 4")
