"""POST /api/v2/bulk/send and GET /api/v2/bulk/status/{batchId}: campaigns, as the hosted service has them."""

from __future__ import annotations

from typing import Any

from dashboard.api import errors
from dashboard.api.auth import caller
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract, idempotent_call, name_call, parse
from dashboard.api.errors import ApiError, Invalid
from dashboard.api.request_body import LongBody
from dashboard.api.schemas.base import read_id
from dashboard.api.schemas.bulk import BulkRecipient, BulkStatus, BulkTaken, InvalidRecipient, SendBulk
from dashboard.db import iso, utcnow
from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.campaigns import campaigns, intake, progress
from dashboard.gateway.campaigns.campaigns import MOST_RECIPIENTS, Recipient
from dashboard.gateway.campaigns.intake import BulkOrder
from dashboard.gateway.campaigns.quiet_hours import QuietHours
from dashboard.gateway.costs import prices
from dashboard.models.campaigns import Campaign
from dashboard.request_arrival import BULK_BYTES
from dashboard.vocabulary import CampaignState, Scope

MOST_TOLD = 1_000  # rows that were left out
LONGEST_PHONE = 40  # characters of one that is none


@bp.post("/api/v2/bulk/send")
@contract(
    Contract(
        body=SendBulk,
        response=BulkTaken,
        scope=Scope.SEND,
        errors=("invalid_recipients", "insufficient_balance", "idempotency_mismatch"),
        idempotent=True,
        is_streamed=True,
        max_bytes=BULK_BYTES,
        status=202,
        summary="Send texts to many numbers",
        tag="Campaigns",
    )
)
def send_bulk() -> BulkTaken:
    """The rows are written down durably and become messages little by little: codes and single texts always go first.
    Numbers that want no texts are skipped; what is past the key's daily cap waits for the next day, and what falls into
    quiet hours for their end. Follow the batch by its `batchId`, or listen to `bulk.completed`.
    """
    body = LongBody("recipients", BULK_BYTES)
    judged: list[Recipient | InvalidRecipient] = []
    for item in body:
        if len(judged) <= MOST_RECIPIENTS:  # one more, which the schema refuses
            judged.append(_judge(item))
    name_call(body.others | {"digest": body.digest.hexdigest()})
    asked = parse(SendBulk, body.others | ({"recipients": judged} if body.has_list else {}))
    valid = [each for each in asked.recipients if isinstance(each, Recipient)]
    invalid = [each for each in asked.recipients if isinstance(each, InvalidRecipient)]
    if not valid:
        raise ApiError("invalid_recipients", invalidRecipients=[each.model_dump() for each in invalid[:MOST_TOLD]])
    how = (asked.name, asked.pace, asked.urgent, asked.scheduled_at)
    order = BulkOrder(caller(), valid, len(invalid), *how, idempotent_call())
    with errors.insufficient_balance(len(valid), len(invalid)):
        taken = intake.take(services().sessions, order)
    errors.note_replay(taken.is_replay)
    return BulkTaken(
        batch_id=taken.batch_id,
        total_valid=len(valid),
        total_invalid=len(invalid),
        estimated_cost=_money(taken.estimated_cost),
        status="scheduled" if asked.scheduled_at else "processing",
        invalid_recipients=invalid[:MOST_TOLD],
    )


@bp.get("/api/v2/bulk/status/<batch_id>")
@contract(
    Contract(
        response=BulkStatus,
        scope=Scope.READ,
        errors=("batch_not_found",),
        summary="Follow a batch",
        tag="Campaigns",
    )
)
def follow_bulk(batch_id: str) -> BulkStatus:
    """What has become of the texts of a batch that this API key sent. Each is a message of its own, too."""
    reference = read_id(batch_id)
    campaign = campaigns.find(session, reference) if reference else None
    if campaign is None or campaign.key_id != caller().id or campaign.state == CampaignState.DRAFT:
        raise ApiError("batch_not_found")
    told = progress.described(session, campaign)
    return BulkStatus.model_validate(
        told
        | {
            "name": campaign.name,
            "estimatedCost": _money(campaign.estimated_cost),
            "waitsUntil": _waits_until(campaign),
        }
    )


def _judge(item: Any) -> Recipient | InvalidRecipient:
    """The text to be, or why it is none."""
    try:
        return parse(BulkRecipient, item).recipient
    except Invalid as error:
        given = item.get("phone") if isinstance(item, dict) else ""
        shown = given.encode("utf-8", "replace").decode()[:LONGEST_PHONE] if isinstance(given, str) else ""
        return InvalidRecipient(phone=shown, reason=error.errors[0]["code"])


def _money(amount: int | None) -> float:
    """In MRU."""
    return (amount or 0) / prices.UNITS


def _waits_until(campaign: Campaign) -> str | None:
    """When it begins, or goes on."""
    if campaign.state == CampaignState.SCHEDULED:
        return iso(campaign.scheduled_at)
    if campaign.state != CampaignState.RUNNING or campaign.is_urgent:
        return None
    now = utcnow()
    opening = QuietHours.of(site_settings.current(session), services().settings.timezone).next_opening(now)
    return iso(opening) if opening > now else None
