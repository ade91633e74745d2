from tests.providers.smpp.conftest import smsc_script, start_smsc  # noqa: F401  the same SMSC
