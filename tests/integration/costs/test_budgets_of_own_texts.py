"""What the gateway itself sends for money counts in budgets: trials, alerts, answers. The sandbox phone never does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import budgets, charges, estimates, prices, reservations
from dashboard.gateway.costs.budgets import EVERYBODY, BudgetExhausted, NewBudget
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.delivery import settle
from dashboard.gateway.delivery.decisions import MarkSent
from dashboard.gateway.inbound import answers, inbox, keywords
from dashboard.gateway.inbound.keywords import WordRule
from dashboard.gateway.messages import outbox, submit
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.messages.submit import SubmitOrder, Submitted
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.routing import test_message
from dashboard.gateway.statistics import rollup
from dashboard.models.costs import Budget
from dashboard.models.inbound import IncomingMessage
from dashboard.models.messages import Message
from dashboard.providers.base import Incoming, Outcome
from dashboard.settings import Settings
from dashboard.vocabulary import BudgetPeriod, Keyword, Kind, Language
from tests.support.http_carriers import HTTP, WHATSAPP

PHONE = "+22238089336"
LONG_AGO = utcnow() - timedelta(days=900)
SEGMENT, TRIAL, CODE = 3_200, 5_000, 9_000  # 1/10,000 MRU, by the carriers below
Count = Callable[[int], None]


@pytest.fixture(autouse=True)
def carrier(sessions: Sessions, settings: Settings) -> None:
    """The first carrier is the route of all texts; the second has no route; WhatsApp takes codes alone."""
    with sessions.begin() as session:
        cipher = carriers.cipher(settings)
        for name in ("smsc", "tried"):
            carriers.add(session, cipher, NewCarrier("http", name, HTTP | {"url": "http://127.0.0.1:9/"}))
        carriers.add(session, cipher, NewCarrier("whatsapp", "meta", WHATSAPP))
        for name, channel, amount in (("smsc", "sms", SEGMENT), ("tried", "sms", TRIAL), ("meta", "whatsapp", CODE)):
            prices.save(session, NewPrice(name, channel, "", LONG_AGO.date(), amount))
    forget(sessions)


@pytest.fixture
def house(sessions: Sessions) -> Count:
    """Set the budget of all keys together."""

    def save(amount: int) -> None:
        new = NewBudget(EVERYBODY, BudgetPeriod.MONTH, amount, "Africa/Nouakchott", exempts_codes=False)
        with sessions.begin() as session:
            budgets.save(session, new, 0)
            session.execute(update(Budget).values(settles_from=LONG_AGO))
        forget(sessions)

    return save


def forget(sessions: Sessions) -> None:
    pool = sessions.kw["bind"].pool
    for cache in (budgets.REMEMBERED, estimates.REMEMBERED, prices.REMEMBERED):
        cache.forget(pool)


def used(sessions: Sessions) -> int:
    with sessions() as session:
        [standing] = budgets.standings(session)
        return standing.used


def try_carrier(sessions: Sessions, settings: Settings, name: str) -> None:
    with sessions.begin() as session:
        test_message.submit(session, Keyring.of(settings), carriers.find(session, name), PHONE)


def receive(sessions: Sessions, words: str = "AIDE", sender: str = PHONE) -> None:
    inbox.receive(sessions, "tried", [Incoming(sender, "3601", words, utcnow())])


def answer_help(sessions: Sessions) -> None:
    rule = WordRule(Keyword.HELP, keywords.DEFAULTS[Keyword.HELP], {Language.FRENCH: "Boutique Sahel."})
    with sessions.begin() as session:
        keywords.save(session, rule, "owner@example.org")


def test_a_trial_counts_at_its_carrier_s_price_and_goes_though_nothing_is_left(
    sessions: Sessions, settings: Settings, house: Count
) -> None:
    house(TRIAL)
    try_carrier(sessions, settings, "tried")
    assert used(sessions) == TRIAL
    try_carrier(sessions, settings, "smsc")
    try_carrier(sessions, settings, "meta")  # a code, that is
    assert used(sessions) == TRIAL + SEGMENT + CODE
    with sessions() as session:
        assert session.scalars(select(Message.reserved).order_by(Message.id)).all() == [TRIAL, SEGMENT, CODE]


def test_what_a_trial_was_charged_takes_the_place_of_what_was_expected(
    sessions: Sessions, settings: Settings, house: Count
) -> None:
    house(100 * TRIAL)
    try_carrier(sessions, settings, "tried")
    with sessions.begin() as session:
        prices.save(session, NewPrice("tried", "sms", "", utcnow().date(), 3 * TRIAL))
    forget(sessions)
    with sessions() as session:
        carrier_id = carriers.find(session, "tried").id
        rows = outbox.claim(session, "sms", 10, carrier_id=carrier_id) or outbox.claim(session, "sms", 10)
    with sessions.begin() as session:
        settle.apply(session.connection(), [MarkSent(row, "tried", Outcome("r")) for row in rows])
    for fold in (rollup.fold_for, charges.fold_for, reservations.settle_for):
        fold(sessions, 30)
    assert used(sessions) == 3 * TRIAL


def test_answers_count_and_end_where_the_budget_ends(sessions: Sessions, house: Count) -> None:
    house(2 * TRIAL)
    answer_help(sessions)
    phones = [f"+2224700000{number}" for number in range(3)]
    for phone in phones:
        receive(sessions, sender=phone)
    assert used(sessions) == 2 * TRIAL
    with sessions() as session:
        assert session.scalars(select(Message.phone).order_by(Message.id)).all() == phones[:2]
        incoming = session.scalars(select(IncomingMessage).order_by(IncomingMessage.id)).all()
        assert [one.answer is not None for one in incoming] == [True, True, False]


def test_an_answer_that_a_budget_refuses_is_off_the_key_s_cap(sessions: Sessions, house: Count) -> None:
    with sessions.begin() as session:
        key, secret = keys.create(session, NewKey("Shop", message_cap=1))
        session.flush()
        caller = Caller.from_row(key, authentication.digest(secret))
        outbox.submit(session, caller, Draft.text(PHONE, "Bonjour"))
    house(0)
    answer_help(sessions)
    receive(sessions)
    with sessions.begin() as session:
        newest = session.scalars(select(IncomingMessage)).one()
        assert newest.key_id == caller.id and newest.answer is None
        quotas.spend_cap(session, caller, Kind.MESSAGE)  # CapReached, if the answer had taken it


def test_an_answer_of_a_person_is_refused_where_nothing_is_left(sessions: Sessions, house: Count) -> None:
    house(TRIAL)
    receive(sessions, "Bonjour")
    with sessions.begin() as session:
        answers.reply(session, session.scalars(select(IncomingMessage)).one(), "Bonjour à vous")
    with sessions() as session, pytest.raises(BudgetExhausted):
        answers.reply(session, session.scalars(select(IncomingMessage)).one(), "Encore")
    assert used(sessions) == TRIAL


def test_the_sandbox_phone_costs_nothing(sessions: Sessions, house: Count) -> None:
    house(0)
    with sessions.begin() as session:
        carriers.remove(session, carriers.find(session, "smsc"))
        for mode in ("live", "test"):  # without a route, those of a live key land there, too
            key, secret = keys.create(session, NewKey(mode, mode=mode))
            session.flush()
            order = SubmitOrder(Caller.from_row(key, authentication.digest(secret)), (Draft.text(PHONE, "Bonjour"),))
            assert isinstance(submit.submit(session, [order])[0], Submitted)
    assert used(sessions) == 0
