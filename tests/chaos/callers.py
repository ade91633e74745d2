"""Callers in a network of another machine: `python -m tests.chaos.callers ADDRESS KEY` sends until its input ends.

Prints what they were told, as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter

import httpx

from dashboard.db import make_sessions
from tests.support.api_client import Api, ApiClient
from tests.support.traffic import Traffic, flowing

NO_DATABASE = make_sessions("sqlite:///none.db")  # never opened: the key is there already


@dataclasses.dataclass(frozen=True)
class Told:
    """Message ids by phone; calls that were answered with an error, broke, or found nobody; the slowest in seconds."""

    accepted: dict[str, str]
    errors: list[str]
    broken: int
    refused: int
    slowest: float


def main(address: str, key: str) -> None:
    api = Api(httpx.Client(base_url=address, timeout=30), NO_DATABASE)
    with flowing(Traffic(ApiClient(api, key), Counter)) as flow:
        sys.stdin.read()
    errors = [f"{answer.status_code} {answer.text[:200]}" for answer in flow.refused]
    told = Told(flow.accepted, errors, flow.broken, flow.turned_away, flow.slowest)
    json.dump(dataclasses.asdict(told), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
