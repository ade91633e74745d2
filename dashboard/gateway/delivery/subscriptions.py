"""Have carriers call back at their address, where their interface allows the gateway to say so itself."""

from __future__ import annotations

import logging
import time

from sqlalchemy import select

from dashboard.db import Sessions, read_session
from dashboard.gateway.carriers import notices
from dashboard.gateway.delivery.connections import Connection, Connections
from dashboard.models.carriers import Carrier
from dashboard.outbound.errors import SendError

log = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0  # after a carrier could not be reached


class CallbackSubscriptions:
    """What one process has told carriers: each once, and again after its settings changed. A repeat is harmless."""

    def __init__(self, sessions: Sessions, connections: Connections) -> None:
        self.sessions = sessions
        self.connections = connections
        self.told: set[tuple[int, int]] = set()  # carrier and version of its settings
        self.try_at: dict[tuple[int, int], float] = {}

    def renew(self) -> None:
        """Tell the carriers that were opened since; commits what they answered as notices."""
        for connection in self.connections.real():
            one = (connection.id, connection.version)
            if one not in self.told and self.try_at.get(one, 0) <= time.monotonic():
                self._tell(connection)

    def _tell(self, connection: Connection) -> None:
        one = (connection.id, connection.version)
        with read_session(self.sessions) as session:
            hook = session.scalar(select(Carrier.hook).where(Carrier.id == connection.id))
        if hook is None:
            return
        try:
            problem = connection.provider.subscribe(f"{self.connections.settings.address}/callbacks/{hook}")
        except SendError as error:
            log.info("carrier %s is not told where to call back: %s", connection.name, error.code)
            self.try_at[one] = time.monotonic() + AGAIN_SECONDS
            return
        self.told.add(one)
        if problem is not None:
            notices.change(self.sessions, connection.name, begun=[problem])
