"""Requests made from our own OpenAPI document, against a running gateway.

Every answer must have a documented status, the documented shape and codes, and never be a 500.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dashboard.gateway.api_keys import keys
from dashboard.vocabulary import Scope
from tests.support.stack import Stack


def fuzz(
    stack: Stack, cases: int, folder: Path, seed: int, scopes: tuple[str, ...] = keys.USUAL_SCOPES, without: str = "^$"
) -> subprocess.CompletedProcess[str]:
    """About so many requests for each operation that takes data, with a test key; the same seed makes the same ones.
    Operations `without` which this is done are those whose path matches it, and those of webhooks when the key may not
    use them: all would be 403.

    With the scope `webhooks`, end the worker that calls webhooks before: it would call addresses that are made up.
    """
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        f"--config-file={config}",
        "run",
        f"http://127.0.0.1:{stack.port}/openapi.json",
        f"--url=http://127.0.0.1:{stack.port}",
        f"--header=X-API-Key: {stack.key('test', scopes=scopes)}",
        f"--max-examples={cases}",
        f"--seed={seed}",
        "--phases=examples,coverage,fuzzing",
        "--mode=all",
        "--workers=1",
        "--generation-database=none",
        "--suppress-health-check=all",
        "--request-timeout=20",
        "--no-color",
        f"--exclude-path-regex={without}",
    ]
    if Scope.WEBHOOKS not in scopes:
        command.append(f"--exclude-by=/x-scope == {Scope.WEBHOOKS}")
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


# All checks but these. A text may fit the pattern and yet be blank, or longer than ten segments once it holds a letter
# outside of the GSM alphabet. For WhatsApp a hash is ignored, whatever it is. A batch is taken whatever its
# messages are: each of them is judged by itself, and told in `results`. A field that is empty or null is as absent, and
# so is a parameter.
CONFIG = """
[checks]
positive_data_acceptance.enabled = false

[[operations]]
include-path = [
    "/messages", "/messages/batch", "/otp/send", "/api/v2/code", "/sandbox/inbox",
    "/webhooks", "/webhooks/{webhookId}", "/webhooks/{webhookId}/replay",
]
checks.negative_data_rejection.enabled = false

[[operations]]
include-path = ["/readyz", "/alarm"]  # say 503 while no worker calls webhooks
checks.not_a_server_error.enabled = false
"""
