"""Why a message did not get through: in words, with every try that went wrong in the message's timeline."""

from __future__ import annotations

import ast
import re
from datetime import timedelta

import pytest
from flask import Flask

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.models.delivery import FailedAttempt
from dashboard.pages.ui import failure_reasons
from dashboard.resources import ROOT
from tests.support.dashboard_client import Browser, World

RAISES = ("Refused", "NotSent", "OutcomeUnknown", "Lost", "State")
CODE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
OUR_OWN = {
    "no_route",
    "carrier_down",
    "otp_secret_unknown",
    "otp_secret_gone",
    "slow",
    "no_session",
    "failed",
    "expired",
}


def raised() -> set[str]:
    """Every code that a carrier of ours may raise by name."""
    found = set()
    for path in ROOT.glob("dashboard/providers/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
                if name in RAISES:
                    found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def test_every_code_that_is_raised_by_name_has_a_sentence() -> None:
    assert len(raised()) > 10
    assert (raised() | OUR_OWN) - failure_reasons.REASONS.keys() == set()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("http_503", "HTTP status 503"),
        ("whatsapp_131999", "error 131999"),
        ("phone_null_pdu", "“null pdu”"),
        ("smpp_0x0400", "“0x0400”"),
        ("smpp_invalid_esm_class", "“invalid esm class”"),
        ("carrier_insufficient_credit", "“insufficient credit”"),
    ],
)
def test_a_code_with_a_number_or_word_of_its_own_is_told_with_it(app: Flask, code: str, said: str) -> None:
    with app.test_request_context(headers={"Accept-Language": "en"}):
        sentence = failure_reasons.reason(code)
    assert said in sentence and sentence.endswith(".")
    assert not CODE.search(sentence)


def test_a_message_s_timeline_tells_the_tries_that_went_wrong(owner: Browser, world: World, services: Services) -> None:
    sent = world.text(world.key(), **world.sent(carrier="mattel"))
    with services.sessions.begin() as session:
        for seconds, carrier, outcome, code in (
            (-3, "mauritel", "again", "unreachable"),
            (-2, "mauritel", "unknown", "no_answer"),
            (-1, "meta", "refused", "http_400"),
            (-1, "meta", "diverted", "not_on_whatsapp"),
        ):
            at = utcnow() + timedelta(seconds=seconds)
            session.add(FailedAttempt(message_id=sent.id, at=at, carrier=carrier, outcome=outcome, code=code))
    text = owner.get(f"/dashboard/messages/{sent.uuid}").text
    timeline = re.sub(r"\s+", " ", text.split('<ol class="timeline">')[1].split("</ol>")[0])
    told = (
        "Not accepted by mauritel",
        "The carrier could not be reached.",
        "mauritel did not say whether it took it",
        "Refused by meta",
        "HTTP status 400",
        "Sent by SMS instead of WhatsApp",
        "cannot be reached by WhatsApp",
        "Delivered to the phone",
    )
    places = [timeline.find(one) for one in told]
    assert -1 not in places and places == sorted(places)
