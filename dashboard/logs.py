"""Lines of the log, the same for every process: time, level, part, what it is about, and the request that it is of.

They go to standard error, as text or as JSON. Lines that are equal are told once, and after FOLD_SECONDS how often they
came again. No line holds a text, a code, a number or a secret: whoever logs sees to that.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FOLD_SECONDS = 60.0
MOST_FOLDED = 1_000  # different lines that are remembered at a time
request_id: ContextVar[str] = ContextVar("request_id", default="")


def set_up(form: str, part: str) -> None:
    """Have all loggers of this process write like this; `form` is text or json, `part` the process's role."""
    handler = FoldingHandler(JsonFormatter(part) if form == "json" else TextFormatter(part))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class TextFormatter(logging.Formatter):
    """`2026-11-28T02:00:00.123Z WARNING relay[17] jobs.relay: the relay skips a turn: disk full request=…`."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def format(self, record: logging.LogRecord) -> str:
        named = getattr(record, "request_id", "")
        request = f" request={named}" if named else ""
        place = f"{self.part}[{os.getpid()}] {record.name}"
        return f"{_time(record)} {record.levelname} {place}: {_message(record)}{request}"


class JsonFormatter(logging.Formatter):
    """One object a line."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "part": self.part,
            "pid": os.getpid(),
            "logger": record.name,
            "message": _message(record),
        }
        named = getattr(record, "request_id", "")
        return json.dumps(line | ({"requestId": named} if named else {}), ensure_ascii=False)


@dataclass
class Folded:
    """A line that was told at `since`, and how often it came again."""

    record: logging.LogRecord
    since: float
    again: int = 0


class FoldingHandler(logging.StreamHandler[Any]):
    """Tells equal lines once."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(formatter)
        self.folded: dict[tuple[str, int, str], Folded] = {}
        self.timer: threading.Timer | None = None
        self.pid = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        record.request_id = request_id.get()
        if self.pid != os.getpid():  # in a fork: what was folded before it is told by the parent
            self.pid, self.timer = os.getpid(), None
            self.folded.clear()
        key = (record.name, record.levelno, _message(record))
        self._tell_expired(time.monotonic())
        known = self.folded.get(key)
        if known is not None:
            known.again += 1
            self._tell_later()
            return
        if len(self.folded) < MOST_FOLDED:
            self.folded[key] = Folded(record, time.monotonic())
        super().emit(record)

    def close(self) -> None:
        """Tell what was folded last."""
        if self.pid == os.getpid():
            if self.timer is not None:
                self.timer.cancel()
            self._tell_expired(float("inf"))
        super().close()

    def _tell_expired(self, now: float) -> None:
        for key, line in list(self.folded.items()):
            if now - line.since < FOLD_SECONDS:
                continue
            del self.folded[key]
            if line.again:
                summary = copy.copy(line.record)
                summary.msg = f"{_message(line.record)} ({line.again} times more within {FOLD_SECONDS:.0f} s)"
                summary.args, summary.exc_info, summary.created = None, None, time.time()
                super().emit(summary)

    def _tell_later(self) -> None:
        """So that the count is told also when no other line follows."""
        if self.timer is None or not self.timer.is_alive():
            self.timer = threading.Timer(FOLD_SECONDS, self._tell_from_timer)
            self.timer.daemon = True
            self.timer.start()

    def _tell_from_timer(self) -> None:
        self.acquire()
        try:
            self._tell_expired(time.monotonic())
        finally:
            self.release()


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    """On one line. Of an exception its kind alone: a traceback shows nothing that an operator could act on, and its
    last line may hold what a person sent."""
    message = " ".join(record.getMessage().split())
    kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
    if not kind:
        return message
    frames = record.exc_info[2] if record.exc_info else None
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    place = f", {frames.tb_frame.f_code.co_filename}:{frames.tb_lineno}" if frames is not None else ""
    return f"{message} ({kind}{place})"
