"""Is it up, and is it ready? Open to load balancers, so nothing here tells more than that."""

from __future__ import annotations

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from dashboard.api.contract import Contract, contract, reply, written
from dashboard.api.schemas.responses import Alive, Ready
from dashboard.db import read_session
from dashboard.extensions import services
from dashboard.gateway import workers as processes
from dashboard.gateway.workers import LANES

bp = Blueprint("health", __name__)


@bp.get("/healthz", provide_automatic_options=False)
@contract(Contract(gives=Alive, summary="Is the web server up?", tag="Health"))
def healthz() -> Alive:
    """Use it to decide on a restart."""
    return Alive()


@bp.get("/readyz", provide_automatic_options=False)
@contract(
    Contract(
        gives=Ready,
        also={503: ("At least one part does not work; the body says which.", {"ready": False, "relay": "down"})},
        summary="Does everything behind it work?",
        tag="Health",
    )
)
def readyz() -> Response:
    """Database, Valkey and the processes behind, told apart. Use it for alarms: messages go on without Valkey."""
    alive = _alive()
    running = alive or {}
    workers = {lane: running.get(lane, 0) for lane in LANES}
    parts = {
        "database": "down" if alive is None else "ok",
        "valkey": "ok" if services().wakeup.is_reachable() else "down",
        "relay": "ok" if running.get("relay") else "down",
    }
    ready = set(parts.values()) == {"ok"} and all(workers.values())
    return reply(written(Ready.model_validate({"ready": ready, **parts, "workers": workers})), 200 if ready else 503)


def _alive() -> dict[str, int] | None:
    try:
        with read_session(services().sessions) as session:
            return processes.alive(session)
    except SQLAlchemyError:
        return None
