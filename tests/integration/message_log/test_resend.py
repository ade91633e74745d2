"""Sending texts again from the log, one or many, and taking them back while they wait."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from dashboard.gateway.api_keys.keys import OWN_ID
from dashboard.gateway.messages import resend
from dashboard.models.api_keys import ApiKey, KeyDay
from dashboard.models.messages import Message, Resend
from tests.support.dashboard_client import PARTIAL, Browser, World

LIST = "/dashboard/messages/"
SELECTED = f"{LIST}resend"


def ask(browser: Browser, *messages: Message) -> str:
    """The confirmation of a selection."""
    answer = browser.partial(SELECTED, "div#dialog-body", query_string={"pick": [message.id for message in messages]})
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def confirmed(page: str) -> list[str]:
    return re.findall(r'name="message" value="([^"]+)"', page)


def confirm(browser: Browser, page: str) -> str:
    answer = browser.post(SELECTED, {"message": confirmed(page)}, headers=PARTIAL)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def take_back(browser: Browser, toast: str) -> str:
    before = re.search(r'name="before" value="([^"]+)"', toast)
    assert before
    return " ".join(browser.post(f"{LIST}take-back", {"before": before[1]}, headers=PARTIAL).text.split())


def all_messages(world: World) -> list[Message]:
    with world.services.sessions() as session:
        return list(session.scalars(select(Message).order_by(Message.id)))


def test_a_text_is_sent_again_once_and_both_know_of_each_other(operator: Browser, world: World) -> None:
    old = world.text(world.key(), **world.sent())
    url = f"{LIST}{old.uuid}/resend"
    asked = operator.partial(url, "div#dialog-body").text
    assert "Send this text again?" in asked and "Bonjour" in asked and "there twice" in asked
    answer = operator.post(url, {"times": "0"})
    assert answer.status_code == 303
    assert operator.post(url, {"times": "0"}, headers=PARTIAL).status_code == 409, "the same form twice"
    with world.services.sessions() as session:
        first, second = session.scalars(select(Message).order_by(Message.id)).all()
        (link,) = session.scalars(select(Resend)).all()
        assert (link.old_id, link.new_id, link.created_by) == (first.id, second.id, "operator@example.org")
        assert (second.body, second.phone, second.key_id, second.status) == ("Bonjour", old.phone, old.key_id, "queued")
        new = second.uuid
    assert new in operator.get(LIST + old.uuid).text and old.uuid in operator.get(LIST + new).text


def test_codes_and_texts_on_their_way_or_gone_are_not_sent_again(operator: Browser, world: World) -> None:
    key = world.key()
    code, waiting = world.code(key, **world.sent()), world.text(key)
    gone = world.text(key, **world.sent())
    world.settle(gone.id, body=None)
    for message in (code, waiting, gone):
        url = f"{LIST}{message.uuid}/resend"
        assert operator.partial(url, "div#dialog-body").status_code == 409
        assert operator.post(url, {"times": "0"}, headers=PARTIAL).status_code == 409
        assert f"{message.uuid}/resend" not in operator.get(LIST + message.uuid).text
    with world.services.sessions() as session:
        assert len(session.scalars(select(Message)).all()) == 3


def test_rows_can_be_selected_by_those_who_may_send(operator: Browser, viewer: Browser, world: World) -> None:
    message = world.text(world.key(), **world.sent())
    assert f'name="pick" value="{message.id}"' in " ".join(operator.get(LIST).text.split())
    assert 'name="pick"' not in viewer.get(LIST).text and 'id="picked"' not in viewer.get(LIST).text


def test_a_selection_is_asked_with_its_cost_and_what_is_left_out(operator: Browser, world: World) -> None:
    key, other = world.key("Shop"), world.key("Sandbox", mode="test")
    failed = world.text(key, **world.sent(status="failed"))
    long = world.text(key, body="x" * 200, **world.sent())
    test = world.text(other, **world.sent())
    code, waiting = world.code(key, **world.sent()), world.text(key)
    page = ask(operator, code, waiting, test, long, failed)
    assert "Send 3 texts again?" in page and "4 segments in all" in page
    assert "2 of them were delivered" in page
    assert "<b>1</b><span>A code is never sent again" in page and "<b>1</b><span>Still on its way" in page
    assert confirmed(page) == [f"{message.id}.0" for message in (failed, long, test)]
    assert "Shop" in page and "Sandbox" in page


def test_a_selection_is_sent_once_and_each_new_text_knows_its_old_one(operator: Browser, world: World) -> None:
    key = world.key()
    old = [world.text(key, body=body, **world.sent(status="failed")) for body in ("One", "Two")]
    page = ask(operator, *old)
    assert "2 texts sent again." in confirm(operator, page)
    again = operator.post(SELECTED, {"message": confirmed(page)}, headers=PARTIAL)
    assert again.status_code == 409 and "2 not sent: Sent again already." in again.text
    assert [row.body for row in all_messages(world)] == ["One", "Two", "One", "Two"]
    with world.services.sessions() as session:
        links = {(link.old_id, link.new_id) for link in session.scalars(select(Resend))}
    assert links == {(old[0].id, old[1].id + 1), (old[1].id, old[1].id + 2)}
    assert "2 of them were sent again before." in ask(operator, *old)


def test_a_selection_that_is_only_codes_cannot_be_confirmed(operator: Browser, world: World) -> None:
    page = ask(operator, world.code(world.key(), **world.sent()))
    assert "None of these can be sent again" in page and confirmed(page) == []
    assert "<button" not in page


def test_a_test_of_a_carrier_and_the_text_of_an_ended_key_are_left_out(operator: Browser, world: World) -> None:
    ended, trial = world.text(world.key("Old"), **world.sent()), world.text(world.key("Own"), **world.sent())
    with world.services.sessions.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.id == ended.key_id).values(revoked_at=ended.created_at))
        session.add(ApiKey(id=OWN_ID, name="Gateway", mode="live", scopes=[], created_by=None))
        session.execute(update(Message).where(Message.id == trial.id).values(key_id=OWN_ID))
    page = ask(operator, ended, trial)
    assert "The key has expired or was revoked" in page and "A test of a carrier" in page and confirmed(page) == []


def test_past_the_cap_of_a_key_the_newest_are_left_out(operator: Browser, world: World) -> None:
    key = world.key(message_cap=2)
    old = [world.text(key, body=str(number), **world.sent(status="failed")) for number in range(3)]
    toast = confirm(operator, ask(operator, *old))
    assert "2 texts sent again. 1 not sent: The key has sent what it may send in a day." in toast
    assert [row.body for row in all_messages(world)[3:]] == ["0", "1"]


def test_what_still_waits_is_taken_back_and_its_share_of_the_cap_too(operator: Browser, world: World) -> None:
    key = world.key(message_cap=2)
    old = [world.text(key, **world.sent(status="failed")) for _ in range(2)]
    toast = confirm(operator, ask(operator, *old))
    gone = all_messages(world)[2]
    world.settle(gone.id, claim="a worker has it", status="sending")
    assert "1 message cancelled. 1 had left already." in take_back(operator, toast)
    sending, cancelled = all_messages(world)[2:]
    assert (sending.status, sending.due_at is None) == ("sending", False)
    assert (cancelled.status, cancelled.error_code, cancelled.due_at) == ("expired", "cancelled", None)
    with world.services.sessions() as session:
        assert session.scalars(select(KeyDay.used)).one() == 1
    assert "0 messages cancelled. 2 had left already." in take_back(operator, toast)
    drawer = operator.get(LIST + cancelled.uuid).text
    assert "Cancelled before it was sent." in drawer and "Expired before" not in drawer


@pytest.mark.parametrize("message", [[], ["x"], ["1"], ["1.x"], [f"{number}.0" for number in range(1, 202)]])
def test_a_confirmation_without_rows_or_with_too_many_is_refused(operator: Browser, message: list[str]) -> None:
    assert operator.post(SELECTED, {"message": message}).status_code == 400


def test_no_selection_and_too_large_a_selection_are_told(operator: Browser) -> None:
    nothing = operator.partial(SELECTED, "div#dialog-body", query_string={"pick": "x"})
    assert nothing.status_code == 409 and "Select messages first." in nothing.text
    many = {"pick": list(range(resend.MOST_AT_ONCE + 1))}
    crowd = operator.partial(SELECTED, "div#dialog-body", query_string=many)
    assert crowd.status_code == 409 and "At most 200 messages" in crowd.text
