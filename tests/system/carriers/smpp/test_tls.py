"""TLS towards an SMSC: an authority of our own, a client certificate, and who is not trusted."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dashboard.outbound.errors import NotSent
from dashboard.providers.base import Outgoing
from dashboard.providers.registry import build
from dashboard.providers.settings import InvalidSettings
from tests.support.smpp.host import Desk
from tests.support.smpp.smsc import Smsc


class Authority:
    """A certificate authority; keys and certificates as PEM text."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SMSC authority")])
        self.pem = _pem(self._sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None)))

    def issue(self, name: str) -> tuple[str, str]:
        """A certificate and its key, for `name` and 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, names)
        form = serialization.PrivateFormat.PKCS8
        private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        return _pem(certificate), private.decode()

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self.key, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def start_tls_smsc(start_smsc: Callable[..., Smsc], authority: Authority, tmp_path: Path) -> Callable[..., Smsc]:
    def start(**options: Any) -> Smsc:
        certificate, key = authority.issue("smsc.operator.test")
        files = {"tls_cert": certificate, "tls_key": key, "tls_ca": authority.pem}
        for name, pem in files.items():
            Path(tmp_path / name).write_text(pem)
        wanted = ("tls_cert", "tls_key") if options.pop("anyone", False) else tuple(files)
        return start_smsc(**{name: tmp_path / name for name in wanted}, **options)

    return start


@pytest.fixture
def client(authority: Authority) -> dict[str, str]:
    certificate, key = authority.issue("gateway")
    return {"client_certificate": certificate, "client_key": key}


def test_a_private_authority_and_a_client_certificate(
    start_tls_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    authority: Authority,
    client: dict[str, str],
) -> None:
    smsc = start_tls_smsc()
    desk = open_desk(smsc.port, tls="on", ca_certificate=authority.pem, **client)
    assert desk.provider.send(text()).reference
    session = smsc.events("session")[0]
    assert session["tls"] == "TLSv1.3" and session["client_cert"] == "gateway"


def test_a_key_that_lost_its_lines_in_a_form_still_loads(
    start_tls_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    authority: Authority,
    client: dict[str, str],
) -> None:
    smsc = start_tls_smsc()
    flat = {name: pem.replace("\n", " ") for name, pem in client.items()}
    assert open_desk(smsc.port, tls="on", ca_certificate=authority.pem, **flat).provider.send(text()).reference


def test_a_name_may_differ_from_the_host(
    start_tls_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    authority: Authority,
) -> None:
    smsc = start_tls_smsc(anyone=True)
    known = {"tls": "on", "ca_certificate": authority.pem}
    assert open_desk(smsc.port, **known, server_name="smsc.operator.test").provider.send(text()).reference
    with pytest.raises(NotSent, match="smpp_tls_failed"):
        open_desk(smsc.port, **known, server_name="other.test").provider.send(text())


@pytest.mark.parametrize("ca", ["", "another"])
def test_an_authority_that_is_not_ours_is_not_trusted(
    start_tls_smsc: Callable[..., Smsc], open_desk: Callable[..., Desk], text: Callable[..., Outgoing], ca: str
) -> None:
    smsc = start_tls_smsc(anyone=True)
    desk = open_desk(smsc.port, tls="on", ca_certificate=Authority().pem if ca else "")
    with pytest.raises(NotSent, match="smpp_tls_failed"):
        desk.provider.send(text())
    assert not smsc.events("bind")  # no password went out


def test_without_a_client_certificate_the_smsc_turns_us_away(
    start_tls_smsc: Callable[..., Smsc],
    open_desk: Callable[..., Desk],
    text: Callable[..., Outgoing],
    authority: Authority,
) -> None:
    smsc = start_tls_smsc()
    with pytest.raises(NotSent, match="smpp_"):
        open_desk(smsc.port, tls="on", ca_certificate=authority.pem).provider.send(text())
    assert not smsc.events("bind")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ca_certificate": "no certificate"}, "ca_certificate"),
        ({"ca_certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, "ca_certificate"),
        ({"client_key": ""}, "client_key"),
        ({"client_certificate": ""}, "client_key"),
        ({"client_certificate": "x"}, "client_key"),
        ({"other_key": True}, "client_key"),
    ],
    ids=str,
)
def test_what_does_not_load_is_told_by_field(
    authority: Authority, client: dict[str, str], changes: dict[str, Any], field: str
) -> None:
    if changes.pop("other_key", False):
        changes["client_key"] = authority.issue("another")[1]
    usual = {"host": "smsc.operator.test", "system_id": "gw", "ca_certificate": authority.pem, **client}
    with pytest.raises(InvalidSettings) as refusal:
        build("smpp", usual | changes)
    assert [error.field for error in refusal.value.errors] == [field]
    assert "PRIVATE KEY" not in str(refusal.value)
