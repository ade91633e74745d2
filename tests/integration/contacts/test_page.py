"""The pages of contacts, groups and imports, the command, and campaigns to groups."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from werkzeug.test import TestResponse

from dashboard.cli.registry import main
from dashboard.extensions import Services
from dashboard.gateway import site_settings
from dashboard.gateway.campaigns.feeding import Feeder
from dashboard.gateway.contacts import contacts
from dashboard.gateway.opt_outs import opt_outs
from dashboard.models.campaigns import CampaignRecipient
from dashboard.models.contacts import Contact, ContactGroup
from tests.support.dashboard_client import PARTIAL, Browser, World
from tests.support.toasts import offered

PAGE = "/dashboard/contacts/"
FILE = "phone;name;city\n38089336;Awa;Atar\n47000000;Sidi;\n12;X;\n"
TYPED = {
    "phone": "38 08 93 36",
    "name": "Awa",
    "groups": "Membres, Nord",
    "details": "city: Atar\r\n",
    "consent": "given",
    "consent_source": "Formulaire",
    "consent_on": "2026-01-02",
}


def add(browser: Browser, **more: str) -> str:
    """Add a contact by the form; returns the answer's words."""
    answer = browser.post(f"{PAGE}new", {**TYPED, **more}, headers=PARTIAL)
    assert answer.status_code == 200, answer.text
    return answer.text


def upload(browser: Browser, content: str = FILE, **more: Any) -> TestResponse:
    file = (io.BytesIO(content.encode()), "members.csv")
    typed = {"file": file, "groups": "Membres", "consent": "given", "consent_source": "Formulaire", **more}
    return browser.post(f"{PAGE}import/", typed, content_type="multipart/form-data")


def the_contact(services: Services) -> Contact:
    with services.sessions() as session:
        return session.scalars(select(Contact)).one()


def group_id(services: Services) -> int:
    with services.sessions() as session:
        return session.scalars(select(ContactGroup.id).where(ContactGroup.removed_at.is_(None))).one()


def press(browser: Browser, told: str) -> int:
    return browser.post(*offered(told), headers=PARTIAL).status_code


def test_an_empty_page_says_what_contacts_are(operator: Browser, viewer: Browser) -> None:
    assert "No contact yet" in operator.get(PAGE).text and "Import a file" in operator.get(PAGE).text
    assert "Import a file" not in viewer.get(PAGE).text
    assert "No group yet" in operator.get(f"{PAGE}groups/").text


def test_a_contact_is_added_with_who_noted_the_consent(operator: Browser, services: Services) -> None:
    assert "Contact added" in add(operator)
    contact = the_contact(services)
    assert (contact.phone, contact.name, contact.consent) == ("+22238089336", "Awa", "given")
    assert (contact.consent_on, contact.consent_by) == (date(2026, 1, 2), "operator@example.org")
    assert contacts.details_of(contact) == {"city": "Atar"}
    page = operator.get(PAGE).text
    for shown in ("+222 38 08 93 36", "Awa", "Membres", "Nord", "Formulaire", "2 Jan 2026", "operator@example.org"):
        assert shown in page, shown


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"phone": "12"}, "Enter a Mauritanian number"),
        ({"phone": "25000000"}, "fixed line"),
        ({"consent_source": ""}, "Say where the consent is known from"),
        ({"consent_on": "2999-01-01"}, "The day lies ahead"),
        ({"consent_on": "soon"}, "Enter a date"),
        ({"details": "Atar"}, "a colon"),
        ({"details": "name: Awa"}, "cannot be the name"),
        ({"groups": "x" * 61}, "Most characters"),
        ({"name": "x" * 81}, "Most characters"),
        ({"consent": "perhaps"}, "Choose one of the list"),
    ],
)
def test_what_is_wrong_is_said(operator: Browser, services: Services, more: dict[str, str], fault: str) -> None:
    answer = operator.post(f"{PAGE}new", {**TYPED, **more}, headers=PARTIAL)
    assert answer.status_code == 422 and fault in answer.text
    with services.sessions() as session:
        assert session.scalars(select(Contact)).all() == []


