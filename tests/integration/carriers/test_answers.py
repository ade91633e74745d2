"""What carriers behind HTTP answer: kept for people without secrets, judged by its rules, doubted where it smells."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Outgoing, Provider
from dashboard.providers.delivery_reports import Callback, ReportListener
from dashboard.providers.registry import build
from dashboard.vocabulary import Blame, ReceiptState
from tests.support.fake_carrier import Carrier, answers
from tests.support.outgoing import CODE, ID, TEXT

MakeOutgoing = Callable[..., Outgoing]
Open = Callable[..., Any]
OPEN = {"allow_http": "on", "allow_private": "on"}
TOKEN, KEY = "tok-4711-abcdef", "signing-key-of-the-phone"


@pytest.fixture
def open_kind(carrier: Carrier) -> Iterator[Open]:
    """Makes carriers of a kind that call the fake one, and closes them after the test."""
    usual: dict[str, dict[str, Any]] = {
        "http": {"url": f"{carrier.url}/send", "body": '{"t": "{text}"}', "token": TOKEN},
        "whatsapp": {"base_url": carrier.url, "phone_number_id": "106540352242922", "access_token": TOKEN}
        | {"template_fr": "code_fr", "app_secret": "5e" * 16},
        "smsgate": {"mode": "local", "address": carrier.url, "username": "sms", "password": TOKEN, "signing_key": KEY},
    }
    opened: list[Provider] = []

    def make(kind: str, **changes: Any) -> Provider:
        opened.append(build(kind, usual[kind] | OPEN | changes))
        return opened[-1]

    yield make
    for provider in opened:
        provider.close()


@pytest.mark.parametrize("kind", ["http", "whatsapp", "smsgate"])
def test_a_refusal_keeps_the_carriers_words_without_secrets_texts_and_codes(
    open_kind: Open, carrier: Carrier, outgoing: MakeOutgoing, kind: str
) -> None:
    words = json.dumps({"error": {"code": 7, "message": f"{TOKEN} {CODE}"}, "echo": TEXT, "more": "x" * 1000})
    carrier.plays(answers(400, words.encode()))
    with pytest.raises((Refused, NotSent)) as fault:
        open_kind(kind).send(outgoing())
    answer = fault.value.answer or ""
    assert answer.startswith("400 {") and "error" in answer and len(answer) <= 504
    assert not [secret for secret in (TOKEN, CODE, TEXT, json.dumps(TEXT)[1:-1]) if secret in answer]
    assert str(fault.value) == fault.value.code  # what a log may hold


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"ERR","error":"100","error_string":"authentication failed"}',
        b"ERR 105: insufficient credit",
        b"<r><error>12</error></r>",
        b"Invalid destination",
        b'{"result": "failed"}',
    ],
)
def test_an_answer_that_counts_as_taken_and_speaks_of_an_error_is_doubted(
    open_kind: Open, carrier: Carrier, outgoing: MakeOutgoing, body: bytes
) -> None:
    carrier.plays(answers(200, body))
    outcome = open_kind("http").send(outgoing())
    assert outcome.doubt == "carrier_taken_with_error"
    assert outcome.answer == f"200 {body.decode()}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK 4711",
        b'{"error": null, "id": "1"}',
        b'{"error_code": 0, "errors": []}',
        b'{"status": "queued", "error_message": "", "failed": 0}',
        b"<r><error>0</error><id>4</id></r>",
        b"<r><errors></errors></r>",
    ],
)
def test_a_field_for_errors_that_holds_none_is_no_doubt(
    open_kind: Open, carrier: Carrier, outgoing: MakeOutgoing, body: bytes
) -> None:
    carrier.plays(answers(200, body))
    assert open_kind("http").send(outgoing()).doubt is None


def test_an_answer_that_no_rule_fits_is_kept_too(open_kind: Open, carrier: Carrier, outgoing: MakeOutgoing) -> None:
    carrier.plays(answers(204, b""), answers(200, b"hm"))
    with pytest.raises(OutcomeUnknown) as fault:
        open_kind("http", taken_when="201").send(outgoing())
    assert (fault.value.code, fault.value.answer) == ("carrier_unknown", "204")


def test_the_limit_of_one_pair_holds_up_nobody_else(open_kind: Open, carrier: Carrier, outgoing: MakeOutgoing) -> None:
    taken = json.dumps({"messages": [{"id": "wamid.1"}]}).encode()
    carrier.plays(answers(400, json.dumps({"error": {"code": 131056}}).encode()), answers(200, taken))
    provider = open_kind("whatsapp")
    with pytest.raises(NotSent) as fault:
        provider.send(outgoing(channel="whatsapp"))
    assert (fault.value.blame, fault.value.retry_after) == (Blame.NUMBER, 6)
    assert provider.send(outgoing(channel="whatsapp")).reference == "wamid.1"


@pytest.mark.parametrize(
    ("state", "pending"), [("Pending", True), ("Processed", False), ("Sent", False), (None, False)]
)
def test_what_no_phone_has_fetched_is_not_sent(
    open_kind: Open, carrier: Carrier, outgoing: MakeOutgoing, state: str | None, pending: bool
) -> None:
    carrier.plays(answers(202, json.dumps({"id": ID, "state": state}).encode()))
    assert open_kind("smsgate").send(outgoing()).pending is pending


@pytest.mark.parametrize(
    ("state", "means", "code"),
    [
        ("Pending", ReceiptState.PENDING, "phone_not_fetched"),
        ("Processed", ReceiptState.SENT, None),
        ("Delivered", ReceiptState.DELIVERED, None),
        ("Failed", ReceiptState.FAILED, "phone_radio_off"),
    ],
)
def test_a_phone_is_asked_what_became_of_a_text(
    open_kind: Open, carrier: Carrier, state: str, means: ReceiptState, code: str | None
) -> None:
    body = {"id": ID, "state": state, "recipients": [{"error": "RESULT_ERROR_RADIO_OFF"}]}
    carrier.plays(answers(200, json.dumps(body).encode()))
    receipt = open_kind("smsgate").ask(ID)
    assert (receipt.state, receipt.code, receipt.message_id) == (means, code, ID)
    assert (carrier.ledger[0].method, carrier.ledger[0].target) == ("GET", f"/messages/{ID}")


@pytest.mark.parametrize(
    ("seconds_off", "key", "status", "code"),
    [(0, KEY, 200, None), (400, KEY, 403, "phone_clock"), (0, "another-key", 403, "callback_forged")],
)
def test_a_refused_webhook_of_a_phone_says_why(
    open_kind: Open, seconds_off: int, key: str, status: int, code: str | None
) -> None:
    listener: ReportListener = open_kind("smsgate")
    body, stamp = b'{"event": "sms:sent", "payload": {"messageId": "1"}}', str(int(time.time()) - seconds_off)
    signature = hmac.new(key.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    reply = listener.called_back(Callback("POST", {}, {"x-timestamp": stamp, "x-signature": signature}, body))
    assert (reply.status, reply.code, len(reply.receipts)) == (status, code, 1 if status == 200 else 0)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (
            "message_template_status_update",
            {"event": "PAUSED", "message_template_name": "code_fr"},
            "whatsapp_132015",
        ),
        (
            "message_template_status_update",
            {"event": "REJECTED", "message_template_name": "code_fr"},
            "whatsapp_template_rejected",
        ),
        ("message_template_status_update", {"event": "PAUSED", "message_template_name": "another"}, None),
        ("message_template_status_update", {"event": "APPROVED", "message_template_name": "code_fr"}, None),
        ("account_update", {"event": "ACCOUNT_RESTRICTION"}, "whatsapp_131048"),
        ("account_update", {"event": ["x"]}, None),
        ("messages", {"statuses": []}, None),
    ],
)
def test_what_meta_says_of_our_templates_and_account_is_read(
    open_kind: Open, field: str, value: dict[str, Any], code: str | None
) -> None:
    listener: ReportListener = open_kind("whatsapp")
    body = json.dumps({"entry": [{"changes": [{"field": field, "value": value}]}]}).encode()
    signature = "sha256=" + hmac.new(("5e" * 16).encode(), body, hashlib.sha256).hexdigest()
    reply = listener.called_back(Callback("POST", {}, {"x-hub-signature-256": signature}, body))
    assert (reply.status, reply.code) == (200, code)
