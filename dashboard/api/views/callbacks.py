"""Where carriers call back: receipts, texts from phones, and Meta's handshake.

The address is secret, and the carrier signs besides.
"""

from __future__ import annotations

import logging
from math import inf
from typing import cast

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError

from dashboard.api.errors import ApiError, answer, finish
from dashboard.cache import TimedCache
from dashboard.db import error_reason, read_session
from dashboard.extensions import services
from dashboard.gateway.carriers import carriers, notices
from dashboard.gateway.delivery import receipts
from dashboard.gateway.inbound import inbox
from dashboard.models.carriers import Carrier
from dashboard.providers import registry
from dashboard.providers.base import Alone
from dashboard.providers.delivery_reports import Callback, ReportListener
from dashboard.providers.settings import InvalidSettings

log = logging.getLogger(__name__)

LARGEST = 3 * 1024 * 1024  # bytes; Meta puts up to 3 MB of reports into one call

bp = Blueprint("callbacks", __name__, url_prefix="/callbacks")
bp.after_request(finish)
_listeners = TimedCache[tuple[str, int], ReportListener](inf, most=100)  # by address and version of the settings


@bp.route("/<hook>", methods=["GET", "POST"], provide_automatic_options=False)
def call_back(hook: str) -> Response:
    """Take down what a carrier reports. 500 when it cannot be kept: then the carrier comes again."""
    try:
        with read_session(services().sessions) as reader:
            carrier = carriers.by_hook(reader, hook)
        if carrier is None or not registry.KINDS[carrier.kind].calls_back:
            return answer(ApiError("not_found"))
        return _answer(carrier, _listener(carrier))
    except (SQLAlchemyError, carriers.UnreadableSettings, InvalidSettings) as error:
        log.error("a callback could not be taken: %s", error_reason(error))
        return answer(error)


def _answer(carrier: Carrier, listener: ReportListener) -> Response:
    request.max_content_length = LARGEST
    reply = listener.called_back(
        Callback(
            request.method,
            request.args.to_dict(),
            {name.lower(): value for name, value in request.headers.items()},
            request.get_data(),
        )
    )
    if reply.receipts:
        for lane in receipts.store_receipts(services().sessions, carrier.name, reply.receipts):
            services().wakeup.notify(lane)
    if reply.texts:
        for lane in inbox.receive(services().sessions, carrier.name, reply.texts):
            services().wakeup.notify(lane)
    begun, over = notices.of_receipts(reply.receipts)
    begun |= {reply.code} if reply.code else set()
    notices.change(services().sessions, carrier.name, begun=begun, over=over | set(reply.over))
    return Response(reply.text, reply.status, mimetype="text/plain")


def _listener(carrier: Carrier) -> ReportListener:
    """What reads this carrier's callbacks, kept until its settings change."""
    cipher = carriers.cipher(services().settings)
    return _listeners.find(
        (carrier.hook, carrier.version), lambda: cast(ReportListener, carriers.build(cipher, carrier, Alone()))
    )
