"""Texts from phones: each is kept once, and the parts of a long one are joined."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.inbound import inbox
from dashboard.gateway.maintenance import retention
from dashboard.models.inbound import IncomingMessage, IncomingPart
from dashboard.providers.base import Incoming

PHONE = "+22238089336"
PARTS = ("Ma commande ", "n’est pas ", "arrivée")


def text(words: str = "STOP", **more: Any) -> Incoming:
    told: dict[str, Any] = {"sender": PHONE, "recipient": "3601", "text": words, "at": utcnow()}
    return Incoming(**told | more)


def part(place: int, words: str = "", **more: Any) -> Incoming:
    return text(words or PARTS[place - 1], part=place, parts=3, **{"concat_ref": "2a"} | more)


def receive(sessions: Sessions, *texts: Incoming, carrier: str = "smsc") -> None:
    inbox.receive(sessions, carrier, texts)


def kept(sessions: Sessions) -> list[str | None]:
    """The complete texts, the oldest first."""
    with sessions() as session:
        return [message.body for message in reversed(inbox.page(session))]


def age(sessions: Sessions, by: timedelta) -> None:
    with sessions.begin() as session:
        for model in (IncomingMessage, IncomingPart):
            session.execute(update(model).values(received_at=utcnow() - by))


def test_a_text_that_comes_again_is_kept_once(sessions: Sessions) -> None:
    receive(sessions, text(), text())
    receive(sessions, text())
    assert kept(sessions) == ["STOP"]


@pytest.mark.parametrize(
    "other", [{"words": "stop"}, {"sender": "+22246000000"}, {"recipient": "3602"}], ids=lambda other: next(iter(other))
)
def test_another_text_is_another_text(sessions: Sessions, other: dict[str, Any]) -> None:
    receive(sessions, text(), text(**other))
    assert len(kept(sessions)) == 2


def test_the_same_words_after_a_while_are_a_second_text(sessions: Sessions) -> None:
    receive(sessions, text("Oui"))
    age(sessions, inbox.REPEATED_WITHIN + timedelta(minutes=1))
    receive(sessions, text("Oui"))
    assert kept(sessions) == ["Oui", "Oui"]


def test_the_carriers_own_id_tells_a_repeat_whenever_it_comes(sessions: Sessions) -> None:
    receive(sessions, text("Oui", reference="a"))
    age(sessions, timedelta(days=2))
    receive(sessions, text("Oui", reference="a"), text("Oui", reference="b"))
    assert kept(sessions) == ["Oui", "Oui"]


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_parts_are_joined_in_whatever_order_they_come(sessions: Sessions, order: tuple[int, ...]) -> None:
    for place in order:
        receive(sessions, part(place), part(place))
    assert kept(sessions) == ["".join(PARTS)]
    receive(sessions, part(2))
    assert kept(sessions) == ["".join(PARTS)]
    with sessions() as session:
        assert set(session.scalars(select(IncomingPart.body))) == {None}


def test_texts_of_two_phones_under_the_same_number_are_not_mixed(sessions: Sessions) -> None:
    receive(sessions, part(1), part(1, sender="+22246000000"), part(2), part(3))
    assert kept(sessions) == ["".join(PARTS)]


def test_the_number_of_a_long_text_may_come_round_again(sessions: Sessions) -> None:
    receive(sessions, part(1), part(1, "Et "), part(2), part(2, "encore "), part(3), part(3, "une"))
    assert kept(sessions) == ["".join(PARTS), "Et encore une"]


def test_parts_that_come_at_once_by_several_connections_make_one_text(sessions: Sessions) -> None:
    for number in range(5):
        with ThreadPoolExecutor(6) as pool:
            told = [part(place, concat_ref=str(number)) for place in (1, 2, 3, 1, 2, 3)]
            list(pool.map(lambda one: receive(sessions, one), told))
    assert kept(sessions) == ["".join(PARTS)] * 5


def test_a_text_is_shown_without_the_part_that_never_came(sessions: Sessions) -> None:
    receive(sessions, part(1), part(3))
    with sessions.begin() as session:
        inbox.complete_late(session)
    assert kept(sessions) == []
    age(sessions, inbox.JOINED_WITHIN + timedelta(minutes=1))
    with sessions.begin() as session:
        inbox.complete_late(session)
    assert kept(sessions) == ["Ma commande […]arrivée"]


def test_what_no_database_keeps_is_kept_in_another_form(sessions: Sessions) -> None:
    receive(sessions, text("a\0b\ud800", sender="x" * 50))
    assert kept(sessions) == ["a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"]


def test_a_phones_clock_puts_no_text_into_the_future(sessions: Sessions) -> None:
    receive(sessions, text(at=utcnow() + timedelta(days=900)))
    with sessions() as session:
        assert inbox.page(session)[0].received_at <= utcnow()


def test_words_go_first_then_all_of_it(sessions: Sessions) -> None:
    receive(sessions, text(), part(1))
    for days, name, bodies in ((8, "incoming_texts", [None]), (91, "incoming", [])):
        age(sessions, timedelta(days=days))
        with sessions.begin() as session:
            retention.step(session, name)
        assert kept(sessions) == bodies
        with sessions() as session:
            assert session.scalars(select(IncomingPart.digest)).all() == []
