"""Messages are kept for ever, or deleted after the days that an owner chose, with all that is about them alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from dashboard.cache import TimedCache
from dashboard.db import Sessions, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.campaigns import progress
from dashboard.gateway.site_settings import Preferences
from dashboard.gateway.statistics import rollup
from dashboard.models.api_keys import ApiKey
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.models.delivery import FailedAttempt, MessagePart
from dashboard.models.maintenance import RetentionProgress
from dashboard.models.messages import Message, Resend
from dashboard.models.otp import Otp
from dashboard.models.statistics import StatisticsBucket
from jobs.relay import tidy
from tests.support.dashboard_client import Browser, World
from tests.support.toasts import offered

PAGE = "/dashboard/settings/"
FORM = {"otp_language": "fr", "texts_days": "7", "numbers_days": "90", "sandbox_days": "7"}
DAYS = 400
LONG_AGO = timedelta(days=DAYS + 1)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_settings, "REMEMBERED", TimedCache(0.0, weak_keys=True))


@pytest.fixture
def sessions(world: World) -> Sessions:
    return world.services.sessions


@pytest.fixture
def key(world: World) -> ApiKey:
    return world.key()


def choose(sessions: Sessions, days: int = DAYS) -> None:
    with sessions.begin() as session:
        site_settings.save(session, Preferences(messages_days=days))


def age(sessions: Sessions, *messages: Message, by: timedelta = LONG_AGO) -> None:
    """Have them accepted so long ago, and counted since."""
    with sessions.begin() as session:
        old = update(Message).where(Message.id.in_([each.id for each in messages]))
        session.execute(old.values(created_at=utcnow() - by))
    rollup.fold_for(sessions, 5)


def left(sessions: Sessions) -> list[int]:
    with sessions() as session:
        return list(session.scalars(select(Message.id).order_by(Message.id)))


def counts(sessions: Sessions, *models: Any) -> list[int]:
    with sessions() as session:
        return [session.scalar(select(func.count()).select_from(model)) or 0 for model in models]


def test_messages_are_kept_for_ever_unless_an_owner_decides_otherwise(
    world: World, sessions: Sessions, key: ApiKey
) -> None:
    message = world.text(key, **world.sent())
    age(sessions, message, by=timedelta(days=3_000))
    tidy(sessions)
    assert left(sessions) == [message.id]


def test_an_old_message_goes_with_its_code_its_parts_and_its_attempts(
    owner: Browser, world: World, sessions: Sessions, key: ApiKey
) -> None:
    text, code, newer = (
        world.text(key, **world.sent()),
        world.code(key, **world.sent()),
        world.text(key, **world.sent()),
    )
    with sessions.begin() as session:
        session.add(MessagePart(carrier="smsc", reference="1", message_id=text.id))
        attempt = {"carrier": "smsc", "outcome": "not_sent", "code": "timeout"}
        session.add(FailedAttempt(message_id=text.id, at=utcnow() - LONG_AGO, **attempt))
        session.add(Resend(new_id=newer.id, old_id=text.id))
    age(sessions, text, code)
    choose(sessions)
    tidy(sessions)
    assert left(sessions) == [newer.id]
    assert counts(sessions, Otp, MessagePart, FailedAttempt, Resend) == [0, 0, 0, 0]
    with sessions() as session:
        assert session.get_one(RetentionProgress, "messages").total == 2
    assert "Messages, deleted" in owner.get(PAGE).text
    assert owner.get(f"/dashboard/messages/{text.uuid}").status_code == 404


def test_what_was_counted_of_it_stays(world: World, sessions: Sessions, key: ApiKey) -> None:
    message = world.text(key, **world.sent())
    age(sessions, message)
    choose(sessions)
    tidy(sessions)
    rollup.fold_for(sessions, 5)
    with sessions() as session:
        columns = StatisticsBucket.__table__.c
        totals = session.execute(select(columns.requested, columns.delivered).where(columns.grain == "day"))
        assert tuple(totals.one()) == (1, 1)
    assert left(sessions) == []


@pytest.mark.parametrize(
    "unfinished",
    [{"tallied_status": "sent"}, {"tallied_status": None}, {"reserved": 500}, {"due_at": utcnow()}],
    ids=["its end is not counted", "nothing is counted", "no budget has settled it", "it waits"],
)
def test_one_that_is_not_done_with_stays_and_so_do_those_behind_it(
    world: World, sessions: Sessions, key: ApiKey, unfinished: dict[str, Any]
) -> None:
    first, second, third = (world.text(key, **world.sent()) for _ in range(3))
    age(sessions, first, second, third)
    world.settle(second.id, **unfinished)
    choose(sessions)
    tidy(sessions)
    assert left(sessions) == [second.id, third.id]
    world.settle(second.id, tallied_status="delivered", reserved=None, due_at=None)
    tidy(sessions)
    assert left(sessions) == []


def test_a_code_that_was_verified_and_not_counted_yet_stays(world: World, sessions: Sessions, key: ApiKey) -> None:
    code = world.code(key, **world.sent())
    age(sessions, code)
    with sessions.begin() as session:
        session.execute(update(Otp).values(verified_at=utcnow() - LONG_AGO, tallied=None))
    choose(sessions)
    tidy(sessions)
    assert left(sessions) == [code.id]
    rollup.fold_for(sessions, 5)
    tidy(sessions)
    assert left(sessions) == []


def test_a_campaign_still_says_how_it_ended(owner: Browser, world: World, sessions: Sessions, key: ApiKey) -> None:
    arrived, failed = world.text(key, **world.sent()), world.text(key, status="failed", due_at=None)
    began = utcnow() - LONG_AGO - timedelta(hours=1)
    with sessions.begin() as session:
        campaign = Campaign(uuid="c1faed86-1216-4a88-9784-9e3ad774d0d7", key_id=key.id, name="Fête", state="done")
        campaign.total, campaign.created_at, campaign.ended_at = 3, began, began
        session.add(campaign)
        session.flush()
        campaign_id = campaign.id
        for message_id, error_code in ((arrived.id, None), (failed.id, None), (None, "opted_out")):
            row = {"phone": "+22238089336", "encoding": "gsm7", "segments": 1, "created_at": began}
            session.add(CampaignRecipient(campaign_id=campaign_id, message_id=message_id, error_code=error_code, **row))
    age(sessions, arrived, failed)
    before = read(sessions, campaign_id)
    choose(sessions)
    tidy(sessions)
    assert left(sessions) == []
    assert read(sessions, campaign_id) == before
    assert (before.messages, before.skipped) == ({"delivered": 1, "failed": 1}, {"opted_out": 1})
    assert owner.get("/dashboard/campaigns/").status_code == 200


def read(sessions: Sessions, campaign_id: int) -> progress.Progress:
    with sessions() as session:
        return progress.read(session, session.get_one(Campaign, campaign_id))


@pytest.mark.parametrize(("typed", "kept"), [("", 0), ("90", 90), ("3650", 3650)])
def test_an_owner_chooses_the_days(owner: Browser, sessions: Sessions, typed: str, kept: int) -> None:
    assert owner.post(PAGE, {**FORM, "messages_days": typed}).status_code == 303
    with sessions() as session:
        assert site_settings.read(session).messages_days == kept
    assert f'value="{typed}"' in owner.get(PAGE).text


@pytest.mark.parametrize("typed", ["29", "89", "3651", "0", "x", "٩٠٠"])
def test_days_that_are_too_few_too_many_or_none_are_refused(owner: Browser, sessions: Sessions, typed: str) -> None:
    answer = owner.post(PAGE, {**FORM, "messages_days": typed})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text
    with sessions() as session:
        assert site_settings.read(session).messages_days == 0


def test_numbers_are_not_brought_back_to_more_days_than_messages_have(owner: Browser, sessions: Sessions) -> None:
    owner.post(PAGE, {**FORM, "numbers_days": "200"})
    saved = owner.post(PAGE, FORM, follow_redirects=True).text  # and so back to 90
    url, fields = offered(saved.split("flashes")[1])
    owner.post(PAGE, {**FORM, "messages_days": "100"})
    assert "Not restored" in owner.post(url, fields, follow_redirects=True).text
    with sessions() as session:
        now = site_settings.read(session)
    assert (now.numbers_days, now.messages_days) == (90, 100)
