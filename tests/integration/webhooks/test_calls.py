"""Calls to a real receiver: what is sent, what its answers lead to, and where no call ever goes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks import WebhookVerificationError

from dashboard.db import utcnow
from dashboard.gateway.webhooks import dispatcher, endpoints, queue
from dashboard.gateway.webhooks.dispatcher import WebhookDispatcher
from dashboard.gateway.webhooks.queue import WAITS
from dashboard.models.webhooks import WebhookEndpoint
from dashboard.outbound.client import Guard, HttpClient
from tests.support.fixtures.databases import on_sqlite
from tests.support.stack import until
from tests.support.webhook_endpoints import Office
from tests.support.webhook_receiver import Answer


@on_sqlite
def test_a_call_is_signed_as_the_library_demands(office: Office, path: str) -> None:
    _, secret = office.listen(path)
    office.deliver()
    office.serve()
    sent, delivered = office.receiver.got(path)
    assert sent.verify(secret)["type"] == "message.sent"
    assert delivered.verify(secret)["type"] == "message.delivered"
    assert sent.id != delivered.id
    assert sent.headers["content-type"] == "application/json"


@on_sqlite
def test_a_call_signed_with_another_secret_is_refused(office: Office, path: str) -> None:
    _, secret = office.listen(path)
    office.deliver()
    office.serve()
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    assert other != secret
    with pytest.raises(WebhookVerificationError):
        office.receiver.got(path)[0].verify(other)


@on_sqlite
def test_the_signature_is_that_of_the_standard(office: Office, path: str) -> None:
    _, secret = office.listen(path)
    office.deliver()
    office.serve()
    got = office.receiver.got(path)[0]
    signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_secrets_lie_encrypted(office: Office, path: str) -> None:
    endpoint_id, secret = office.listen(path)
    with office.sessions() as session:
        sealed = endpoints.find(session, endpoint_id).secrets[0].sealed
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    assert secret.encode() not in sealed and raw not in sealed
    assert endpoints.cipher(office.context.settings).decrypt(sealed).decode() == secret


@on_sqlite
def test_a_rotated_secret_signs_for_a_day_more(office: Office, path: str) -> None:
    endpoint_id, old = office.listen(path)
    with office.sessions.begin() as session:
        endpoint = endpoints.find(session, endpoint_id)
        new = endpoints.rotate(session, endpoints.cipher(office.context.settings), endpoint)
    office.deliver()
    office.serve()
    got = office.receiver.got(path)[0]
    assert got.verify(old) == got.verify(new)
    with office.sessions.begin() as session:
        first = endpoints.find(session, endpoint_id).secrets[0]
        assert first.expires_at
        assert abs(first.expires_at - utcnow() - timedelta(hours=24)) < timedelta(minutes=1)
        first.expires_at = utcnow()
    office.deliver()
    office.serve()
    late = office.receiver.got(path)[-1]
    assert late.verify(new)
    with pytest.raises(WebhookVerificationError):
        late.verify(old)


def test_a_failed_call_is_repeated_under_its_id_on_the_schedule(office: Office, path: str) -> None:
    endpoint_id, secret = office.listen(path, events=("message.sent",))
    office.receiver.answers[path] = Answer(500, body=b"out of order")
    office.deliver()
    for tries, wait in enumerate(WAITS, 1):
        assert office.serve() == 1
        [(due, tried)] = office.waits()
        assert tried == tries
        assert wait - timedelta(seconds=2) <= due - utcnow() <= wait * 1.2
        assert office.serve() == 0, "called before its time"
        office.hurry()
    assert office.serve() == 1
    assert office.waits() == []
    calls = office.receiver.got(path)
    assert len(calls) == 8
    assert len({call.id for call in calls}) == len({call.body for call in calls}) == 1
    assert all(call.verify(secret) for call in calls)
    attempts = office.attempts()
    assert [one.number for one in attempts] == list(range(1, 9))
    assert {(one.status, one.error, one.answer) for one in attempts} == {(500, "refused", "out of order")}
    assert office.endpoint(endpoint_id).failing_since == attempts[0].at


def test_a_success_ends_the_trouble(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    office.receiver.answers[path] = Answer(503)
    office.deliver()
    office.serve()
    office.receiver.answers[path] = Answer(204, body=b"")
    office.hurry()
    office.serve()
    found = office.endpoint(endpoint_id)
    assert (found.failing_since, found.last_status, found.last_error) == (None, 204, None)
    assert [got.type for got in office.receiver.got(path)] == ["message.sent", "message.sent", "message.delivered"]


@on_sqlite
def test_retry_after_is_heeded(office: Office, path: str) -> None:
    office.listen(path, events=("message.sent",))
    office.receiver.answers[path] = Answer(429, {"Retry-After": "600"})
    office.deliver()
    office.serve()
    [(due, _)] = office.waits()
    assert timedelta(seconds=590) < due - utcnow() <= timedelta(seconds=600)


def test_the_later_events_of_a_message_wait_for_the_first(office: Office, path: str) -> None:
    office.listen(path)
    office.receiver.answers[path] = lambda got: Answer(500 if got.event["data"]["messageId"] == bad.uuid else 200)
    bad, good = office.message(), office.message("+22238089337")
    office.deliver(bad)
    office.deliver(good)
    office.serve()  # one of the two first calls fails, which ends the turn
    office.serve()
    calls = [(got.event["data"]["messageId"], got.type) for got in office.receiver.got(path)]
    assert sorted(calls[:2]) == sorted([(bad.uuid, "message.sent"), (good.uuid, "message.sent")])
    assert calls[2:] == [(good.uuid, "message.delivered")]
    office.receiver.answers[path] = Answer()
    office.hurry()
    office.serve()
    calls = [(got.event["data"]["messageId"], got.type) for got in office.receiver.got(path)]
    assert calls[3:] == [(bad.uuid, "message.sent"), (bad.uuid, "message.delivered")]


@on_sqlite
def test_redirects_are_not_followed(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    office.receiver.answers[path] = Answer(302, {"Location": office.receiver.url("/elsewhere")})
    office.deliver()
    office.serve()
    assert office.receiver.got("/elsewhere") == []
    assert (office.endpoint(endpoint_id).last_status, office.endpoint(endpoint_id).last_error) == (302, "redirected")


@on_sqlite
def test_410_disables_at_once(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path)
    office.receiver.answers[path] = Answer(410)
    office.deliver()
    office.serve()
    office.hurry()
    assert office.serve() == 0
    assert len(office.receiver.got(path)) == 1
    found = office.endpoint(endpoint_id)
    assert (endpoints.state(found), found.disabled_for) == ("disabled", "gone")
    with office.sessions() as session:
        assert [one.id for one in endpoints.needing_attention(session)] == [endpoint_id]


def test_five_days_of_failures_disable(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path, events=("message.sent",))
    office.receiver.answers[path] = Answer(500)
    office.deliver()
    office.serve()
    office.set(endpoint_id, failing_since=utcnow() - timedelta(days=4, hours=23))
    office.hurry()
    office.serve()
    assert endpoints.state(office.endpoint(endpoint_id)) == "failing"
    office.set(endpoint_id, failing_since=utcnow() - timedelta(days=5, seconds=1))
    office.hurry()
    office.serve()
    assert office.endpoint(endpoint_id).disabled_for == "failing"


def test_a_quiet_endpoint_is_not_disabled_by_one_failure(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path, events=("message.sent",))
    office.set(endpoint_id, failing_since=utcnow() - timedelta(days=20))
    office.receiver.answers[path] = Answer(500)
    office.deliver()
    office.serve()
    assert endpoints.state(office.endpoint(endpoint_id)) == "failing"


@on_sqlite
def test_what_an_answer_says_is_kept_short_and_as_text(office: Office, path: str) -> None:
    office.listen(path, events=("message.sent",))
    office.receiver.answers[path] = Answer(500, body=b"<b>\x00\x1b[31m\xff" + b"a" * 70_000)
    office.deliver()
    office.serve()
    answer = office.attempts()[0].answer
    assert answer.startswith("<b>\ufffd\ufffd[31m\ufffd") and len(answer) == 1_000


@on_sqlite
def test_a_silent_endpoint_is_left_after_the_time_out(office: Office, path: str) -> None:
    office.listen(path, events=("message.sent",))
    office.receiver.answers[path] = Answer(seconds=3)
    office.use(http=HttpClient(Guard(True, True), timeout=0.5))
    office.deliver()
    office.serve()
    [attempt] = office.attempts()
    assert (attempt.status, attempt.error) == (None, "no_answer")
    assert 400 <= attempt.milliseconds < 2_000
    assert dispatcher.TIMEOUT_SECONDS == 15


@on_sqlite
def test_an_unreachable_endpoint_is_tried_again(office: Office, path: str) -> None:
    office.listen(path, events=("message.sent",), url="http://127.0.0.1:9/")
    office.deliver()
    office.serve()
    assert [one.error for one in office.attempts()] == ["unreachable"]
    assert len(office.waits()) == 1


@on_sqlite
def test_a_lost_data_secret_is_said_and_no_call_made(office: Office, path: str) -> None:
    office.listen(path, events=("message.sent",))
    office.deliver()
    changed = replace(office.settings, data_secret="another secret of at least 32 characters", secret_paths=())
    office.use(settings=changed, http=HttpClient(endpoints.guard(changed)))
    office.serve()
    assert [one.error for one in office.attempts()] == ["secret_unreadable"]
    assert office.receiver.got(path) == []


INTERNAL = (
    "http://127.0.0.1:{port}{path}",
    "http://localhost:{port}{path}",
    "http://2130706433:{port}{path}",
    "http://[::ffff:127.0.0.1]:{port}{path}",
    "http://0.0.0.0:{port}{path}",
    "http://169.254.169.254{path}",
    "http://10.0.0.1{path}",
    "http://[fd00:ec2::254]{path}",
)


@on_sqlite
@pytest.mark.parametrize("url", INTERNAL)
def test_internal_addresses_are_never_called(make_office: Callable[..., Office], path: str, url: str) -> None:
    office = make_office(webhooks_allow_http=True)
    receiver = office.receiver
    office.listen(path, events=("message.sent",), url=url.format(port=receiver.server.server_port, path=path))
    office.deliver()
    began = time.monotonic()
    office.serve()
    assert time.monotonic() - began < dispatcher.TIMEOUT_SECONDS
    assert [one.error for one in office.attempts()] == ["address_refused"]
    assert receiver.got(path) == []


@on_sqlite
def test_plain_http_is_not_called_unless_allowed(make_office: Callable[..., Office], path: str) -> None:
    office = make_office(webhooks_allow_private=True)
    office.listen(path, events=("message.sent",))
    office.deliver()
    office.serve()
    assert [one.error for one in office.attempts()] == ["address_refused"]
    assert office.receiver.got(path) == []


@on_sqlite
def test_metadata_addresses_stay_closed_even_when_private_ones_are_open(office: Office, path: str) -> None:
    url = f"http://169.254.169.254{path}"
    assert endpoints.url_fault(url, endpoints.guard(office.settings)) == "url_private", "said when it is entered"
    office.listen(path, events=("message.sent",), url=url)
    office.deliver()
    office.serve()
    assert [one.error for one in office.attempts()] == ["address_refused"]


def test_an_endpoint_is_claimed_by_one_alone(office: Office, path: str) -> None:
    office.listen(path)
    office.deliver()
    with office.sessions() as session:
        [turn] = queue.claim(session, 10, failing=False)
    with office.sessions() as session:
        assert queue.claim(session, 10, failing=False) == []
        assert queue.waiting(session) == 0
    office.set(turn.endpoint_id, lease_until=utcnow() - timedelta(seconds=1))
    with office.sessions() as session:
        [other] = queue.claim(session, 10, failing=False)
    dispatcher.serve(office.context, turn, lambda: True)
    assert office.receiver.got(path) == [], "called without a claim"
    dispatcher.serve(office.context, other, lambda: True)
    assert len(office.receiver.got(path)) == 2


@pytest.mark.parametrize(
    ("seconds", "is_free"),
    [
        (29, False),
        (35, False),  # given by one who asked later, but got the database first
        (61, True),  # given before the clock was set back
    ],
)
def test_a_lease_holds_unless_the_clock_was_set_back(office: Office, path: str, seconds: int, is_free: bool) -> None:
    endpoint_id, _ = office.listen(path)
    office.deliver()
    office.set(endpoint_id, claim="f" * 32, lease_until=utcnow() + timedelta(seconds=seconds))
    with office.sessions() as session:
        assert len(queue.claim(session, 10, failing=False)) == is_free


def test_one_who_lost_the_claim_overwrites_nothing_but_success(office: Office, path: str) -> None:
    endpoint_id, _ = office.listen(path, events=("message.sent",))

    def steal(_got: object) -> Answer:
        office.set(endpoint_id, claim="f" * 32)
        return Answer(500)

    office.receiver.answers[path] = steal
    office.deliver()
    before = office.waits()
    office.serve()
    assert office.waits() == before
    assert office.endpoint(endpoint_id).failing_since is None


@on_sqlite
def test_a_slow_endpoint_holds_up_itself_alone(office: Office, path: str) -> None:
    office.listen(path)
    office.listen(f"{path}-quick")
    office.receiver.answers[path] = Answer(seconds=4)
    crew = WebhookDispatcher(office.context, lambda: True)
    for _ in range(5):
        office.deliver()
    began = time.monotonic()
    crew.wake()
    until(lambda: len(office.receiver.got(f"{path}-quick")) == 10, 3)
    quick = office.receiver.got(f"{path}-quick")
    assert quick[-1].at - began < 4
    for _ in range(5):
        crew.wake()
    until(lambda: office.receiver.most_at_once[path] >= 5, 10)
    office.receiver.answers[path] = Answer()
    crew.finish(30)
    assert office.receiver.most_at_once[path] == 5, "one call for each message"


@on_sqlite
def test_endpoints_that_hang_do_not_take_all_places(office: Office, path: str) -> None:
    release = threading.Event()
    office.receiver.answers[path] = lambda _got: Answer(200 if release.wait(100) else 500)
    office.listen(f"{path}-well", events=("message.sent",))
    with office.sessions.begin() as session:
        for number in range(dispatcher.MOST_FAILING + 5):
            wanted = endpoints.NewEndpoint(office.caller.id, office.receiver.url(path), id=f"hung-{number}")
            endpoint = WebhookEndpoint(
                id=wanted.id, key_id=wanted.key_id, url=wanted.url, events=["message.sent"], failing_since=utcnow()
            )
            session.add(endpoint)
            endpoints._add_secret(endpoint, endpoints.cipher(office.context.settings))
    crew = WebhookDispatcher(office.context, lambda: not release.is_set())
    office.deliver()
    crew.wake()
    try:
        until(lambda: office.receiver.got(f"{path}-well"), 20)
        until(lambda: len(office.receiver.got(path)) == dispatcher.MOST_FAILING, 20)
    finally:
        release.set()
        crew.finish(20)
