"""All models in one place, so that migrations and tests see every table."""

from __future__ import annotations

from sqlalchemy.orm import configure_mappers

from dashboard.models.accounts import PersonLink, RecoveryCode, SetupLink, SignInFailure, User, UserSession
from dashboard.models.alerts import AlertChannel, AlertIncident, AlertNotice
from dashboard.models.api_keys import ApiKey, KeyCaller, KeyDay, KeySecret
from dashboard.models.audit import AuditEntry
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.models.carriers import Carrier, CarrierConnection, CarrierMinute, Route
from dashboard.models.contacts import Contact, ContactGroup, ContactGroupMember, ContactImport, ContactImportFault
from dashboard.models.costs import Budget, BudgetUse, Charge, DailyCost, Price
from dashboard.models.delivery import FailedAttempt, MessagePart, UnmatchedReceipt
from dashboard.models.diagnosis import NumberLookup, NumberNote
from dashboard.models.doors import Door
from dashboard.models.idempotency import IdempotencyRecord
from dashboard.models.inbound import IncomingMessage, IncomingPart, KeywordRule
from dashboard.models.limits import LimitOverride, LimitRejection, WrongGuess
from dashboard.models.maintenance import RetentionProgress
from dashboard.models.message_log import SavedView
from dashboard.models.messages import Message, Resend
from dashboard.models.monitoring import Outage, Process
from dashboard.models.opt_outs import OptOut
from dashboard.models.otp import Otp, OtpTemplate, ReviewNumber
from dashboard.models.sandbox import SandboxMessage
from dashboard.models.site_settings import Setting
from dashboard.models.statistics import StatisticsBucket, StatisticsReason
from dashboard.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookSecret

MODELS = (
    AlertChannel,
    AlertIncident,
    AlertNotice,
    ApiKey,
    AuditEntry,
    Budget,
    BudgetUse,
    Campaign,
    CampaignRecipient,
    Carrier,
    CarrierConnection,
    CarrierMinute,
    Charge,
    Contact,
    ContactGroup,
    ContactGroupMember,
    ContactImport,
    ContactImportFault,
    DailyCost,
    Door,
    FailedAttempt,
    IdempotencyRecord,
    IncomingMessage,
    IncomingPart,
    KeywordRule,
    KeyCaller,
    KeyDay,
    KeySecret,
    LimitOverride,
    LimitRejection,
    Message,
    MessagePart,
    NumberLookup,
    NumberNote,
    OptOut,
    Otp,
    OtpTemplate,
    Outage,
    PersonLink,
    Price,
    Process,
    RecoveryCode,
    Resend,
    RetentionProgress,
    ReviewNumber,
    Route,
    SandboxMessage,
    SavedView,
    Setting,
    SetupLink,
    SignInFailure,
    StatisticsBucket,
    StatisticsReason,
    UnmatchedReceipt,
    User,
    UserSession,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookSecret,
    WrongGuess,
)
(metadata,) = {model.metadata for model in MODELS}  # one: all have the same base
configure_mappers()  # now, and not in each of the processes that are forked later: 8 MB each
