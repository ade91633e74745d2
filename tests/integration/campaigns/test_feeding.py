"""Campaigns become messages: each recipient once, a few at a time, and nothing that must not leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import campaigns, feeding
from dashboard.gateway.campaigns.campaigns import NewCampaign
from dashboard.gateway.campaigns.feeding import Feeder
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.opt_outs import opt_outs
from dashboard.models.api_keys import ApiKey
from dashboard.models.campaigns import Campaign
from dashboard.models.messages import Message
from dashboard.settings import Settings
from dashboard.vocabulary import CampaignState, Lane
from tests.support.campaigns import let_leave, messages, phones, read, run, texts

MakeCaller = Callable[..., Caller]
pytestmark = pytest.mark.usefixtures("by_day")


@pytest.fixture
def feeder(sessions: Sessions, settings: Settings) -> Feeder:
    return Feeder(sessions, settings)


def look_now(feeder: Feeder) -> set[Lane]:
    feeder.looked_at = -feeding.LOOK_SECONDS
    return feeder.step()


def test_each_recipient_becomes_one_message_and_few_wait_at_a_time(
    sessions: Sessions, make_caller: MakeCaller, feeder: Feeder
) -> None:
    numbers = phones(350)
    campaign = run(sessions, make_caller(), numbers)
    most = 0
    while read(sessions, campaign)[0] == CampaignState.RUNNING:
        look_now(feeder)
        most = max(most, let_leave(sessions))
    state, progress = read(sessions, campaign)
    assert (state, progress.waiting, progress.messages["delivered"]) == ("done", 0, 350)
    assert messages(sessions) == dict.fromkeys(numbers, 1)
    assert 2 * feeding.LEAST_WAITING < most < 350  # as many more as leave
    assert texts(sessions, campaign) == [None] * 350  # the messages have them


def test_what_does_not_leave_is_not_added_to(sessions: Sessions, make_caller: MakeCaller, feeder: Feeder) -> None:
    campaign = run(sessions, make_caller(), phones(100))
    for _ in range(3):
        feeder.step()
    assert read(sessions, campaign)[1].messages == {"queued": feeding.LEAST_WAITING}


def test_everything_else_overtakes(sessions: Sessions, make_caller: MakeCaller, feeder: Feeder) -> None:
    shop = make_caller()
    run(sessions, shop, phones(10))
    feeder.step()
    with sessions.begin() as session:
        outbox.submit(session, shop, Draft.text("+22247000000", "Commande prête"))
    with sessions() as session:
        claimed = outbox.claim(session, Lane.SMS, 3)
    assert claimed[0].phone == "+22247000000"
    assert sorted(message.priority for message in claimed) == [1, outbox.BULK, outbox.BULK]


def test_a_process_that_dies_while_feeding_leaves_all_or_nothing(
    sessions: Sessions, make_caller: MakeCaller, feeder: Feeder
) -> None:
    campaign = run(sessions, make_caller(), phones(30))
    with sessions() as session:
        assert feeding.feed(session, campaign, 10, utcnow(), is_quiet=False).count == 10
        session.rollback()
    assert not messages(sessions) and None not in texts(sessions, campaign)
    feeder.step()
    let_leave(sessions)
    feeder.step()
    assert messages(sessions) == dict.fromkeys(phones(30), 1)


def test_two_who_feed_at_once_make_no_text_twice(
    sessions: Sessions, settings: Settings, make_caller: MakeCaller, feeder: Feeder
) -> None:
    run(sessions, make_caller(), phones(60))
    other = Feeder(sessions, settings)
    for _ in range(3):
        feeder.step()
        other.step()
        let_leave(sessions)
    assert messages(sessions) == dict.fromkeys(phones(60), 1)


def test_pause_holds_at_once_and_resume_goes_on(sessions: Sessions, make_caller: MakeCaller, feeder: Feeder) -> None:
    campaign = run(sessions, make_caller(), phones(100))
    feeder.step()
    with sessions.begin() as session:
        assert campaigns.pause(session, campaign) and not campaigns.pause(session, campaign)
    let_leave(sessions)
    assert not look_now(feeder)
    assert read(sessions, campaign)[1].waiting == 80
    with sessions.begin() as session:
        assert campaigns.resume(session, campaign) and not campaigns.resume(session, campaign)
    feeder.step()
    assert read(sessions, campaign)[1].waiting == 40  # twice what has left


def test_cancel_takes_back_what_waits_and_lets_what_a_worker_holds(
    sessions: Sessions, make_caller: MakeCaller, feeder: Feeder
) -> None:
    shop = make_caller(message_cap=100)
    campaign = run(sessions, shop, phones(50))
    feeder.step()
    with sessions() as session:
        assert len(outbox.claim(session, Lane.SMS, 5)) == 5
    with sessions.begin() as session:
        assert campaigns.cancel(session, campaign) == (True, False)
        assert campaigns.cancel(session, campaign) == (False, False)
    state, progress = read(sessions, campaign)
    assert (state, progress.messages) == ("cancelled", {"sending": 5, "expired": 15})
    assert progress.skipped == {"cancelled": 30} and texts(sessions, campaign) == [None] * 50
    assert not look_now(feeder)


def test_numbers_that_want_no_texts_get_none(sessions: Sessions, make_caller: MakeCaller, feeder: Feeder) -> None:
    campaign = run(sessions, make_caller(), phones(5))
    with sessions.begin() as session:
        opt_outs.add(session, phones(2))
    feeder.step()
    progress = read(sessions, campaign)[1]
    assert progress.skipped == {"opted_out": 2} and progress.messages == {"queued": 3}
    assert set(messages(sessions)) == set(phones(5)[2:]) and texts(sessions, campaign) == [None] * 5


def test_what_is_past_the_cap_of_the_day_waits_for_the_next(
    sessions: Sessions, make_caller: MakeCaller, feeder: Feeder
) -> None:
    campaign = run(sessions, make_caller(message_cap=7), phones(10))
    feeder.step()
    feeder.step()
    assert read(sessions, campaign)[1].waiting == 3 and len(messages(sessions)) == 7


def test_a_key_that_ended_ends_its_campaigns(sessions: Sessions, make_caller: MakeCaller, feeder: Feeder) -> None:
    shop = make_caller()
    campaign = run(sessions, shop, phones(3))
    with sessions.begin() as session:
        keys.revoke(session, session.get_one(ApiKey, shop.id))
    feeder.step()
    state, progress = read(sessions, campaign)
    assert (state, progress.skipped) == ("cancelled", {"key_ended": 3}) and not messages(sessions)


def test_a_pace_is_kept(sessions: Sessions, make_caller: MakeCaller) -> None:
    campaign, now = run(sessions, make_caller(), phones(40), pace=4), utcnow()
    counts = []
    for seconds in (0, 0.2, 1.1, 2, 60):
        with sessions.begin() as session:
            at = now + timedelta(seconds=seconds)
            counts.append(feeding.feed(session, campaign, 100, at, is_quiet=False).count)
    assert counts == [4, 0, 4, 4, 8]  # what it missed in a minute is not made up for


def test_a_campaign_begins_at_its_time(sessions: Sessions, make_caller: MakeCaller, feeder: Feeder) -> None:
    campaign = run(sessions, make_caller(), phones(3), utcnow() + timedelta(hours=1))
    feeder.step()
    assert read(sessions, campaign)[0] == "scheduled"
    with sessions.begin() as session:
        session.execute(update(Campaign).values(scheduled_at=utcnow() - timedelta(seconds=1)))
    feeder.step()
    assert read(sessions, campaign)[0] == "running" and len(messages(sessions)) == 3


def test_quiet_hours_hold_back_what_is_not_urgent(sessions: Sessions, make_caller: MakeCaller, feeder: Feeder) -> None:
    shop, today = make_caller(), datetime.now(UTC).date().isoformat()
    run(sessions, shop, phones(3))
    run(sessions, shop, phones(3, 40_000_000), is_urgent=True)
    with sessions.begin() as session:
        closed = replace(site_settings.read(session), holidays=today, timezone="UTC")
        site_settings.save(session, closed)
    feeder.step()
    assert set(messages(sessions)) == set(phones(3, 40_000_000))


def test_what_nobody_ends_is_ended_before_its_numbers_are_cut(
    sessions: Sessions, make_caller: MakeCaller, feeder: Feeder
) -> None:
    shop = make_caller()
    old, young = run(sessions, shop, phones(2)), run(sessions, shop, phones(2))
    with sessions.begin() as session:
        session.execute(
            update(Campaign).where(Campaign.id == old).values(created_at=utcnow() - timedelta(days=89, hours=1))
        )
        draft, _ = campaigns.create(session, NewCampaign(shop.id))
        broken_off, _ = campaigns.create(session, NewCampaign(shop.id))
        session.execute(
            update(Campaign).where(Campaign.id == broken_off).values(created_at=utcnow() - timedelta(hours=2))
        )
    feeder.sweep()
    with sessions() as session:
        states = {row.id: (row.state, row.ended_for) for row in session.scalars(select(Campaign))}
        assert session.scalars(select(Message)).all() == []
    assert states == {old: ("cancelled", "too_old"), young: ("running", None), draft: ("draft", None)}
