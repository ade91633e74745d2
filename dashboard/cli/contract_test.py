"""chinqit contract-test."""

from __future__ import annotations

import sys

import click

from dashboard.cli.core import JSON, echo_error, example, fail, phone_type, print_rows

SANDBOX_PHONES = ("+22238000101", "+22238000102")


@click.command("contract-test", epilog=example("chinqit contract-test http://127.0.0.1:8000 cq_test_… --sandbox"))
@click.argument("url")
@click.argument("key", envvar="CHINQIT_KEY")
@click.option("--phone", callback=phone_type, help="The number that texts go to.")
@click.option("--code-phone", callback=phone_type, help="The number that codes go to; none for the last minute.")
@click.option("--sandbox", is_flag=True, help="Read codes from the sandbox phone of this home.")
@click.option("--whatsapp", is_flag=True, help="Send one code by WhatsApp too.")
@click.option("--current-names", "current", is_flag=True, help="Call /api/v2/notify, code and check instead.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
def contract_test(url: str, key: str, phone: str | None, code_phone: str | None, as_json: bool, **chosen: bool) -> None:
    """Hold the server at URL to every documented rule of this API, with the API key KEY.

    It needs nothing but HTTP, and works on any server of this API. KEY can also come from CHINQIT_KEY.
    """
    from dashboard.contract_test import registry, runner  # here, since their HTTP client is slow to load

    if not url.startswith(("http://", "https://")):
        raise click.UsageError("URL must begin with http:// or https://.")
    if (phone is None or code_phone is None) and not key.startswith("cq_test_"):
        raise click.UsageError("Messages may reach real phones with this key: give --phone and --code-phone.")
    phones = (phone or SANDBOX_PHONES[0], code_phone or SANDBOX_PHONES[1])
    if phones[0] == phones[1]:
        raise click.UsageError("--phone and --code-phone must differ: the limits are tested on the second.")
    plan = runner.TestPlan(url.rstrip("/"), key, *phones, chosen["sandbox"], chosen["whatsapp"], chosen["current"])
    echo_error(f"This sends up to {runner.TEXTS} texts to {phones[0]} and {runner.CODES} codes to {phones[1]}.")
    if not chosen["yes"] and not key.startswith("cq_test_"):
        click.confirm("Go on?", abort=True, err=True)
    findings = runner.run(plan, registry.RULES)
    print_rows([vars(finding) for finding in findings], as_json, "")
    failed = [finding for finding in findings if finding.result == "failed"]
    if failed:
        fail(f"{len(failed)} of {len(findings)} rules do not hold.")
    sys.exit(0)
