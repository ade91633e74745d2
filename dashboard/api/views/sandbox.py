"""GET /sandbox/inbox: what the sandbox phone received, for tests that have no shell on the gateway."""

from __future__ import annotations

from dashboard.api.auth import caller
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract
from dashboard.api.errors import ApiError
from dashboard.api.schemas.sandbox import ReadInbox, Received, ReceivedTexts
from dashboard.db import iso
from dashboard.extensions import services, session
from dashboard.gateway.sandbox import inbox
from dashboard.vocabulary import KeyMode, Scope


@bp.get("/sandbox/inbox")
@contract(
    Contract(
        query=ReadInbox,
        response=ReceivedTexts,
        scope=Scope.READ,
        errors=("test_keys_only",),
        summary="Read the sandbox phone",
        tag="Sandbox",
    )
)
def read_inbox(query: ReadInbox) -> ReceivedTexts:
    """The texts that a number or e-mail address received from this test key, the newest last, codes in full. Live keys
    are refused.
    """
    if caller().mode != KeyMode.TEST:
        raise ApiError("test_keys_only")
    texts = services().sandbox_inbox.inbox(query.recipient)
    own = inbox.sent_by(session, caller().id, [text.message_uuid for text in texts])
    shown = [
        Received(
            message_id=text.message_uuid, channel=text.channel, text=text.text, received_at=iso(text.received_at) or ""
        )
        for text in texts
        if text.message_uuid in own
    ]
    return ReceivedTexts(messages=shown[-query.limit :])
