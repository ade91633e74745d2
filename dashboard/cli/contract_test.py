"""chinqit contract-test."""

from __future__ import annotations

import random
from urllib.parse import urlsplit

import click

from dashboard.cli.core import JSON, echo_error, example, fail, phone_type, print_rows


@click.command("contract-test", epilog=example("chinqit contract-test http://127.0.0.1:8000 cq_test_… --sandbox"))
@click.argument("url")
@click.argument("key", envvar="CHINQIT_KEY")
@click.option("--phone", callback=phone_type, help="The number that texts go to; a test key needs none.")
@click.option("--code-phone", callback=phone_type, help="The number that codes go to; none for the last minute.")
@click.option("--other-key", envvar="CHINQIT_OTHER_KEY", help="A second key, that must not see messages of the first.")
@click.option("--sandbox", is_flag=True, help="Read codes from the sandbox phone of this home.")
@click.option("--whatsapp", is_flag=True, help="Send one code by WhatsApp too.")
@click.option("--current-names", "current", is_flag=True, help="Call /api/v2/notify, code and check instead.")
@click.option("--validation", metavar="PATH", help="The key's open door for clients of Chinguisoft.")
@click.option("--hook", metavar="PATH", help="The key's open door for Supabase.")
@click.option(
    "--hook-secret", envvar="CHINQIT_HOOK_SECRET", metavar="SECRET", help="What the hook's calls are signed with."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
def contract_test(
    url: str,
    key: str,
    phone: str | None,
    code_phone: str | None,
    other_key: str | None,
    validation: str | None,
    hook: str | None,
    hook_secret: str | None,
    as_json: bool,
    **chosen: bool,
) -> None:
    """Test whether the server at URL keeps every documented rule of this API, with the API key KEY.

    It needs nothing but HTTP, and works on any server of this API. KEY can also come from CHINQIT_KEY.
    """
    from dashboard.contract_test import registry, runner  # here, since their HTTP client is slow to load

    if not url.startswith(("http://", "https://")):
        raise click.UsageError("URL must begin with http:// or https://.")
    if (phone is None or code_phone is None) and not key.startswith("cq_test_"):
        raise click.UsageError("Messages may reach real phones with this key: give --phone and --code-phone.")
    fresh = random.SystemRandom().sample(range(900_000), 2)  # above them lie the sandbox's endings with a meaning
    phones = (phone or f"+22238{fresh[0]:06d}", code_phone or f"+22238{fresh[1]:06d}")
    if phones[0] == phones[1]:
        raise click.UsageError("--phone and --code-phone must differ: the limits are tested on the second.")
    sandbox, whatsapp, current = (chosen[name] for name in ("sandbox", "whatsapp", "current"))
    doors = (urlsplit(validation).path if validation else None, urlsplit(hook).path if hook else None, hook_secret)
    is_given = code_phone is not None
    plan = runner.TestPlan(url.rstrip("/"), key, *phones, sandbox, whatsapp, current, other_key, is_given, *doors)
    try:
        codes = runner.codes_to_send(plan)
    except runner.Unusable as reason:
        fail(str(reason))
    by_whatsapp = f" and 1 by WhatsApp to {phones[0]}" if plan.whatsapp else ""
    echo_error(f"This sends up to {runner.TEXTS} texts to {phones[0]} and {codes} codes to {phones[1]}{by_whatsapp}.")
    if validation or hook:
        echo_error("Through doors it sends codes with a test key alone, to numbers that are made up.")
    if not chosen["yes"] and not key.startswith("cq_test_"):
        click.confirm("Go on?", abort=True, err=True)
    try:
        results = runner.run(plan, registry.RULES)
    except runner.Unusable as reason:
        fail(str(reason))
    print_rows([vars(result) for result in results], as_json, "")
    failed = [result for result in results if result.result == "failed"]
    if failed:
        fail(f"{len(failed)} of {len(results)} rules are not kept.")
