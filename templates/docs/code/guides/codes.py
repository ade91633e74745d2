"""Codes by SMS; nothing in this file is of a framework."""

import logging
from os import environ

from chinqit import Chinqit, ChinqitError

log = logging.getLogger(__name__)
gateway = Chinqit("https://sms.example.mr", environ["CHINQIT_KEY"])


def send(phone: str, language: str = "fr", app_hash: str | None = None) -> str:
    """Send a code; return the number in the one form that accounts are kept under."""
    gateway.send_otp(phone_number=phone, language=language, hash=app_hash)
    return "+222" + phone[-8:]


def check(phone: str, code: str) -> None:
    """Raise ChinqitError unless this is the code that was sent."""
    gateway.verify_otp(code, phone_number=phone)


def told(error: ChinqitError) -> tuple[dict[str, object], int]:
    """What the user is told of a refusal, and its status. What users cannot mend stays in the log."""
    if error.status not in (400, 404, 429):
        log.error("The gateway refused: %s", error)
        return {"code": "try_later"}, 503
    return {"code": error.code, "retriesLeft": error.retries_left, "retryAfter": error.retry_after}, error.status
