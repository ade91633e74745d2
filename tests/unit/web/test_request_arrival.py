"""When a request is whole: the web server hands nothing else to a thread."""

from __future__ import annotations

import pytest

from dashboard.request_arrival import (
    BYTES_A_SECOND,
    HURRIED_SECONDS,
    LONG_BODIES,
    LONGEST_BODY,
    LONGEST_HEAD,
    PIECE,
    SECONDS,
    Arrival,
)

HEAD = b"POST /messages/send HTTP/1.1\r\nHost: gateway\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = {
    "no body": HEAD + b"\r\n",
    "an empty line before it": b"\r\n" + HEAD + b"\r\n",
    "a body of known length": HEAD + b"content-length: 5\r\n\r\n12345",
    "chunks": CHUNKED + b"5\r\n12345\r\n1;name=value\r\n6\r\n0\r\n\r\n",
    "chunks with trailers": CHUNKED + b"1\r\n1\r\n0\r\nDigest: x\r\n\r\n",
}
REFUSED = {  # for gunicorn's parser to say so
    "noise": b"\x16\x03\x01\x02\x00",
    "another protocol": b"PRI * HTTP/2.0\r\n",
    "no size of a chunk": CHUNKED + b"zz\r\n",
    "a chunk without its end": CHUNKED + b"2\r\n{}x0\r\n",
    "lines without carriage returns": b"GET / HTTP/1.1\nHost: x\n\n",
}


def arrived(request: bytes) -> Arrival:
    arrival = Arrival()
    arrival.add(request)
    return arrival


@pytest.mark.parametrize("request_bytes", WHOLE.values(), ids=WHOLE)
def test_a_request_is_whole_with_its_last_byte(request_bytes: bytes) -> None:
    arrival = Arrival()
    for at in range(len(request_bytes) - 1):
        arrival.add(request_bytes[at : at + 1])
        assert not arrival.is_whole, request_bytes[: at + 1]
    arrival.add(request_bytes[-1:])
    assert arrival.is_whole
    assert arrived(request_bytes).is_whole


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
def test_what_is_no_request_is_not_waited_for(request_bytes: bytes) -> None:
    assert arrived(request_bytes).is_whole


@pytest.mark.parametrize("length", [0, 5, 2 * PIECE, 5 * PIECE + 7])
def test_a_long_body_is_given_in_pieces_and_never_held_twice(length: int) -> None:
    body = bytes(range(251)) * (length // 251 + 1)
    request_bytes = HEAD + b"content-length: %d\r\n\r\n" % length + body[:length]
    arrival = arrived(request_bytes + b"GET / HTTP/1.1\r\n")
    given = []
    for piece in arrival.pieces():
        given.append(piece)
        assert len(arrival.data) + sum(map(len, given)) == len(request_bytes) + len(b"GET / HTTP/1.1\r\n")
    assert b"".join(given) == request_bytes + b"GET / HTTP/1.1\r\n"
    assert all(len(piece) == PIECE for piece in given[:-1]) and len(given[-1]) <= 2 * PIECE
    assert given[-1].endswith(request_bytes[-PIECE // 2 :] + b"GET / HTTP/1.1\r\n")


def test_a_head_without_an_end_is_too_long() -> None:
    assert not arrived(HEAD + b"a: b\r\n" * 100).is_too_long
    assert arrived(HEAD + b"a: b\r\n" * LONGEST_HEAD).is_too_long


def test_a_body_that_nobody_takes_is_not_waited_for() -> None:
    assert arrived(HEAD + b"Content-Length: %d\r\n\r\n" % (LONGEST_BODY + 1)).is_cut
    assert arrived(CHUNKED + b"%x\r\n" % (2 * LONGEST_BODY) + bytes(LONGEST_BODY + 1)).is_cut


def test_only_a_long_body_needs_room() -> None:
    assert arrived(HEAD + b"Content-Length: 32768\r\n\r\n{").wanted_room() == 0
    assert arrived(HEAD + b"Content-Length: 900000\r\n\r\n{").wanted_room() == 900_000
    assert arrived(CHUNKED + b"fffff\r\n" + bytes(70_000)).wanted_room() == LONGEST_BODY


def test_who_waits_for_a_go_ahead_is_known() -> None:
    asks = b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    assert arrived(HEAD + asks).expects_continue
    assert not arrived(HEAD.replace(b"1.1", b"1.0") + asks).expects_continue


def test_a_body_has_ten_seconds_two_when_others_wait_and_more_as_long_as_it_flows() -> None:
    arrival = arrived(HEAD + b"Content-Length: 900000\r\n\r\n")
    began_at = arrival.began_at
    assert not arrival.is_late(began_at + SECONDS - 0.1, hurried=False)
    assert arrival.is_late(began_at + SECONDS, hurried=False)
    assert arrival.is_late(began_at + HURRIED_SECONDS, hurried=True)
    arrival.add(bytes(5 * BYTES_A_SECOND))
    assert not arrival.is_late(began_at + SECONDS + 4.9, hurried=False)
    assert arrival.is_late(began_at + SECONDS + 5, hurried=False)


def test_some_calls_may_have_longer_bodies() -> None:
    for operation, most in LONG_BODIES.items():
        head = operation + b"/?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        assert not arrived(head % most).is_cut and arrived(head % most).wanted_room() == most
        assert arrived(head % (most + 1)).is_cut
