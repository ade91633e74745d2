"""Bounces: what a mail server reports of a mail that it could not bring to its recipient (RFC 3464)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message

from dashboard.providers.base import Receipt
from dashboard.providers.email import reply_codes
from dashboard.vocabulary import ReceiptState

LARGEST = 256 * 1024  # bytes that are read: a code and its report are a few thousand. Some take seconds a MiB to parse
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MESSAGE_ID = re.compile(rf"<({UUID})@[^<>\s]+>")
STATES = {"failed": ReceiptState.FAILED, "delivered": ReceiptState.DELIVERED}  # the others are not final: 2.3.3
FAILED = "failed"


def read(raw: bytes) -> Receipt | None:
    """What a mail says of one of ours, by the id that it names; None where it is no report, or not a final one.

    The mail comes from anybody: it counts only with the id of a message, which nobody can guess.
    """
    try:
        return _of_mail(message_from_bytes(raw[:LARGEST], policy=policy.compat32))
    except RecursionError:  # parts in parts, thousands deep: no report has them
        return None


def _of_mail(mail: Message) -> Receipt | None:
    reports = [part for part in mail.walk() if part.get_content_type() == "message/delivery-status"]
    if not reports:
        return None
    blocks = [block for part in reports for block in _blocks(part)]
    found = next(((state, block) for block in blocks if (state := STATES.get(_word(block, "Action")))), None)
    if found is None:
        return None
    reference = next(_ids(mail, blocks), "")
    if not reference:
        return None
    state, block = found
    code = None if state is ReceiptState.DELIVERED else reply_codes.of_status(_header(block, "Status")) or FAILED
    return Receipt((), "", state, code, datetime.now(UTC), message_id=reference)


def _ids(mail: Message, blocks: list[Message]) -> Iterator[str]:
    """Ids of ours that the report names, the surest first: the envelope's, the returned mail's, what it answers."""
    for block in blocks:
        if match := re.fullmatch(UUID, _header(block, "Original-Envelope-Id").strip().lower()):
            yield match[0]
    for part in mail.walk():
        if part.get_content_type() == "text/rfc822-headers":
            yield from MESSAGE_ID.findall(_text(part))
        elif part is not mail:
            yield from MESSAGE_ID.findall(_header(part, "Message-ID"))
    for name in ("In-Reply-To", "References"):
        yield from MESSAGE_ID.findall(_header(mail, name))


def _blocks(part: Message) -> list[Message]:
    """The groups of fields of a report: one of the mail, then one of each recipient."""
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


def _word(block: Message, name: str) -> str:
    """The first word of a field, in small letters; what follows may be a comment."""
    return _header(block, name).partition("(")[0].strip().lower()


def _header(block: Message, name: str) -> str:
    return str(block.get(name, ""))


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
