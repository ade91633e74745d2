"""What is kept of a number can be had and erased; the judge is the file of the database."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from dashboard.cli.registry import main
from dashboard.db import Sessions, utcnow
from dashboard.extensions import Services
from dashboard.gateway import encryption, site_settings
from dashboard.gateway.audit import trail
from dashboard.gateway.audit.trail import AuditFilters
from dashboard.gateway.contacts import contacts
from dashboard.gateway.contacts.contacts import NewContact
from dashboard.gateway.limits import overrides, rejections
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rejections import Rejection
from dashboard.gateway.maintenance import privacy, retention
from dashboard.gateway.monitoring import lookups, notes
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.models.contacts import ContactImport, ContactImportFault
from dashboard.models.delivery import FailedAttempt, UnmatchedReceipt
from dashboard.models.inbound import IncomingMessage, IncomingPart
from dashboard.models.limits import WrongGuess
from dashboard.models.messages import Message
from dashboard.models.otp import ReviewNumber
from dashboard.models.sandbox import SandboxMessage
from dashboard.models.webhooks import WebhookAttempt, WebhookEndpoint, WebhookEvent
from dashboard.vocabulary import Side
from tests.support.dashboard_client import Browser, World

PAGE = "/dashboard/privacy/"
PHONE, LOCAL, OTHER = "+22238089336", "38089336", "+22247000000"
TEXT = "Votre commande 7741 est prête"


@pytest.fixture
def traces(world: World) -> None:
    """A number in each table that holds one."""
    key = world.key("Shop")
    text = world.text(key, PHONE, TEXT, **world.sent())
    world.code(key, PHONE, **world.sent())
    world.text(key, OTHER, "Bonjour", **world.sent())
    now = utcnow()
    event = {"key_id": key.id, "message_id": text.id, "kind": "message.sent"}
    body = json.dumps({"type": "message.sent", "data": {"phoneNumber": PHONE}})
    with world.services.sessions.begin() as session:
        contacts.add(session, NewContact(PHONE, "Awa"), "owner@example.org")
        session.add(ContactImport(id=1, added=0, known=0, kept_withdrawn=0, bad=1, taken_back=0))
        session.flush()
        session.add(ContactImportFault(import_id=1, line=2, phone=PHONE, code="duplicate"))
        overrides.save(session, NewOverride(key.id, PHONE, minute=9, reason="Caller"))
        rejections.record(session, Rejection(key.id, PHONE, "sms", "minute", 3))
        notes.add(session, PHONE, "Prefers Arabic", "owner@example.org")
        lookups.remember(session, "owner@example.org", PHONE, Side.WELL)
        session.add(SandboxMessage(phone=PHONE, channel="sms", message_uuid=text.uuid, sealed=b"sealed"))
        came = {"carrier": "c", "sender": PHONE, "recipient": "3601", "parts": 1, "concat_ref": "", "completed_at": now}
        session.add(IncomingMessage(id=1, uuid="came", body="Où est ma commande 7741", **came))
        session.flush()
        session.add(IncomingPart(message_id=1, part=1, digest="digest-of-what-came"))
        session.add(FailedAttempt(message_id=text.id, at=now, carrier="c", outcome="failed", code="x", answer=LOCAL))
        session.add(UnmatchedReceipt(carrier="c", references=["1"], phone=PHONE, state="delivered", at=now))
        session.add(ReviewNumber(key_id=key.id, phone=PHONE, sealed=b"sealed", ends_at=now + timedelta(days=9)))
        campaign = {"id": 1, "uuid": "campaign", "key_id": key.id, "state": "running"}
        session.add(Campaign(**campaign))
        session.flush()
        row = {"campaign_id": 1, "phone": PHONE, "body": TEXT, "encoding": "gsm7", "segments": 1}
        session.add(CampaignRecipient(**row))
        session.add(WebhookEndpoint(id="hook", key_id=key.id, url="https://example.org", events=["message.sent"]))
        session.flush()
        session.add(WebhookEvent(id=1, reference="event", body=body, **event))
        session.flush()
        attempt = {"endpoint_id": "hook", "event_id": 1, "number": 1, "at": now, "status": 400, "milliseconds": 5}
        session.add(WebhookAttempt(**attempt, answer=f"unknown customer {PHONE}"))


def in_file(services: Services, *wanted: str) -> list[str]:
    """Which of these the database's file holds, wherever; deleted rows and free pages too."""
    path = services.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = b"".join(found.read_bytes() for found in Path(path).parent.glob(Path(path).name + "*"))
    return [one for one in wanted if one.encode() in content]


