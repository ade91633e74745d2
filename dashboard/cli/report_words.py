"""What the report of the week says, to be translated: the relay writes it in the language of the codes."""

from __future__ import annotations

from dashboard.cli.alert_words import N_

TITLE = N_("Week from %(day)s: %(count)s messages")
ASKED = N_("Accepted: %(count)s (the week before: %(before)s)")
OUTCOME = N_("Sent %(sent)s, delivered %(delivered)s, failed %(failed)s, expired %(expired)s")
CODES = N_("Codes: %(count)s, verified %(share)s (the week before: %(before)s)")
SPEED = N_("95 of 100 messages were with the carrier within %(seconds)s s")
OPERATOR = N_("%(name)s: %(count)s accepted, %(failed)s failed")
REASONS = N_("Reasons of failure: %(reasons)s")
TROUBLES = N_("Alerts: %(count)s, outages: %(outages)s")
ADDRESS = N_("See more: %(address)s")