def test_a_number_stands_in_the_list_once(operator: Browser) -> None:
    add(operator)
    answer = operator.post(f"{PAGE}new", TYPED, headers=PARTIAL)
    assert answer.status_code == 422 and "a contact with this number already" in answer.text


def test_adding_is_undone_unless_it_was_changed_meanwhile(operator: Browser, services: Services) -> None:
    assert press(operator, add(operator)) == 200
    with services.sessions() as session:
        assert session.scalars(select(Contact)).all() == []
    told = add(operator)
    with services.sessions.begin() as session:
        contacts.hear_stop(session, "+22238089336", date(2026, 11, 28))
    assert press(operator, told) == 409 and the_contact(services).consent == "withdrawn"


def test_a_change_is_kept_and_undone(operator: Browser, services: Services) -> None:
    add(operator)
    before = the_contact(services)
    url = f"{PAGE}{before.id}/edit"
    assert 'value="Membres, Nord"' in operator.get(url, headers=PARTIAL).text
    changed = {**TYPED, "name": "Awa Sy", "groups": "Sud", "consent": "withdrawn", "consent_source": "Call"}
    told = operator.post(url, changed, headers=PARTIAL).text
    after = the_contact(services)
    assert (after.name, after.consent, after.consent_source) == ("Awa Sy", "withdrawn", "Call")
    assert press(operator, told) == 200
    back = the_contact(services)
    assert (back.name, back.consent, back.consent_on) == ("Awa", "given", date(2026, 1, 2))
    page = operator.get(f"{PAGE}?q=awa", headers=PARTIAL).text
    assert "Membres" in page and "Nord" in page and "Sud" not in page
    assert press(operator, told) == 409


def test_a_change_that_kept_the_consent_keeps_who_noted_it(
    operator: Browser, owner: Browser, services: Services
) -> None:
    add(owner)
    url = f"{PAGE}{the_contact(services).id}/edit"
    assert operator.post(url, {**TYPED, "name": "Awa Sy"}, headers=PARTIAL).status_code == 200
    assert the_contact(services).consent_by == "owner@example.org"


def test_a_deleted_contact_comes_back_and_a_stop_meanwhile_holds(operator: Browser, services: Services) -> None:
    add(operator)
    row_id = the_contact(services).id
    assert "Delete this contact?" in operator.get(f"{PAGE}{row_id}/remove", headers=PARTIAL).text
    told = operator.post(f"{PAGE}{row_id}/remove", headers=PARTIAL).text
    assert operator.post(f"{PAGE}{row_id}/remove", headers=PARTIAL).status_code == 404
    with services.sessions.begin() as session:
        opt_outs.add(session, ["+22238089336"], word="STOP")
    assert press(operator, told) == 200
    assert the_contact(services).consent == "withdrawn"
    page = operator.get(PAGE).text
    assert "STOP by SMS" in page and "Opted out" in page and "Membres" in page
    assert press(operator, told) == 409


def test_lists_are_narrowed_and_go_on_page_by_page(operator: Browser, services: Services) -> None:
    rows = "".join(f"{38_000_000 + place};Person {place}\n" for place in range(60))
    assert upload(operator, f"phone;name\n{rows}").status_code == 303
    first = operator.get(PAGE).text
    assert "Person 59" in first and "Person 9<" not in first and "60 contacts" in first
    more = re.search(r'hx-get="([^"]*before=[^"]*)"', first)
    assert more is not None
    rest = operator.get(more[1].replace("&amp;", "&"), headers={**PARTIAL, "HX-Target": "tr#more"}).text
    assert "Person 9<" in rest and "Person 59" not in rest and "more" not in re.findall(r'id="(\w+)"', rest)
    assert "Person 59" in operator.get(f"{PAGE}?q=38000059").text
    assert "No contact is like this" in operator.get(f"{PAGE}?q=38000060").text
    assert "No contact is like this" in operator.get(f"{PAGE}?group=99").text
    assert "No contact is like this" in operator.get(f"{PAGE}?consent=withdrawn&group={group_id(services)}").text


def test_viewers_see_no_numbers_and_find_none(operator: Browser, viewer: Browser, services: Services) -> None:
    add(operator)
    page = viewer.get(f"{PAGE}?q=47000000").text
    assert "+222 38 •• •• 36" in page and "38 08 93 36" not in page and "operator@example.org" not in page
    for path in ("new", "import/", "export.csv", "groups/new", f"{the_contact(services).id}/edit"):
        assert viewer.get(f"{PAGE}{path}").status_code == 403, path


