"""An SMSC that refuses for a while what it should not, beside codes: its ledger judges."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.messages import Message
from tests.support.http_carriers import Office
from tests.support.smpp.smsc import Smsc
from tests.support.smpp.worker import connect, working
from tests.support.stack import until

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
BARRED, RATE, SECONDS = 60, 20, 4


def test_texts_to_barred_numbers_hold_up_no_code_and_end(office: Office, start_smsc: Callable[..., Smsc]) -> None:
    """ESME_RSUBMITFAIL, as SMSCs answer it for numbers that are barred."""
    smsc = start_smsc(receipts="off", fail_every="1", fail_status="0x45")
    context = connect(office, smsc, rate=RATE)
    caller = office.caller()
    with office.sessions.begin() as session:
        drafts = [Draft.text(f"+2224400{n:04}", "Bonjour") for n in range(BARRED)]
        outbox.submit_all(session, [(caller, draft) for draft in drafts])
    with working(context):
        until(lambda: len(smsc.events("submit_sm")) >= BARRED, 20)
        first_tries = len(smsc.events("submit_sm"))
        office.end_waits()  # each would be tried again at once, were it not for the share that retries have
        time.sleep(SECONDS)
        retries = len(smsc.events("submit_sm")) - first_tries
        assert retries <= RATE * 0.1 * SECONDS + 3, "a tenth of the rate"
        assert retries > 0
        smsc.ask("config", fail_every=0)
        before = len(smsc.events("submit_sm"))
        uuid = office.send_code(caller, phone="+22236000001")
        until(lambda: office.message(uuid).status == "sent", 20)
        since = [event["dest"] for event in smsc.events("submit_sm")[before:]]
        assert since.index("22236000001") < BARRED / 6, "few of those that wait went before it"
    with office.sessions() as session:
        tries = session.scalars(select(Message.attempts).where(Message.kind == "message")).all()
    assert max(tries) <= 3
