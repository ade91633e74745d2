"""The provider that people sign in with: OpenID Connect Core 1.0, by a code bound to the browser (PKCE, RFC 7636).

What it says of itself (its discovery document) and the keys that it signs with are remembered for an hour; a key that
is not known is asked for at once, as providers change theirs. Calls to it are guarded as all calls to the outside.

The library is imported where it is used: it takes 3 MB and a thirtieth of a second, and most processes use none of it.
"""

from __future__ import annotations

import functools
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dashboard.outbound import client
from dashboard.outbound.client import Guard, HttpAnswer, HttpCall, HttpClient
from dashboard.outbound.errors import SendError
from dashboard.settings import Settings

if TYPE_CHECKING:
    from authlib.oauth2.client import OAuth2Client
    from joserfc.jwk import KeySet

# What a provider signs with its private key. With HMAC the client's secret would do, or by mistake the public key, and
# with "none" nothing (OpenID Connect Core 3.1.3.7, RFC 8725 3.1).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SIGNING_KEYS = ("RSA", "EC", "OKP")
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
WELL_KNOWN = "/.well-known/openid-configuration"
LEEWAY_SECONDS = 60  # that clocks may differ
REMEMBERED_SECONDS = 3600.0
FLOW_SECONDS = 10 * 60  # from our page to the provider's and back
AT_ONCE = 8  # calls to a provider from a process: one that hangs holds each thread for ten seconds
STRONG = ("mfa", "hwk", "swk")  # RFC 8176: several factors, or proof of a key that the person holds


