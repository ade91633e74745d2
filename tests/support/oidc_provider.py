"""An OpenID Connect provider: a real HTTP server that checks what it is sent, and lies where a test tells it to."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT, SECRET = "chinqit-gateway", "the secret / of:the client"


class OidcProvider:
    """Who signs in there is `person`; `edit_*` change what it says, before it is signed where it is signed."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.person: dict[str, Any] = {"sub": "7741", "email": "nadia@example.org", "email_verified": True}
        self.keys: dict[str, tuple[str, PrivateKeyTypes]] = {}
        self.made = 0  # keys
        self.kid = self.new_key("RS256")
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.authorized: dict[str, str] = {}  # what came last to its page
        self.is_down = False
        self.edit_document: Callable[[dict[str, Any]], None] = lambda _document: None
        self.edit_claims: Callable[[dict[str, Any]], None] = lambda _claims: None
        self.sign: Callable[[dict[str, Any]], str] = self.signed

    def new_key(self, algorithm: str) -> str:
        """Sign with another key from now on; the ones before it are published no more."""
        kid = secrets.token_hex(4)
        self.made += 1
        self.keys, self.kid = {kid: (algorithm, _private_key(algorithm, self.made))}, kid
        return kid

    def signed(self, claims: dict[str, Any]) -> str:
        algorithm, key = self.keys[self.kid]
        return jwt.encode(claims, key, algorithm, {"kid": self.kid})  # type: ignore[arg-type]

    def unsigned(self, claims: dict[str, Any]) -> str:
        """With the algorithm "none"."""
        return f"{_part({'alg': 'none', 'kid': self.kid})}.{_part(claims)}."

    def signed_with_public_key(self, claims: dict[str, Any]) -> str:
        """By HMAC, with the public key as its secret: what a verifier must not take that trusts the header."""
        _, key = self.keys[self.kid]
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signed = f"{_part({'alg': 'HS256', 'kid': self.kid})}.{_part(claims)}"
        return f"{signed}.{_base64(hmac.digest(pem, signed.encode(), 'sha256'))}"

    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/leave",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "none", "HS256"],
        }
        self.edit_document(told)
        return told

    def key_set(self) -> dict[str, Any]:
        made = []
        for kid, (algorithm, key) in self.keys.items():
            kind: Any = ECAlgorithm if algorithm == "ES256" else RSAAlgorithm
            made.append({**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"})
        return {"keys": [*made, {"kty": "oct", "k": "AAAA", "kid": "not ours"}, {"kty": "RSA", "use": "enc"}]}

    def authorize(self, query: str) -> str:
        """Somebody signs in on its page; where the browser is sent back to."""
        asked = self.authorized = dict(parse_qsl(query, strict_parsing=True))
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == CLIENT and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def token(self, authorization: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What a code is good for, once, with its verifier and our secret."""
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if given != f"{CLIENT}:{SECRET}":
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        challenge = _base64(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "auth_time": now}
        claims |= {"nonce": asked["nonce"], **self.person}
        self.edit_claims(claims)
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.sign(claims)}


@contextmanager
def serving() -> Iterator[Callable[[], OidcProvider]]:
    """Makes providers that answer at one address of the loopback, each in the place of the one before."""
    provider: OidcProvider

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            provider.asked.append(path)
            if provider.is_down:
                return self.answer(503, {})
            if path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.send_header("Content-Length", "0")
                return self.end_headers()
            pages = {"/.well-known/openid-configuration": provider.document, "/keys": provider.key_set}
            return self.answer(200, pages[path]()) if path in pages else self.answer(404, {})

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(sent, strict_parsing=True).items()}
            self.answer(*provider.token(self.headers["Authorization"], form))

        def answer(self, status: int, told: dict[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def make() -> OidcProvider:
        nonlocal provider
        provider = OidcProvider(server.server_address[1])
        return provider

    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield make
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running() -> Iterator[OidcProvider]:
    """A provider that answers on the loopback."""
    with serving() as make:
        yield make()


def path_of(url: str) -> str:
    """What a browser asks the gateway for, of an address."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@functools.cache
def _private_key(algorithm: str, number: int) -> PrivateKeyTypes:
    """The nth key of a provider: to make one takes longer than all that is signed with it."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048)


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
