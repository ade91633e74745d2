"""Drafts of campaigns, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from dashboard.db import Sessions
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import campaigns, drafts, progress, results
from dashboard.gateway.campaigns.drafts import NewDraft, UnknownColumn
from dashboard.gateway.contacts import tables
from dashboard.models.api_keys import ApiKey
from dashboard.models.campaigns import Campaign, CampaignRecipient

TABLE = tables.read("Nom;Tel\nAwa;38089336\nمحمد;47000000\nSidi;38089336\nX;123\n".encode())


def test_a_draft_is_written_looked_at_and_deleted(sessions: Sessions, make_caller: Callable[..., Caller]) -> None:
    shop = make_caller()
    with pytest.raises(UnknownColumn):
        drafts.create(sessions, shop, NewDraft("Rentrée", "{ville}", TABLE, None, None, "nadia@example.org"))
    reference = drafts.create(sessions, shop, NewDraft("Rentrée", "Cher {NOM}", TABLE, 5, None, "nadia@example.org"))
    with sessions.begin() as session:
        campaign = campaigns.find(session, reference)
        assert campaign is not None and (campaign.total, campaign.invalid, campaign.pace) == (2, 2, 5)
        assert [row.body for row in drafts.samples(session, campaign)] == ["Cher محمد", "Cher Awa"]
        found = drafts.sizes(session, campaign)
        assert found == {"3": (1, 1), "4": (1, 1)}
        assert drafts.cost_by_operator(session, session.get_one(ApiKey, shop.id), found) == {"3": 0, "4": 0}
        now = progress.read(session, campaign)
        assert (now.waiting, now.dropped) == (2, {"duplicate": 1, "bad_number": 1})
        assert list(results.dropped(session, campaign.id))[1:] == [
            ("4", "22238089336", "duplicate"),
            ("5", "123", "bad_number"),
        ]
        assert [row[:2] for row in results.outcomes(session, campaign.id)][1:] == [
            ("22238089336", "waiting"),
            ("22247000000", "waiting"),
        ]
        assert drafts.ask_approval(session, campaign) and not drafts.ask_approval(session, campaign)
        row_id = campaign.id
    drafts.discard(sessions, row_id)
    with sessions() as session:
        assert session.scalars(select(Campaign.id)).all() == session.scalars(select(CampaignRecipient.id)).all() == []
