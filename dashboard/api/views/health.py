"""Is it up, and is it ready? Open to load balancers, so nothing here tells more than that."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from dashboard.api.blueprint import ApiBlueprint
from dashboard.api.contract import Contract, contract, reply
from dashboard.api.schemas.health import Alarm, Alive, Ready
from dashboard.cache import TimedCache
from dashboard.db import read_session
from dashboard.extensions import services
from dashboard.gateway import workers
from dashboard.gateway.monitoring import judge
from dashboard.gateway.monitoring.alerts import AlertCode
from dashboard.vocabulary import Lane

LOOK_EVERY = 5.0  # seconds, whoever asks
LOOKED = TimedCache[Any, list[str]](LOOK_EVERY, weak_keys=True)  # by engine

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
    alive, needed = _alive()
    running = alive or {}
    lanes = {lane: running.get(lane, 0) for lane in Lane}
    parts = {
        "database": "down" if alive is None else "ok",
        "valkey": "ok" if services().wakeup.is_reachable() else "down",
        "relay": "ok" if running.get("relay") else "down",
    }
    ready = set(parts.values()) == {"ok"} and all(lanes[lane] for lane in needed)
    return reply(Ready.model_validate({"ready": ready, **parts, "workers": lanes}), 200 if ready else 503)


@bp.get("/alarm")
@contract(
    Contract(
        response=Alarm,
        extra_responses={503: ("Something is wrong; the body says what.", {"ok": False, "causes": ["no_worker"]})},
        summary="Is anything wrong?",
        tag="Health",
    )
)
def alarm() -> Response:
    """What `chinqit doctor` calls wrong, for monitors outside: carriers, workers, backlog, disk, clock, backups."""
    causes = LOOKED.find(services().reader, _causes)
    return reply(Alarm(ok=not causes, causes=causes), 503 if causes else 200)


def _causes() -> list[str]:
    """The codes of what is wrong; no names, since everybody may ask."""
    try:
        with read_session(services().sessions) as session:
            found = judge.everything(session, services().settings, services().wakeup.fault())
    except SQLAlchemyError:
        return [AlertCode.DATABASE]
    return sorted({alert.code.value for alert in found if judge.is_wrong(alert)})


def _alive() -> tuple[dict[str, int] | None, set[Lane]]:
    """The processes that run, None where the database does not say; and the lanes that have to have one."""
    try:
        with read_session(services().sessions) as session:
            return workers.alive(session), workers.needed_lanes(session)
    except SQLAlchemyError:
        return None, set(Lane)
