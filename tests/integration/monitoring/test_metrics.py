"""/metrics: what it says, who may read it, and that dashboards and rules ask for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from dashboard.db import Sessions, read_session, utcnow
from dashboard.extensions import Services
from dashboard.gateway import workers
from dashboard.gateway.monitoring import metrics
from dashboard.gateway.statistics import rollup
from dashboard.models.carriers import CarrierMinute
from dashboard.models.limits import LimitRejection
from dashboard.settings import Settings
from tests.support.dashboard_client import World

DEPLOY = Path(__file__).parents[3] / "deploy" / "monitoring"
NAME = re.compile(r"\bchinqit_\w+")


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Values by name and labels, in the order of the labels' names."""
    families = text_string_to_metric_families(text)
    told = [one for family in families for one in family.samples]
    return {(one.name, *(one.labels[name] for name in sorted(one.labels))): one.value for one in told}


def scrape(app: Flask, **headers: str) -> TestResponse:
    return app.test_client().get("/metrics", headers=headers)


def test_codes_are_counted_from_the_database(app: Flask, services: Services, world: World) -> None:
    key = world.key()
    verified = world.code(key, **world.sent())
    world.guess_right(key, verified)
    world.code(key, "+22248089336", **world.sent(status="failed", delivered_at=None, sent_at=None))
    world.text(key, **world.sent())
    rollup.fold_for(services.sessions, 5)
    with services.sessions.begin() as session:
        workers.beat(session, workers.RELAY, utcnow())
        times = [3, 2] + [0] * 9
        row = CarrierMinute(carrier="mauritel", at=utcnow(), taken=4, refused=1, again=0, unknown=0, times=times)
        session.add(row)
        refused = {"key_id": key.id, "phone": "+22238089336", "channel": "sms", "window": "minute"}
        session.add(LimitRejection(**refused, slot=1, quota=3, times=7, at=utcnow()))
    found = samples(scrape(app).text)
    assert found["chinqit_messages_total", "sms", "otp", "Mattel", "requested"] == 1
    assert found["chinqit_messages_total", "sms", "otp", "Mattel", "verified"] == 1
    assert found["chinqit_messages_total", "sms", "otp", "Mauritel", "failed"] == 1
    assert found["chinqit_messages_total", "sms", "message", "Mattel", "delivered"] == 1
    assert found["chinqit_send_seconds_bucket", "sms", "otp", "+Inf", "Mattel"] == 1
    assert found["chinqit_verify_seconds_bucket", "sms", "otp", "600.0", "Mattel"] == 1
    assert found["chinqit_processes", "relay"] == 1 and found["chinqit_processes", "sms"] == 0
    assert found["chinqit_carrier_answers_last_hour", "refused", "mauritel"] == 1
    assert found["chinqit_limit_rejections_last_hour", "minute"] == 7
    assert found["chinqit_problem", "no_worker", "grave", "sms"] == 1
    assert found["chinqit_valkey_up",] == 0


def test_both_databases_tell_the_same_families(sessions: Sessions, settings: Settings) -> None:
    with read_session(sessions) as session:
        text = metrics.exposition(session, settings, None).decode()
    assert {name for name, *_ in samples(text)} >= {"chinqit_info", "chinqit_due", "chinqit_problem"}


@pytest.mark.parametrize(
    ("token", "address", "headers", "status"),
    [
        ("", "127.0.0.1", {}, 200),
        ("", "::1", {}, 200),
        ("", "41.138.0.7", {}, 403),
        ("", "127.0.0.1", {"X-Forwarded-For": "41.138.0.7"}, 403),  # a proxy on this machine, which PROXY_HOPS forgets
        ("s3cret-of-prometheus", "41.138.0.7", {"Authorization": "Bearer s3cret-of-prometheus"}, 200),
        ("s3cret-of-prometheus", "127.0.0.1", {}, 403),
        ("s3cret-of-prometheus", "127.0.0.1", {"Authorization": "Bearer other"}, 403),
    ],
)
def test_strangers_read_nothing(
    make_app: Callable[..., Flask], token: str, address: str, headers: dict[str, str], status: int
) -> None:
    client = make_app(metrics_token=token).test_client()
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status and ("chinqit_info" in answer.text) == (status == 200)


def test_the_dashboard_and_the_rules_ask_for_what_there_is(app: Flask, services: Services, world: World) -> None:
    world.text(world.key(), **world.sent())
    rollup.fold_for(services.sessions, 5)
    text = scrape(app).text
    known = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    known |= {f"{name}_bucket" for name in known}
    board = json.loads((DEPLOY / "grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(asked) >= 14 and len(places) == len(set(places))
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert all({"alert", "expr", "labels", "annotations"} <= set(rule) for rule in rules)
    for expression in [*asked, *(rule["expr"] for rule in rules)]:
        assert expression.count("(") == expression.count(")") and expression.count("{") == expression.count("}")
        assert set(NAME.findall(expression)) <= known, expression
