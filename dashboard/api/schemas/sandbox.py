"""Query and response of /sandbox/inbox."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from dashboard.api.schemas.base import (
    BAD_EMAILS,
    BAD_PHONES,
    EMAIL_FORM,
    EMPTY,
    MOST_IN_PAGE,
    NOT_ASKED,
    PHONE_FORM,
    At,
    Breaks,
    ChannelName,
    MessageId,
    OrNotAsked,
    Query,
    ResponseBody,
    Success,
    is_none,
    one_of_both,
    page_size,
    read_email,
    read_phone,
    with_plus,
)


class ReadInbox(Query):
    """Which number or e-mail address, and how many texts."""

    model_config = ConfigDict(json_schema_extra=one_of_both)

    phone: Annotated[
        str,
        BeforeValidator(with_plus),
        AfterValidator(read_phone),
        OrNotAsked,
        WithJsonSchema(PHONE_FORM),
        EMPTY,
        BAD_PHONES,
        Field(alias="phoneNumber", examples=["38089336"], description="The number, in any form."),
    ]
    email: Annotated[
        Annotated[str, AfterValidator(read_email), WithJsonSchema(EMAIL_FORM)] | None,
        BAD_EMAILS,
        Field(
            examples=["aminata@example.mr"],
            exclude_if=is_none,
            description="The e-mail address, in place of a number.",
        ),
    ] = None
    limit: Annotated[
        int,
        BeforeValidator(page_size),
        Breaks({"out_of_range": "1000"}),
        Field(
            examples=[50],
            description="How many at most.",
            json_schema_extra={"minimum": 1, "maximum": MOST_IN_PAGE},
        ),
    ] = 50

    @property
    def recipient(self) -> str:
        """The number or the address, as it is kept."""
        return self.email or self.phone

    @model_validator(mode="before")
    @classmethod
    def _one_recipient(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return values | {"phoneNumber": NOT_ASKED} if values.get("email") else values


class Received(ResponseBody):
    """A text on the sandbox phone."""

    message_id: MessageId
    channel: Annotated[ChannelName, Field(examples=["sms"], description="How it came.")]
    text: Annotated[
        str, Field(examples=["Your verification code is 482913."], description="As the phone shows it, codes in full.")
    ]
    received_at: At


class ReceivedTexts(ResponseBody):
    """What a number received, the newest last."""

    success: Success = True
    messages: Annotated[list[Received], Field(examples=[[]], description="At most `limit` of them.")]
