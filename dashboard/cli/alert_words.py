"""Alerts in words: English for commands, and marked for translation, since messages to people speak their language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.db import iso
from dashboard.gateway.costs import prices
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.providers import registry
from dashboard.vocabulary import Severity

Translate = Callable[[str], str]


def N_(sentence: str) -> str:  # noqa: N802  the name that marks sentences for the catalogues
    return sentence


@dataclass(frozen=True)
class Words:
    """What is looked at, what is the matter with it, and what to do, the last two to be translated and filled in."""

    subject: str
    message: str
    advice: str


CARRIER_ADVICE = N_("Look at the carrier under Carriers, or test it: chinqit providers test %(subject)s")
BUDGET_ADVICE = N_("See what was sent under Consumption, or raise the budget: chinqit budgets list")
WORDS = {
    AlertCode.NO_VALKEY: Words(
        "valkey",
        N_("Valkey does not answer (%(reason)s); messages go on, up to a second later each"),
        N_("Start Valkey, or check REDIS_URL and its server."),
    ),
    AlertCode.CLOCK: Words(
        "clock", N_("The clock is %(seconds)s s from that of the database"), N_("Run an NTP client on both.")
    ),
    AlertCode.CLOCK_BACK: Words(
        "clock", N_("the clock was set back: messages are dated in the future"), N_("Run an NTP client.")
    ),
    AlertCode.NO_WORKER: Words("workers", N_("%(subject)s: 0 running"), N_("Start one: chinqit worker %(subject)s")),
    AlertCode.NO_RELAY: Words("workers", N_("relay: 0 running"), N_("Start it: chinqit relay")),
    AlertCode.BACKLOG: Words(
        "outbox",
        N_("%(subject)s: the oldest message waits for %(seconds)s s"),
        N_("See that workers run and that the carrier answers."),
    ),
    AlertCode.WEBHOOK_OFF: Words(
        "webhooks",
        N_("The webhook to %(subject)s was disabled because it failed"),
        N_("Repair the endpoint, enable its webhook under Webhooks, then replay the events it missed."),
    ),
    AlertCode.WEBHOOK_FAILING: Words(
        "webhooks", N_("The webhook to %(subject)s fails"), N_("Look at its calls under Webhooks.")
    ),
    AlertCode.CARRIER_NOTICE: Words("carriers", "%(subject)s: %(reason)s", "%(advice)s"),
    AlertCode.BALANCE_LOW: Words(
        "carriers",
        N_("%(subject)s: the balance is low, %(amount)s left"),
        N_("Recharge our account with the carrier."),
    ),
    AlertCode.BALANCE_UNKNOWN: Words(
        "carriers",
        N_("%(subject)s: the balance has not been known for %(hours)s hours. %(reason)s"),
        N_("Look at the address and the credentials of the balance under Carriers, and at the account itself."),
    ),
    AlertCode.CARRIER_DOWN: Words("carriers", N_("%(subject)s accepts no messages. %(reason)s"), CARRIER_ADVICE),
    AlertCode.CARRIER_REFUSING: Words(
        "carriers",
        N_("%(subject)s accepts no messages: %(count)s of %(tried)s refused in the last ten minutes"),
        CARRIER_ADVICE,
    ),
    AlertCode.CARRIER_CREDENTIALS: Words(
        "carriers",
        N_("%(subject)s refuses its credentials. %(reason)s"),
        N_("Enter the right credentials under Carriers."),
    ),
    AlertCode.CARRIER_UNREADABLE: Words(
        "carriers",
        N_("The settings of %(subject)s cannot be read"),
        N_("DATA_SECRET has changed: restore it, or enter the settings again under Carriers."),
    ),
    AlertCode.UNMATCHED_RECEIPTS: Words(
        "receipts",
        N_("%(subject)s: %(count)s in the last hour fit no message"),
        N_("The references in its receipts are read wrongly, or another system uses the same account."),
    ),
    AlertCode.OPERATOR_CUT_OFF: Words(
        "operators",
        N_("%(subject)s: no code sent %(since)s, %(count)s of %(tried)s failed in the last ten minutes"),
        N_("Look at the carriers of its route and at what they answer: chinqit providers list"),
    ),
    AlertCode.OPERATOR_WEAK: Words(
        "operators",
        N_("%(subject)s: %(count)s %% of %(tried)s codes of the last hour were verified, far fewer than usual"),
        N_("Look at the carriers of its route, and ask a user whether codes arrive."),
    ),
    AlertCode.NO_ROUTE: Words(
        "routes",
        N_("%(count)s %(subject)s messages wait, no route leads to a carrier"),
        N_("Make a rule: chinqit routes set %(subject)s CARRIER"),
    ),
    AlertCode.KEY_ENDS: Words(
        "keys", N_("The key “%(subject)s” expires in %(days)s days"), N_("Make a new key and put it into the app.")
    ),
    AlertCode.KEY_EMBEDDED: Words(
        "keys",
        N_("The key “%(subject)s” seems to be built into an app"),
        N_("Call the gateway from your server, and revoke the key."),
    ),
    AlertCode.KEY_GUESSES: Words(
        "guesses",
        N_("%(subject)s: %(count)s of %(tried)s codes of the last 15 minutes were wrong"),
        N_("Somebody may be guessing: look at who calls with this key, and rotate it if it leaked."),
    ),
    AlertCode.PUMPING: Words(
        "pumping",
        N_("%(subject)s: SMS pumping is suspected in %(count)s ranges of numbers, to which %(tried)s codes went"),
        N_("Look at the ranges on the page “Limits”, and who asks the app for codes; let real users through."),
    ),
    AlertCode.KEY_UNVERIFIED: Words(
        "pumping",
        N_("%(subject)s: %(count)s %% of %(tried)s codes of the last hour were verified"),
        N_("See whether codes arrive; if they do, somebody may ask for them who does not read them."),
    ),
    AlertCode.BUDGET_LOW: Words(
        "budgets", N_("The budget of the key “%(subject)s” is used to %(count)s %%"), BUDGET_ADVICE
    ),
    AlertCode.BUDGET_EXHAUSTED: Words("budgets", N_("The budget of the key “%(subject)s” is used up"), BUDGET_ADVICE),
    AlertCode.TOTAL_BUDGET_LOW: Words("budgets", N_("The budget of all keys is used to %(count)s %%"), BUDGET_ADVICE),
    AlertCode.TOTAL_BUDGET_EXHAUSTED: Words("budgets", N_("The budget of all keys is used up"), BUDGET_ADVICE),
    AlertCode.DISK: Words("disk", N_("%(count)s %% of the disk are free"), N_("Make room on it.")),
    AlertCode.SECRETS: Words(
        "secrets",
        N_("%(subject)s is not the one this database was written with"),
        N_("Put the old one back, or accept the loss: chinqit secrets accept"),
    ),
    AlertCode.BACKUP_OLD: Words(
        "backup", N_("The newest backup is %(hours)s hours old"), N_("See why the backups stopped: chinqit backup")
    ),
    AlertCode.AFTER_OUTAGE: Words(
        "outage",
        N_(
            "Nothing ran for %(seconds)s s, %(since)s: %(count)s codes expired unsent, %(tried)s texts "
            "may have been sent twice, database: %(reason)s"
        ),
        N_("Read its report under Alerts, and see why the machine or the gateway ended."),
    ),
    AlertCode.DATABASE: Words(
        "database", N_("The database does not answer: %(reason)s"), N_("Look at its server and its disk.")
    ),
}
SINCE, FOR_A_DAY = N_("since %(time)s"), N_("for a day")


def message(alert: Alert, translate: Translate = str) -> str:
    """What is the matter."""
    return _filled(WORDS[alert.code].message, alert, translate)


def advice(alert: Alert, translate: Translate = str) -> str:
    """What to do."""
    return _filled(WORDS[alert.code].advice, alert, translate)


def _filled(sentence: str, alert: Alert, translate: Translate) -> str:
    seconds = alert.length.total_seconds()
    params = {
        "subject": alert.subject,
        "count": alert.count,
        "amount": f"{prices.plain(alert.count)} {alert.reason}".strip(),
        "tried": alert.tried,
        "since": translate(SINCE) % {"time": iso(alert.since)} if alert.since else translate(FOR_A_DAY),
        "seconds": f"{seconds:.0f}",
        "hours": f"{seconds / 3600:.0f}",
        "days": f"{seconds / 86400:.0f}",
        "reason": _reason(alert.reason, translate),
        "advice": translate(found) if (found := registry.code_advice(alert.reason)) else "",
    }
    return (translate(sentence) % params).strip()


def _reason(code: str, translate: Translate) -> str:
    """A carrier's code as a sentence; what is none stays as it is, as the words of a driver."""
    found = registry.code_sentence(code) if code else None
    if found is None:
        return code
    sentence, detail = found
    return translate(sentence) % {"detail": detail} if detail else translate(sentence)


SEVERITIES = {Severity.GRAVE: N_("GRAVE"), Severity.WARNING: N_("Warning"), Severity.NOTICE: N_("Notice")}
# What the messages of the relay are made of.
NEW, AGAIN, CLEARED = N_("New"), N_("Still so"), N_("All clear")
MORE = N_("… and %(count)s more")
WHERE = N_("See and acknowledge: %(address)s")
TEST_TITLE = N_("Test of the alerts")
TEST_TEXT = N_("This channel works. You asked for this message on %(address)s.")
