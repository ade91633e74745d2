"""A carrier as an administrator describes it: templates, rules, reports."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import parse_qs, parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Outcome, Outgoing, Provider
from dashboard.providers.delivery_reports import Callback, Reply, ReportListener
from dashboard.providers.generic_http import provider as http
from dashboard.providers.generic_http import request_template
from dashboard.providers.generic_http.settings import HttpSettings
from dashboard.providers.registry import build, problem_sentence
from dashboard.providers.settings import InvalidSettings
from tests.support.fake_carrier import Carrier, Script, answers
from tests.support.outgoing import CODE, ID, PHONE, TEXT
from tests.support.present import present

TOKEN, PASSWORD, SECRET = "tok-4711-abcdef", "p@ss w&rd=1", "callback-secret-0123"
JSON = '{"to": "{phone}", "n": "{phone_local:number}", "text": "{text}", "ref": ["{id}", true, 3], "x": "{{a}}"}'
NASTY = "x\"y\\z\r\nSet-Cookie: a=b&c=d?e=#f <g> %00 \u2028 {text} {{ مرحبا \U0001f44b '; ]]> & /../"


Make = Callable[..., Provider]


def values(**changes: Any) -> dict[str, Any]:
    usual = {
        "url": "https://carrier.test/send",
        "body": JSON,
        "token": TOKEN,
        "headers": "Authorization: Bearer {token}",
    }
    return usual | {"allow_http": "on", "allow_private": "on"} | changes


@pytest.fixture
def make(carrier: Carrier) -> Iterator[Make]:
    made: list[Provider] = []

    def built(**changes: Any) -> Provider:
        changes["url"] = carrier.url + changes.get("url", "/send")
        made.append(build("http", values(**changes), "acme"))
        return made[-1]

    yield built
    for provider in made:
        provider.close()


def test_a_json_body_is_filled_by_place_and_type(
    make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    carrier.plays(answers(200, b"{}"))
    make().send(outgoing(text=NASTY))
    request = carrier.ledger[0]
    assert json.loads(request.body) == {"to": PHONE, "n": 38089336, "text": NASTY, "ref": [ID, True, 3], "x": "{a}"}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert (request.method, request.target) == ("POST", "/send")


def test_a_form_is_encoded(make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    body = "to = {phone_digits}\ntext={text}\nuser = {username}\npass = {password}\ncoding={coding}\nfrom={sender}"
    make(body_format="form", body=body, username="moi", password=PASSWORD, sender="Chinqit").send(outgoing(text=NASTY))
    request = carrier.ledger[0]
    assert parse_qsl(request.body.decode(), strict_parsing=True) == [
        *(
            ("to", PHONE[1:]),
            ("text", NASTY),
            ("user", "moi"),
            ("pass", PASSWORD),
            ("coding", "2"),
            ("from", "Chinqit"),
        ),
    ]
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_an_address_is_quoted(make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    url = "/{sender}/to/{phone_local}?text={text}&hex={text_hex}&u={unicode}&b={basic}&v={validity}"
    provider = make(method="GET", body_format="none", body="", url=url, sender="a/b?c", username="u", password="p")
    provider.send(outgoing(text=NASTY))
    parts = urlsplit(carrier.ledger[0].target)
    query = parse_qs(parts.query, strict_parsing=True)
    assert parts.path == "/a%2Fb%3Fc/to/38089336"
    assert query["text"] == [NASTY]
    assert bytes.fromhex(query["hex"][0]).decode("utf-16-be") == NASTY
    assert (query["u"], query["b"]) == (["1"], [base64.b64encode(b"u:p").decode()])
    assert 590 <= int(query["v"][0]) <= 600


def test_xml_is_escaped(make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    body = '<?xml version="1.0"?><sms to="{phone}" key="{token}"><text>{text}</text><t x="{text}"/></sms>'
    make(body_format="xml", body=body).send(outgoing(text=NASTY))
    tree = ElementTree.fromstring(carrier.ledger[0].body)
    assert (tree.attrib["to"], present(tree.find("text")).text, present(tree.find("t")).attrib["x"]) == (
        PHONE,
        NASTY,
        NASTY,
    )
    assert len(tree) == 2


def test_a_plain_text_is_told_as_such(make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    make(body='{"u": "{unicode:number}", "c": "{coding}", "code": "{code}", "l": "{language}"}').send(
        outgoing(text="Bonjour", encoding="gsm7", code=None, language=None)
    )
    assert json.loads(carrier.ledger[0].body) == {"u": 0, "c": "0", "code": "", "l": ""}


printable = strategies.text(strategies.characters(exclude_categories=["Cs", "Cc"]), max_size=60)


@hypothesis_settings(max_examples=200, deadline=None)
@given(printable)
def test_no_text_leaves_its_place(text: str) -> None:
    filled = dict.fromkeys(request_template.PLACEHOLDERS, "0") | {"text": text}
    assert json.loads(request_template.json_body('{"a": "<{text}>"}')(filled)) == {"a": f"<{text}>"}
    assert parse_qsl(request_template.form("a=<{text}>\nb=1")(filled), strict_parsing=True) == [
        ("a", f"<{text}>"),
        ("b", "1"),
    ]
    parts = urlsplit(request_template.url("https://h.test/p?a=-{text}&b=1")(filled))
    assert (parts.hostname, parts.path, parse_qsl(parts.query)) == ("h.test", "/p", [("a", f"-{text}"), ("b", "1")])


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"url": "https://{sender}.test/"}, "url", "host without placeholders"),
        ({"url": "https://h.test:{phone_local}/"}, "url", "host without placeholders"),
        ({"url": "https://h.test/{text}"}, "url", "{text} may stand after the ?"),
        ({"url": "https://h.test/?a={txt}"}, "url", "column 19: There is no placeholder {txt}"),
        ({"url": "https://h.test/?a={text"}, "url", "column 19: A single {"),
        ({"url": "https://h.test/?a=text}"}, "url", "A single }"),
        ({"url": "https://h.test/?a={phone_local:number}"}, "url", "JSON alone"),
        ({"url": "https://h.test/#a"}, "url", "#"),
        ({"url": "https://u:p@h.test/"}, "url", "host without placeholders"),
        ({"url": "http://h.test/", "allow_http": ""}, "url", "https"),
        ({"url": "ftp://h.test/"}, "url", "https"),
        ({"url": ""}, "url", "Required field"),
        ({"headers": "X-A: 1\nX-B {id}"}, "headers", "Line 2: Write it as Name: value"),
        ({"headers": "X-A: 1\nX-B: a {nope}"}, "headers", "Line 2, column 3: There is no placeholder"),
        ({"headers": "X-A: {text}"}, "headers", "Line 1: {text} cannot stand in a header"),
        ({"headers": "X-A: {code}"}, "headers", "cannot stand in a header"),
        ({"headers": "Host: evil.test"}, "headers", "The gateway sets Host itself"),
        ({"headers": "Content-Length: 3"}, "headers", "itself"),
        ({"headers": "X-A: é"}, "headers", "characters that cannot stand in a header"),
        ({"headers": "X-A: {password}", "password": "a\u2028b"}, "headers", "characters"),
        ({"headers": "X-A: {password}", "password": "a\nb"}, "headers", "characters"),
        ({"body": '{"to": {phone}}'}, "body", "Line 1, column 9: This is not JSON"),
        ({"body": '{\n "to": "{phone}",\n "b": "{fone}"}'}, "body", "At b: There is no placeholder"),
        ({"body": '{"a": [{"{id}": 1}]}'}, "body", "At a.0: A placeholder cannot be a key"),
        ({"body": '{"a": "{text:number}"}'}, "body", "{text} is not a number"),
        ({"body": '{"a": "x{phone_local:number}"}'}, "body", "A number must stand alone"),
        ({"body": ""}, "body", "not JSON"),
        ({"body_format": "form", "body": "to={phone}\ntext"}, "body", "Line 2: Write it as name = value"),
        ({"body_format": "form", "body": "{id}=1"}, "body", "Line 1"),
        ({"body_format": "xml", "body": "<a>{text}</b>"}, "body", "This is not XML"),
        ({"body_format": "xml", "body": "<!DOCTYPE a><a/>"}, "body", "DOCTYPE"),
        ({"body_format": "xml", "body": "<a><![CDATA[{text}]]></a>"}, "body", "CDATA"),
        ({"body_format": "none"}, "body", "no format"),
        ({"method": "GET"}, "body", "GET takes no body"),
        ({"method": "DELETE"}, "method", ""),
        ({"taken_when": "200-299\nsometimes"}, "taken_when", "Line 2"),
        ({"taken_when": "700"}, "taken_when", "Line 1: Statuses go from 200 to 599"),
        ({"refused_when": "299-200"}, "refused_when", "Statuses"),
        ({"again_when": "200 json status ok"}, "again_when", "Line 1"),
        ({"again_when": "body ("}, "again_when", "This is no pattern"),
        ({"again_when": "body (a+)+$"}, "again_when", "A group cannot be repeated"),
        ({"again_when": "body a?a?a?a?"}, "again_when", "at most 3"),
        ({"again_when": "body " + "a" * 300}, "again_when", "Most characters in a pattern: 200"),
        ({"reference_from": "somewhere"}, "reference_from", "json PATH"),
        ({"reference_from": "body ID: .*"}, "reference_from", "one group"),
        ({"callback_states": "DELIVRD"}, "callback_states", "Line 1"),
        ({"callback_states": "A = sent\nB = lost"}, "callback_states", "Line 2"),
        ({"callback_format": "json"}, "callback_reference", "needed"),
        ({"callback_format": "json", "callback_reference": "id", "callback_state": "s"}, "callback_secret", "anyone"),
        ({"callback_secret": "short"}, "callback_secret", ""),
        ({"parallel": "0"}, "parallel", ""),
        ({"nonsense": "1"}, "nonsense", "no such setting"),
    ],
)
def test_a_wrong_template_or_rule_is_refused_and_says_where(changes: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        build("http", values(**changes))
    assert [error.field for error in refusal.value.errors] == [field]
    assert says in problem_sentence("http", refusal.value.errors[0])
    assert TOKEN not in str(refusal.value)


def send(make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing], script: Script, **changes: Any) -> Outcome:
    carrier.plays(script)
    return make(**changes).send(outgoing())


@pytest.mark.parametrize(
    ("status", "error", "configuration"),
    [
        *(
            (400, Refused, False),
            (422, Refused, False),
            (401, NotSent, True),
            (404, NotSent, True),
            (302, NotSent, True),
        ),
        *((429, NotSent, False), (500, NotSent, False), (503, NotSent, False), (504, OutcomeUnknown, False)),
    ],
)
def test_statuses_by_default(
    make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing], status: Any, error: Any, configuration: Any
) -> None:
    with pytest.raises(error) as fault:
        send(make, carrier, outgoing, answers(status))
    assert (fault.value.code, fault.value.configuration) == (f"http_{status}", configuration)
    assert len(carrier.ledger) == 1


RULES = {
    "taken_when": "200 json status = 0\n202\nbody ^OK",
    "refused_when": "json error.code = 42\n400-499",
    "again_when": "200 json status != 0\n429, 500-599",
}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        *((200, b'{"status": 0}', None), (200, b'{"status": "0"}', None), (202, b"", None), (203, b"OK 1", None)),
        *(
            (200, b'{"status": 7}', NotSent),
            (200, b"{}", OutcomeUnknown),
            (200, b"<html>", OutcomeUnknown),
            (500, b"x", NotSent),
        ),
        *(
            (200, b'{"status": true}', NotSent),
            (400, b'{"status": 0}', Refused),
            (203, b'{"error": {"code": 42}}', Refused),
        ),
        *((203, b"NOT OK", OutcomeUnknown), (201, b"", OutcomeUnknown)),
    ],
)
def test_rules_on_status_and_body(
    make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing], status: Any, body: Any, error: Any
) -> None:
    if error is None:
        assert send(make, carrier, outgoing, answers(status, body), **RULES).reference == ID
        return
    with pytest.raises(error):
        send(make, carrier, outgoing, answers(status, body), **RULES)


@pytest.mark.parametrize(
    ("where", "reference"),
    [
        *(("json data.0.id", "77"), ("json $.data[0].id", "77"), ("json nowhere", ID), ("json data", ID)),
        *(
            ("header X-Message-Id", "h-1"),
            ("header X-None", ID),
            (r'body "id": (\d+)', "77"),
            ("body zz(z)", ID),
            ("", ID),
        ),
    ],
)
def test_where_the_reference_stands(
    make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing], where: Any, reference: Any
) -> None:
    script = answers(200, b'{"data": [{"id": 77}]}', X_Message_Id="h-1")
    assert send(make, carrier, outgoing, script, reference_from=where).reference == reference


def test_a_huge_or_endless_answer_is_judged_by_its_status(
    make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    assert send(make, carrier, outgoing, answers(200, b"x" * (4 << 20)), reference_from="body (y)").reference == ID
    with pytest.raises(OutcomeUnknown):
        send(
            make, carrier, outgoing, answers(200, b'{"status": "ok"}' + b" " * (1 << 20)), taken_when="json status = ok"
        )


@pytest.mark.parametrize("pattern", ["a.*b", "a.*a.*b", "a.*a.*a.*b", "(a|a)(a|a)(a|a)b", "a{1,900}b"])
def test_no_pattern_holds_a_worker(
    make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing], pattern: str
) -> None:
    provider = make(taken_when=f"body {pattern}")
    carrier.plays(answers(200, b"a" * 60_000))
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        provider.send(outgoing())
    assert time.monotonic() - started < 20  # one that backtracks takes longer than anybody lives


def test_resets_silence_and_a_closed_port(carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    read = HttpSettings.read(values(url=carrier.url + "/", repeatable="on"))
    made = http.Http("acme", read, timeout=0.4)
    carrier.plays(lambda wire: wire.reset(), lambda wire: wire.hang())
    for _ in range(2):
        with pytest.raises(OutcomeUnknown) as fault:
            made.send(outgoing())
        assert fault.value.repeatable
    carrier.close()
    with pytest.raises(NotSent, match="unreachable"):
        made.send(outgoing())
    assert len(carrier.ledger) == 2
    made.close()


def test_nothing_is_sent_before_retry_after(make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    provider = make()
    carrier.plays(answers(429, Retry_After="1"), answers(200))
    for _ in range(5):
        with pytest.raises(NotSent) as fault:
            provider.send(outgoing())
        assert 0 < present(fault.value.retry_after) <= 1
    time.sleep(1.05)
    provider.send(outgoing())
    assert carrier.ledger[1].at - carrier.ledger[0].at >= 1


def test_nothing_of_a_text_a_number_or_a_credential_is_told(
    make: Make, carrier: Carrier, outgoing: Callable[..., Outgoing], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = make(method="GET", body_format="none", body="", url="/?t={text}&to={phone}&k={token}", password=PASSWORD)
    echo = f"{TEXT} {PHONE} {TOKEN}".encode()
    carrier.plays(
        answers(200), answers(400, echo), lambda wire: wire.raw(b"HTTP/1.1 " + echo + b"\r\n\r\n"), lambda w: w.reset()
    )
    said = [repr(cast(Any, provider).settings), repr(cast(Any, provider).call(outgoing()))]
    for _ in range(4):
        try:
            provider.send(outgoing())
        except (Refused, NotSent, OutcomeUnknown) as fault:
            said += [repr(fault), repr(fault.__context__), repr(fault.__cause__)]
    assert len(said) == 2 + 3 * 3
    for secret in (CODE, PHONE, PHONE[1:], TOKEN, PASSWORD):
        assert secret not in "".join(said) + caplog.text


CALLBACK = {
    "callback_format": "json",
    "callback_reference": "id",
    "callback_state": "report.state",
    "callback_error": "report.error",
    "callback_secret": SECRET,
}


def reports(
    provider: Provider,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> Reply:
    return cast(ReportListener, provider).called_back(
        Callback("POST", query or {}, {"x-secret": SECRET} if headers is None else headers, body)
    )


def test_a_json_report(make: Make) -> None:
    reply = reports(make(**CALLBACK), b'{"id": 77, "report": {"state": "undeliv", "error": "Absent Subscriber"}}')
    receipt = reply.receipts[0]
    assert (reply.status, reply.text) == (200, "OK")
    assert (receipt.references, receipt.state, receipt.code) == (("77",), "failed", "carrier_absent_subscriber")
    assert receipt.message_id is None


def test_a_list_of_reports_by_our_id(make: Make) -> None:
    provider = make(**CALLBACK, callback_list="items", callback_names="id", callback_states="1 = sent\n2=delivered")
    body = {
        "items": [
            {"id": ID, "report": {"state": 2}},
            {"id": "b", "report": {"state": 9}},
            None,
            {"id": ID, "report": {"state": "1"}},
        ]
    }
    assert [(r.message_id, r.state) for r in reports(provider, json.dumps(body).encode()).receipts] == [
        (ID, "delivered"),
        ("b", "unknown"),
        (ID, "sent"),
    ]


def test_a_report_with_a_word_that_nobody_mapped_is_kept_with_it(make: Make) -> None:
    body = json.dumps({"id": 7, "report": {"state": "HELD", "error": "quota"}}).encode()
    receipt = reports(make(**CALLBACK), body).receipts[0]
    assert (receipt.references, receipt.state, receipt.raw) == (("7",), "unknown", "HELD quota")
    (unnamed,) = reports(make(**CALLBACK), b'{"report": {"state": "DELIVRD"}}').receipts
    assert (unnamed.references, unnamed.state) == ((), "delivered")
    assert reports(make(**CALLBACK), b'{"event": "ping"}').receipts == ()


def test_a_form_and_a_query(make: Make) -> None:
    fields = CALLBACK | {"callback_reference": "message.id", "callback_state": "status", "callback_error": "err"}
    receipt = reports(
        make(**fields | {"callback_format": "form"}), b"message.id=a%2Fb&status=DELIVRD&err=000"
    ).receipts[0]
    assert (receipt.references, receipt.state, receipt.code) == (("a/b",), "delivered", None)
    provider = make(**fields | {"callback_format": "query", "callback_check": "query", "callback_field": "key"})
    query = {"message.id": "7", "status": "EXPIRED", "key": SECRET}
    assert reports(provider, query=query).receipts[0].state == "expired"
    assert reports(provider, query=query | {"key": "x"}).status == 403
    assert reports(provider, query={"status": "EXPIRED"}).status == 403


@pytest.mark.parametrize(
    "headers", [{}, {"x-secret": ""}, {"x-secret": SECRET + "x"}, {"x-secret": "é"}, {"x-other": SECRET}]
)
def test_a_report_without_the_secret_is_refused(make: Make, headers: dict[str, Any]) -> None:
    assert reports(make(**CALLBACK), b'{"id": 1, "report": {"state": "SENT"}}', headers).status == 403


def test_a_signed_report(make: Make) -> None:
    provider = make(**CALLBACK, callback_check="hmac", callback_field="X-Sign")
    body = b'{"id": 1, "report": {"state": "SENT"}}'
    sign = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert len(reports(provider, body, {"x-sign": sign}).receipts) == 1
    assert len(reports(provider, body, {"x-sign": "sha256=" + sign.upper()}).receipts) == 1
    assert reports(provider, body + b" ", {"x-sign": sign}).status == 403
    assert reports(provider, body, {"x-sign": ""}).status == 403


def test_a_carrier_without_reports_refuses_them(make: Make) -> None:
    assert reports(make(), b"{}").status == 403


def test_an_error_that_may_hold_a_number_is_not_repeated(make: Make) -> None:
    told: list[Any] = [PHONE, f"no route to {PHONE}", "x" * 200, "", None, {}, []]
    for error in told:
        body = json.dumps({"id": 1, "report": {"state": "FAILED", "error": error}}).encode()
        assert reports(make(**CALLBACK), body).receipts[0].code == "carrier_failed"


def test_garbage_in_a_report_says_nothing(make: Make) -> None:
    dice = random.Random(5)
    pieces: list[Any] = [None, 1, True, [], {}, "", [None], {"id": {}}, -1, 1e400, "DELIVRD"]
    for changes in ({}, {"callback_list": "a.0.b"}, {"callback_format": "form"}, {"callback_format": "query"}):
        provider = make(**CALLBACK | changes)
        bodies = [b"", b"\xff\x00", b"[" * 5000, b"&" * 1000, b"id=1&" * 500, b"%%%"]
        for _ in range(100):
            piece = {"id": dice.choice(pieces), "report": dice.choice(pieces), "a": [dice.choice(pieces)]}
            bodies.append(json.dumps(dice.choice([piece, [piece], piece["a"]])).encode())
        for body in bodies:
            reply = reports(provider, body)
            assert (reply.status, reply.receipts) == (200, ()), body
