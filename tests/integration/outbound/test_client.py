"""The guarded client against servers that misbehave."""

from __future__ import annotations

import gzip
import inspect
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dashboard.outbound.client import MOST_ANSWER, TIMEOUT, Guard, HttpCall, HttpClient, Pause
from dashboard.outbound.errors import NotSent, OutcomeUnknown
from tests.support.fake_carrier import Carrier, Wire, answers
from tests.support.present import present

OPEN = Guard(allow_http=True, allow_private=True)
QUICK = 1.0
SOON = 10.0  # what these servers do lasts for thirty seconds


@pytest.fixture
def web(open_web: Callable[..., HttpClient]) -> HttpClient:
    return open_web(OPEN)


@pytest.fixture
def hasty(open_web: Callable[..., HttpClient]) -> HttpClient:
    return open_web(OPEN, timeout=QUICK)


def post(carrier: Carrier, body: bytes = b"hello") -> HttpCall:
    return HttpCall("POST", f"{carrier.url}/x?a=1", {"X-Mine": "1"}, body)


def test_the_request_arrives_whole(web: HttpClient, carrier: Carrier) -> None:
    answer = web.send(post(carrier))
    request = carrier.ledger[0]
    assert (request.method, request.target, request.body) == ("POST", "/x?a=1", b"hello")
    assert request.headers["x-mine"] == "1"
    assert (answer.status, answer.body, answer.whole) == (200, b"{}", True)


def test_a_closed_port_is_not_sent(web: HttpClient, carrier: Carrier) -> None:
    carrier.close()
    with pytest.raises(NotSent, match="unreachable") as fault:
        web.send(post(carrier))
    assert not fault.value.configuration


def test_a_reset_after_the_request_was_read_leaves_the_outcome_unknown(web: HttpClient, carrier: Carrier) -> None:
    carrier.plays(lambda wire: wire.reset())
    with pytest.raises(OutcomeUnknown, match="connection_lost"):
        web.send(post(carrier))
    assert len(carrier.ledger) == 1


def test_a_reset_before_the_request_was_read_is_never_repeated_by_the_client(web: HttpClient, carrier: Carrier) -> None:
    """The bytes left, so nobody knows; what matters is that the client does not send them again by itself."""
    carrier.unread = [lambda wire: wire.reset()]
    with pytest.raises((OutcomeUnknown, NotSent)):
        web.send(post(carrier))
    assert carrier.ledger == []
    assert carrier.connections == 1


def test_a_server_that_hangs_is_left_at_the_time_out(hasty: HttpClient, carrier: Carrier) -> None:
    carrier.plays(lambda wire: wire.hang())
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="no_answer"):
        hasty.send(post(carrier))
    assert QUICK <= time.monotonic() - started < SOON


def test_a_byte_at_a_time_does_not_outlive_the_time_out(hasty: HttpClient, carrier: Carrier) -> None:
    carrier.plays(lambda wire: wire.dribble(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" * 9, 0.1))
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="no_answer"):
        hasty.send(post(carrier))
    assert time.monotonic() - started < SOON


def test_a_body_a_byte_at_a_time_is_cut_and_the_status_kept(hasty: HttpClient, carrier: Carrier) -> None:
    def slow(wire: Wire) -> None:
        wire.raw(b"HTTP/1.1 202 OK\r\nContent-Length: 300\r\n\r\n")
        wire.dribble(b"x" * 300, 0.1)

    carrier.plays(slow)
    started = time.monotonic()
    answer = hasty.send(post(carrier))
    assert (answer.status, answer.whole) == (202, False)
    assert time.monotonic() - started < SOON


def test_endless_interim_answers_end_with_the_clock(hasty: HttpClient, carrier: Carrier) -> None:
    def interim(wire: Wire) -> None:
        for _ in range(600):
            wire.raw(b"HTTP/1.1 102 Processing\r\n\r\n")
            if wire.closing.wait(0.05):
                return

    carrier.plays(interim)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        hasty.send(post(carrier))
    assert time.monotonic() - started < SOON


@pytest.mark.timeout(30)
def test_ten_seconds_in_all_by_default() -> None:
    """What a time-out does is shown above, with shorter ones."""
    assert TIMEOUT == 10
    assert inspect.signature(HttpClient).parameters["timeout"].default == TIMEOUT


def test_a_huge_answer_is_cut(web: HttpClient, carrier: Carrier) -> None:
    carrier.plays(answers(200, b"x" * (8 << 20)))
    answer = web.send(post(carrier))
    assert (len(answer.body), answer.whole, answer.json()) == (MOST_ANSWER, False, None)
    carrier.plays(answers(200, b"[" * 60_000))
    assert web.send(post(carrier)).json() is None


def test_an_answer_of_exactly_the_most_is_whole(web: HttpClient, carrier: Carrier) -> None:
    carrier.plays(answers(200, b"x" * MOST_ANSWER))
    assert web.send(post(carrier)).whole


def test_huge_headers_are_refused(web: HttpClient, carrier: Carrier) -> None:
    carrier.plays(lambda wire: wire.raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000))
    with pytest.raises(OutcomeUnknown, match="connection_lost"):
        web.send(post(carrier))


