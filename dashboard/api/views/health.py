"""Is it up, and is it ready? Open to load balancers, so nothing here tells more than that."""

from __future__ import annotations

from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from dashboard.api.blueprint import ApiBlueprint
from dashboard.api.contract import Contract, contract, reply
from dashboard.api.schemas.health import Alive, Ready
from dashboard.db import read_session
from dashboard.extensions import services
from dashboard.gateway import workers
from dashboard.vocabulary import Lane

bp = ApiBlueprint("health", __name__)


@bp.get("/healthz")
@contract(Contract(response=Alive, summary="Is the web server up?", tag="Health"))
def healthz() -> Alive:
    """Use it to decide on a restart."""
    return Alive()


@bp.get("/readyz")
@contract(
    Contract(
        response=Ready,
        extra_responses={
            503: ("At least one part does not work; the body says which.", {"ready": False, "relay": "down"})
        },
        summary="Does everything behind it work?",
        tag="Health",
    )
)
def readyz() -> Response:
    """Database, Valkey and the processes behind, told apart. Use it for alarms: messages go on without Valkey."""
    alive = _alive()
    running = alive or {}
    lanes = {lane: running.get(lane, 0) for lane in Lane}
    parts = {
        "database": "down" if alive is None else "ok",
        "valkey": "ok" if services().wakeup.is_reachable() else "down",
        "relay": "ok" if running.get("relay") else "down",
    }
    ready = set(parts.values()) == {"ok"} and all(lanes.values())
    return reply(Ready.model_validate({"ready": ready, **parts, "workers": lanes}), 200 if ready else 503)


def _alive() -> dict[str, int] | None:
    try:
        with read_session(services().sessions) as session:
            return workers.alive(session)
    except SQLAlchemyError:
        return None
