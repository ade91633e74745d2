"""What is read out to a caller: one sentence for each cause, whole, in each language. It begins with whose turn it is.

No sentence holds the name of a key, a status of a protocol or the seconds of a clock. What counts down stands in a
`<b data-left>`, which static/js/countdown.js keeps right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from babel.dates import format_date, format_datetime, get_timezone
from babel.units import format_unit
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from dashboard.db import utcnow
from dashboard.gateway.monitoring.diagnosis import Cause, CauseCode
from dashboard.pages.ui import formats
from dashboard.pages.ui.forms import Sentence
from dashboard.pages.ui.labels import Labels
from dashboard.pages.web import locale
from dashboard.sms import emails, numbers
from dashboard.vocabulary import Language, Side

CLOCKS = {Language.FRENCH: "HH 'h' mm"}
CLOCK = "HH:mm"
SHORT = timedelta(seconds=90)  # counted in seconds; longer waits in minutes

WHOSE: Labels = {  # as one word beside a number
    Side.US: _l("us"),
    Side.OPERATOR: _l("operator"),
    Side.PHONE: _l("phone"),
    Side.WAIT: _l("wait"),
    Side.NOTHING: _l("nothing asked"),
    Side.NUMBER: _l("number"),
    Side.WELL: _l("all is well"),
}
WHOSE_BY_EMAIL: Labels = {
    **WHOSE,
    Side.OPERATOR: _l("mail server"),
    Side.PHONE: _l("mailbox"),
    Side.NUMBER: _l("address"),
}
SENTENCES: Mapping[str, Sentence] = {
    CauseCode.NOTHING_ASKED: _l(
        "Nothing was asked: the app has not asked us for a code for this number. Check the number in the app, then "
        "press “Send again”."
    ),
    CauseCode.FIXED_LINE: _l(
        "It is the number: this is a fixed line, which receives no SMS. Give the app a mobile number."
    ),
    CauseCode.NUMBER_REFUSED: _l(
        "It is the number: %(operator)s says that nothing can be sent to it. Check the number that you gave the app."
    ),
    CauseCode.TEST_KEY: _l(
        "It is us: the app is still set up for testing, so its codes reach no phone. The technical team has to change "
        "that."
    ),
    CauseCode.NO_CARRIER: _l(
        "It is us: sending is not set up yet, so codes reach no phone. The technical team has to change that."
    ),
    CauseCode.KEY_ENDED: _l("It is us: the app may no longer send codes. The technical team has to renew its access."),
    CauseCode.LIMIT_MINUTE: _l(
        "Wait %(wait)s: too many codes were asked for in one minute. Then press “Send again” once."
    ),
    CauseCode.LIMIT_HOUR: _l(
        "It is us: too many codes were asked for in one hour. You can ask for the next one %(until)s."
    ),
    CauseCode.LIMIT_DAY: _l(
        "It is us: too many codes were asked for in one day. You can ask for the next one %(until)s."
    ),
    CauseCode.LIMIT_LIFTED: _l("All is well: you can ask for more codes %(valid_until)s. Press “Send again” once."),
    CauseCode.LIMIT_PASSED: _l("It was us: too many codes had been asked for. That is over: press “Send again” once."),
    CauseCode.BLOCKED: _l("It is us: codes to this number are blocked. The technical team can tell why."),
    CauseCode.CAP_REACHED: _l(
        "It is us: the app has sent as many codes as it may today. You can ask for the next one after midnight."
    ),
    CauseCode.CAP_PASSED: _l(
        "It was us: the app had sent as many codes as it may in a day. That is over: press “Send again” once."
    ),
    CauseCode.RANGE_HELD: _l(
        "It is us: too many codes were asked for by numbers like this one, so they are held back. The technical team "
        "can let them through."
    ),
    CauseCode.WORKERS_GONE: _l(
        "It is us: our sending service has stopped. The technical team has to start it again; until then no code "
        "leaves."
    ),
    CauseCode.NOTHING_LEAVES: _l(
        "It is us: none of our codes has got through since %(since)s. Your phone is fine. Asking again does not help "
        "for now."
    ),
    "nothing_leaves_all_day": _l(
        "It is us: none of our codes has got through for a day. Your phone is fine. Asking again does not help for now."
    ),
    CauseCode.OUR_FAULT: _l(
        "It is us: the code could not leave because of a fault on our side. The technical team has to repair it."
    ),
    CauseCode.LATE: _l(
        "It is us: the code that you asked for %(at)s is late. It leaves by itself; do not ask for another one yet."
    ),
    CauseCode.NEVER_LEFT: _l(
        "It is us: the code that you asked for %(at)s could not leave in time. Press “Send again”: a new code comes."
    ),
    CauseCode.CUT_OFF: _l(
        "It is your operator: %(operator)s has refused our SMS since %(since)s. Your phone is fine. Asking again does "
        "not help for now."
    ),
    "cut_off_all_day": _l(
        "It is your operator: %(operator)s has refused our SMS for a day. Your phone is fine. Asking again does not "
        "help for now."
    ),
    CauseCode.REFUSED: _l(
        "It is your operator: %(operator)s did not deliver the code that you asked for %(at)s. Your phone is fine. "
        "Press “Send again”: a new code comes."
    ),
    CauseCode.WHATSAPP_REFUSED: _l(
        "It is WhatsApp: it did not deliver the code that you asked for %(at)s. Choose SMS in the app, or press “Send "
        "again”."
    ),
    CauseCode.MAIL_RETURNED: _l(
        "It is the e-mail address: the mail with the code that you asked for %(at)s came back. Check the address that "
        "you gave the app."
    ),
    CauseCode.UNCONFIRMED: _l(
        "It is your operator: %(operator)s has the code but has not said that it reached your phone. Switch your phone "
        "off and on again; the code is valid %(valid_until)s."
    ),
    CauseCode.EXPIRED_UNCONFIRMED: _l(
        "It is your operator: %(operator)s had the code that you asked for %(at)s but never said that it reached your "
        "phone. Press “Send again”: a new code comes."
    ),
    CauseCode.PHONE_OFF: _l(
        "It is your phone: it is switched off or has no network. Switch it on, then press “Send again”."
    ),
    CauseCode.NOT_TYPED: _l(
        "It is on your phone: the code that you asked for %(at)s has arrived and is valid %(valid_until)s. Look into "
        "your messages."
    ),
    CauseCode.TYPED_WRONG: _l(
        "It is on your phone: the code was typed in wrong. Take the newest message and type it in again; it is valid "
        "%(valid_until)s."
    ),
    CauseCode.DEAD: _l(
        "It is on your phone: the code was typed in wrong three times and is no longer valid. Press “Send again”: a "
        "new code comes."
    ),
    CauseCode.EXPIRED: _l(
        "It is on your phone: the code that you asked for %(at)s arrived, but it was valid for ten minutes. Press "
        "“Send again”: a new code comes."
    ),
    CauseCode.ON_ITS_WAY: _l("Wait %(wait)s: the code is on its way to your phone."),
    CauseCode.TRIED_AGAIN: _l("Wait %(wait)s: %(operator)s was busy, and the code is sent again by itself."),
    CauseCode.VERIFIED: _l(
        "All is well: the last code was typed in correctly %(at)s. If the app still waits, close it and open it again."
    ),
}

BY_EMAIL: Mapping[str, Sentence] = {  # where a code by e-mail needs other words
    CauseCode.NOTHING_ASKED: _l(
        "Nothing was asked: the app has not asked us for a code for this e-mail address. Check the address in the app, "
        "then press “Send again”."
    ),
    CauseCode.NUMBER_REFUSED: _l(
        "It is the e-mail address: its mail server says that nothing can be sent to it. Check the address that you "
        "gave the app."
    ),
    CauseCode.TEST_KEY: _l(
        "It is us: the app is still set up for testing, so its codes reach no mailbox. The technical team has to "
        "change that."
    ),
    CauseCode.NO_CARRIER: _l(
        "It is us: sending is not set up yet, so codes reach no mailbox. The technical team has to change that."
    ),
    CauseCode.BLOCKED: _l("It is us: codes to this e-mail address are blocked. The technical team can tell why."),
    CauseCode.REFUSED: _l(
        "It is the mail server: it did not take the code that you asked for %(at)s. Press “Send again”: a new code "
        "comes."
    ),
    CauseCode.PHONE_OFF: _l("It is your mailbox: it is full. Delete some mail, then press “Send again”."),
    CauseCode.NOT_TYPED: _l(
        "It is in your mailbox: the code that you asked for %(at)s was sent and is valid %(valid_until)s. Look among "
        "the junk mail, too."
    ),
    CauseCode.TYPED_WRONG: _l(
        "It is in your mailbox: the code was typed in wrong. Take the newest mail and type its code in again; it is "
        "valid %(valid_until)s."
    ),
    CauseCode.DEAD: _l(
        "The code was typed in wrong three times and is no longer valid. Press “Send again”: a new code comes."
    ),
    CauseCode.EXPIRED: _l(
        "It is in your mailbox: the code that you asked for %(at)s was sent, but it was valid for ten minutes. Press "
        "“Send again”: a new code comes."
    ),
    CauseCode.ON_ITS_WAY: _l("Wait %(wait)s: the code is on its way to your mailbox."),
    CauseCode.TRIED_AGAIN: _l("Wait %(wait)s: the mail server was busy, and the code is sent again by itself."),
}


@dataclass(frozen=True)
class Spoken:
    """A sentence in a language; `html` marks what counts down."""

    language: str
    html: Markup

    @property
    def plain(self) -> str:
        return self.html.striptags()


def spoken(cause: Cause, phone: str) -> dict[str, Spoken]:
    """The sentence of a cause in each language, by the language."""
    found: dict[str, Spoken] = {}
    for language, writing in locale.LOCALES.items():
        with force_locale(writing):
            found[language] = Spoken(language, _sentence(cause, phone))
    return found


def _sentence(cause: Cause, phone: str) -> Markup:
    name = str(cause.code)
    if f"{name}_all_day" in SENTENCES and "since" not in cause.facts:
        name = f"{name}_all_day"
    values: dict[str, object] = {"operator": numbers.operator(phone)}
    if cause.until is not None:
        values["wait"] = Markup("<b data-left>{}</b>").format(_wait(cause.until - utcnow()))
        values["until"] = _at(cause.until)
    if "at" in cause.facts:
        values["at"] = _at(cause.facts["at"])
    if "since" in cause.facts:
        values["since"] = _moment(cause.facts["since"])
    if "valid_until" in cause.facts:
        values["valid_until"] = _until(cause.facts["valid_until"])
    sentences = {**SENTENCES, **BY_EMAIL} if emails.is_email(phone) else SENTENCES
    return Markup("{}").format(sentences[name]) % values


def _wait(length: timedelta) -> str:
    """`40 seconds`, `12 minutes`: as the script beside it writes them."""
    seconds = max(1, ceil(length.total_seconds()))
    amount, unit = (seconds, "second") if length <= SHORT else (ceil(seconds / 60), "minute")
    return format_unit(amount, unit, length="long", locale=get_locale())


def _at(at: datetime) -> str:
    day, time = _other_day(at), _clock(at)
    return str(_("on %(day)s at %(time)s", day=day, time=time) if day else _("at %(time)s", time=time))


def _moment(at: datetime) -> str:
    """As it follows "since"."""
    day, time = _other_day(at), _clock(at)
    return str(_("%(day)s at %(time)s", day=day, time=time)) if day else time


def _until(at: datetime) -> str:
    day, time = _other_day(at), _clock(at)
    return str(_("until %(day)s at %(time)s", day=day, time=time) if day else _("until %(time)s", time=time))


def _clock(at: datetime) -> str:
    pattern = CLOCKS.get(Language(get_locale().language), CLOCK)
    return format_datetime(at, pattern, tzinfo=get_timezone(formats.zone_name()), locale=get_locale())


def _other_day(at: datetime) -> str:
    """The day of a time that is not of today; else nothing."""
    zone = get_timezone(formats.zone_name())
    day = at.astimezone(zone).date()
    return "" if day == utcnow().astimezone(zone).date() else format_date(day, "d MMMM", locale=get_locale())