def test_a_compressed_answer_is_not_unpacked(web: HttpClient, carrier: Carrier) -> None:
    carrier.plays(answers(200, gzip.compress(b"{}" * 10_000_000), Content_Encoding="gzip"))
    answer = web.send(post(carrier))
    assert carrier.ledger[0].headers["accept-encoding"] == "identity"
    assert answer.json() is None
    assert len(answer.body) <= MOST_ANSWER


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\x00\n\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 banana\r\n\r\n", b"\r\n\r\n" * 5]
)
def test_garbage_leaves_the_outcome_unknown(web: HttpClient, carrier: Carrier, garbage: bytes) -> None:
    def play(wire: Wire) -> None:
        wire.raw(garbage)
        wire.reset()

    carrier.plays(play)
    with pytest.raises(OutcomeUnknown):
        web.send(post(carrier))


def test_redirects_are_not_followed(web: HttpClient, carrier: Carrier) -> None:
    carrier.plays(answers(302, Location=f"{carrier.url}/elsewhere"))
    assert web.send(post(carrier)).status == 302
    assert len(carrier.ledger) == 1


def test_cookies_are_not_kept(web: HttpClient, carrier: Carrier) -> None:
    carrier.plays(answers(200, Set_Cookie="a=b; Path=/"))
    web.send(post(carrier))
    web.send(post(carrier))
    assert "cookie" not in carrier.ledger[1].headers


def test_proxies_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, carrier: Carrier, open_web: Callable[..., HttpClient]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert open_web(OPEN, timeout=QUICK).send(post(carrier)).status == 200


def test_connections_are_kept_alive_and_shared_by_threads(
    carrier: Carrier, open_web: Callable[..., HttpClient]
) -> None:
    web = open_web(OPEN)
    with ThreadPoolExecutor(8) as threads:
        answers_ = list(threads.map(lambda number: web.send(post(carrier, b"%d" % number)), range(200)))
    assert [answer.status for answer in answers_] == [200] * 200
    assert sorted(int(request.body) for request in carrier.ledger) == list(range(200))
    assert carrier.connections <= 8


def test_threads_do_not_share_a_clock(carrier: Carrier, open_web: Callable[..., HttpClient]) -> None:
    """One thread's slow answer does not cut another's short."""
    web = open_web(OPEN, timeout=1.0)
    release = threading.Event()
    carrier.plays(lambda wire: wire.hang(), answers(200))
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(web.send, post(carrier))
        while not carrier.ledger:
            release.wait(0.01)
        release.wait(0.6)
        assert web.send(post(carrier)).status == 200
        assert isinstance(slow.exception(5), OutcomeUnknown)


def test_a_connection_that_the_server_closed_meanwhile_is_not_used(web: HttpClient, carrier: Carrier) -> None:
    def last(wire: Wire) -> None:
        wire.answer(200, b"{}")
        wire.socket.shutdown(2)

    carrier.plays(last)
    for _ in range(5):
        assert web.send(post(carrier)).status == 200
        time.sleep(0.02)
    assert len(carrier.ledger) == 5


@pytest.mark.parametrize(
    ("given", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        (" 12 ", 12, 12),
        ("99999999999999", 86_400, 86_400),
        ("soon", None, None),
        ("-3", None, None),
    ],
)
def test_retry_after_in_seconds(
    web: HttpClient, carrier: Carrier, given: str, least: int | None, most: int | None
) -> None:
    carrier.plays(answers(429, Retry_After=given))
    after = web.send(post(carrier)).retry_after
    assert after == least == most


def test_retry_after_as_a_date(web: HttpClient, carrier: Carrier) -> None:
    carrier.plays(answers(503, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)))
    assert 25 < present(web.send(post(carrier)).retry_after) <= 30
    carrier.plays(answers(503, Retry_After="Mon, 01 Jan 2001 00:00:00 GMT"))
    assert web.send(post(carrier)).retry_after == 0


def test_a_pause_holds_all_threads_until_it_is_over() -> None:
    pause = Pause()
    pause.hold(0.2)
    pause.hold(0.1)  # a shorter one does not shorten it
    with pytest.raises(NotSent, match="throttled") as fault:
        pause.check()
    assert 0.1 < present(fault.value.retry_after) <= 0.2
    time.sleep(0.25)
    pause.check()


def test_nothing_of_a_call_reaches_a_log_or_an_error(
    web: HttpClient, carrier: Carrier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t-4711"
    echo = answers(200, secret.encode())
    carrier.plays(echo, lambda wire: wire.raw(f"HTTP/1.1 {secret}\r\n\r\n".encode()))
    call = HttpCall("POST", f"{carrier.url}/?text={secret}", {"Authorization": secret}, secret.encode())
    assert secret not in repr(web.send(call)) + repr(call)
    with pytest.raises(OutcomeUnknown) as fault:
        web.send(call)
    error: BaseException | None = fault.value
    while error is not None:
        assert secret not in repr(error)
        error = error.__cause__ or error.__context__
    assert secret not in caplog.text
