"""Numbers that want no texts: how they come onto the list, and that nothing but codes goes to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import select

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.inbound import inbox
from dashboard.gateway.maintenance import privacy
from dashboard.gateway.messages import outbox, resend, submit
from dashboard.gateway.messages.idempotency import IdempotentCall
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.messages.resend import Obstacle
from dashboard.gateway.messages.submit import SubmitOrder, Submitted
from dashboard.gateway.opt_outs import lists, opt_outs
from dashboard.gateway.opt_outs.opt_outs import OptedOut
from dashboard.models.inbound import IncomingMessage
from dashboard.models.messages import Message
from dashboard.providers.base import Incoming
from tests.support.statements import asked

PHONE, OTHER = "+22238089336", "+22247000000"
MakeCaller = Callable[..., Caller]


@pytest.fixture
def make_caller(sessions: Sessions) -> MakeCaller:
    def make(name: str = "Shop", message_cap: int | None = None) -> Caller:
        with sessions.begin() as session:
            key, secret = keys.create(session, NewKey(name, message_cap=message_cap))
            session.flush()
            return authentication.Caller.from_row(key, authentication.digest(secret))

    return make


def send(sessions: Sessions, caller: Caller, *phones: str, call: IdempotentCall | None = None) -> Submitted | Exception:
    """One call: a batch when there are several numbers."""
    drafts = tuple(Draft.text(phone, "Bonjour") for phone in phones)
    order = SubmitOrder(caller, drafts, call, is_batch=len(phones) > 1)
    with sessions.begin() as session:
        (result,) = submit.submit(session, [order])
        return result


def is_taken(result: Submitted | Exception) -> bool:
    return isinstance(result, Submitted) and len(result.message_ids) == 1


def write(sessions: Sessions, words: str, phone: str = PHONE) -> None:
    inbox.receive(sessions, "smsc", [Incoming(phone, "3601", words, utcnow())])


def put(sessions: Sessions, *phones: str, key_id: str | None = None) -> opt_outs.Added:
    with sessions.begin() as session:
        return opt_outs.add(session, phones, key_id)


def test_stop_ends_the_texts_of_all_keys_and_start_brings_them_back(
    sessions: Sessions, make_caller: MakeCaller
) -> None:
    shop, bank = make_caller(), make_caller("Bank")
    assert is_taken(send(sessions, shop, PHONE))
    write(sessions, "Stop.")
    assert [type(send(sessions, caller, PHONE)) for caller in (shop, bank)] == [OptedOut, OptedOut]
    assert is_taken(send(sessions, shop, OTHER))
    write(sessions, "START")
    assert is_taken(send(sessions, shop, PHONE)) and is_taken(send(sessions, bank, PHONE))
    with sessions() as session:
        assert [row.keyword for row in session.scalars(select(IncomingMessage).order_by(IncomingMessage.id))] == [
            "stop",
            "start",
        ]


def test_the_list_says_by_which_word(sessions: Sessions) -> None:
    write(sessions, " إيقاف ")
    write(sessions, "STOP")
    with sessions() as session:
        assert [(row.phone, row.word, row.key_id) for row in opt_outs.page(session)] == [(PHONE, "إيقاف", None)]


def test_stop_takes_back_the_texts_that_wait_and_no_code(sessions: Sessions, make_caller: MakeCaller) -> None:
    caller = make_caller()
    assert is_taken(send(sessions, caller, PHONE)) and is_taken(send(sessions, caller, OTHER))
    with sessions.begin() as session:
        outbox.submit(session, caller, Draft("otp", "sms", PHONE, None, Draft.text(PHONE, "x").shape))
    write(sessions, "ARRET")
    with sessions() as session:
        found = {(row.phone, row.kind): row.status for row in session.scalars(select(Message))}
    assert found == {(PHONE, "message"): "expired", (OTHER, "message"): "queued", (PHONE, "otp"): "queued"}


def test_a_stop_that_is_part_of_a_longer_text_is_none(sessions: Sessions, make_caller: MakeCaller) -> None:
    write(sessions, "Stop, ma commande n’est pas arrivée")
    assert is_taken(send(sessions, make_caller(), PHONE))


def test_a_foreign_number_that_writes_stop_is_put_on_no_list(sessions: Sessions) -> None:
    write(sessions, "STOP", "+33612345678")
    with sessions() as session:
        assert opt_outs.page(session) == []


def test_the_list_of_a_key_holds_for_that_key_alone(sessions: Sessions, make_caller: MakeCaller) -> None:
    shop, bank = make_caller(), make_caller("Bank")
    put(sessions, PHONE, key_id=shop.id)
    assert isinstance(send(sessions, shop, PHONE), OptedOut)
    assert is_taken(send(sessions, bank, PHONE))


def test_a_batch_leaves_them_out_and_spends_no_cap_for_them(sessions: Sessions, make_caller: MakeCaller) -> None:
    put(sessions, PHONE)
    result = send(sessions, make_caller(message_cap=2), PHONE, OTHER, PHONE, "+22226112233", "+22226112244")
    assert isinstance(result, Submitted)
    assert (len(result.message_ids), result.opted_out, result.cap is not None) == (2, (0, 2), True)


def test_a_call_that_comes_again_says_the_same(sessions: Sessions, make_caller: MakeCaller) -> None:
    caller, call = make_caller(), IdempotentCall("a" * 64, "b" * 64)
    put(sessions, PHONE)
    first = send(sessions, caller, PHONE, OTHER, call=call)
    with sessions.begin() as session:
        opt_outs.remove(session, PHONE)
    again = send(sessions, caller, PHONE, OTHER, call=call)
    assert isinstance(first, Submitted) and isinstance(again, Submitted) and again.is_replay
    assert (again.message_ids, again.opted_out) == (first.message_ids, (0,))


def test_orders_that_share_a_transaction_are_judged_each_for_itself(
    sessions: Sessions, make_caller: MakeCaller
) -> None:
    caller = make_caller()
    put(sessions, PHONE)
    orders = [SubmitOrder(caller, (Draft.text(phone, "Bonjour"),)) for phone in (OTHER, PHONE, OTHER)]
    with sessions.begin() as session:
        results: Sequence[Submitted | Exception] = submit.submit(session, orders)
    assert [is_taken(result) for result in results] == [True, False, True]


def test_without_a_list_a_send_asks_nothing_more(sessions: Sessions, make_caller: MakeCaller) -> None:
    caller = make_caller()
    send(sessions, caller, OTHER)
    with asked(sessions) as statements:
        send(sessions, caller, PHONE)
    assert statements and not [statement for statement in statements if "opt_outs" in statement]


def test_a_text_is_not_sent_again_to_who_wants_none(sessions: Sessions, make_caller: MakeCaller) -> None:
    assert is_taken(send(sessions, make_caller(), PHONE))
    with sessions.begin() as session:
        message = session.scalars(select(Message)).one()
        message.status, message.due_at, row_id = "failed", None, message.id
    put(sessions, PHONE)
    with sessions.begin() as session:
        resent = resend.resend(session, {row_id: 0})
    assert list(resent.refused.values()) == [Obstacle.OPTED_OUT]


def test_a_whole_campaign_is_looked_up_at_once(sessions: Sessions, make_caller: MakeCaller) -> None:
    """More numbers than a statement of PostgreSQL takes parameters."""
    put(sessions, "+22230000000", "+22230049999")
    caller = make_caller()
    with sessions() as session:
        found = opt_outs.among(session, {(caller.id, f"+222{30_000_000 + place}") for place in range(50_000)})
    assert found == {(caller.id, "+22230000000"), (caller.id, "+22230049999")}


def test_a_number_stands_on_a_list_once(sessions: Sessions, make_caller: MakeCaller) -> None:
    key_id = make_caller().id
    added = [put(sessions, PHONE, PHONE, OTHER), put(sessions, PHONE), put(sessions, PHONE, key_id=key_id)]
    assert [(one.new, one.known) for one in added] == [(2, 0), (0, 1), (1, 0)]
    with sessions.begin() as session:
        assert opt_outs.remove(session, PHONE) and not opt_outs.remove(session, PHONE)
        assert {(row.phone, row.key_id) for row in opt_outs.page(session)} == {(OTHER, None), (PHONE, key_id)}


def test_an_erased_number_still_gets_no_texts(sessions: Sessions, make_caller: MakeCaller) -> None:
    put(sessions, PHONE)
    with sessions.begin() as session:
        assert privacy.export(session, PHONE)["optOuts"]
        privacy.erase(session, PHONE)
    assert isinstance(send(sessions, make_caller(), PHONE), OptedOut)


def test_the_file_of_the_list_can_be_read_again(sessions: Sessions, make_caller: MakeCaller) -> None:
    put(sessions, PHONE, OTHER)
    put(sessions, PHONE, key_id=make_caller("=Shop").id)
    with sessions() as session:
        written = "".join(lists.lines(session))
    assert lists.read(written) == [PHONE, OTHER, PHONE]
    assert "'=Shop" in written


def test_undo_of_added_numbers_leaves_a_stop_that_came_meanwhile(sessions: Sessions) -> None:
    with sessions.begin() as session:
        added = opt_outs.add(session, [PHONE, OTHER], by="nadia@example.org")
    write(sessions, "STOP")
    with sessions.begin() as session:
        assert opt_outs.take_back(session, added.at, None, "nadia@example.org") == 1
        assert [(row.phone, row.word) for row in opt_outs.page(session)] == [(PHONE, "STOP")]
