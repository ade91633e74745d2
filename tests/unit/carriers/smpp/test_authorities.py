"""What is read of certificate authorities for settings that are read often."""

from __future__ import annotations

from dashboard.providers.smpp.settings import SmppSettings

GIVEN = {"host": "smsc.test", "port": 2775, "system_id": "gw", "password": "secret"}


def test_the_public_authorities_are_read_once() -> None:
    one, other = SmppSettings.model_validate(GIVEN), SmppSettings.model_validate(GIVEN | {"system_id": "other"})
    assert one.tls_context() is other.tls_context()
