"""SMPP against an SMSC that fails in every way. Its ledger is the judge, not what we believe."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import pytest

from dashboard.gateway.carriers.rate import LocalRateLimiter
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import TOO_LATE, Outcome, Outgoing
from tests.support.fixtures.smpp import both_smscs
from tests.support.smpp.host import Desk
from tests.support.smpp.smsc import Smsc
from tests.support.stack import until

REBOUND = 10  # seconds


def lost(smsc: Smsc, outgoings: Sequence[Outgoing]) -> list[Outgoing]:
    taken = smsc.taken()
    return [out for out in outgoings if not taken[out.phone.removeprefix("+"), out.text]]


def doubles(smsc: Smsc) -> int:
    return sum(count - 1 for count in smsc.taken().values())


def is_bound(desk: Desk) -> Callable[[], bool]:
    return lambda: desk.provider.state().is_ready


@pytest.mark.parametrize(
    "fault",
    [
        {"throttle_every": 10},
        {"queue_full_every": 10},
        {"fail_every": 10, "fail_status": 0x08},
        {"receipt_first": True, "receipt_dup": True},
        {"receipt_enroute": True, "receipt_dup": True, "receipt_delay": "0-50"},
        {"resp_delay": "0-50"},  # answers out of order
        {"enquire_interval": 20},
    ],
    ids=lambda fault: "+".join(fault),
)
def test_nothing_is_lost_or_doubled_by_an_smsc_that_has_moods(
    start_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    fault: dict[str, Any],
) -> None:
    smsc = start_smsc(**fault)
    desk = open_desk(smsc.port)
    outgoings = [text() for _ in range(40)]
    desk.deliver(outgoings)
    assert not lost(smsc, outgoings)
    assert doubles(smsc) == 0
    assert smsc.ask("stats")["errors"] == 0


@both_smscs
def test_long_texts_survive_throttling_without_a_torn_one(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(throttle_every=7)
    desk = open_desk(smsc.port)
    outgoings = [text("€" * 300 + str(number)) for number in range(10)]
    desk.deliver(outgoings)
    assert not lost(smsc, outgoings)
    assert desk.journal.slowed


@pytest.mark.parametrize("mode", ["before-resp", "after-resp", "rst"])
def test_a_dropped_connection_loses_nothing_and_doubles_only_what_it_took(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing], mode: str
) -> None:
    smsc = start_smsc(drop_after=40, drop_times=3, drop_mode=mode, receipts="off")
    desk = open_desk(smsc.port)
    outgoings = [text() for _ in range(200)]
    ended = desk.deliver(outgoings, patience=0.2)
    assert smsc.ask("stats")["dropped"] == 3
    assert not lost(smsc, outgoings)
    assert doubles(smsc) <= ended["OutcomeUnknown"]


@both_smscs
def test_an_smsc_that_unbinds_is_left_in_peace_and_bound_again(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(unbind_after=30)
    desk = open_desk(smsc.port)
    outgoings = [text() for _ in range(100)]
    desk.deliver(outgoings)
    assert not lost(smsc, outgoings)
    assert len(smsc.events("unbind_out")) >= 2


@both_smscs
def test_what_is_under_way_when_the_smsc_unbinds_is_still_answered(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(resp_delay="300")
    desk = open_desk(smsc.port, window=5)
    outgoings = [text() for _ in range(5)]
    desk.hand_over(*outgoings)
    until(lambda: len(smsc.events("submit_sm")) == 5, 10)
    smsc.ask("unbind")
    until(lambda: len(desk.told) == 5, 10)
    assert all(isinstance(result, Outcome) for _, result in desk.told)


@both_smscs
def test_an_outage_is_survived_and_the_bind_is_back_soon(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc()
    desk = open_desk(smsc.port)
    until(is_bound(desk), 10)
    smsc.ask("outage", ms=1500)
    outgoings = [text() for _ in range(20)]
    desk.deliver(outgoings)
    back = smsc.events("bind")[-1]
    assert not lost(smsc, outgoings) and back["status"] == 0


@both_smscs
def test_killing_and_restarting_the_smsc_amid_two_thousand_texts_loses_none(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(resp_delay="2", receipt_delay="20")
    desk = open_desk(smsc.port)
    outgoings = [text() for _ in range(2000)]
    killer = threading.Thread(target=kill_and_restart, args=(smsc, 500, 1200))
    killer.start()
    ended = desk.deliver(outgoings, patience=0.5)
    killer.join()
    assert not lost(smsc, outgoings)
    assert doubles(smsc) <= ended["OutcomeUnknown"] <= 4 * 10  # at most a window at each kill, and again


def kill_and_restart(smsc: Smsc, *counts: int) -> None:
    """Each time that it has taken so many texts."""
    for count in counts:
        until(partial(has_taken, smsc, count), 30)
        smsc.kill()
        time.sleep(1)
        smsc.restart()


def has_taken(smsc: Smsc, count: int) -> bool:
    return len(smsc.taken()) >= count


def test_after_a_restart_it_is_bound_again_within_ten_seconds(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk]
) -> None:
    smsc = start_smsc()
    desk = open_desk(smsc.port)
    until(is_bound(desk), 10)
    smsc.kill()
    until(lambda: desk.provider.state().name == "broken", 10)
    assert desk.provider.state().code == "smpp_unreachable"
    time.sleep(4)
    smsc.restart()
    began = time.monotonic()
    until(is_bound(desk), REBOUND)
    assert time.monotonic() - began < REBOUND


def test_a_silent_smsc_is_noticed_and_bound_again_within_thirty_seconds(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(hang_after=3)
    desk = open_desk(smsc.port, response_timeout=2, enquire_interval=2)
    outgoings = [text() for _ in range(5)]
    desk.deliver(outgoings[:3])
    began = time.monotonic()
    desk.hand_over(*outgoings[3:])
    until(lambda: smsc.ask("stats")["unanswered"], 5)
    smsc.ask("config", hang_after=0)  # for the sessions to come
    until(lambda: len(desk.told) == 2, 10)
    assert all(isinstance(result, OutcomeUnknown) for _, result in desk.told)
    until(lambda: len(smsc.events("bind")) == 2 and is_bound(desk)(), 30)
    assert time.monotonic() - began < 2 + 2 + 3


@both_smscs
def test_a_frozen_smsc_is_noticed_without_any_traffic(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk]
) -> None:
    smsc = start_smsc()
    desk = open_desk(smsc.port, response_timeout=1, enquire_interval=1)
    until(is_bound(desk), 10)
    smsc.freeze()
    until(lambda: not is_bound(desk)(), 5)
    smsc.thaw()
    until(is_bound(desk), REBOUND)


def test_by_default_silence_is_noticed_in_less_than_thirty_seconds(open_desk: Callable[..., Desk]) -> None:
    settings = cast(Any, open_desk(1).provider).settings
    assert settings.enquire_interval + settings.response_timeout < 25


def test_an_answer_that_never_comes_is_unknown_and_one_that_comes_late_is_told(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(no_resp_every=2, receipts="off")
    desk = open_desk(smsc.port, response_timeout=1)
    first, second = desk.results(text(), text())
    assert isinstance(first, Outcome)
    assert isinstance(second, OutcomeUnknown) and second.code == "smpp_no_answer"
    smsc.ask("config", no_resp_every=0, resp_delay="1600")
    late = text()
    assert isinstance(desk.results(late)[0], OutcomeUnknown)
    until(lambda: desk.journal.receipts, 5)
    receipt = desk.journal.receipts[0]
    assert (receipt.message_id, receipt.phone, receipt.state) == (late.id, late.phone, "sent")
    assert receipt.references == (smsc.events("submit_sm")[-1]["id"],)


def test_one_that_answers_no_submit_at_all_is_dropped_and_bound_again(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(no_resp_every=1, receipts="off")
    desk = open_desk(smsc.port, response_timeout=1, window=3)
    assert all(isinstance(result, OutcomeUnknown) for result in desk.results(*[text() for _ in range(3)]))
    until(lambda: len(smsc.events("bind")) == 2, REBOUND)


@pytest.mark.parametrize(
    ("status", "kind", "code", "configuration"),
    [
        (0x0B, Refused, "smpp_invalid_destination", False),
        (0x01, Refused, "smpp_invalid_message_length", False),
        (0x0A, Refused, "smpp_invalid_source", True),
        (0x62, NotSent, "smpp_invalid_validity", False),
        (0x58, NotSent, "smpp_throttled", False),
        (0x14, NotSent, "smpp_queue_full", False),
        (0x45, NotSent, "smpp_submit_failed", False),
        (0x400, NotSent, "smpp_0x0400", False),
        (0x04BC, NotSent, "smpp_0x04bc", False),
    ],
)
def test_a_status_says_what_to_do_next(
    start_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    status: int,
    kind: Any,
    code: str,
    configuration: bool,
) -> None:
    smsc = start_smsc(fail_every=1, fail_status=status)
    result = open_desk(smsc.port).refusal(text())
    assert (type(result), result.code, result.configuration) == (kind, code, configuration)
    assert len(smsc.events("submit_sm")) == 1


def test_while_the_smsc_throttles_nothing_is_sent(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(throttle_every=1)
    desk = open_desk(smsc.port, window=1)
    throttled, waiting = text(), text()
    results = desk.results(throttled, waiting)
    assert [getattr(result, "retry_after", None) for result in results] == [1, 1]
    first, second = (event["t"] for event in smsc.events("submit_sm"))
    assert seconds(second) - seconds(first) >= 1
    assert desk.journal.slowed >= 1


def seconds(stamp: str) -> float:
    return float(stamp[17:-1]) + 60 * int(stamp[14:16])


@both_smscs
def test_a_wrong_password_is_told_and_not_tried_again_soon(
    start_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    caplog: pytest.LogCaptureFixture,
) -> None:
    smsc = start_smsc()
    desk = open_desk(smsc.port, password="secret-x")
    result = desk.results(text())[0]
    assert isinstance(result, NotSent) and (result.code, result.configuration) == ("smpp_invalid_password", True)
    state = desk.provider.state()
    assert (state.name, state.code) == ("broken", "smpp_invalid_password")
    time.sleep(2.5)
    assert len(smsc.events("bind")) == 1
    assert "secret-x" not in caplog.text
    with pytest.raises(NotSent, match="smpp_invalid_password"):
        desk.provider.send(text())


def test_nobody_there_is_told_at_once(open_desk: Callable[..., Desk], text: Callable[..., Outgoing]) -> None:
    with pytest.raises(NotSent, match="smpp_unreachable"):
        open_desk(1).provider.send(text())
    with pytest.raises(NotSent, match="smpp_unknown_host"):
        open_desk(1, host="smsc.invalid").provider.send(text())
    with pytest.raises(NotSent, match="smpp_address_not_allowed"):
        open_desk(1, host="169.254.169.254").provider.send(text())
    with pytest.raises(NotSent, match="smpp_address_not_allowed"):
        open_desk(1, allow_private=False).provider.send(text())


def test_a_second_bind_that_the_smsc_does_not_want_waits_for_its_turn(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(max_binds=1)
    first, second = open_desk(smsc.port), open_desk(smsc.port)
    until(is_bound(first), 10)
    assert second.results(text()) == [TOO_LATE]
    assert (second.provider.state().name, second.provider.state().code) == ("waiting", "smpp_already_bound")
    first.provider.close()
    until(is_bound(second), REBOUND)


def test_without_a_slot_there_is_no_bind_and_texts_go_back_at_once(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc()
    desk = open_desk(smsc.port)
    desk.journal.has_slot = False
    assert desk.results(text()) == [TOO_LATE]
    assert (desk.provider.state().name, desk.provider.state().code) == ("waiting", "smpp_no_free_bind")
    assert not smsc.events("bind")
    desk.journal.has_slot = True
    until(is_bound(desk), REBOUND)
    desk.journal.has_slot = False
    until(lambda: smsc.events("unbind"), 5)
    until(lambda: desk.provider.state().name == "waiting", 5)


def test_a_gateway_that_is_slow_to_answer_holds_up_no_outcome(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc()
    desk = open_desk(smsc.port)
    until(is_bound(desk), 10)
    desk.journal.slot_seconds, asked = 4, desk.journal.slots_asked
    until(lambda: desk.journal.slots_asked > asked, 10)
    smsc.kill()
    until(lambda: desk.provider.state().name != "ready", 1)


def test_a_name_that_no_resolver_takes_does_not_end_the_trying(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    desk = open_desk(1, host="a" * 70 + ".test")
    with pytest.raises(NotSent, match="smpp_"):
        desk.provider.send(text())
    assert desk.provider.state().name == "broken"


@both_smscs
def test_closing_answers_what_is_under_way_hands_back_the_rest_and_unbinds(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(resp_delay="500")
    desk = open_desk(smsc.port, window=3)
    until(is_bound(desk), 10)
    outgoings = [text() for _ in range(6)]
    desk.hand_over(*outgoings)
    until(lambda: len(smsc.events("submit_sm")) == 3, 5)
    desk.provider.close()
    assert [type(result) for _, result in sorted(desk.told, key=lambda item: outgoings.index(item[0]))] == [
        *[Outcome] * 3,
        *[NotSent] * 3,
    ]
    assert [event["open"] for event in smsc.events("unbind")] == [0]
    assert desk.journal.slots_freed == 1
    desk.told.clear()
    assert desk.results(text()) == [TOO_LATE]


def test_a_text_that_waited_too_long_is_handed_back(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(resp_delay="1500")
    desk = open_desk(smsc.port, window=1)
    until(is_bound(desk), 10)
    soon = time.monotonic() + 0.5
    results = desk.results(text(start_by=soon), text(start_by=soon))
    assert isinstance(results[0], Outcome) and results[1] is TOO_LATE
    assert len(smsc.events("submit_sm")) == 1


@both_smscs
def test_the_window_is_kept_and_filled(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(resp_delay="20", receipts="off")
    open_desk(smsc.port, window=7).deliver([text() for _ in range(100)])
    assert smsc.ask("stats")["max_window"] == 7


def test_codes_leave_before_texts_that_wait(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(resp_delay="5", receipts="off")
    desk = open_desk(smsc.port, window=1)
    until(is_bound(desk), 10)
    texts, codes = [text() for _ in range(30)], [text(code="482913") for _ in range(3)]
    desk.results(*texts, *codes)
    order = [event["dest"] for event in smsc.events("submit_sm")]
    assert sorted(order.index(code.phone.removeprefix("+")) for code in codes) == [0, 1, 2]


def test_what_may_leave_is_asked_for_and_kept_to(
    start_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    smsc = start_smsc(receipts="off")
    desk = open_desk(smsc.port, rate=100)
    desk.journal.permit = LocalRateLimiter().acquire_tokens
    desk.deliver([text() for _ in range(150)])
    at = [seconds(event["t"]) for event in smsc.events("submit_sm")]
    gaps = [later - earlier for earlier, later in zip(at, at[100:], strict=False)]
    assert statistics.median(gaps) >= 0.97