def erase(world: World) -> privacy.Erased:
    with world.services.sessions.begin() as session:
        return privacy.erase(session, PHONE)


@pytest.mark.usefixtures("traces")
def test_a_copy_has_what_every_table_holds(world: World) -> None:
    with world.services.sessions() as session:
        copy = privacy.export(session, PHONE)
    assert copy["messages"][0]["text"] == TEXT and len(copy["messages"]) == 2
    empty = {name for name, found in copy.items() if not found}
    assert empty == {"wrongCodes", "optOuts"}, "nobody typed a wrong code, nobody wrote STOP"
    assert "sealed" not in json.dumps(copy)


@pytest.mark.usefixtures("traces")
def test_an_erased_number_is_in_no_row_and_counts_stay(world: World) -> None:
    before = counts(world)
    erased = erase(world)
    assert erased.on_their_way == 0
    assert all(count for name, count in erased.counts.items() if name != "wrongCodes"), erased.counts
    with world.services.sessions() as session:
        copy = privacy.export(session, PHONE)
        cut = session.scalars(select(Message.phone)).all()
        recipient = session.scalars(select(CampaignRecipient)).one()
    assert [name for name, found in copy.items() if found] == ["phoneNumber", "at"]
    assert sorted(cut) == ["+22238xxxxxx", "+22238xxxxxx", OTHER]
    assert (recipient.phone, recipient.body, recipient.error_code) == ("+22238xxxxxx", None, "erased")
    assert counts(world) == before


def test_the_statements_run_on_both_databases(sessions: Sessions) -> None:
    with sessions.begin() as session:
        notes.add(session, PHONE, "Prefers Arabic", "owner@example.org")
        assert len(privacy.export(session, PHONE)["notes"]) == 1
        assert privacy.erase(session, PHONE).rows == 1
        assert privacy.export(session, PHONE)["notes"] == []


def counts(world: World) -> list[tuple[str, str, int]]:
    with world.services.sessions() as session:
        found = select(Message.kind, Message.status, func.count()).group_by(Message.kind, Message.status)
        return [(row[0], row[1], row[2]) for row in session.execute(found.order_by(Message.kind))]


@pytest.mark.usefixtures("traces")
def test_an_erased_number_is_nowhere_in_the_file(world: World) -> None:
    assert in_file(world.services, LOCAL, TEXT) == [LOCAL, TEXT]
    erase(world)
    assert in_file(world.services, LOCAL, TEXT) == []


@pytest.mark.usefixtures("traces")
def test_what_retention_erased_is_nowhere_in_the_file(world: World) -> None:
    with world.services.sessions.begin() as session:
        old = utcnow() - timedelta(days=100)
        session.execute(update(Message).values(created_at=old))
        session.execute(update(CampaignRecipient).values(created_at=old))
    for name in ("texts", "numbers", "recipients"):
        with world.services.sessions.begin() as session:
            retention.step(session, name)
    assert in_file(world.services, TEXT) == []
    with world.services.sessions() as session:
        assert set(session.scalars(select(Message.phone))) == {"+22238xxxxxx", "+22247xxxxxx"}


