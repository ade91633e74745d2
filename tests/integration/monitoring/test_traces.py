"""Traces: a message's way as a collector of OpenTelemetry is told it, and that it is told nothing secret."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from dashboard.extensions import Services
from dashboard.resources import ROOT
from dashboard.settings import Settings, SettingsError, prepare_home
from tests.support import fake_carrier
from tests.support.api_client import Api, ApiClient
from tests.support.fake_carrier import Carrier, answers
from tests.support.http_carriers import Office, fails
from tests.support.stack import digits

PHONE, WORDS = "+22238089336", "Bonjour Mariem"
NOT_INSTALLED = "import sys; sys.modules['opentelemetry'] = None; import dashboard.tracing"


@pytest.fixture
def collector() -> Iterator[Carrier]:
    with fake_carrier.running() as made:
        made.plays(answers(200, b""))
        yield made


@pytest.fixture
def app(make_app: Callable[..., Flask], collector: Carrier) -> Flask:
    return make_app(otel_exporter_otlp_endpoint=collector.url)


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions["chinqit"]
    return found


@pytest.fixture
def office(services: Services) -> Iterator[Office]:
    made = Office(services.sessions, services.settings)
    yield made
    for desk in made.desks:
        desk.connections.close()


@pytest.fixture
def caller(app: Flask, services: Services) -> Iterator[ApiClient]:
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://gateway.test") as http:
        api = Api(http, services.sessions)
        yield ApiClient(api, api.key())


def test_a_message_is_one_trace_from_the_request_to_the_carrier(
    services: Services, office: Office, caller: ApiClient, collector: Carrier
) -> None:
    with fake_carrier.running() as ledger:
        office.add("mauritel", ledger)
        sent, code = caller.send(PHONE, WORDS).json()["messageId"], caller.otp(PHONE).json()["messageId"]
        found = told(services, office, collector)
        texts = [json.loads(request.body)["text"] for request in ledger.ledger]
    for message_id, route in ((sent, "/messages/send"), (code, "/otp/send")):
        request, accept, deliver, carrier = [
            span for span in found if span.trace_id.hex() == message_id.replace("-", "")
        ]
        assert [request.name, accept.name, deliver.name, carrier.name] == [
            f"POST {route}",
            "accept",
            "deliver",
            "carrier",
        ]
        assert not request.parent_span_id
        assert [accept.parent_span_id, deliver.parent_span_id] == [request.span_id] * 2
        assert carrier.parent_span_id == deliver.span_id
        assert attributes(request) == {
            "http.request.method": "POST",
            "http.route": route,
            "http.response.status_code": 200,
        }
        assert attributes(carrier)["chinqit.carrier"] == "mauritel" and not carrier.status.code
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in (request, accept, deliver, carrier))
    assert len(texts) == 2 and WORDS in texts
    everything = b"".join(request.body for request in collector.ledger)
    for secret in (
        PHONE[1:],
        PHONE[4:],
        WORDS,
        *texts,
        digits(next(text for text in texts if text != WORDS)),
        caller.key,
    ):
        assert secret.encode() not in everything


def test_a_try_that_failed_tells_its_code(
    services: Services, office: Office, caller: ApiClient, collector: Carrier
) -> None:
    with fake_carrier.running() as ledger:
        office.add("mauritel", ledger)
        ledger.plays(fails)
        caller.send(PHONE, WORDS)
        *_, deliver, carrier = told(services, office, collector)
    assert [deliver.status.message, carrier.status.message] == ["http_503"] * 2


def test_each_message_of_a_batch_has_its_trace_and_a_repeat_has_none(
    services: Services, office: Office, caller: ApiClient, collector: Carrier
) -> None:
    batch: dict[str, Any] = {"messages": [{"phoneNumber": PHONE, "message": WORDS}] * 2}
    for _ in range(2):
        taken = caller.api.call("POST", "/messages/batch", key=caller.key, json=batch, headers={"Idempotency-Key": "a"})
    ids = [result["messageId"].replace("-", "") for result in taken.json()["results"]]
    found = told(services, office, collector)
    assert sorted(span.trace_id.hex() for span in found if span.name == "POST /messages/batch") == sorted(ids)


def test_without_an_address_nothing_is_loaded() -> None:
    ran = subprocess.run([sys.executable, "-c", NOT_INSTALLED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_collector_that_is_gone_holds_nobody_up(services: Services, caller: ApiClient, collector: Carrier) -> None:
    collector.close()
    assert caller.send(PHONE, WORDS).status_code == 200
    assert services.traces is not None
    services.traces.close()


@pytest.mark.parametrize("address", ["collector:4318", "ftp://collector"])
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    prepare_home(tmp_path)
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT must be as in"):
        Settings.from_env({"CHINQIT_HOME": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": address})


def test_packages_that_are_missing_are_told_with_their_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_home(tmp_path)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(SettingsError, match=r"pip install --require-hashes -r requirements-tracing\.txt"):
        Settings.from_env({"CHINQIT_HOME": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})


def told(services: Services, office: Office, collector: Carrier) -> list[Span]:
    """Deliver what waits; return what the collector was told of it, the earliest and the outermost first."""
    desk = office.desk()
    office.drain(desk)
    for traces in (services.traces, desk.traces):
        assert traces is not None
        traces.close()
    requests = [ExportTraceServiceRequest.FromString(request.body) for request in collector.ledger]
    resources = [resource for request in requests for resource in request.resource_spans]
    found = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    return sorted(found, key=lambda span: (span.start_time_unix_nano, -span.end_time_unix_nano))


def attributes(span: Span) -> dict[str, str | int]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
