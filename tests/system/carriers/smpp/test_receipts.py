"""Receipts in the forms that SMSCs give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dashboard.providers.base import Outgoing
from tests.support.fixtures.smpp import both_smscs
from tests.support.smpp.host import Desk
from tests.support.smpp.smsc import Smsc
from tests.support.stack import until

FORMS = {"hex": ("same", "dec", "upper", "pad10"), "dec": ("same", "hex", "pad10"), "uuid": ("same", "upper")}
CASES = [(given, form, "text") for given, forms in FORMS.items() for form in forms]


@pytest.mark.parametrize(("given", "form", "means"), [*CASES, ("hex", "dec", "tlv"), ("hex", "dec", "both")])
def test_a_receipt_finds_its_text_whatever_the_form_of_its_id(
    start_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    given: Any,
    form: Any,
    means: Any,
) -> None:
    smsc = start_smsc(receipt_id=form, id_format=given, receipt_format=means, receipt_delay="20")
    desk = open_desk(smsc.port)
    outgoings = [text() for _ in range(3)]
    references_given = [result.reference for result in desk.outcomes(*outgoings)]
    until(lambda: len(desk.journal.receipts) == 3, 10)
    by_phone = {receipt.phone: receipt.references for receipt in desk.journal.receipts}
    assert [by_phone[outgoing.phone][0] for outgoing in outgoings] == references_given


@both_smscs
def test_a_receipt_for_each_part_names_it(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(receipt_delay="20")
    desk = open_desk(smsc.port)
    (result,) = desk.outcomes(text("€" * 200))
    until(lambda: len(desk.journal.receipts) == 3, 10)
    assert len(result.parts) == 3 and result.parts[0] == result.reference
    assert {receipt.references[0] for receipt in desk.journal.receipts} == set(result.parts)


@both_smscs
@pytest.mark.parametrize(
    ("stat", "state", "code", "error"),
    [
        ("DELIVRD", "delivered", None, None),
        ("UNDELIV", "failed", "smpp_undelivered", "1"),
        ("EXPIRED", "expired", "smpp_expired", "27"),
        ("REJECTD", "failed", "smpp_rejected", "69"),
        ("DELETED", "failed", "smpp_deleted", None),
        ("UNKNOWN", "failed", "smpp_unknown_state", None),
        ("ACCEPTD", "sent", None, None),
        ("ENROUTE", "pending", None, None),
    ],
)
def test_a_state_says_what_became_of_it(
    start_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    stat: str,
    state: str,
    code: str | None,
    error: str | None,
) -> None:
    smsc = start_smsc(receipt_stat=stat, receipt_delay="0")
    desk = open_desk(smsc.port)
    desk.results(text())
    until(lambda: desk.journal.receipts, 10)
    found = desk.journal.receipts[0]
    assert (found.state, found.code, (found.error or "").lstrip("0") or None) == (state, code, error)


@both_smscs
def test_receipts_survive_a_gateway_that_cannot_store_for_a_while(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(receipt_delay="0")
    desk = open_desk(smsc.port)
    desk.journal.failures = 1
    desk.results(text())
    until(lambda: smsc.ask("stats")["receipts_nacked"] == 1, 5)
    assert not desk.journal.receipts
