"""Every page in two languages, light and dark, wide and narrow: accessible, quiet, and pictured if that is asked for.

`Tab.faults` says what each look proves. In Arabic, dark and narrow, axe judges the pages of MIRRORED, which have the
parts that all pages are made of; the others are looked at there for what their own words can break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

import pytest
from playwright.sync_api import ViewportSize
from sqlalchemy import select

from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import drafts
from dashboard.gateway.campaigns.drafts import NewDraft
from dashboard.gateway.contacts import contacts, imports
from dashboard.gateway.contacts.contacts import Consent
from dashboard.gateway.contacts.imports import NewImport
from dashboard.gateway.contacts.tables import RecipientTable
from dashboard.gateway.inbound import inbox
from dashboard.models.api_keys import ApiKey
from dashboard.models.campaigns import Campaign
from tests.support.browser import LOOKS, Tab
from tests.support.dashboard_client import World
from tests.support.furnished import LIST, acts, furnish, furnish_more, invitation, set_up_link

pytestmark = pytest.mark.timeout(400)

# The narrowest that is promised, and the narrowest at which the menu stands beside the page. The longest words decide
# there, which are French.
WIDTHS = (ViewportSize(width=320, height=900), ViewportSize(width=861, height=900))
MIRRORED = {
    *(
        "overview",
        "sign-in",
        "messages",
        "messages-one",
        "keys-one",
        "keys-new",
        "webhooks-one",
        "limits-phone-38089336",
    ),
    *("lookup-phone-38089336", "sandbox", "alerts", "usage", "campaigns-one", "team", "account", "incoming-with-one"),
}


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_every_page_is_accessible_in_both_directions(
    open_tab: Callable[..., Tab],
    world: World,
    locale: str,
    scheme: str,
    viewport: ViewportSize,
) -> None:
    found, judged = {}, set[str]()

    def look_at(tab: Tab, *urls: str, widths: Sequence[ViewportSize] = ()) -> None:
        for url in urls:
            tab.open(url)
            name = picture_of(url)
            is_judged = locale == "fr-FR" or name in MIRRORED
            found[url] = tab.faults(widths) if is_judged else tab.spills()
            judged.update({name} if is_judged else ())
            tab.keep(f"{locale[:2]}-{scheme}-{viewport['width']}", name)

    look_at_any_width = partial(look_at, widths=WIDTHS if locale == "fr-FR" else ())
    outside = open_tab(None, locale, viewport=viewport, color_scheme=scheme)
    look_at(outside, f"/dashboard/setup/{set_up_link(world)}", "/dashboard/setup/dead", "/dashboard/sign-in")
    look_at(outside, f"/dashboard/join/{invitation(world)}", "/dashboard/reset/dead")
    tab = open_tab("owner", locale, viewport=viewport, color_scheme=scheme)
    look_at(tab, "/dashboard/?first", "/dashboard/keys/?first")
    key, failed = furnish(world)
    webhook, loose = furnish_more(world, key)
    acts(world)
    keys, hooks = "/dashboard/keys/", "/dashboard/webhooks/"
    forms = [f"{keys}new", *(f"{keys}{key.id}/{act}" for act in ("edit", "rotate", "revoke"))]
    look_at_any_width(tab, "/dashboard/", LIST, LIST + failed, keys, keys + loose, hooks, hooks + webhook)
    desk = ["limits/?phone=38089336", "sandbox/", "lookup/?phone=38089336", "texts/", "settings/"]
    rest = ["otp/", "alerts/", "alerts/outages/1", "incoming/", "opt-outs/", "audit/", "privacy/register"]
    look_at_any_width(tab, *(f"/dashboard/{page}" for page in desk + rest))
    address = "aminata.mint.mohamed@messagerie.exemple-entreprise.mr"
    look_at(tab, f"/dashboard/lookup/?phone={address}", "/dashboard/carriers/new?kind=email")
    look_at(tab, f"{LIST}?q=47000000", *forms, "/dashboard/nothing", f"{hooks}new", "/dashboard/opt-outs/new")
    look_at_any_width(
        tab,
        "/dashboard/incoming/keywords/",
        talk(world),
        "/dashboard/usage/",
        "/dashboard/usage/prices/",
        "/dashboard/usage/budgets/",
        "/dashboard/usage/bill/",
        f"/dashboard/usage/statement/{key.id}",
    )
    look_at(tab, "/dashboard/incoming/keywords/stop/edit", "/dashboard/usage/?month=2026-01")
    look_at_any_width(tab, "/dashboard/campaigns/", *campaigns(world, key.id))
    look_at(tab, "/dashboard/campaigns/new", "/dashboard/contacts/?q=nobody")
    some_contacts(world)
    look_at_any_width(tab, *(f"/dashboard/contacts/{page}" for page in ("", "groups/", "import/", "import/1")))
    look_at(tab, *(f"/dashboard/contacts/{page}" for page in ("new", "1/edit", "1/remove", "groups/1/remove")))
    look_at(tab, "/dashboard/usage/budgets/new", "/dashboard/limits/new", "/dashboard/limits/usual")
    log = ["resend?pick=1&pick=2", "views/", "views/new?status=failed", "views/columns"]
    look_at(tab, *(LIST + page for page in log))
    people = [
        "audit/verify",
        "privacy/",
        "audit/?q=nothing-at-all",
        "team/",
        "team/invite",
        "team/1",
        "account/",
        "account/password",
        "account/email",
        "alerts/new",
        "account/proof/",
        "account/second-factor/",
        "account/second-factor/recovery-codes",
        "account/second-factor/remove",
    ]
    look_at(tab, *(f"/dashboard/{page}" for page in people))
    assert {url: faults for url, faults in found.items() if faults} == {}
    assert judged >= MIRRORED


def talk(world: World) -> str:
    """The conversation with one of those who wrote."""
    with world.services.sessions() as session:
        return f"/dashboard/incoming/with/{inbox.page(session)[0].uuid}"


def some_contacts(world: World) -> None:
    """Contacts that came in a file, with consents of each kind and a row that was left out."""
    rows = (
        "38089336;Awa mint Sidi;Atar;Membres, Nord;oui;Formulaire d’inscription\n47000000;محمد;;Membres;oui;استمارة\n"
    )
    text = f"Téléphone;Nom;Ville;Groupes;Consentement;Source\n{rows}26112233;;;;;\n12;;;;;\n"
    new = NewImport(text.encode(), (), Consent(), date(2026, 11, 28), "nadia@example.org")
    imports.take(world.services.sessions, new)
    with world.services.sessions.begin() as session:
        contacts.hear_stop(session, "+22247000000", date(2026, 11, 20))


def campaigns(world: World, key_id: str) -> list[str]:
    """A draft that waits for somebody else, and a campaign under way."""
    words = "Chers clients, la boutique est fermée vendredi. Répondez STOP pour ne plus recevoir de SMS."
    rows = [(place, (f"{30_000_000 + place}", "Awa mint Sidi")) for place in range(1_200)]
    rows += [(1_201, ("12", "")), (1_202, ("30000001", ""))]
    table = RecipientTable(("Téléphone", "Nom"), 0, tuple(rows))
    found = []
    with world.services.sessions() as session:
        caller = Caller.from_row(session.get_one(ApiKey, key_id))
    for name in ("Fermeture de vendredi", "Rentrée"):
        draft = NewDraft(name, f"{{nom}}, {words}", table, 20, None, "nadia@example.org")
        found.append(drafts.create(world.services.sessions, caller, draft))
    with world.services.sessions.begin() as session:
        first, second = (session.scalars(select(Campaign).where(Campaign.uuid == one)).one() for one in found)
        drafts.ask_approval(session, first)
        drafts.start(session, second, "owner@example.org")
    return [f"/dashboard/campaigns/{one}" for one in found]


def picture_of(url: str) -> str:
    """`/dashboard/keys/6f3f…/edit` → `keys-edit`."""
    plain = re.sub(r"[0-9a-f-]{36}|(?<=setup/|.join/)[\w-]{20,}", "one", url.removeprefix("/dashboard/"))
    return re.sub(r"\W+", "-", plain).strip("-") or "overview"
