"""Responses of /healthz, /readyz and /alarm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dashboard.api.schemas.base import ResponseBody


class Alive(ResponseBody):
    """The web server answers."""

    status: Annotated[Literal["ok"], Field(description="It answers.")] = "ok"


Part = Annotated[Literal["ok", "down"], Field(examples=["ok"], description="Whether this part works.")]


class Ready(ResponseBody):
    """Database, Valkey and the processes behind, told apart."""

    ready: Annotated[bool, Field(examples=[True], description="Whether all parts work.")]
    database: Part
    valkey: Part
    relay: Part
    workers: Annotated[
        dict[str, int],
        Field(
            examples=[{"sms": 2, "whatsapp": 1, "webhooks": 1}],
            description="How many workers of each lane gave a sign lately.",
        ),
    ]


class Alarm(ResponseBody):
    """What is wrong, by code."""

    ok: Annotated[bool, Field(examples=[True], description="Whether nothing is wrong.")]
    causes: Annotated[
        list[str],
        Field(examples=[[]], description="What is wrong, such as no_worker, backlog, carrier_down, disk or database."),
    ]
