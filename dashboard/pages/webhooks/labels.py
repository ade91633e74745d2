"""Webhooks in the reader's words."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext
from flask_login import current_user

from dashboard.models.api_keys import ApiKey
from dashboard.models.webhooks import WebhookEndpoint
from dashboard.pages.ui.labels import MODES, Labels
from dashboard.vocabulary import Envelope, KeyMode, Role

STATES = {"active": lazy_pgettext("webhook", "Active"), "failing": _l("Failing"), "disabled": _l("Disabled")}
EVENTS = {
    "message.sent": _l("Message handed to the carrier"),
    "message.delivered": _l("Message delivered"),
    "message.failed": _l("Message failed"),
    "message.expired": _l("Message expired"),
    "message.rejected": _l("Message refused after the carrier had accepted it"),
    "message.received": _l("Text received"),
    "otp.verified": _l("Code verified"),
    "otp.exhausted": _l("Three wrong codes"),
    "bulk.completed": _l("Campaign ended"),
}
ENVELOPES: Labels = {
    Envelope.STANDARD: _l("Standard Webhooks: type, timestamp, data"),
    Envelope.V2: _l("As the hosted service, second generation: id, type, createdAt, data"),
}
URL_FAULTS = {
    "url_format": _l("Enter a web address without user name and password, such as https://example.org/hooks."),
    "url_scheme": _l("The address must begin with https://."),
    "url_private": _l("This address is private: webhooks go to public addresses, unless a setting allows others."),
}
WHY_OFF = {
    "asked": _l("Disabled by hand."),
    "gone": _l("The server answered “410 Gone”: it asks for no more calls."),
    "failing": _l("Every call failed for five days."),
}
REASONS = {
    "refused": _l("The server did not answer with a status from 200 to 299."),
    "redirected": _l("The server answered with a redirect, which is not followed."),
    "no_answer": _l("The server did not answer within 15 seconds."),
    "connection_lost": _l("The connection broke before the server answered."),
    "unreachable": _l("The server cannot be reached."),
    "name_not_found": _l("Host name not found (DNS): check the address of the webhook."),
    "address_refused": _l("The address is private or not https, and the settings do not allow that."),
    "certificate_refused": _l("The certificate of the server is not valid."),
    "secret_unreadable": _l("The secret of the webhook cannot be read: DATA_SECRET has changed. Rotate the secret."),
}
ONLY = {"undelivered": _l("What has not arrived"), "all": _l("Everything")}


def shown_url(webhook: WebhookEndpoint) -> str:
    """Viewers see where it leads, but not the path: some services put a secret there."""
    if current_user.may(Role.OPERATOR):
        return webhook.url
    parts = urlsplit(webhook.url)
    return f"{parts.scheme}://{parts.netloc}/…"


def reason(code: str | None, status: int | None = None) -> str:
    """Why a call failed."""
    if code == "refused" and status is not None:
        return str(_("The server answered with the status %(status)d.", status=status))
    return str(REASONS.get(code or "") or _("The call failed: “%(code)s”.", code=code or ""))


def key_name(key: ApiKey) -> str:
    """The name of a key, marked when it is one for tests."""
    return f"{key.name} · {MODES[KeyMode.TEST]}" if key.mode == KeyMode.TEST else key.name
