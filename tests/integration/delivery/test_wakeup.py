"""The doorbell."""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from rq import Queue

from dashboard import redis, wakeup
from dashboard.wakeup import Wakeup
from tests.support.stack import until


def queue(url: str, lane: str = "sms") -> Queue:
    return Queue(lane, connection=redis.connect(url), serializer="json")


def test_the_job_is_a_function_that_exists_and_takes_a_lane() -> None:
    module, _, name = wakeup.JOB.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    assert function.__code__.co_argcount == 1


def test_a_ring_leaves_one_job_that_says_its_lane_and_nothing_else(empty_valkey: str) -> None:
    Wakeup(empty_valkey).notify("sms")
    until(lambda: len(queue(empty_valkey)) == 1, 5)
    job = queue(empty_valkey).jobs[0]
    assert (job.func_name, list(job.args), job.kwargs) == (wakeup.JOB, ["sms"], {})
    raw: dict[Any, Any] = redis.connect(empty_valkey).hgetall(f"rq:job:{job.id}")
    assert json.loads(zlib.decompress(raw[b"data"])) == [wakeup.JOB, None, ["sms"], {}]
    assert raw[b"description"] == b"drain sms"


def test_a_lane_whose_bell_hangs_is_not_rung_again(empty_valkey: str) -> None:
    rung = Wakeup(empty_valkey)
    for _ in range(50):
        rung.notify("sms")
    rung.notify("whatsapp")
    until(lambda: len(queue(empty_valkey, "whatsapp")) == 1, 5)
    assert len(queue(empty_valkey)) == 1


def test_a_bell_taken_off_is_rung_again(empty_valkey: str) -> None:
    rung = Wakeup(empty_valkey)
    rung.notify("sms")
    until(lambda: len(queue(empty_valkey)) == 1, 5)
    redis.connect(empty_valkey).delete(wakeup.pending_key("sms"))
    rung.notify("sms")
    until(lambda: len(queue(empty_valkey)) == 2, 5)


def test_a_lost_ring_silences_a_lane_for_seconds_only(empty_valkey: str) -> None:
    Wakeup(empty_valkey).notify("sms")
    until(lambda: redis.connect(empty_valkey).exists(wakeup.pending_key("sms")), 5)
    assert 0 < redis.connect(empty_valkey).ttl(wakeup.pending_key("sms")) <= 5


def test_the_relay_rings_past_a_hanging_bell_but_not_without_end(empty_valkey: str) -> None:
    rung = Wakeup(empty_valkey)
    for _ in range(9):
        assert rung.notify_again("sms", 4)
    assert len(queue(empty_valkey)) == 4


def test_without_valkey_nobody_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rung = Wakeup(f"unix://{tmp_path / 'nothing'}")
    start = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            rung.notify("sms")
        assert time.monotonic() - start < 20 * redis.TIMEOUT_SECONDS
        until(lambda: caplog.records, 5)
    assert not rung.notify_again("sms", 4)
    assert not rung.is_reachable()


def test_a_hung_valkey_is_given_up_soon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(os.fspath(tmp_path / "hung"))
        hung.listen(8)
        rung, start = Wakeup(f"unix://{tmp_path / 'hung'}"), time.monotonic()
        assert not rung.is_reachable()
        assert not rung.notify_again("sms", 4)
        assert time.monotonic() - start < 5  # without a time-out of its own a client waits for ever
