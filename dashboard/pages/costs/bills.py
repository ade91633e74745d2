"""Bill check: an operator's bill against what was sent, its differences as a file, and a letter to dispute them.

Nothing of the bill is kept: the answer holds all there is to take away.
"""

from __future__ import annotations

import base64
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from werkzeug.datastructures import FileStorage

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway import site_settings
from dashboard.gateway.carriers import carriers
from dashboard.gateway.costs import bills, prices
from dashboard.gateway.costs.bills import Bill, Comparison, NoColumns, Reason
from dashboard.gateway.spreadsheets import Unreadable
from dashboard.pages.web import access, audited, input_guard, locale
from dashboard.vocabulary import Language, Role

SHOWN = 200  # differences on the page; the file holds all
LETTERS = (Language.FRENCH, Language.ARABIC)
REASONS: dict[str, Any] = {
    Reason.NOT_SENT: _l("Billed, but nothing was sent to the number"),
    Reason.TOO_OFTEN: _l("Billed more often than sent"),
    Reason.PARTS: _l("Other number of segments"),
    Reason.PRICE: _l("Other price"),
    Reason.NOT_REFUNDED: _l("Failed, and not given back"),
    Reason.NOT_BILLED: _l("Sent, but not billed"),
}
FAULTS: dict[str, Any] = {
    "empty": _l("The file is empty."),
    "broken": _l("The file cannot be read. Save it as CSV or XLSX and try again."),
    "too_large": _l("The file holds too many lines. Check it in parts."),
    "phone": _l("No column of phone numbers was found in the file."),
    "day": _l("No column of days was found in the file."),
}

bp = Blueprint("bills", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """Ask for a bill."""
    return _page()


@bp.post("/")
@access.needs(Role.OPERATOR)
@input_guard.takes_file(bills.LARGEST)
def check() -> ResponseReturnValue:
    """Compare a bill with what was sent, and show the differences."""
    carrier, file = request.form.get("carrier", ""), request.files.get("bill")
    if carrier not in _names():
        return _page(422, fault=_("Choose a carrier of the list."))
    if not isinstance(file, FileStorage) or not file.filename:
        return _page(422, carrier=carrier, fault=_("Choose a file."))
    try:
        bill = bills.read(file.read())
    except Unreadable as error:
        return _page(422, carrier=carrier, fault=FAULTS[error.code])
    except NoColumns as error:
        return _page(422, carrier=carrier, fault=FAULTS[error.name])
    comparison = bills.compare(session, carrier, bill.lines)
    disputed = prices.plain(sum(comparison.disputed.values()))
    audited.record("bills.check", carrier, lines=(None, comparison.lines), amount=(None, disputed))
    session.commit()
    return _page(carrier=carrier, **_result(bill, comparison))


def _names() -> list[str]:
    return [carrier.name for carrier in carriers.listed(session)]


def _page(status: int = 200, carrier: str = "", fault: str = "", **result: Any) -> ResponseReturnValue:
    context = {"carriers": _names(), "chosen": carrier, "fault": fault, "result": None, **result}
    return render_template("costs/bill.html", **context), status


def _result(bill: Bill, comparison: Comparison) -> dict[str, Any]:
    file = "".join(bills.lines_of(comparison)).encode()
    return {
        "result": comparison,
        "bill": bill,
        "counts": comparison.counts,
        "disputed": comparison.disputed,
        "shown": comparison.differences[:SHOWN],
        "REASONS": REASONS,
        "file": f"data:text/csv;charset=utf-8;base64,{base64.b64encode(file).decode()}",
        "letters": {language: _letter(comparison, language) for language in LETTERS},
    }


def _letter(comparison: Comparison, language: str) -> Markup:
    """What is asked of the carrier, in its language; without what it forgot to bill."""
    asked = {reason: count for reason, count in comparison.counts.items() if reason != Reason.NOT_BILLED}
    with force_locale(locale.LOCALES[Language(language)]):
        text = render_template(
            "costs/_letter.html",
            result=comparison,
            asked=asked,
            disputed=comparison.disputed,
            REASONS=REASONS,
            issuer=site_settings.current(session).organisation,
            today=utcnow().date(),
        )
    return Markup(text)  # noqa: S704  of a template of ours, which escapes
