"""The `chinqit` command and the list of its commands.

Answers go to stdout, troubles to stderr; exit codes: 0 done, 1 failed, 2 misused.
"""

from __future__ import annotations

import os

import click

from dashboard.cli import (
    accounts,
    alerts,
    api_keys,
    audit,
    backup,
    bills,
    budgets,
    campaigns,
    carriers,
    contacts,
    contract_test,
    costs,
    dev,
    doctor,
    doors,
    email,
    inbound,
    limits,
    messages,
    migrate,
    openapi,
    opt_outs,
    pauses,
    privacy,
    routing,
    sandbox,
    secret_keys,
    service,
    status,
    upgrade,
    webhooks,
)
from dashboard.cli.core import CommandGroup

COMMANDS: tuple[click.Command, ...] = (
    service.run,
    service.restart,
    service.init,
    service.worker,
    service.relay,
    service.setup_link,
    migrate.migrate,
    upgrade.upgrade,
    backup.backup,
    backup.restore,
    secret_keys.secrets_group,
    doctor.doctor,
    status.status,
    pauses.pause,
    pauses.resume,
    alerts.alerts_group,
    accounts.users_group,
    audit.audit_group,
    privacy.privacy_group,
    api_keys.keys_group,
    limits.limits_group,
    messages.messages_group,
    inbound.incoming_group,
    opt_outs.opt_outs_group,
    campaigns.campaigns_group,
    contacts.contacts_group,
    carriers.providers_group,
    email.email_group,
    costs.prices_group,
    budgets.budgets_group,
    costs.usage,
    bills.bills_group,
    routing.routes_group,
    webhooks.webhooks_group,
    doors.doors_group,
    sandbox.sandbox_group,
    contract_test.contract_test,
    dev.dev_group,
    openapi.openapi,
)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="chinqit", prog_name="chinqit")
def main() -> None:
    """Chinqit Gateway: SMS and one-time codes for Mauritania.

    Settings come from the environment; see deploy/README.md.
    """
    os.umask(0o077)  # what a command and its processes write holds texts, numbers and secrets: for this user alone


for command in COMMANDS:
    main.add_command(command)
