"""All rules, in the order in which they are tried: those beyond the reference build on what the others sent."""

from __future__ import annotations

from dashboard.contract_test import door_rules, extension_rules, reference_rules, v2_rules

RULES = (*reference_rules.RULES, *extension_rules.RULES, *v2_rules.RULES, *door_rules.RULES)
