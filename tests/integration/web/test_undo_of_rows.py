"""What is removed comes back by its toast as it was: row by row, for every kind that can."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.accounts import links, users
from dashboard.gateway.accounts.users import NewPerson
from dashboard.gateway.alerts import channels, incidents
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import prices
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.inbound import keywords
from dashboard.gateway.inbound.keywords import WordRule
from dashboard.gateway.limits import rate_limit, wrong_codes
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.gateway.opt_outs import opt_outs
from dashboard.gateway.otp import review_numbers
from dashboard.gateway.otp.review_numbers import NewReviewNumber
from dashboard.models.accounts import PersonLink, User
from dashboard.models.alerts import AlertChannel, AlertIncident, AlertNotice
from dashboard.models.carriers import Carrier
from dashboard.models.costs import Price
from dashboard.models.limits import WrongGuess
from dashboard.models.opt_outs import OptOut
from dashboard.models.otp import Otp, ReviewNumber
from dashboard.pages.limits import views
from dashboard.vocabulary import AlertChannelKind, Keyword, Language, LinkKind, Role
from tests.support.dashboard_client import PARTIAL, Browser, World
from tests.support.toasts import offered

D, PHONE, OTHER = "/dashboard/", "+22238089336", "+22246000001"


def rows(services: Services, model: Any) -> list[dict[str, Any]]:
    """All rows of a table, by id."""
    with services.sessions() as session:
        found = session.execute(select(model.__table__).order_by(model.id))
        return [dict(row) for row in found.mappings()]


def act(browser: Browser, url: str, data: dict[str, Any] | None = None) -> tuple[str, dict[str, str]]:
    """Do something; return what its toast offers."""
    answer = browser.post(f"{D}{url}", data, headers=PARTIAL)
    assert answer.status_code == 200, answer.text
    return offered(answer.text)


def press(browser: Browser, undo: tuple[str, dict[str, str]]) -> int:
    return browser.post(*undo, headers=PARTIAL).status_code


def test_a_number_taken_off_the_list_stands_on_it_as_before(operator: Browser, services: Services) -> None:
    with services.sessions.begin() as session:
        opt_outs.add(session, [PHONE], word="STOP")
    before = rows(services, OptOut)
    undo = act(operator, f"opt-outs/{before[0]['id']}/remove")
    assert rows(services, OptOut) == []
    assert press(operator, undo) == 200 and rows(services, OptOut) == before
    assert press(operator, undo) == 409 and rows(services, OptOut) == before


def test_numbers_put_on_the_list_go_again_but_not_those_that_stood_on_it(operator: Browser, services: Services) -> None:
    with services.sessions.begin() as session:
        opt_outs.add(session, [PHONE], word="STOP")
    before = rows(services, OptOut)
    undo = act(operator, "opt-outs/new", {"phones": f"{PHONE}\n{OTHER}\n46000002", "key": ""})
    assert len(rows(services, OptOut)) == 3
    assert press(operator, undo) == 200 and rows(services, OptOut) == before
    assert press(operator, undo) == 409


def test_a_removed_price_holds_again_unless_another_has_its_day(owner: Browser, services: Services) -> None:
    price = NewPrice("mattel", "sms", "", date(2026, 1, 1), 3200, is_refunded=True)
    with services.sessions.begin() as session:
        prices.save(session, price, "nadia@example.org")
    before = rows(services, Price)
    undo = act(owner, f"usage/prices/{before[0]['id']}/remove")
    assert press(owner, undo) == 200 and rows(services, Price) == before
    assert press(owner, undo) == 409
    undo = act(owner, f"usage/prices/{before[0]['id']}/remove")
    with services.sessions.begin() as session:
        prices.save(session, NewPrice("mattel", "sms", "", date(2026, 1, 1), 100))
    assert press(owner, undo) == 409 and rows(services, Price)[0]["amount"] == 100


def test_a_price_comes_back_beside_one_that_was_given_its_id(owner: Browser, services: Services) -> None:
    with services.sessions.begin() as session:
        prices.save(session, NewPrice("mattel", "sms", "", date(2026, 1, 1), 3200))
    undo = act(owner, f"usage/prices/{rows(services, Price)[0]['id']}/remove")
    with services.sessions.begin() as session:
        prices.save(session, NewPrice("chinguitel", "sms", "", date(2026, 1, 1), 100))
    assert press(owner, undo) == 200
    assert {row["carrier"]: row["amount"] for row in rows(services, Price)} == {"mattel": 3200, "chinguitel": 100}


@pytest.mark.parametrize("keyword", [Keyword.REPLY, Keyword.HELP])
def test_removed_words_hold_again_unless_others_have_their_place(
    operator: Browser, services: Services, keyword: Keyword
) -> None:
    wanted = WordRule(keyword, {Language.FRENCH: ("PRIX", "TARIF")}, {Language.FRENCH: "10 MRU"})
    with services.sessions.begin() as session:
        saved = keywords.save(session, wanted)
    url = f"incoming/keywords/{saved.id if saved.is_own else keyword}/remove"
    undo = act(operator, url)
    assert press(operator, undo) == 200
    with services.sessions() as session:
        assert saved in keywords.rules(session)
    assert press(operator, undo) == 409
    undo = act(operator, url)
    taken = WordRule(keyword, {Language.FRENCH: ("TARIF",)}, {Language.FRENCH: "12 MRU"})
    with services.sessions.begin() as session:
        keywords.save(session, taken)
    assert press(operator, undo) == 409
    with services.sessions() as session:
        assert [rule.answers for rule in keywords.rules(session) if rule.id] == [taken.answers]


def test_a_removed_channel_is_back_and_not_told_twice(owner: Browser, services: Services) -> None:
    address = "https://hooks.example.org/alerts"
    with services.sessions.begin() as session:
        wanted = NewChannel(AlertChannelKind.WEBHOOK, address, Language.FRENCH, quiet_from="22:00", quiet_until="06:00")
        channel, secret = channels.create(session, channels.cipher(services.settings), wanted, "nadia@example.org")
        incidents.observe(session, [Alert(AlertCode.NO_RELAY)], utcnow())
        incident = session.scalars(select(AlertIncident.id)).one()
        session.add(AlertNotice(channel_id=channel.id, incident_id=incident, told_at=utcnow()))
    before, told = rows(services, AlertChannel), _notices(services)
    undo = act(owner, f"alerts/channels/{before[0]['id']}/remove")
    assert address not in str(undo) and secret not in str(undo)
    assert not rows(services, AlertChannel) and not _notices(services)
    assert press(owner, undo) == 200
    assert rows(services, AlertChannel) == before and _notices(services) == told
    assert press(owner, undo) == 409 and rows(services, AlertChannel) == before
    with services.sessions() as session:
        target = channels.target(channels.cipher(services.settings), channels.listed(session)[0])
        assert target and (target.address, target.secret) == (address, secret)


def _notices(services: Services) -> list[tuple[Any, ...]]:
    with services.sessions() as session:
        return [tuple(row) for row in session.execute(select(AlertNotice.__table__))]


def test_the_link_of_a_withdrawn_invitation_works_again(owner: Browser, services: Services) -> None:
    with services.sessions.begin() as session:
        token = links.invite(session, "sidi@example.org", Role.DESK, "nadia@example.org")
    before = rows(services, PersonLink)
    undo = act(owner, f"team/invitations/{before[0]['id']}/withdraw")
    assert token not in str(undo)
    assert owner.get(f"{D}join/{token}").status_code == 410
    assert press(owner, undo) == 200 and rows(services, PersonLink) == before
    assert owner.get(f"{D}join/{token}").status_code == 200
    assert press(owner, undo) == 409
    undo = act(owner, f"team/invitations/{before[0]['id']}/withdraw")
    with services.sessions.begin() as session:
        links.invite(session, "sidi@example.org", Role.VIEWER, None)
    assert press(owner, undo) == 409
    with services.sessions() as session:
        kept = session.scalars(select(PersonLink.role).where(PersonLink.kind == LinkKind.INVITATION)).all()
    assert kept == [Role.VIEWER]


def test_a_role_and_an_access_go_back(owner: Browser, services: Services) -> None:
    with services.sessions.begin() as session:
        sidi = users.insert(session, NewPerson("sidi@example.org", Role.DESK, ""), "-").id
    undo = act(owner, f"team/{sidi}/role", {"role": Role.VIEWER})
    assert _person(services, sidi) == (Role.VIEWER, True)
    assert press(owner, undo) == 200 and _person(services, sidi) == (Role.DESK, True)
    undo = act(owner, f"team/{sidi}/disable")
    assert _person(services, sidi) == (Role.DESK, False)
    assert press(owner, undo) == 200 and _person(services, sidi) == (Role.DESK, True)


def test_who_gives_the_own_role_away_is_offered_nothing_that_would_be_refused(
    owner: Browser, services: Services
) -> None:
    with services.sessions.begin() as session:
        users.insert(session, NewPerson("sidi@example.org", Role.OWNER, ""), "-")
        me = session.scalars(select(User.id).where(User.email == "owner@example.org")).one()
    answer = owner.post(f"{D}team/{me}/role", {"role": Role.VIEWER}, headers=PARTIAL).text
    assert "Role changed" in answer and "data-undo" not in answer


def _person(services: Services, user_id: int) -> tuple[str, bool]:
    with services.sessions() as session:
        user = session.get_one(User, user_id)
        return user.role, user.disabled_at is None


def test_a_carrier_that_was_switched_off_is_used_again(owner: Browser, services: Services) -> None:
    told = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}
    with services.sessions.begin() as session:
        carrier = carriers.add(session, carriers.cipher(services.settings), NewCarrier("http", "mattel", told)).id
    page = owner.post(f"{D}carriers/{carrier}/disable", follow_redirects=True).text
    assert not rows(services, Carrier)[0]["enabled"]
    url, fields = offered(page.split("flashes")[1])
    assert owner.post(url, fields).status_code == 303 and rows(services, Carrier)[0]["enabled"]


def test_a_removed_review_number_has_its_code_again(owner: Browser, world: World, services: Services) -> None:
    key = world.key(mode="live")
    new = NewReviewNumber(PHONE, "730914", utcnow() + timedelta(days=9))
    with services.sessions.begin() as session:
        review_numbers.add(session, services.keyring, session.merge(key), new, "nadia@example.org")
    before = rows(services, ReviewNumber)
    undo = act(owner, f"keys/{key.id}/review-numbers/{before[0]['id']}/remove")
    with services.sessions() as session:
        assert not review_numbers.fixed_codes(session, [(key.id, PHONE)])
    assert press(owner, undo) == 200 and rows(services, ReviewNumber) == before
    assert press(owner, undo) == 409
    undo = act(owner, f"keys/{key.id}/review-numbers/{before[0]['id']}/remove")
    with services.sessions.begin() as session:
        review_numbers.add(session, services.keyring, session.merge(key), new)
    assert press(owner, undo) == 409  # a newer one has its place


def test_a_count_that_was_reset_counts_again(operator: Browser, world: World, services: Services) -> None:
    key, now = world.key(), utcnow()
    world.code(key)
    failed = world.code(key)
    with services.sessions.begin() as session:
        wrong_codes.record(session, [(PHONE, key.id), (PHONE, key.id)], now)
        wrong_codes.clear(session, PHONE)
        wrong_codes.record(session, [(PHONE, key.id), (OTHER, key.id)], now)
    before, left = rows(services, WrongGuess), _left(services, key.id)
    undo = act(operator, "limits/reset", {"phone": PHONE})
    assert rows(services, WrongGuess) != before and _left(services, key.id) == left + 2
    with services.sessions.begin() as session:
        session.query(Otp).filter_by(message_id=failed.id).update({"void_at": utcnow()})
    assert press(operator, undo) == 200
    assert rows(services, WrongGuess) == before
    assert _left(services, key.id) == left + 1  # one failed meanwhile: it counts no more
    assert press(operator, undo) == 409


def _left(services: Services, key_id: str) -> int:
    with services.sessions() as session:
        return rate_limit.look(session, key_id, PHONE)[-1].left


def test_nothing_is_offered_where_nothing_changed_or_too_much(
    operator: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "data-undo" not in operator.post(f"{D}limits/reset", {"phone": PHONE}, headers=PARTIAL).text
    world.code(world.key())
    monkeypatch.setattr(views, "MOST_COUNTED_AGAIN", 0)
    assert "data-undo" not in operator.post(f"{D}limits/reset", {"phone": PHONE}, headers=PARTIAL).text
    operator.post(f"{D}opt-outs/new", {"phones": PHONE, "key": ""})
    twice = operator.post(f"{D}opt-outs/new", {"phones": PHONE, "key": ""}, headers=PARTIAL).text
    assert "0 numbers added" in twice and "data-undo" not in twice


@pytest.mark.parametrize(
    "url",
    [
        "opt-outs/restore",
        "opt-outs/take-back",
        "usage/prices/restore",
        "incoming/keywords/restore",
        "alerts/channels/restore",
        "team/invitations/restore",
        "limits/count-again",
        "contacts/take-back",
        "contacts/change-back",
        "contacts/restore",
        "contacts/groups/take-back",
        "contacts/groups/rename-back",
        "contacts/groups/restore",
    ],
)
def test_nothing_forged_comes_back(owner: Browser, url: str) -> None:
    for forged in ("", "x", "eyJhIjoxfQ.aaaa.bbbb"):
        assert owner.post(f"{D}{url}", {"before": forged}, headers=PARTIAL).status_code == 404
