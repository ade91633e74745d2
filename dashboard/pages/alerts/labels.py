"""What the page of alerts calls kinds, severities and causes."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from dashboard.gateway.monitoring.alerts import AlertCode
from dashboard.pages.ui.labels import Labels
from dashboard.vocabulary import AlertChannelKind, Severity

KINDS: Labels = {
    AlertChannelKind.EMAIL: _l("E-mail"),
    AlertChannelKind.WEBHOOK: _l("Webhook"),
    AlertChannelKind.SERVICE: _l("Messaging service"),
    AlertChannelKind.SMS: _l("SMS"),
}
KIND_ICONS = {
    AlertChannelKind.EMAIL: "mail",
    AlertChannelKind.WEBHOOK: "link",
    AlertChannelKind.SERVICE: "send",
    AlertChannelKind.SMS: "smartphone",
}
SEVERITIES: Labels = {
    Severity.GRAVE: _l("Only what is grave"),
    Severity.WARNING: _l("What is grave, and warnings"),
    Severity.NOTICE: _l("Everything"),
}
REPEATS = {"0": _l("Never"), "30": _l("After 30 minutes"), "60": _l("After an hour"), "240": _l("After 4 hours")}
CODES: Labels = {
    AlertCode.NO_VALKEY: _l("Valkey does not answer"),
    AlertCode.NO_WORKER: _l("No worker runs"),
    AlertCode.NO_RELAY: _l("The relay does not run"),
    AlertCode.BACKLOG: _l("Messages wait too long"),
    AlertCode.CLOCK: _l("The clock is wrong"),
    AlertCode.CLOCK_BACK: _l("The clock was set back"),
    AlertCode.NO_ROUTE: _l("No route leads to a carrier"),
    AlertCode.CARRIER_DOWN: _l("The carrier accepts nothing"),
    AlertCode.CARRIER_CREDENTIALS: _l("The carrier refuses its credentials"),
    AlertCode.CARRIER_UNREADABLE: _l("The settings of the carrier cannot be read"),
    AlertCode.CARRIER_REFUSING: _l("The carrier refuses every message"),
    AlertCode.OPERATOR_CUT_OFF: _l("No code reaches the operator"),
    AlertCode.OPERATOR_WEAK: _l("Far fewer codes are verified than usual"),
    AlertCode.CARRIER_NOTICE: _l("Notice of the carrier"),
    AlertCode.BALANCE_LOW: _l("The balance with the carrier is low"),
    AlertCode.BALANCE_UNKNOWN: _l("The balance with the carrier has long been unknown"),
    AlertCode.UNMATCHED_RECEIPTS: _l("Receipts fit no message"),
    AlertCode.WEBHOOK_FAILING: _l("The webhook fails"),
    AlertCode.WEBHOOK_OFF: _l("The webhook was disabled for its failures"),
    AlertCode.KEY_ENDS: _l("The key expires soon"),
    AlertCode.KEY_EMBEDDED: _l("The key seems to be built into an app"),
    AlertCode.KEY_GUESSES: _l("Somebody may be guessing codes with the key"),
    AlertCode.PUMPING: _l("SMS pumping is suspected"),
    AlertCode.KEY_UNVERIFIED: _l("Few codes of the key are verified"),
    AlertCode.BUDGET_LOW: _l("The key’s budget is nearly used up"),
    AlertCode.BUDGET_EXHAUSTED: _l("The key’s budget is used up"),
    AlertCode.TOTAL_BUDGET_LOW: _l("The budget of all keys is nearly used up"),
    AlertCode.TOTAL_BUDGET_EXHAUSTED: _l("The budget of all keys is used up"),
    AlertCode.DISK: _l("The disk is nearly full"),
    AlertCode.SECRETS: _l("A secret does not fit the database"),
    AlertCode.BACKUP_OLD: _l("The newest backup is too old"),
    AlertCode.AFTER_OUTAGE: _l("Nothing ran for a while"),
    AlertCode.DATABASE: _l("The database does not answer"),
}
