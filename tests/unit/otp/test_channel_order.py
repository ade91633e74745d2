"""Which orders of channels a key may have, and what a call makes of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.otp import channel_order
from dashboard.gateway.otp.channel_order import InvalidOrder
from dashboard.sms import encoding

PHONE, EMAIL = "+22238089336", "mailto:aminata@example.mr"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("whatsapp:30,sms:60,email", "whatsapp:30,sms:60,email"),
        (" SMS:10 , WhatsApp ", "sms:10,whatsapp"),
        ("email:300,sms:240,whatsapp", "email:300,sms:240,whatsapp"),
    ],
)
def test_an_order_is_kept_as_it_is_written(typed: str, kept: str) -> None:
    assert channel_order.written(channel_order.parse(typed)) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("sms", "steps"),
        ("", "channel"),
        ("fax:30,sms", "channel"),
        ("sms:30,whatsapp:30,email:30,sms", "steps"),
        ("sms:30,sms", "twice"),
        ("sms,whatsapp", "seconds"),
        ("sms:30,whatsapp:30", "seconds"),
        ("sms:9,whatsapp", "seconds"),
        ("sms:301,whatsapp", "seconds"),
        ("sms:-30,whatsapp", "seconds"),
        ("sms:1e2,whatsapp", "seconds"),
        ("sms:300,whatsapp:241,email", "latest"),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused(typed: str, code: str) -> None:
    with pytest.raises(InvalidOrder) as refused:
        channel_order.parse(typed)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("order", "email", "expected"),
    [
        ("whatsapp:30,sms:60,email", EMAIL, [("whatsapp", PHONE, 0), ("sms", PHONE, 30), ("email", EMAIL, 90)]),
        ("whatsapp:30,sms:60,email", None, [("whatsapp", PHONE, 0), ("sms", PHONE, 30)]),
        ("email:60,whatsapp:30,sms", None, [("whatsapp", PHONE, 0), ("sms", PHONE, 30)]),
        (None, EMAIL, [("sms", PHONE, 0)]),
    ],
)
def test_each_step_waits_for_those_before_it(
    order: str | None, email: str | None, expected: list[tuple[str, str, int]]
) -> None:
    caller = Caller("1", "shop", "live", ("otp",), channel_order=order)
    drafts = channel_order.drafts(caller, Draft("otp", "auto", PHONE, None, encoding.shape("x" * 200)), email)
    assert [(draft.channel, draft.phone, after // timedelta(seconds=1)) for draft, after in drafts] == expected
    assert {draft.shape.segments for draft, _ in drafts if draft.channel == "email"} <= {1}
