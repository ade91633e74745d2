"""All models, so that migrations and tests see every table."""

from dashboard.models.keys import ApiKey, KeyCaller, KeyDay, KeySecret
from dashboard.models.limits import LimitOverride, Refusal
from dashboard.models.messages import Message, Resend, SandboxText
from dashboard.models.otp import Otp
from dashboard.models.people import SetupLink, SignInFailure, User, UserSession
from dashboard.models.repeats import KeptAnswer
from dashboard.models.routing import Carrier, CarrierLine, CarrierMinute, MessagePart, Route, Setback, StrayReceipt
from dashboard.models.stats import Tally, TallyReason
from dashboard.models.system import Process, Setting, Tidied
from dashboard.models.texts import OtpWording
from dashboard.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookSecret,
)

__all__ = [
    "ApiKey",
    "Carrier",
    "CarrierLine",
    "CarrierMinute",
    "KeptAnswer",
    "KeyCaller",
    "KeyDay",
    "KeySecret",
    "LimitOverride",
    "Message",
    "MessagePart",
    "Otp",
    "OtpWording",
    "Process",
    "Refusal",
    "Resend",
    "Route",
    "SandboxText",
    "Setback",
    "Setting",
    "SetupLink",
    "SignInFailure",
    "StrayReceipt",
    "Tally",
    "TallyReason",
    "Tidied",
    "User",
    "UserSession",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookSecret",
]