def test_groups_are_made_renamed_and_removed_with_a_way_back(operator: Browser, services: Services) -> None:
    url = f"{PAGE}groups/"
    made = operator.post(f"{url}new", {"name": "Nord"}, headers=PARTIAL).text
    assert press(operator, made) == 200 and "No group yet" in operator.get(url).text
    add(operator, groups="Nord")
    one = f"{url}{group_id(services)}/"
    assert operator.post(f"{url}new", {"name": "NORD"}, headers=PARTIAL).status_code == 422
    assert operator.post(f"{url}new", {"name": "a, b"}, headers=PARTIAL).status_code == 422
    told = operator.post(f"{one}edit", {"name": "Sud"}, headers=PARTIAL).text
    assert "Sud" in operator.get(url).text
    assert press(operator, told) == 200 and "Nord" in operator.get(url).text
    assert "1 contact" in operator.get(f"{one}remove", headers=PARTIAL).text
    told = operator.post(f"{one}remove", headers=PARTIAL).text
    assert "No group yet" in operator.get(url).text
    assert press(operator, told) == 200 and press(operator, told) == 409
    assert "Nord" in operator.get(PAGE).text


def test_a_file_is_imported_and_taken_back(operator: Browser, services: Services) -> None:
    answer = upload(operator)
    assert answer.status_code == 303
    url = str(answer.headers["Location"])
    page = operator.get(url).text
    assert "No Mauritanian number" in page and "Take the new contacts back" in page
    bad = list(csv.reader(io.StringIO(operator.get(f"{url}/bad-rows.csv").text.removeprefix("\ufeff"))))
    assert bad == [["line", "phone", "reason"], ["4", "12", "bad_number"]]
    assert operator.post(f"{url}/take-back").status_code == 303
    assert "2 new contacts were taken back" in operator.get(url).text
    assert operator.post(f"{url}/take-back", headers=PARTIAL).status_code == 409
    with services.sessions() as session:
        assert session.scalars(select(Contact)).all() == []


@pytest.mark.parametrize(
    ("content", "more", "fault"),
    [
        ("", {}, "Choose a file"),
        ("name;city\nAwa;Atar\n", {}, "No column of this file"),
        (FILE, {"consent_source": ""}, "Say where the consent is known from"),
        ("phone;group\n" + "".join(f"{38_000_000 + one};g{one}\n" for one in range(201)), {}, "too many groups"),
    ],
)
def test_a_file_that_is_refused_changes_nothing(
    operator: Browser, services: Services, content: str, more: dict[str, str], fault: str
) -> None:
    answer = upload(operator, content, **more)
    assert answer.status_code == 422 and fault in answer.text
    with services.sessions() as session:
        assert session.scalars(select(Contact)).all() == []


def test_contacts_are_had_as_a_file(operator: Browser) -> None:
    add(operator)
    read = list(csv.DictReader(io.StringIO(operator.get(f"{PAGE}export.csv").data.decode("utf-8-sig"))))
    assert read[0]["phone"] == "22238089336" and read[0]["groups"] == "Membres, Nord" and read[0]["city"] == "Atar"


def campaign(browser: Browser, world: World, *group_ids: int, **more: Any) -> TestResponse:
    typed = {"name": "Fête", "key": world.key().id, "text": "Bonjour {name} à {city}", **more}
    return browser.post("/dashboard/campaigns/new", {**typed, "groups": [str(one) for one in group_ids]})


