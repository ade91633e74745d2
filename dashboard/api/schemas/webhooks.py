"""Bodies, queries and responses of /webhooks."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from dashboard.api.schemas.base import (
    BAD_CHOICE,
    BAD_MOMENT,
    MOST_IN_PAGE,
    UNPRINTABLE,
    At,
    Breaks,
    Moment,
    Query,
    RequestBody,
    ResponseBody,
    Success,
    choice_of,
    schema_of,
)
from dashboard.gateway.webhooks import endpoints, events
from dashboard.vocabulary import DisabledReason, EndpointState, Envelope

AN_ID = "6f0c3c7e-0d9e-4d3b-8b42-5f1e3f1a9a77"
AN_EVENT = "evt_2f9c0f7ad0d94a33a0d52b3c1f1f2a6e"

EventKind = Literal[
    "message.sent",
    "message.delivered",
    "message.failed",
    "message.expired",
    "message.rejected",
    "message.received",
    "otp.verified",
    "otp.exhausted",
    "bulk.completed",
]


def _description(raw: str) -> str:
    if len(raw) > endpoints.LONGEST_DESCRIPTION or UNPRINTABLE.search(raw) or "\n" in raw:
        raise PydanticCustomError("too_long", "Use at most 80 characters, on one line")
    return raw.strip()


def _kinds(raw: list[str]) -> list[str]:
    if not raw:
        raise PydanticCustomError("blank", "Name at least one event")
    return [kind for kind in events.KINDS if kind in raw]


def _whole(most: int) -> BeforeValidator:
    def read(raw: object) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", str(raw)) or not 1 <= int(str(raw)) <= most:
            raise PydanticCustomError("out_of_range", "Must be a whole number from 1 on, and not too large")
        return int(str(raw))

    return BeforeValidator(read)


Url = Annotated[str, WithJsonSchema({"type": "string", "format": "uri", "maxLength": endpoints.LONGEST_URL})]
Kinds = Annotated[list[EventKind], AfterValidator(_kinds), Field(json_schema_extra={"minItems": 1})]
Description = Annotated[
    str,
    AfterValidator(_description),
    WithJsonSchema({"type": "string", "maxLength": endpoints.LONGEST_DESCRIPTION, "pattern": "^[^\\x00-\\x1f]*$"}),
]
NOT_TEXT = Breaks({"invalid_type": 1})
BAD_KINDS = Breaks({"blank": [], "invalid_choice": ["sms"], "invalid_type": "all"})
BAD_DESCRIPTION = Breaks({"too_long": "a" * 81, "invalid_type": 1})
ABOUT_URL: Any = Field(examples=["https://shop.example.mr/hooks"], description="Where events go: by POST, over https.")
ABOUT_KINDS: Any = Field(
    examples=[["message.delivered", "message.failed"]],
    description="The events that it wants; left out: all, but for `message.rejected` in the `standard` envelope.",
)
ABOUT_DESCRIPTION: Any = Field(examples=["Shop, orders"], description="For people: one line of at most 80 characters.")


EnvelopeName = Annotated[Envelope, choice_of(Envelope), schema_of(Envelope)]
ABOUT_ENVELOPE: Any = Field(
    examples=["standard"],
    description="What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`, "
    "`createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.",
)


class NewWebhook(RequestBody):
    """An address that is to hear of events."""

    url: Annotated[Url, ABOUT_URL]
    events: Annotated[Kinds | None, BAD_KINDS, ABOUT_KINDS] = None
    description: Annotated[Description, BAD_DESCRIPTION, ABOUT_DESCRIPTION] = ""
    envelope: Annotated[EnvelopeName, BAD_CHOICE, ABOUT_ENVELOPE] = Envelope.STANDARD


class WebhookChange(RequestBody):
    """What is to be different; fields that are left out stay."""

    url: Annotated[Url | None, NOT_TEXT, ABOUT_URL] = None
    events: Annotated[
        Kinds | None,
        BAD_KINDS,
        Field(examples=[["message.delivered", "message.failed"]], description="The events that it wants."),
    ] = None
    description: Annotated[Description | None, BAD_DESCRIPTION, ABOUT_DESCRIPTION] = None
    envelope: Annotated[EnvelopeName | None, BAD_CHOICE, ABOUT_ENVELOPE] = None
    enabled: Annotated[
        bool | None,
        Breaks({"invalid_type": "yes"}),
        Field(examples=[True], description="`false` stops all calls."),
    ] = None


class ReplayRange(RequestBody):
    """One event, by `eventId`; or a period, by `since`."""

    event_id: Annotated[
        str | None, NOT_TEXT, Field(alias="eventId", examples=[None], description="The `webhook-id` of one event.")
    ] = None  # the example is a period: both together are refused
    since: Annotated[
        Moment | None,
        BAD_MOMENT,
        Field(examples=["2026-11-22T00:00:00Z"], description="Of a period: events from here on."),
    ] = None
    until: Annotated[
        Moment | None,
        BAD_MOMENT,
        Field(examples=["2026-11-23T00:00:00Z"], description="Of a period: up to here; now, if left out."),
    ] = None
    only: Annotated[
        Literal["undelivered", "all"],
        Field(examples=["undelivered"], description="Of a period: only what has not arrived, or all."),
    ] = "undelivered"

    @model_validator(mode="after")
    def _one_or_the_other(self) -> ReplayRange:
        if (self.event_id is None) == (self.since is None):
            raise PydanticCustomError("required", "Give either eventId, or since")
        return self


class PageOfAttempts(Query):
    """Which calls, and how many."""

    limit: Annotated[
        int,
        _whole(MOST_IN_PAGE),
        Breaks({"out_of_range": "0"}),
        Field(
            examples=[50], description="How many at most.", json_schema_extra={"minimum": 1, "maximum": MOST_IN_PAGE}
        ),
    ] = 50
    after: Annotated[
        Annotated[int, _whole(10**18), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10**18 - 1})] | None,
        Breaks({"out_of_range": "0"}),
        Field(examples=[4217], description="`next` of the page before."),
    ] = None


Secret = Annotated[
    str,
    Field(
        examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
        description="What calls are signed with. It is shown in this answer only.",
    ),
]


def _maybe_at(what: str) -> Any:
    return Field(examples=[None], description=f"{what}; in UTC, or null.")


class Webhook(ResponseBody):
    """An endpoint, but for its secret."""

    webhook_id: Annotated[str, Field(examples=[AN_ID], description="Names the endpoint.")]
    url: Annotated[str, ABOUT_URL]
    description: Annotated[str, ABOUT_DESCRIPTION]
    events: Annotated[
        list[str], Field(examples=[["message.delivered", "message.failed"]], description="The events that it gets.")
    ]
    envelope: Annotated[EnvelopeName, ABOUT_ENVELOPE]
    state: Annotated[
        EndpointState,
        schema_of(EndpointState),
        Field(examples=["active"], description="`failing`: the last call failed; it is tried again."),
    ]
    disabled_reason: Annotated[
        Annotated[DisabledReason, schema_of(DisabledReason)] | None,
        Field(examples=[None], description="Somebody asked for it, it answered 410, or it failed for five days."),
    ]
    created_at: At
    disabled_at: Annotated[str | None, _maybe_at("When it was disabled")]
    failing_since: Annotated[str | None, _maybe_at("When it began to fail")]
    last_attempt_at: Annotated[str | None, _maybe_at("When it was last called")]
    last_status: Annotated[int | None, Field(examples=[None], description="Of HTTP, in answer to the last call.")]
    last_error: Annotated[str | None, Field(examples=[None], description="Why the last call failed.")]


class WebhookShown(Webhook):
    """An endpoint."""

    success: Success = True


class WebhookMade(WebhookShown):
    """A new endpoint with its secret."""

    secret: Secret


class WebhookList(ResponseBody):
    """The endpoints of this API key, oldest first."""

    success: Success = True
    webhooks: Annotated[list[Webhook], Field(examples=[[]], description="At most ten.")]


class SecretRotated(ResponseBody):
    """The new secret. Until `previousUntil`, calls bear both signatures."""

    success: Success = True
    secret: Secret
    previous_until: At


class Done(ResponseBody):
    """It is done."""

    success: Success = True


class TestSent(ResponseBody):
    """A `webhook.test` is on its way."""

    __test__ = False  # not a test of ours, whatever its name begins with
    success: Success = True
    event_id: Annotated[str, Field(examples=[AN_EVENT], description="The `webhook-id` that it bears.")]


class Replayed(ResponseBody):
    """The events are due again."""

    success: Success = True
    replayed: Annotated[int, Field(examples=[12], description="How many.")]


class Attempt(ResponseBody):
    """A call to the endpoint."""

    event_id: Annotated[str, Field(examples=[AN_EVENT], description="The `webhook-id`.")]
    type: Annotated[str, Field(examples=["message.delivered"], description="What happened.")]
    attempt: Annotated[int, Field(examples=[1], description="1 for the first.")]
    at: At
    status: Annotated[int | None, Field(examples=[200], description="Of HTTP; null without an answer.")]
    error: Annotated[str | None, Field(examples=[None], description="Why it failed; null when it did not.")]
    duration_ms: Annotated[int, Field(examples=[84], description="Milliseconds until the answer.")]
    answer: Annotated[str, Field(examples=["ok"], description="Its first 1,000 characters.")]


class Attempts(ResponseBody):
    """Calls to the endpoint, the newest first."""

    success: Success = True
    attempts: Annotated[list[Attempt], Field(examples=[[]], description="At most `limit` of them.")]
    next: Annotated[int | None, Field(examples=[4217], description="Give it as `after`; null on the last page.")]
