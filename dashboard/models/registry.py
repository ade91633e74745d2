"""All models in one place, so that migrations and tests see every table."""

from __future__ import annotations

from dashboard.db import Base
from dashboard.models.accounts import SetupLink, SignInFailure, User, UserSession
from dashboard.models.api_keys import ApiKey, KeyCaller, KeyDay, KeySecret
from dashboard.models.carriers import Carrier, CarrierLine, CarrierMinute, Route
from dashboard.models.delivery import MessagePart, Setback, StrayReceipt
from dashboard.models.idempotency import KeptAnswer
from dashboard.models.limits import LimitOverride, Refusal
from dashboard.models.maintenance import Tidied
from dashboard.models.messages import Message, Resend
from dashboard.models.monitoring import Process
from dashboard.models.otp import Otp, OtpWording
from dashboard.models.sandbox import SandboxText
from dashboard.models.site_settings import Setting
from dashboard.models.statistics import Tally, TallyReason
from dashboard.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookSecret

MODELS = (
    ApiKey,
    Carrier,
    CarrierLine,
    CarrierMinute,
    KeptAnswer,
    KeyCaller,
    KeyDay,
    KeySecret,
    LimitOverride,
    Message,
    MessagePart,
    Otp,
    OtpWording,
    Process,
    Refusal,
    Resend,
    Route,
    SandboxText,
    Setback,
    Setting,
    SetupLink,
    SignInFailure,
    StrayReceipt,
    Tally,
    TallyReason,
    Tidied,
    User,
    UserSession,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookSecret,
)
metadata = Base.metadata
