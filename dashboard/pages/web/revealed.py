"""What a person looks at that the pages mask: one message at a time, so many a day, and the audit log tells who."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _
from flask_login import current_user

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.audit import trail
from dashboard.pages.ui import formats
from dashboard.pages.web import audited

ACT = "messages.reveal"
MOST = 50  # messages that a person reveals in a day
DAY = timedelta(days=1)


def refusal() -> str | None:
    """Why the visitor may reveal nothing more now."""
    if trail.count(session, current_user.email, ACT, utcnow() - DAY) < MOST:
        return None
    return str(_("You have revealed %(num)s messages in a day, which is the most.", num=formats.number(MOST)))


def note(reference: str) -> None:
    """Write down that the visitor looks at a message. The caller commits before it shows it."""
    audited.record(ACT, reference)
