"""The 11 characters by which Android's SMS Retriever knows an app, from its package name and signing certificate.

Source: Google, "Perform SMS verification on a server", section "Computing your app's hash string".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.models.api_keys import ApiKey
from dashboard.models.otp import Otp

LENGTH = 11
HASHED_BYTES = 9
LONGEST_CERTIFICATE = 8_000  # characters, as written
PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)+", re.ASCII)
HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
FINGERPRINTS = (16, 20, 32)  # bytes of MD5, SHA-1, SHA-256
# As keytool, openssl and apksigner print them: "SHA256: AB:CD", "sha1 Fingerprint=AB:CD", "sha256/…=".
LABEL = re.compile(r"(?:MD5|SHA-?(?:1|256))\b[\w -]{0,40}[:=]|^\s*sha256/", re.IGNORECASE)
SEPARATORS = re.compile(r"[\s:-]+")
# PKCS #1, #8 and #12 and SEC 1 begin with a version; a certificate begins with what is signed.
PRIVATE = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00-\x03]", re.DOTALL)
DEBUG = "CN=Android Debug"
LOOKED_AT = 20_000  # codes, the latest: to look at them takes as long with ten million behind them
MOST_IN_USE = 50


class UnreadableCertificate(ValueError):
    """What was given cannot be what it should be; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class HashDiagnosis:
    """The hash, and whose certificate it was made from."""

    hash: str
    subject: str  # empty when the certificate does not tell
    is_debug: bool


@dataclass(frozen=True)
class InUse:
    """A hash that an API key sends with its codes."""

    hash: str
    key: str  # its name
    mode: str  # live or test
    codes: int
    last_at: datetime


def diagnose(package: str, certificate: str) -> HashDiagnosis:
    """The hash of an app; raise UnreadableCertificate."""
    name = package.strip()
    if len(name) > 255 or not PACKAGE.fullmatch(name):
        raise UnreadableCertificate("package")
    der = read_certificate(certificate)
    subject = _subject(der)
    return HashDiagnosis(compute(name, der), subject, DEBUG in subject)


def compute(package: str, certificate: bytes) -> str:
    """The hash; `certificate` is DER."""
    digest = hashlib.sha256(f"{package} {certificate.hex()}".encode()).digest()
    return base64.b64encode(digest[:HASHED_BYTES]).decode()[:LENGTH]


def in_use(session: Session) -> list[InUse]:
    """The hashes among the latest 20,000 codes, by API key, the last sent first."""
    newest = select(Otp.key_id, Otp.app_hash, Otp.created_at).order_by(Otp.id.desc()).limit(LOOKED_AT).subquery()
    last = func.max(newest.c.created_at)
    query = (
        select(newest.c.app_hash, ApiKey.name, ApiKey.mode, func.count(), last)
        .join(ApiKey, ApiKey.id == newest.c.key_id)
        .where(newest.c.app_hash.is_not(None))
        .group_by(newest.c.app_hash, ApiKey.id, ApiKey.name, ApiKey.mode)
        .order_by(last.desc())
        .limit(MOST_IN_USE)
    )
    return [InUse(*row) for row in session.execute(query)]


def read_certificate(text: str) -> bytes:
    """DER from PEM, base64 or hexadecimal digits; raise UnreadableCertificate."""
    if re.search("PRIVATE[ -]KEY|PuTTY-User-Key", text):
        raise UnreadableCertificate("private_key")
    if len(text) > LONGEST_CERTIFICATE:
        raise UnreadableCertificate("too_long")
    if LABEL.search(text) and not PEM.search(text):
        raise UnreadableCertificate("fingerprint")
    der = _decoded(text)
    if PRIVATE.match(der):
        raise UnreadableCertificate("private_key")
    if len(der) in FINGERPRINTS:
        raise UnreadableCertificate("fingerprint")
    if not _is_der_sequence(der):
        raise UnreadableCertificate("certificate")
    return der


def _decoded(text: str) -> bytes:
    pem = PEM.search(text)
    packed = "".join((pem[1] if pem else text).split())
    digits = SEPARATORS.sub("", packed)
    if HEX.fullmatch(digits) and not pem:
        return bytes.fromhex(digits)
    try:
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableCertificate("certificate") from None


def _is_der_sequence(der: bytes) -> bool:
    """Whether this is one DER sequence, whole: a certificate that lost its end has another hash."""
    if len(der) < 100 or der[0] != 0x30 or der[1] not in (0x81, 0x82):
        return False
    count = der[1] & 0x7F
    return int.from_bytes(der[2 : 2 + count], "big") == len(der) - 2 - count


def _subject(der: bytes) -> str:
    """Who is named in it. A certificate that a strict reader refuses still signs apps."""
    try:
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()
    except (ValueError, Warning):
        return ""
