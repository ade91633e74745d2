"""What is wrong reaches people: a real mail server and a receiver of webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from apprise.plugins.telegram import NotifyTelegram
from sqlalchemy import delete, select, text, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway import workers
from dashboard.gateway.alerts import channels, digest, incidents
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.models.alerts import AlertChannel, AlertNotice
from dashboard.models.carriers import CarrierBalance
from dashboard.models.monitoring import Process
from dashboard.settings import Settings
from dashboard.vocabulary import AlertChannelKind, Lane, Language, Severity
from jobs import alerts, balances
from jobs.alerts import AlertSender
from tests.support.fake_carrier import Carrier, answers
from tests.support.fixtures.databases import on_sqlite
from tests.support.mail_server import Postbox
from tests.support.webhook_receiver import Receiver

AddChannel = Callable[[NewChannel], tuple[int, str]]
EMAIL = NewChannel(AlertChannelKind.EMAIL, "oncall@example.org", Language.ENGLISH)


def later(seconds: float) -> datetime:
    return utcnow() + timedelta(seconds=seconds)


def kill_worker(sessions: Sessions, lane: str = Lane.SMS) -> None:
    with sessions.begin() as session:
        session.execute(delete(Process).where(Process.role == lane))


def revive_worker(sessions: Sessions, lane: str = Lane.SMS) -> None:
    with sessions.begin() as session:
        session.add(Process(name=lane, role=lane, started_at=utcnow(), beat_at=later(3_600)))


def turns(sender: AlertSender, *seconds: float) -> None:
    for after in seconds:
        sender.turn(later(after))


def find(sessions: Sessions, alerts: list[Alert], at: datetime) -> None:
    with sessions.begin() as session:
        incidents.observe(session, alerts, at)


@on_sqlite
def test_a_gateway_that_is_well_tells_nothing(sender: AlertSender, add: AddChannel, postbox: Postbox) -> None:
    add(EMAIL)
    turns(sender, 0, 10, 60)
    assert postbox.messages == []


def test_a_lost_worker_is_told_by_mail_and_webhook_and_that_it_is_back(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox, receiver: Receiver, path: str
) -> None:
    add(EMAIL)
    url = receiver.url(path)
    _, secret = add(NewChannel(AlertChannelKind.WEBHOOK, url, Language.ENGLISH))
    kill_worker(well)
    turns(sender, 0, 6)
    assert postbox.subjects == ["[Chinqit] GRAVE: sms: 0 running"]
    (mail,) = postbox.messages
    assert (mail["To"], mail["From"]) == ("oncall@example.org", "chinqit@example.org")
    assert "Start one: chinqit worker sms" in postbox.texts[0] and "/dashboard/alerts/" in postbox.texts[0]
    (call,) = receiver.got(path)
    event = call.verify(secret)
    (told,) = event["data"]["new"]
    assert event["type"] == "alert.changed"
    assert (told["code"], told["severity"], told["subject"]) == ("no_worker", "grave", "sms")
    turns(sender, 20)
    assert len(postbox.messages) == 1  # not once more
    revive_worker(well)
    turns(sender, 100)
    assert postbox.subjects[1:] == ["[Chinqit] All clear: sms: 0 running"]
    assert [told["code"] for told in receiver.got(path)[1].verify(secret)["data"]["cleared"]] == ["no_worker"]
    turns(sender, 200)
    assert len(postbox.messages) == 2


def balance_of(carrier: Carrier) -> dict[str, str]:
    """The settings of a carrier that tells what is left."""
    return {
        "url": f"{carrier.url}/send",
        "body": '{"to": "{phone}"}',
        "balance_url": f"{carrier.url}/balance",
        "balance_from": "json left",
        "balance_unit": "MRU",
        "balance_low": "500",
        "allow_http": "on",
        "allow_private": "on",
    }


def test_a_low_balance_is_told_and_that_it_was_recharged(
    sender: AlertSender, add: AddChannel, well: Sessions, told: Settings, postbox: Postbox, carrier: Carrier
) -> None:
    add(EMAIL)
    with well.begin() as session:
        carriers.add(session, carriers.cipher(told), NewCarrier("http", "mauritel", balance_of(carrier)))
    carrier.plays(answers(200, b'{"left": 499.99}'), answers(200, b'{"left": 500}'))
    balances.turn(well, told, threading.Event())
    turns(sender, 0, 6)
    assert postbox.subjects == ["[Chinqit] Warning: mauritel: the balance is low, 499.99 MRU left"]
    assert "Recharge our account with the carrier." in postbox.texts[0]
    with well.begin() as session:
        session.execute(update(CarrierBalance).values(asked_at=later(-3_600)))
    balances.turn(well, told, threading.Event())
    turns(sender, 100)
    assert postbox.subjects[1:] == ["[Chinqit] All clear: mauritel: the balance is low, 499.99 MRU left"]


def test_a_balance_that_could_not_be_asked_for_a_day_is_told_and_that_it_is_known_again(
    sender: AlertSender, add: AddChannel, well: Sessions, told: Settings, postbox: Postbox, carrier: Carrier
) -> None:
    add(EMAIL)
    with well.begin() as session:
        values = balance_of(carrier) | {"balance_low": ""}
        carriers.add(session, carriers.cipher(told), NewCarrier("http", "mauritel", values))
    carrier.plays(answers(200, b'{"left": 900}'), answers(401), answers(401), answers(200, b'{"left": 900}'))

    def ask(known: timedelta) -> None:
        """Have it asked anew, when the last one that it told is so old."""
        with well.begin() as session:
            session.execute(update(CarrierBalance).values(asked_at=later(-3_600), known_at=later(0) - known))
        balances.turn(well, told, threading.Event())

    balances.turn(well, told, threading.Event())
    ask(timedelta(hours=23))
    turns(sender, 0, 6)
    assert postbox.subjects == []
    ask(timedelta(hours=30))
    turns(sender, 12, 18)
    said = "mauritel: the balance has not been known for 30 hours."
    (subject,) = postbox.subjects
    assert subject.startswith(f"[Chinqit] Warning: {said}")
    assert "Look at the address and the credentials of the balance" in postbox.texts[0]
    ask(timedelta(hours=31))
    turns(sender, 120)
    assert len(postbox.subjects) == 2 and postbox.subjects[1].startswith(f"[Chinqit] All clear: {said}")


def test_a_lost_worker_is_told_within_a_minute() -> None:
    """At worst right after another message: it is seen, settles, and waits for the gap between two messages."""
    seen = workers.ALIVE.total_seconds() + alerts.LOOK_SECONDS
    assert seen + digest.SETTLE.total_seconds() + channels.GAP.total_seconds() + alerts.LOOK_SECONDS <= 60


@on_sqlite
def test_each_cause_is_told_and_over_in_every_language(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    for language in Language:
        add(NewChannel(AlertChannelKind.EMAIL, f"{language}@example.org", language, Severity.NOTICE))
    found = [Alert(code, "Thing", timedelta(hours=49), "7", 3, "throttled", 9, utcnow()) for code in AlertCode]
    find(well, found, later(0))
    turns(sender, 6)
    assert len(postbox.messages) == len(Language)
    for body in postbox.texts:
        assert "%(" not in body and body.count("\n- ") == min(len(found), 20)
    turns(sender, 100)
    assert sum("All clear" in subject for subject in postbox.subjects) == 1
    assert len(postbox.messages) == 2 * len(Language)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # how many there are changes no statement
def test_a_storm_of_a_thousand_causes_is_one_message(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    add(EMAIL)
    find(well, [Alert(AlertCode.WEBHOOK_OFF, f"hook {i}", id=str(i)) for i in range(1_000)], later(0))
    turns(sender, 6, 12, 20)
    (subject,), (body,) = postbox.subjects, postbox.texts
    assert subject.endswith("(+999)") and "… and 980 more" in body
    turns(sender, 100, 140)
    assert len(postbox.messages) == 2
    with well() as session:
        assert all(notice.cleared_told_at for notice in session.scalars(select(AlertNotice)))


@on_sqlite
def test_what_comes_up_right_after_a_message_waits_for_the_next(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    add(EMAIL)
    for i, (at, until) in enumerate(pairwise((0, 6, 12, 24))):
        find(well, [Alert(AlertCode.NO_ROUTE, f"lane {k}", count=1) for k in range(i + 1)], later(at))
        turns(sender, until)
    assert len(postbox.messages) == 1
    turns(sender, 40)
    assert len(postbox.messages) == 2


def test_it_is_told_again_until_somebody_takes_care_of_it(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    add(NewChannel(EMAIL.kind, EMAIL.address, EMAIL.language, repeat_minutes=30))
    kill_worker(well)
    turns(sender, 0, 6, 1_700)
    assert len(postbox.messages) == 1
    turns(sender, 1_900)
    assert len(postbox.messages) == 2 and "Still so:" in postbox.texts[1]
    with well.begin() as session:
        (incident,) = incidents.open_now(session)
        assert incidents.acknowledge(session, incident.id, "Mariem", utcnow())
        assert not incidents.acknowledge(session, incident.id, "Ahmed", utcnow())
    turns(sender, 9_000)
    assert len(postbox.messages) == 2


@on_sqlite
def test_quiet_hours_hold_back_what_is_not_grave(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    now = utcnow()
    begin, end = f"{now - timedelta(hours=1):%H:%M}", f"{now + timedelta(hours=1):%H:%M}"
    add(NewChannel(EMAIL.kind, EMAIL.address, EMAIL.language, quiet_from=begin, quiet_until=end))
    find(well, [Alert(AlertCode.DISK, count=4), Alert(AlertCode.NO_WORKER, "sms")], later(0))
    turns(sender, 6)
    assert postbox.subjects == ["[Chinqit] GRAVE: sms: 0 running"] and "disk" not in postbox.texts[0]
    find(well, [Alert(AlertCode.DISK, count=4), Alert(AlertCode.NO_WORKER, "sms")], later(3_660))
    turns(sender, 3_666)
    assert postbox.subjects[1:] == ["[Chinqit] Warning: 4 % of the disk are free"]


@on_sqlite
def test_a_channel_hears_only_of_what_is_grave_enough(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    add(NewChannel(EMAIL.kind, EMAIL.address, EMAIL.language, Severity.GRAVE))
    find(well, [Alert(AlertCode.DISK, count=4), Alert(AlertCode.KEY_ENDS, "Shop", id="1")], later(0))
    turns(sender, 6)
    assert postbox.messages == []


def test_of_two_relays_one_tells(sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox) -> None:
    add(EMAIL)
    other = AlertSender(well, sender.settings, sender.wakeup)
    kill_worker(well)
    turns(sender, 0)
    both = [threading.Thread(target=turns, args=(one, 6)) for one in (sender, other)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(postbox.messages) == 1


@on_sqlite
def test_what_a_server_refused_is_told_as_soon_as_it_takes_it(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    channel_id, _ = add(EMAIL)
    postbox.refusal = "451 come back later"
    kill_worker(well)
    turns(sender, 0, 6)
    with well() as session:
        channel = session.get_one(AlertChannel, channel_id)
        assert (channel.last_error, channel.claimed_until) == ("SMTPDataError 451", None)
    postbox.refusal = ""
    turns(sender, 40)
    assert postbox.subjects == ["[Chinqit] GRAVE: sms: 0 running"]
    with well() as session:
        assert session.get_one(AlertChannel, channel_id).last_error is None


@on_sqlite
def test_a_test_message_is_sent_when_it_was_asked_for(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    channel_id, _ = add(NewChannel(EMAIL.kind, EMAIL.address, Language.FRENCH))
    with well.begin() as session:
        channels.ask_test(session, session.get_one(AlertChannel, channel_id))
    turns(sender, 0, 5)
    assert postbox.subjects == ["[Chinqit] Test des alertes"]
    with well() as session:
        channel = session.get_one(AlertChannel, channel_id)
        assert channel.test_asked_at is None and channel.last_at is not None


def test_a_database_that_fails_is_told_from_memory(
    sender: AlertSender, add: AddChannel, well: Sessions, postbox: Postbox
) -> None:
    add(EMAIL)
    turns(sender, 0)
    with well.begin() as session:
        session.execute(text("ALTER TABLE alert_incidents RENAME TO elsewhere"))
    try:
        turns(sender, 5, 10)
        assert postbox.messages == []  # it may be a moment
        turns(sender, 30, 35)
    finally:
        with well.begin() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO alert_incidents"))
    (subject,) = postbox.subjects
    assert subject.startswith("[Chinqit] GRAVE: The database does not answer: ") and "alert_incidents" in subject
    turns(sender, 60)
    assert postbox.subjects[1].startswith("[Chinqit] All clear: ")


@pytest.fixture
def telegram(receiver: Receiver, path: str) -> Iterator[str]:
    """Telegram's server is the receiver of webhooks, at this path."""
    usual = NotifyTelegram.notify_url
    NotifyTelegram.notify_url = receiver.url(path) + "/"
    yield path
    NotifyTelegram.notify_url = usual


@on_sqlite
@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # of apprise, on Python 3.11 and 3.12
def test_a_service_is_told_through_apprise(
    sender: AlertSender, add: AddChannel, well: Sessions, receiver: Receiver, telegram: str
) -> None:
    token = "123456789:abcdefghijklmnopqrstuvwxyz012345678"
    add(NewChannel(AlertChannelKind.SERVICE, f"tgram://{token}/987654", Language.ENGLISH))
    kill_worker(well)
    turns(sender, 0, 6)
    calls = [call for call in receiver.ledger if call.path.startswith(telegram)]
    assert calls and b"sms: 0 running" in calls[0].body and b"987654" in calls[0].body
