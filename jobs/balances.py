"""A thread of the relay asks carriers what is left on our accounts, one after the other, each every 15 minutes."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Sessions, error_reason, read_session
from dashboard.gateway.carriers import balances, carriers
from dashboard.gateway.encryption import Cipher
from dashboard.models.carriers import Carrier
from dashboard.outbound.errors import SendError
from dashboard.providers.base import Alone, Balance
from dashboard.providers.settings import InvalidSettings
from dashboard.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0  # new settings are asked by within that


def run(sessions: Sessions, settings: Settings, stopping: threading.Event) -> None:
    """Ask until `stopping` is set."""
    while not stopping.wait(LOOK_SECONDS):
        try:
            turn(sessions, settings, stopping)
        except SQLAlchemyError as error:
            log.warning("balances are not asked for this turn: %s", error_reason(error))
        except Exception as error:  # what it says may hold a credential
            log.error("asking for a balance failed: %s", type(error).__name__)


def turn(sessions: Sessions, settings: Settings, stopping: threading.Event) -> None:
    """Ask each carrier whose balance is due."""
    cipher = carriers.cipher(settings)
    with read_session(sessions) as session:
        due = balances.due(session, cipher)
    for carrier in due:
        if stopping.is_set():
            return
        with sessions.begin() as session:
            is_ours = balances.claim(session, carrier)
        if is_ours:
            found = _ask(cipher, carrier)
            with sessions.begin() as session:
                balances.note(session, carrier, found)


def _ask(cipher: Cipher, carrier: Carrier) -> Balance | str:
    """What it says, or the code of why it says nothing."""
    try:
        provider = carriers.build(cipher, carrier, Alone())
    except (carriers.UnreadableSettings, InvalidSettings):
        return "carrier_failed"
    try:
        return provider.balance() or "balance_not_found"
    except SendError as error:
        return error.code
    finally:
        provider.close()