def test_a_campaign_writes_to_groups_and_leaves_out_who_did_not_agree(
    operator: Browser, world: World, services: Services
) -> None:
    add(operator, groups="Membres")
    add(operator, phone="38000001", groups="Membres", consent="unknown")
    add(operator, phone="38000002", groups="Membres", consent="withdrawn", consent_source="")
    add(operator, phone="38000003", groups="Membres")
    with services.sessions.begin() as session:
        opt_outs.add(session, ["+22238000003"])
    answer = campaign(operator, world, group_id(services))
    assert answer.status_code == 303, answer.text
    draft = str(answer.headers["Location"])
    page = operator.get(draft).text
    assert "Bonjour Awa à Atar" in page and "without a consent that is noted" in page and "Consent withdrawn" in page
    rows = list(csv.reader(io.StringIO(operator.get(f"{draft}/left-out.csv").text.removeprefix("\ufeff"))))
    assert {(row[1], row[2]) for row in rows[1:]} == {
        ("22238000001", "no_consent"),
        ("22238000002", "consent_withdrawn"),
        ("22238000003", "opted_out"),
    }
    with services.sessions.begin() as session:
        site_settings.save(session, replace(site_settings.read(session), consent_required=False))
    other = str(campaign(operator, world, group_id(services)).headers["Location"])
    assert "without a consent that is noted" not in operator.get(other).text
    assert "Consent withdrawn" in operator.get(other).text


def test_who_withdraws_while_a_campaign_waits_gets_nothing_of_it(
    operator: Browser, world: World, services: Services
) -> None:
    with services.sessions.begin() as session:
        now = site_settings.read(session)
        site_settings.save(session, replace(now, quiet_from="", quiet_until="", rests_on_friday=False))
    add(operator, groups="Membres")
    draft = str(campaign(operator, world, group_id(services)).headers["Location"])
    changed = {**TYPED, "consent": "withdrawn", "consent_source": "Call"}
    operator.post(f"{PAGE}{the_contact(services).id}/edit", changed, headers=PARTIAL)
    assert operator.post(f"{draft}/start").status_code == 303
    Feeder(services.sessions, services.settings).step()
    with services.sessions() as session:
        assert session.scalars(select(CampaignRecipient.error_code)).all() == ["consent_withdrawn"]


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"text": "Bonjour {ville}"}, "no column “ville”; they have: phone, name, city"),
        ({"file": True}, "not both"),
        ({"groups": False}, "Choose a file, or groups"),
    ],
)
def test_what_is_wrong_with_groups_is_said(
    operator: Browser, world: World, services: Services, more: dict[str, Any], fault: str
) -> None:
    add(operator, groups="Membres")
    chosen = [] if more.pop("groups", True) is False else [group_id(services)]
    if more.pop("file", False):
        more["file"] = (io.BytesIO(FILE.encode()), "members.csv")
    answer = campaign(operator, world, *chosen, **more)
    assert answer.status_code == 422 and fault in answer.text


def test_a_group_without_consents_is_not_written_to(operator: Browser, world: World, services: Services) -> None:
    add(operator, groups="Membres", consent="unknown")
    answer = campaign(operator, world, group_id(services))
    assert answer.status_code == 422 and "Nobody in these groups may be written to" in answer.text
    operator.post(f"{PAGE}groups/new", {"name": "Vide"}, headers=PARTIAL)
    with services.sessions() as session:
        empty = session.scalars(select(ContactGroup.id).where(ContactGroup.name == "Vide")).one()
    assert "Nobody is in these groups" in campaign(operator, world, empty).text


@pytest.fixture
def command(services: Services, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    return CliRunner()


def test_the_command_does_the_same(command: CliRunner, services: Services, tmp_path: Path) -> None:
    def run(*words: str) -> Result:
        return command.invoke(main, ["contacts", *words])

    file = tmp_path / "members.csv"
    file.write_text(FILE)
    assert "There are no contacts" in run("list").output
    taken = run("import", str(file), "--group", "Membres", "--consent-source", "Formulaire")
    assert taken.exit_code == 0, taken.output
    assert "Added: 2. Known already: 0. Left out: 1." in taken.stdout and "Row 4: bad_number" in taken.stderr
    listed = run("list", "--group", "membres", "--json").stdout
    assert "+22238••••36" in listed and "38089336" not in listed and "Formulaire" in listed
    assert "22238089336,Awa,Membres,given,Formulaire," in run("export", "--group", "Membres").stdout
    assert run("list", "--group", "nobody").exit_code == 1
    assert run("import", str(file), "--consent-date", "2999-01-01").exit_code == 1
    file.write_bytes(b"\x00abcdefgh")
    refused = run("import", str(file))
    assert refused.exit_code == 1 and "Nothing was imported" in refused.output
