"""A code that goes by several channels in turn: one code, a message a step, and none once it was typed in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from dashboard.db import core_table, utcnow
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.carriers import recent
from dashboard.gateway.costs import budgets, estimates, prices
from dashboard.gateway.costs.budgets import BudgetExhausted, NewBudget
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.delivery import receipts
from dashboard.gateway.limits import rate_limit
from dashboard.gateway.monitoring import diagnosis
from dashboard.gateway.monitoring.diagnosis import CauseCode
from dashboard.gateway.otp import channel_order, send, verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order, SendRequest, Sent
from dashboard.gateway.otp.verify import Guess, NoLiveOtp, VerifyRequest, WrongCode
from dashboard.gateway.sandbox.inbox import SandboxInbox
from dashboard.gateway.statistics import rollup
from dashboard.gateway.webhooks import endpoints
from dashboard.gateway.webhooks.endpoints import NewEndpoint
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.statistics import StatisticsBucket
from dashboard.models.webhooks import WebhookEvent
from dashboard.providers import sandbox
from dashboard.providers.base import Receipt
from dashboard.vocabulary import BudgetPeriod, Operator
from tests.support.fake_carrier import Carrier, answers
from tests.support.http_carriers import PHONE, Office, taken
from tests.support.statements import asked

ALL = "whatsapp:30,sms:60,email"
EMAIL = "mailto:aminata@example.mr"
BUCKETS = core_table(StatisticsBucket)


@dataclass
class Shop:
    """A key with an order, and all that its codes go through, on the sandbox phone unless the key is live."""

    office: Office
    caller: Caller

    @property
    def ring(self) -> Keyring:
        return Keyring.of(self.office.settings)

    def ask(self, phone: str = PHONE, email: str | None = EMAIL) -> str:
        order = Order(phone, "auto", email=email)
        sent: Sent = self.office.write(lambda session: send.send(session, self.ring, self.caller, order))
        return sent.message_id

    def guess(self, code: str, channel: str = "auto", who: str = PHONE) -> Exception | None:
        return self.guesses((code, channel, who))[0]

    def guesses(self, *made: tuple[str, str, str]) -> list[Exception | None]:
        requests = [VerifyRequest(self.ring, self.caller, Guess(who, code, channel)) for code, channel, who in made]
        results = self.office.write(lambda session: verify.verify_codes(session, requests))
        return [result if isinstance(result, Exception) else result.refusal for result in results]

    def drain(self, *lanes: str) -> None:
        for lane in lanes or ("whatsapp", "sms", "email"):
            self.office.drain(self.office.desk(lane), lane)

    def later(self, seconds: float) -> None:
        """Let so much time pass for what waits."""
        waits = update(Message).where(Message.due_at.is_not(None), Message.claim.is_(None))
        with self.office.sessions.begin() as session:
            for row in session.scalars(select(Message).where(Message.due_at.is_not(None))):
                assert row.due_at is not None
                session.execute(
                    waits.where(Message.id == row.id).values(due_at=row.due_at - timedelta(seconds=seconds))
                )

    def steps(self) -> list[Message]:
        def read(session: Any) -> Sequence[Message]:
            found = session.scalars(select(Message).order_by(Message.id)).all()
            session.expunge_all()
            return list(found)

        return list(self.office.write(read))

    def states(self) -> list[tuple[str, str, str | None]]:
        return [(step.channel, step.status, step.error_code) for step in self.steps()]

    def texts(self, *people: str) -> list[tuple[str, str]]:
        """The channel and the digits of what arrived on the sandbox phones."""
        inbox = SandboxInbox(self.office.sessions, self.office.settings)
        found = [text for who in people or (PHONE, EMAIL) for text in inbox.inbox(who)]
        found.sort(key=lambda text: text.received_at)
        return [(text.channel, "".join(filter(str.isdigit, text.text))[:6]) for text in found]

    def code(self) -> str:
        with self.office.sessions() as session:
            otp = session.scalars(select(Otp).order_by(Otp.id.desc()).limit(1)).one()
            return self.ring.derive(otp, otp.message.uuid) or ""


def opened(office: Office, mode: str = "test", **fields: Any) -> Shop:
    """A key, as it is known by its secret."""
    made = office.caller(mode, **fields)
    return Shop(office, office.write(lambda session: authentication.of_key(session, made.id)))


@pytest.fixture
def shop(office: Office) -> Shop:
    return opened(office, channel_order=ALL)


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_events_of_later_channels_name_the_message_that_the_call_answered(shop: Shop) -> None:
    wanted = NewEndpoint(shop.caller.id, "https://example.mr/hook", events=("message.sent",))
    shop.office.write(lambda session: endpoints.create(session, endpoints.cipher(shop.office.settings), wanted))
    shop.office.sessions.kw["bind"].dispose()  # whoever remembers that nobody listened
    first = shop.ask()
    shop.drain()
    shop.later(30)
    shop.drain()
    with shop.office.sessions() as session:
        told = [json.loads(body)["data"] for body in session.scalars(select(WebhookEvent.body))]
    assert [(event["channel"], event.get("firstMessageId")) for event in told] == [("whatsapp", None), ("sms", first)]
    assert told[0]["messageId"] == first != told[1]["messageId"]


def test_each_step_comes_in_its_time_with_the_same_digits(shop: Shop) -> None:
    shop.ask()
    shop.drain()
    assert shop.texts() == [("whatsapp", shop.code())]
    shop.later(29)
    shop.drain()
    assert [channel for channel, _ in shop.texts()] == ["whatsapp"]
    shop.later(1)
    shop.drain()
    assert shop.texts() == [("whatsapp", shop.code()), ("sms", shop.code())]
    shop.later(60)
    shop.drain()
    shop.drain()
    assert shop.texts() == [(channel, shop.code()) for channel in ("whatsapp", "sms", "email")]
    assert [(step.step, step.status) for step in shop.steps()] == [(n, "delivered") for n in (1, 2, 3)]


def test_why_no_code_finds_it_by_its_address_too(shop: Shop) -> None:
    shop.ask()
    shop.drain()
    with shop.office.sessions() as session:
        for who in (PHONE, EMAIL):
            found = diagnosis.of_phone(session, who)
            assert [event.otp is not None for event in found.events] == [True]
            assert found.verdict.code != CauseCode.NOTHING_ASKED
        assert diagnosis.of_phone(session, "mailto:other@example.mr").events == []


def test_a_refused_step_is_followed_at_once_and_the_rest_comes_as_much_earlier(shop: Shop) -> None:
    phone = "+22248" + sandbox.NO_WHATSAPP
    shop.ask(phone)
    shop.drain("whatsapp", "sms")
    assert shop.texts(phone) == [("sms", shop.code())]
    last = shop.steps()[-1]
    assert last.due_at is not None
    assert 58 < (last.due_at - utcnow()).total_seconds() <= 60
    assert shop.guess(shop.code(), who=phone) is None


def test_a_receipt_of_failure_is_followed_at_once(office: Office, first: Carrier, second: Carrier) -> None:
    shop = opened(office, "live", channel_order="whatsapp:300,sms")
    office.add("meta", first, "whatsapp")
    office.add("alpha", second)
    first.plays(answers(200, b'{"messages": [{"id": "wamid.1"}]}'))
    shop.ask(email=None)
    shop.drain("whatsapp", "sms")
    assert (len(first.ledger), len(second.ledger)) == (1, 0)
    late = Receipt(("wamid.1",), "", "failed", "not_on_whatsapp", utcnow())
    assert receipts.store_receipts(office.sessions, "meta", [late, late]) == {"sms"}
    shop.drain("sms")
    assert len(second.ledger) == 1
    assert shop.code().encode() in second.ledger[0].body
    assert shop.states() == [("whatsapp", "failed", "not_on_whatsapp"), ("sms", "sent", None)]


def test_its_key_s_switch_to_sms_has_no_say_in_it(office: Office, first: Carrier, second: Carrier) -> None:
    """Else the code would go by SMS twice."""
    shop = opened(office, channel_order="whatsapp:30,sms", sms_fallback=True)
    phone = "+22248" + sandbox.NO_WHATSAPP
    shop.ask(phone)
    shop.drain("whatsapp", "sms")
    assert shop.texts(phone) == [("sms", shop.code())]


def test_a_channel_without_a_carrier_is_followed_at_once(office: Office, first: Carrier, second: Carrier) -> None:
    shop = opened(office, "live", channel_order="whatsapp:300,sms")
    office.add("alpha", first)
    down = {"down_since": utcnow(), "down_until": utcnow() + timedelta(minutes=5), "down_code": "unreachable"}
    office.change(office.add("meta", second, "whatsapp"), **down)
    reference = shop.ask(email=None)
    shop.drain("whatsapp", "sms")
    assert shop.states() == [("whatsapp", "failed", "carrier_down"), ("sms", "sent", None)]
    assert taken(first) != [reference]


@pytest.mark.parametrize(("channel", "who"), [("auto", PHONE), ("whatsapp", PHONE), ("sms", PHONE), ("email", EMAIL)])
def test_it_verifies_by_any_channel_and_nothing_follows(shop: Shop, channel: str, who: str) -> None:
    shop.ask()
    shop.drain()
    shop.later(30)
    shop.drain()
    assert shop.guess(shop.code(), channel, who) is None
    assert isinstance(refusal := shop.guess(shop.code()), NoLiveOtp)
    assert refusal.code == "otp_used"
    shop.later(60)
    shop.drain()
    assert [channel for channel, _ in shop.texts()] == ["whatsapp", "sms"]
    assert shop.states()[2] == ("email", "expired", "code_verified")


def test_tries_are_counted_once_whatever_the_channel(shop: Shop) -> None:
    shop.ask()
    wrong = other(shop.code())
    made = [(wrong, "email", EMAIL), (wrong, "sms", PHONE), (wrong, "auto", PHONE), (shop.code(), "auto", PHONE)]
    refusals = shop.guesses(*made)
    assert [one.retries_left for one in refusals if isinstance(one, WrongCode)] == [2, 1, 0]
    assert refusals[3] is not None
    shop.drain()
    assert shop.states()[0] == ("whatsapp", "expired", "code_locked")
    shop.later(90)
    shop.drain()
    assert shop.texts() == []


def test_without_an_address_there_is_no_step_by_e_mail(office: Office) -> None:
    shop = opened(office, channel_order="email:60,whatsapp:30,sms")
    shop.ask(email=None)
    assert [step.channel for step in shop.steps()] == ["whatsapp", "sms"]
    shop.drain()
    shop.later(30)
    shop.drain()
    assert [channel for channel, _ in shop.texts()] == ["whatsapp", "sms"]
    assert isinstance(shop.guess(shop.code(), "email", EMAIL), NoLiveOtp)


def test_a_key_without_an_order_takes_sms(office: Office) -> None:
    shop = opened(office)
    shop.ask()
    shop.drain()
    assert shop.texts() == [("sms", shop.code())]
    assert isinstance(shop.guess(other(shop.code()), "sms"), WrongCode)
    assert shop.guess(shop.code()) is None


def test_a_new_code_ends_the_steps_of_the_one_before(shop: Shop) -> None:
    shop.ask()
    shop.drain()
    old = shop.code()
    shop.ask()
    shop.later(90)
    shop.drain()
    shop.drain()
    assert [step.error_code for step in shop.steps()] == [None, "superseded", "superseded", None, None, None]
    assert [code for _, code in shop.texts()] == [old, *[shop.code()] * 3]


def test_a_code_dies_only_when_no_step_left(office: Office) -> None:
    shop = opened(office, channel_order="whatsapp:30,sms")
    phone = "+22248" + sandbox.REFUSED
    shop.ask(phone, None)
    shop.drain("whatsapp")
    assert isinstance(shop.guess(other(shop.code()), who=phone), WrongCode), "its second step is to come"
    shop.drain("sms")
    assert isinstance(refusal := shop.guess(shop.code(), who=phone), NoLiveOtp)
    assert refusal.code == "otp_not_sent"
    left = office.write(lambda session: rate_limit.look(session, shop.caller.id, phone))[0].left
    assert left == 3, "it counts no more"


def test_it_counts_once_against_limits(shop: Shop) -> None:
    shop.ask()
    left = shop.office.write(lambda session: rate_limit.look(session, shop.caller.id, PHONE))[0].left
    assert left == 2


def test_what_a_right_code_proves(shop: Shop) -> None:
    """The step that was named, or the only one that left; of several nobody knows which one."""
    shop.ask()
    first, second, _ = shop.steps()
    with shop.office.sessions.begin() as session:
        session.execute(
            update(Message)
            .where(Message.id.in_([first.id, second.id]))
            .values(status="sent", sending_at=utcnow(), sent_at=utcnow(), due_at=None)
        )
    assert shop.guess(shop.code()) is None
    assert [step.status for step in shop.steps()] == ["sent", "sent", "queued"]


def test_the_only_step_that_left_is_proven(shop: Shop) -> None:
    shop.ask()
    first, second, _ = shop.steps()
    with shop.office.sessions.begin() as session:
        failed = {"status": "failed", "error_code": "not_on_whatsapp", "sending_at": utcnow(), "due_at": None}
        session.execute(update(Message).where(Message.id == first.id).values(**failed))
        sent = {"status": "sent", "sending_at": utcnow(), "sent_at": utcnow(), "due_at": None}
        session.execute(update(Message).where(Message.id == second.id).values(**sent))
    assert shop.guess(shop.code()) is None
    assert [(step.status, step.confirmed_by) for step in shop.steps()[:2]] == [("failed", None), ("delivered", "otp")]


def test_a_step_that_a_budget_has_no_room_for_is_left_out(office: Office, first: Carrier, second: Carrier) -> None:
    shop = opened(office, "live", channel_order="whatsapp:30,sms")
    office.add("meta", first, "whatsapp")
    office.add("alpha", second)
    long_ago = date(2024, 1, 1)
    with office.sessions.begin() as session:
        prices.save(session, NewPrice("meta", "whatsapp", "", long_ago, 1_000))
        prices.save(session, NewPrice("alpha", "sms", "", long_ago, 3_200))
        wanted = NewBudget(shop.caller.id, BudgetPeriod.DAY, 1_500, "UTC", exempts_codes=False)
        budgets.save(session, wanted, 0)
    for cache in (budgets.REMEMBERED, estimates.REMEMBERED, prices.REMEMBERED):
        cache.forget(office.sessions.kw["bind"].pool)
    shop.ask(email=None)
    assert shop.states() == [("whatsapp", "queued", None), ("sms", "expired", "budget_exhausted")]
    shop.drain("whatsapp", "sms")
    assert (len(first.ledger), len(second.ledger)) == (1, 0)
    with pytest.raises(BudgetExhausted):
        shop.ask(email=None)


def test_callers_at_once_are_written_together(office: Office) -> None:
    callers = [opened(office, channel_order=order).caller for order in (ALL, "sms:20,whatsapp", None)]
    ring = Keyring.of(office.settings)
    orders = [Order(PHONE, "auto", email=EMAIL), Order(PHONE, "auto"), Order(PHONE, "sms")]
    requests = [SendRequest(ring, caller, order) for caller, order in zip(callers, orders, strict=True)]

    def ask(session: Any) -> list[Sent | Exception]:
        return send.send_codes(session, requests)

    results = office.write(ask)
    assert [result.sent_by for result in results] == ["whatsapp", "sms", None]
    steps = Shop(office, callers[0]).steps()
    assert [(step.channel, step.step, step.step_of) for step in steps] == [
        ("whatsapp", 1, None),
        ("sms", 1, None),
        ("sms", None, None),
        ("sms", 2, steps[0].id),
        ("email", 3, steps[0].id),
        ("whatsapp", 2, steps[1].id),
    ]
    assert channel_order.codes_of(steps)[steps[3].id] == steps[0].id


def test_statistics_count_one_code_and_as_many_messages_as_went(office: Office) -> None:
    shop = opened(office, channel_order="whatsapp:30,sms:60,email")
    phone = "+22248" + sandbox.NO_WHATSAPP

    def fold() -> dict[tuple[str, str], dict[str, int]]:
        office.write(rollup.fold)
        office.write(rollup.fold)
        columns = ("requested", "sent", "delivered", "failed", "expired", "verified")
        with office.sessions() as session:
            rows = session.execute(select(BUCKETS).where(BUCKETS.c.grain == "day")).all()
            sums: dict[tuple[str, str], dict[str, int]] = {}
            for row in rows:
                told = sums.setdefault((row.kind, row.channel), {})
                for name in columns:
                    told[name] = told.get(name, 0) + getattr(row, name)
        return {subject: {name: count for name, count in told.items() if count} for subject, told in sums.items()}

    shop.ask(phone)
    shop.drain("whatsapp")
    assert fold() == {("otp", "whatsapp"): {"requested": 1}}, "one of its messages failed, the code goes on"
    shop.drain("sms")
    arrived = {"requested": 1, "sent": 1, "delivered": 1}
    assert fold() == {("otp", "whatsapp"): arrived, ("otp_step", "sms"): arrived}
    assert shop.guess(shop.code(), who=phone) is None
    shop.later(60)
    shop.drain()
    assert fold() == {("otp", "whatsapp"): {**arrived, "verified": 1}, ("otp_step", "sms"): arrived}


def test_a_code_is_lost_when_all_its_messages_are(office: Office) -> None:
    shop = opened(office, channel_order="whatsapp:30,sms")
    shop.ask("+22248" + sandbox.REFUSED, None)
    for lane in ("whatsapp", "sms"):
        shop.drain(lane)
        office.write(rollup.fold)
    with office.sessions() as session:
        rows = session.execute(select(BUCKETS).where(BUCKETS.c.grain == "day")).all()
        assert [(row.kind, row.requested, row.failed, row.sent) for row in rows] == [("otp", 1, 1, 0)]


def test_a_channel_that_was_not_needed_is_no_loss_of_its_operator(shop: Shop) -> None:
    shop.ask()
    shop.drain()
    assert shop.guess(shop.code()) is None
    shop.later(90)
    shop.drain()
    assert [step.error_code for step in shop.steps()] == [None, "code_verified", "code_verified"]
    lately = shop.office.write(recent.of_operators)
    assert lately[Operator.MAURITEL].lost == 0


def test_codes_that_name_their_channel_cost_no_statement_more(office: Office) -> None:
    plain, ordered = opened(office), opened(office, channel_order=ALL)

    def by_sms(shop: Shop) -> list[str]:
        statements.clear()
        office.write(lambda session: send.send_codes(session, [SendRequest(shop.ring, shop.caller, Order(PHONE))]))
        shop.drain("sms")
        guess = VerifyRequest(shop.ring, shop.caller, Guess(PHONE, "000000"))
        office.write(lambda session: verify.verify_codes(session, [guess]))
        return list(statements)

    with asked(office.sessions) as statements:
        by_sms(plain)  # asks what a process keeps
        without, within = by_sms(plain), by_sms(ordered)
    assert len(within) == len(without)
    assert not [statement for statement in within if "step_of IN" in statement]