def test_what_is_on_its_way_is_left_and_what_waits_is_taken_back(world: World) -> None:
    key = world.key()
    waits, held = world.text(key, PHONE), world.text(key, PHONE, claim="worker")
    erased = erase(world)
    assert (erased.counts["messages"], erased.on_their_way) == (1, 1)
    with world.services.sessions() as session:
        rows = {row.id: (row.status, row.phone) for row in session.scalars(select(Message))}
    assert rows == {waits.id: ("expired", "+22238xxxxxx"), held.id: ("queued", PHONE)}


def test_wrong_codes_of_an_erased_number_no_longer_count(world: World) -> None:
    with world.services.sessions.begin() as session:
        session.add(WrongGuess(key_id=world.key().id, phone=PHONE, at=utcnow()))
    assert erase(world).counts["wrongCodes"] == 1


@pytest.mark.usefixtures("traces")
def test_the_commands_say_what_they_did_and_the_audit_log_has_a_hash(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = world.services.settings
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
    copied = CliRunner().invoke(main, ["privacy", "export", LOCAL])
    assert copied.exit_code == 0, copied.output
    assert json.loads(copied.stdout)["messages"][0]["text"] == TEXT
    assert CliRunner().invoke(main, ["privacy", "erase", LOCAL], input="n\n").exit_code == 1
    erased = CliRunner().invoke(main, ["privacy", "erase", LOCAL, "--yes"])
    assert erased.exit_code == 0 and erased.stdout.startswith("Erased: "), erased.output
    with world.services.sessions() as session:
        entries = trail.page(session, AuditFilters(area="privacy"))
    assert [entry.act for entry in entries] == ["privacy.erase", "privacy.export"]
    assert {entry.subject for entry in entries} == {encryption.fingerprint(settings, PHONE)}
    assert in_file(world.services, LOCAL) == []


@pytest.mark.usefixtures("traces")
def test_owners_download_a_copy_and_erase_on_the_page(owner: Browser, world: World) -> None:
    copy = owner.post(PAGE, {"phone": LOCAL, "act": "copy"})
    assert (
        copy.headers["Content-Disposition"].startswith("attachment")
        and json.loads(copy.text)["messages"][0]["text"] == TEXT
    )
    unsure = owner.post(PAGE, {"phone": LOCAL, "act": "erase"})
    assert unsure.status_code == 422 and "Confirm that the number is to be erased." in unsure.text
    assert owner.post(PAGE, {"phone": "12", "act": "copy"}).status_code == 422
    assert owner.post(PAGE, {"phone": LOCAL, "act": "erase", "is_sure": "on"}).status_code == 303
    assert "rows erased." in owner.get(PAGE).text
    assert in_file(world.services, LOCAL) == []


@pytest.mark.parametrize(
    ("language", "kept"), [("fr", "Numéros\u00a0: 90 jours"), ("ar", "الأرقام: 90 يومًا"), ("en", "Numbers: 90 days")]
)
def test_the_register_tells_the_times_of_this_gateway(owner: Browser, language: str, kept: str) -> None:
    owner.headers["Accept-Language"] = language
    page = re.sub(r"[ \n]+", " ", owner.get(f"{PAGE}register").text)
    assert kept in page


@pytest.mark.parametrize(
    ("language", "kept"),
    [
        ("fr", "supprimés. Messages entiers\u00a0: 400 jours. Téléphone"),
        ("ar", "الأخيرة. الرسائل كاملة: 400 يومًا. هاتف"),
        ("en", "deleted. Whole messages: 400 days. Sandbox"),
    ],
)
def test_the_register_tells_when_messages_are_deleted(owner: Browser, world: World, language: str, kept: str) -> None:
    with world.services.sessions.begin() as session:
        site_settings.save(session, replace(site_settings.read(session), messages_days=400))
    owner.headers["Accept-Language"] = language
    assert kept in re.sub(r"[ \n]+", " ", owner.get(f"{PAGE}register").text)
