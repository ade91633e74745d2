"""Access tokens by client credentials: RFC 6749, 4.4. The request goes through the carrier's own guarded client."""

from __future__ import annotations

import base64
import threading
import time
from typing import Literal
from urllib.parse import quote_plus, urlencode

from dashboard.outbound.client import HttpAnswer, HttpCall, HttpClient
from dashboard.outbound.errors import NotSent, OutcomeUnknown
from dashboard.providers.delivery_reports import dig

TIMEOUT_SECONDS = 4.0
MARGIN_SECONDS = 30.0  # before its end a token is not used any more
USUAL_SECONDS = 300.0  # where the server does not say how long a token lives (RFC 6749, 5.1)
LONGEST_TOKEN = 8192
FAULT_SECONDS = 2.0  # that a server which failed is left alone


class TokenSource:
    """Keeps one token for all threads of a carrier, and gets another before it ends."""

    def __init__(
        self, web: HttpClient, url: str, client: tuple[str, str], scope: str, where: Literal["basic", "body"]
    ) -> None:
        """`client`: id and secret, which stand in the header or in the body, as `where` says."""
        self.web, self.url, self.client, self.scope, self.where = web, url, client, scope, where
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0
        self._fault, self._fault_until = NotSent("oauth_unavailable"), 0.0

    def get(self) -> str:
        """A token that is good for some seconds more; raise NotSent. Threads that wait for one that fails, fail too."""
        with self._lock:
            if time.monotonic() < self._until:
                return self._token
            if time.monotonic() < self._fault_until:
                raise NotSent(self._fault.code, self._fault.retry_after, configuration=self._fault.configuration)
            try:
                self._token, lifetime = self._ask()
            except NotSent as fault:
                self._fault, self._fault_until = fault, time.monotonic() + FAULT_SECONDS
                raise
            self._until = time.monotonic() + max(lifetime - MARGIN_SECONDS, lifetime / 2)
            return self._token

    def forget(self, token: str) -> None:
        """The carrier does not accept this one any more."""
        with self._lock:
            if self._token == token:
                self._until = 0.0

    def _ask(self) -> tuple[str, float]:
        """A new token, and for how many seconds it is good."""
        try:
            answer = self.web.send(self._call(), TIMEOUT_SECONDS)
        except OutcomeUnknown:
            answer = None
        if answer is None or answer.status in (408, 425, 429) or answer.status >= 500:
            raise NotSent("oauth_unavailable", answer.retry_after if answer else None)
        if not answer.ok:
            raise NotSent("oauth_refused", configuration=True)
        return _read(answer)

    def _call(self) -> HttpCall:
        fields = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self.where == "basic":  # both parts are form-encoded first (RFC 6749, 2.3.1)
            pair = ":".join(map(quote_plus, self.client))
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            fields |= {"client_id": self.client[0], "client_secret": self.client[1]}
        return HttpCall("POST", self.url, headers, urlencode(fields).encode())


def _read(answer: HttpAnswer) -> tuple[str, float]:
    token, lifetime = dig(answer.json(), "access_token"), dig(answer.json(), "expires_in")
    is_token = isinstance(token, str) and 0 < len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable()
    if not is_token:  # it travels in a header
        raise NotSent("oauth_bad_answer", configuration=True)
    try:
        seconds = float(lifetime)
    except (TypeError, ValueError):
        seconds = USUAL_SECONDS
    return token, seconds if 0 < seconds < float("inf") else USUAL_SECONDS