class ProviderFault(Exception):
    """Nobody can be signed in this way now. `code`: unreachable, misconfigured, busy, refused, stale or untrusted.

    `detail` says more to whoever set the provider up; nothing of a token or a secret is in it.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Flow:
    """One way to the provider and back, kept in the signed cookie of the browser meanwhile."""

    purpose: str  # what it is for, and for whom
    state: str
    nonce: str
    verifier: str
    started_at: int  # seconds since 1970

    @property
    def is_over(self) -> bool:
        return not 0 <= time.time() - self.started_at < FLOW_SECONDS


@dataclass(frozen=True)
class Identity:
    """Who somebody is, by an ID token that holds."""

    issuer: str
    subject: str
    email: str  # empty unless the provider has verified it
    name: str
    roles: tuple[str, ...]  # values of OIDC_ROLE_CLAIM
    auth_time: int | None  # when the person was last asked for a password or the like; seconds since 1970
    is_strong: bool  # whether that took a second factor


@dataclass(frozen=True)
class _Remembered:
    document: Mapping[str, Any]
    keys: KeySet
    until: float  # of the monotonic clock


class IdentityProvider:
    """The one that settings name; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.issuer, self.label = settings.oidc_issuer, label(settings)
        self._settings = settings
        is_open = settings.oidc_allow_private
        self.guard = Guard(allow_http=is_open, allow_private=is_open)
        self._http = HttpClient(self.guard, connections=AT_ONCE)
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._remembered: _Remembered | None = None

    def start(self, redirect_uri: str, purpose: str, *, again: bool = False) -> tuple[str, Flow]:
        """Where to lead the browser, and what to keep; `again` has the person asked anew. Raise ProviderFault."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        flow = Flow(purpose, state, nonce, verifier, int(time.time()))
        wanted = {"prompt": "login", "max_age": "0"} if again else {}
        document = self._recall().document
        made = self._client(document, redirect_uri)
        url, _state = made.create_authorization_url(
            document["authorization_endpoint"], flow.state, flow.verifier, nonce=flow.nonce, **wanted
        )
        return url, flow

    def finish(self, redirect_uri: str, flow: Flow, answer: Mapping[str, str]) -> Identity:
        """Who came back, by the query that the provider sent the browser back with. Raise ProviderFault."""
        if flow.is_over or not secrets.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
            raise ProviderFault("stale")
        if answer.get("iss", self.issuer) != self.issuer:  # RFC 9207
            raise ProviderFault("untrusted", "iss")
        if "error" in answer:
            raise ProviderFault("refused", answer["error"])
        token = self._redeem(redirect_uri, flow, answer.get("code", ""))
        return self._identity(token, flow)

    def sign_out_url(self, back: str) -> str | None:
        """Where a browser ends its session at the provider (OpenID Connect RP-Initiated Logout); None: nowhere."""
        url = self._recall().document.get("end_session_endpoint")
        if not isinstance(url, str) or client.url_problem(url, self.guard):
            return None
        params = {"client_id": self._settings.oidc_client_id, "post_logout_redirect_uri": back}
        return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"

    def examine(self) -> None:
        """Ask it for its document and its keys; raise ProviderFault unless they will do."""
        self._learn()

    def _redeem(self, redirect_uri: str, flow: Flow, code: str) -> Mapping[str, Any]:
        """What the token endpoint gives for a code, which is good once."""
        from authlib.oauth2.base import OAuth2Error

        document = self._recall().document
        made = self._client(document, redirect_uri)
        try:
            with self._place():
                token: Mapping[str, Any] = made.fetch_token(
                    document["token_endpoint"], code=code, code_verifier=flow.verifier
                )
        except OAuth2Error as error:
            # A code that is too old or was used; anything else is how we are registered there (RFC 6749 5.2).
            raise ProviderFault(
                "stale" if error.error == "invalid_grant" else "misconfigured", str(error.error)
            ) from None
        except ValueError:  # no JSON object, or one without a token
            raise ProviderFault("untrusted", "token") from None
        return token

    def _identity(self, token: Mapping[str, Any], flow: Flow) -> Identity:
        """Judge the ID token: signature, issuer, audience, times, nonce (OpenID Connect Core 3.1.3.7)."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError
        from joserfc.jws import JWSRegistry

        raw, rules = token.get("id_token"), JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            if not isinstance(raw, str):
                raise ValueError
            try:
                decoded = jwt.decode(raw, self._recall().keys, registry=rules)
            except InvalidKeyIdError:  # it signs with another key since
                decoded = jwt.decode(raw, self._learn().keys, registry=rules)
            wanted = {"iss": self.issuer, "aud": self._settings.oidc_client_id}
            options: Any = {name: {"essential": True, "value": value} for name, value in wanted.items()}
            params = {"nonce": flow.nonce, "client_id": wanted["aud"], "access_token": token.get("access_token")}
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(leeway=LEEWAY_SECONDS)
        except JoseError as error:
            raise ProviderFault("untrusted", error.error) from None
        except (TypeError, ValueError, RecursionError):  # its parsers raise them of what is no token
            raise ProviderFault("untrusted", "malformed") from None
        return _identity_of(claims, self._settings)

    def _client(self, document: Mapping[str, Any], redirect_uri: str) -> OAuth2Client:
        from authlib.oauth2.client import OAuth2Client

        settings = self._settings
        return OAuth2Client(
            _Session(self._http),
            settings.oidc_client_id,
            settings.oidc_client_secret or None,
            token_endpoint_auth_method=_authentication(document, bool(settings.oidc_client_secret)),
            scope=settings.oidc_scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _recall(self) -> _Remembered:
        known = self._remembered
        return known if known is not None and time.monotonic() < known.until else self._learn()

    def _learn(self) -> _Remembered:
        """Ask for document and keys anew; raise ProviderFault."""
        from joserfc.jwk import KeySet

        with self._place():
            document = self._read(f"{self.issuer.rstrip('/')}{WELL_KNOWN}")
            self._judge(document)
            found = self._read(document["jwks_uri"]).get("keys")
        keys = [key for key in found if _may_sign(key)] if isinstance(found, list) else []
        try:
            known = KeySet.import_key_set({"keys": keys})
        except Exception as error:  # its parsers raise whatever a malformed key makes them raise
            raise ProviderFault("misconfigured", "jwks_uri: a key cannot be read") from error
        if not keys:
            raise ProviderFault("misconfigured", "jwks_uri: there is no key to sign with")
        self._remembered = _Remembered(document, known, time.monotonic() + REMEMBERED_SECONDS)
        return self._remembered

    def _judge(self, document: Mapping[str, Any]) -> None:
        """Raise ProviderFault unless it is this provider's own document and names all that is needed."""
        told = document.get("issuer")
        if told != self.issuer:  # OpenID Connect Discovery 4.3
            raise ProviderFault("misconfigured", f"issuer: it calls itself {told!r:.200}")
        for name in ENDPOINTS:
            url = document.get(name)
            if not isinstance(url, str) or client.url_problem(url, self.guard):
                raise ProviderFault("misconfigured", f"{name}: missing, or no https address")
        for name, needed in (("response_types_supported", "code"), ("code_challenge_methods_supported", "S256")):
            offered = document.get(name)
            if offered is not None and (not isinstance(offered, list) or needed not in offered):
                raise ProviderFault("misconfigured", f"{name}: {needed} is not in it")

    def _read(self, url: str) -> Mapping[str, Any]:
        """A JSON object of the provider's; raise ProviderFault."""
        answer = _send(self._http, HttpCall("GET", url, {"Accept": "application/json"}))
        found = answer.json()
        if not answer.ok or not isinstance(found, dict):
            raise ProviderFault("misconfigured" if answer.ok else "unreachable", f"HTTP {answer.status}")
        return found

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the few calls at a time; raise ProviderFault when there are too many."""
        if not self._places.acquire(timeout=client.TIMEOUT):
            raise ProviderFault("busy")
        try:
            yield
        finally:
            self._places.release()


def of(settings: Settings) -> IdentityProvider | None:
    """The provider that settings name; None where people sign in here alone."""
    return _provider(settings) if settings.oidc_issuer else None


def label(settings: Settings) -> str:
    """How the provider is called."""
    return settings.oidc_label or "OpenID Connect"


@functools.lru_cache(maxsize=8)
def _provider(settings: Settings) -> IdentityProvider:
    return IdentityProvider(settings)


class _Session:
    """What the library posts with: our client, which judges where it connects and takes ten seconds at most."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> _Response:
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return _Response(_send(self._http, HttpCall("POST", url, headers, body.encode())))


class _Response:
    """As the library expects it of `requests`."""

    def __init__(self, answer: HttpAnswer) -> None:
        self._answer, self.status_code = answer, answer.status

    def json(self) -> Any:
        return self._answer.json()

    def raise_for_status(self) -> None:
        if not self._answer.ok:
            raise ProviderFault("unreachable", f"HTTP {self.status_code}")


def _send(http: HttpClient, call: HttpCall) -> HttpAnswer:
    try:
        return http.send(call)
    except SendError as error:
        raise ProviderFault("misconfigured" if error.configuration else "unreachable", error.code) from None


def _authentication(document: Mapping[str, Any], has_secret: bool) -> str:
    """How we show our secret: as the standard's default, unless the provider takes it in the form alone."""
    if not has_secret:
        return "none"
    offered = document.get("token_endpoint_auth_methods_supported")
    usual = not isinstance(offered, list) or "client_secret_basic" in offered or "client_secret_post" not in offered
    return "client_secret_basic" if usual else "client_secret_post"


def _may_sign(key: Any) -> bool:
    return isinstance(key, dict) and key.get("kty") in SIGNING_KEYS and key.get("use", "sig") == "sig"


def _identity_of(claims: Mapping[str, Any], settings: Settings) -> Identity:
    """Raise ProviderFault for a subject that is none."""
    subject, email, name = claims["sub"], claims.get("email"), claims.get("name")
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= 255
        or not subject.isascii()
        or not subject.isprintable()
    ):
        raise ProviderFault("untrusted", "sub")  # at most 255 ASCII characters (OpenID Connect Core 2)
    is_verified = claims.get("email_verified") is True and isinstance(email, str)
    methods, auth_time = claims.get("amr"), claims.get("auth_time")
    used = methods if isinstance(methods, list) else []
    is_strong = any(method in STRONG for method in used) or (
        bool(settings.oidc_acr) and claims.get("acr") == settings.oidc_acr
    )
    return Identity(
        issuer=settings.oidc_issuer,
        subject=subject,
        email=str(email) if is_verified else "",
        name=name if isinstance(name, str) else "",
        roles=tuple(_values(claims, settings.oidc_role_claim)),
        auth_time=int(auth_time) if isinstance(auth_time, int | float) else None,
        is_strong=is_strong,
    )


def _values(claims: Mapping[str, Any], path: str) -> list[str]:
    """The words of a claim; a path such as `realm_access.roles` leads into claims within claims."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    words = found if isinstance(found, list) else [found]
    return [word for word in words if isinstance(word, str)]
