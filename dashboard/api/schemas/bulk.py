"""Bodies and responses of /api/v2/bulk."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from dashboard.api.schemas.base import (
    A_TIME,
    BAD_MOMENT,
    BAD_PHONES,
    EMPTY,
    PHONE_FORM,
    UNPRINTABLE,
    At,
    Breaks,
    Moment,
    RequestBody,
    ResponseBody,
    Success,
    is_none,
    read_phone,
)
from dashboard.api.schemas.messages import MeasuredText, MessageText
from dashboard.db import utcnow
from dashboard.gateway.campaigns.campaigns import FASTEST, MOST_RECIPIENTS, Recipient

A_BATCH = "0f8e5a1c-3c52-4d7b-9a49-6a1c6d3c2b10"
LATEST = timedelta(days=7)  # after the call; numbers are kept for eight days at the least
LONGEST_NAME = 80


def _count(items: list[Any]) -> list[Any]:
    if not 1 <= len(items) <= MOST_RECIPIENTS:
        raise PydanticCustomError("batch_size", "Give 1 to 50,000 recipients")
    return items


def _unicode(raw: object) -> object:
    """Refuse half of a surrogate pair; raise PydanticCustomError."""
    if isinstance(raw, str) and not raw.isascii():
        try:
            raw.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError("invalid_characters", "The message holds half of a surrogate pair") from None
    return raw


def _name(raw: str) -> str:
    if len(raw) > LONGEST_NAME or UNPRINTABLE.search(raw) or "\n" in raw:
        raise PydanticCustomError("too_long", "Use at most 80 characters, on one line")
    return raw.strip()


def _pace(raw: int) -> int:
    if not 1 <= raw <= FASTEST:
        raise PydanticCustomError("out_of_range", "Must be a whole number from 1 to 1000")
    return raw


def _soon(at: datetime) -> datetime:
    if at > utcnow() + LATEST:
        raise PydanticCustomError("out_of_range", "Must be at most 7 days from now")
    return at


class BulkRecipient(RequestBody):
    """A text to one phone."""

    phone: Annotated[
        str,
        AfterValidator(read_phone),
        EMPTY,
        BAD_PHONES,
        Field(
            examples=["+22238089336"],
            description="A Mauritanian number, in the forms that `phoneNumber` has elsewhere.",
            json_schema_extra=PHONE_FORM,
        ),
    ]
    message: Annotated[MessageText, BeforeValidator(_unicode)]

    @property
    def recipient(self) -> Recipient:
        """The text of a campaign to be."""
        shape = self.message.shape if isinstance(self.message, MeasuredText) else None
        return Recipient.of(self.phone, str(self.message), shape)


class SendBulk(RequestBody):
    """Texts to many phones, which leave one after the other."""

    recipients: Annotated[
        list[Any],
        AfterValidator(_count),
        Breaks({"batch_size": [], "invalid_type": "+22238089336"}),
        WithJsonSchema(
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_RECIPIENTS,
                "items": {"$ref": "#/components/schemas/BulkRecipient"},
                "description": "1 to 50,000 rows. One that breaks a rule does not hold back the others.",
            }
        ),
        Field(examples=[[{"phone": "+22238089336", "message": "La boutique est fermée vendredi."}]]),
    ]
    name: Annotated[
        str,
        AfterValidator(_name),
        Breaks({"too_long": "a" * 81, "invalid_type": 1}),
        Field(
            examples=["Fermeture de vendredi"],
            description="For people: at most 80 characters.",
            json_schema_extra={"maxLength": LONGEST_NAME},
        ),
    ] = ""
    scheduled_at: Annotated[
        Annotated[Moment, AfterValidator(_soon)] | None,
        BAD_MOMENT,
        Breaks({"out_of_range": "2100-01-01T00:00:00Z"}),
        Field(
            alias="scheduledAt", examples=[None], description="When it begins, at most 7 days from now; left out: now."
        ),
    ] = None
    pace: Annotated[
        Annotated[int, AfterValidator(_pace)] | None,
        Breaks({"out_of_range": 0, "invalid_type": "fast"}),
        Field(
            examples=[None],
            description="Texts a second at the most; left out: as many as the carriers take.",
            json_schema_extra={"minimum": 1, "maximum": FASTEST},
        ),
    ] = None
    urgent: Annotated[
        bool,
        Breaks({"invalid_type": "yes"}),
        Field(examples=[False], description="`true`: it does not wait for the end of quiet hours."),
    ] = False


class InvalidRecipient(ResponseBody):
    """A row that was not taken."""

    phone: Annotated[str, Field(examples=["12345678"], description="As it was given; empty where it was no text.")]
    reason: Annotated[
        str, Field(examples=["phone_prefix"], description="The code of the rule that it breaks, as in `errors`.")
    ]


class BulkTaken(ResponseBody):
    """Written down durably; the texts follow."""

    success: Success = True
    message: Annotated[
        str, Field(examples=["Accepted: follow it by its batchId"], description="For people; it may change.")
    ] = "Accepted: follow it by its batchId"
    batch_id: Annotated[
        str, Field(examples=[A_BATCH], description="Names the batch.", json_schema_extra={"format": "uuid"})
    ]
    total_valid: Annotated[int, Field(examples=[1], description="Rows that were taken.")]
    total_invalid: Annotated[int, Field(examples=[0], description="Rows that broke a rule and were left out.")]
    estimated_cost: Annotated[
        float,
        Field(
            examples=[0.32],
            description="What all of it costs at the most, in MRU, by the prices of now; 0 where a price is missing.",
        ),
    ]
    status: Annotated[Literal["processing", "scheduled"], Field(examples=["processing"], description="What it does.")]
    invalid_recipients: Annotated[
        list[InvalidRecipient],
        Field(examples=[[]], description="The first 1,000 rows that were left out, in the order given."),
    ]


class BulkStatus(ResponseBody):
    """How far a batch has come."""

    success: Success = True
    batch_id: Annotated[
        str, Field(examples=[A_BATCH], description="Names the batch.", json_schema_extra={"format": "uuid"})
    ]
    name: Annotated[str, Field(examples=["Fermeture de vendredi"], description="As it was given.")]
    status: Annotated[
        Literal["scheduled", "processing", "paused", "completed", "cancelled"],
        Field(
            examples=["processing"],
            description="`completed`: every text has left, or never will; receipts may still follow. The gateway's "
            "team pauses and cancels batches.",
        ),
    ]
    total_valid: Annotated[int, Field(examples=[8420], description="Rows that were taken.")]
    total_invalid: Annotated[int, Field(examples=[227], description="Rows that were left out.")]
    waiting: Annotated[int, Field(examples=[1200], description="Rows whose turn has not come.")]
    queued: Annotated[int, Field(examples=[67], description="Messages that wait for their carrier or are under way.")]
    sent: Annotated[int, Field(examples=[437], description="Messages that a carrier took, and no more is known.")]
    delivered: Annotated[int, Field(examples=[6618], description="Messages that arrived.")]
    failed: Annotated[int, Field(examples=[98], description="Messages that failed or expired.")]
    skipped: Annotated[
        int, Field(examples=[0], description="Rows that no message was made of: opted out, or the batch was cancelled.")
    ]
    estimated_cost: Annotated[float, Field(examples=[2747.0], description="As it was answered when it was sent.")]
    waits_until: Annotated[
        str | None,
        Field(
            examples=[A_TIME],
            exclude_if=is_none,
            description="When it begins, or goes on after quiet hours.",
            json_schema_extra={"format": "date-time"},
        ),
    ] = None
    created_at: At
    completed_at: Annotated[str | None, Field(examples=[None], description="When it ended, in UTC; null: it has not.")]
