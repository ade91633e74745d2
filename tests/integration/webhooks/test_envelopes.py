"""The envelope of the hosted service's second generation, and `message.rejected`."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dashboard.db import utcnow
from dashboard.gateway.delivery import receipts, settle
from dashboard.gateway.delivery.decisions import Fail, MarkSent
from dashboard.gateway.webhooks import endpoints, events
from dashboard.providers.base import Outcome, Receipt
from dashboard.vocabulary import Envelope, ReceiptState
from tests.support.webhook_endpoints import Office

REJECTED, FAILED = "message.rejected", "message.failed"


def refuse_after_accepting(office: Office) -> None:
    """A carrier accepts a text, and tells later that it did not take it to the phone."""
    message = office.message()
    with office.sessions.begin() as session:
        settle.apply(session.connection(), [MarkSent(message, "smsc", Outcome("ref"))])
    told = Receipt(("ref",), message.phone, ReceiptState.FAILED, "stat:UNDELIV", utcnow())
    receipts.store_receipts(office.sessions, "smsc", [told])


def refuse_at_once(office: Office) -> None:
    message = office.message()
    with office.sessions.begin() as session:
        settle.apply(session.connection(), [Fail(message, "sandbox_refused", "sandbox")])


def kinds(office: Office, path: str) -> list[str]:
    return [got.event["type"] for got in office.receiver.got(path)]


def test_the_second_generation_s_envelope_bears_the_id_and_is_signed_alike(office: Office, path: str) -> None:
    _, secret = office.listen(path, envelope=Envelope.V2)
    office.deliver()
    office.serve()
    for got in office.receiver.got(path):
        told = got.verify(secret)
        assert list(told) == ["id", "type", "createdAt", "data"]
        assert told["id"] == got.id and told["id"].startswith("evt_")
        assert datetime.fromisoformat(told["createdAt"]).utcoffset() == timedelta(0)
        assert told["data"]["messageId"]
    assert kinds(office, path) == ["message.sent", "message.delivered"]


def test_events_that_wait_go_in_the_envelope_that_is_chosen_by_then(office: Office, path: str) -> None:
    endpoint_id, secret = office.listen(path)
    office.deliver()
    office.set(endpoint_id, envelope=Envelope.V2)
    office.serve()
    assert {tuple(got.verify(secret)) for got in office.receiver.got(path)} == {("id", "type", "createdAt", "data")}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ((FAILED, REJECTED), [REJECTED, FAILED]),
        ((FAILED,), [FAILED, FAILED]),
        ((REJECTED,), [REJECTED]),
        (("message.sent",), ["message.sent"]),
    ],
)
def test_a_text_refused_after_it_was_accepted_is_rejected_to_who_lists_that(
    office: Office, path: str, wanted: tuple[str, ...], told: list[str]
) -> None:
    office.listen(path, events=wanted)
    refuse_after_accepting(office)
    refuse_at_once(office)
    office.serve()
    assert sorted(kinds(office, path)) == sorted(told)  # of two messages: those have no order


def test_two_endpoints_are_told_each_in_its_own_words_and_again_so(office: Office, path: str) -> None:
    usual, hosted = f"{path}/usual", f"{path}/hosted"
    office.listen(usual)
    endpoint_id, _ = office.listen(hosted, events=events.USUAL[Envelope.V2], envelope=Envelope.V2)
    refuse_after_accepting(office)
    office.serve()
    assert kinds(office, usual) == ["message.sent", FAILED]
    assert kinds(office, hosted) == ["message.sent", REJECTED]
    with office.sessions.begin() as session:
        endpoint = endpoints.find(session, endpoint_id)
        endpoints.replay_period(session, endpoint, utcnow() - timedelta(hours=1), utcnow(), "all")
    office.serve()
    assert sorted(kinds(office, hosted)[2:]) == [REJECTED, "message.sent"]
