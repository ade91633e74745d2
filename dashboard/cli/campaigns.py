"""chinqit campaigns: see them, and pause, resume and cancel them."""

from __future__ import annotations

from collections.abc import Callable

import click
from sqlalchemy.orm import Session

from dashboard.cli.core import JSON, database, example, fail, print_rows, record
from dashboard.db import iso
from dashboard.gateway.campaigns import campaigns, progress
from dashboard.models.campaigns import Campaign
from dashboard.vocabulary import CampaignState

CAMPAIGN = click.argument("campaign_id", metavar="BATCH")
Step = Callable[[Session, int], bool]


@click.group("campaigns")
def campaigns_group() -> None:
    """Texts to many numbers, which leave little by little."""


@campaigns_group.command("list", epilog=example("chinqit campaigns list"))
@JSON
def list_campaigns(as_json: bool) -> None:
    """List the newest campaigns, and how far each has come."""
    with database() as session:
        rows = [_row(session, campaign) for campaign in campaigns.newest(session)]
    print_rows(rows, as_json, "There are no campaigns.")


@campaigns_group.command(epilog=example("chinqit campaigns pause 0f8e5a1c-3c52-4d7b-9a49-6a1c6d3c2b10"))
@CAMPAIGN
def pause(campaign_id: str) -> None:
    """Send no more of a campaign; it holds within seconds."""
    _step(campaign_id, "campaigns.pause", campaigns.pause, "does not run")


@campaigns_group.command(epilog=example("chinqit campaigns resume 0f8e5a1c-3c52-4d7b-9a49-6a1c6d3c2b10"))
@CAMPAIGN
def resume(campaign_id: str) -> None:
    """Go on with a campaign that is paused."""
    _step(campaign_id, "campaigns.resume", campaigns.resume, "is not paused")


@campaigns_group.command(epilog=example("chinqit campaigns cancel 0f8e5a1c-3c52-4d7b-9a49-6a1c6d3c2b10"))
@CAMPAIGN
def cancel(campaign_id: str) -> None:
    """End a campaign for good. What still waits is cancelled; what has left has left."""
    _step(campaign_id, "campaigns.cancel", lambda session, row_id: campaigns.cancel(session, row_id)[0], "has ended")


def _step(reference: str, act: str, step: Step, refusal: str) -> None:
    with database() as session:
        campaign = campaigns.find(session, reference.lower())
        if campaign is None or campaign.state == CampaignState.DRAFT:
            fail(f"There is no campaign {reference!r}. List them: chinqit campaigns list")
        before = campaign.state
        if not step(session, campaign.id):
            fail(f"The campaign {refusal}.")
        session.refresh(campaign)
        record(session, act, campaign.uuid, state=(before, campaign.state))


def _row(session: Session, campaign: Campaign) -> dict[str, str | int | None]:
    now = progress.described(session, campaign)
    shown = ("waiting", "queued", "sent", "delivered", "failed", "skipped")
    return {
        "batch": campaign.uuid,
        "key": campaign.key.name,
        "name": campaign.name,
        "state": campaign.state,
        "total": campaign.total,
        **{name: now[name] for name in shown},
        "created": iso(campaign.created_at),
    }
