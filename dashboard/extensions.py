"""Flask's side: extensions, and the services that requests share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import current_app, has_request_context, request
from flask_babel import Babel
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from flask_wtf import CSRFProtect
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from dashboard.db import Sessions, reader_of
from dashboard.gateway.api_keys.key_cache import KeyCache
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.sandbox.inbox import SandboxInbox
from dashboard.group_commit import GroupCommit
from dashboard.models import registry as models
from dashboard.settings import Settings
from dashboard.tracing import Traces, open_traces
from dashboard.wakeup import Wakeup

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # RFC 9110, 9.2.1: a request of these only reads


@dataclass(frozen=True)
class Services:
    """What routes need beside the database session."""

    settings: Settings
    sessions: Sessions
    reader: Engine
    key_cache: KeyCache
    group_commit: GroupCommit
    sandbox_inbox: SandboxInbox
    wakeup: Wakeup
    traces: Traces | None

    @property
    def keyring(self) -> Keyring:
        """What codes are derived with, as of now."""
        return Keyring.of(self.settings)


class RequestSession(FlaskSession):
    """A request that only reads takes no write lock on SQLite."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        engine = super().get_bind(*args, **kwargs)
        return services().reader if has_request_context() and request.method in SAFE_METHODS else engine


db = SQLAlchemy(metadata=models.metadata, session_options={"class_": RequestSession}, disable_autonaming=True)
session = cast(Session, db.session)  # the proxy of the request's session, typed as what gateway functions take
babel = Babel()
csrf = CSRFProtect()
login = LoginManager()


def services() -> Services:
    return cast(Services, current_app.extensions["chinqit"])


def open_services(settings: Settings) -> Services:
    """Inside an application context."""
    sessions = sessionmaker(db.engine)
    return Services(
        settings=settings,
        sessions=sessions,
        reader=(reader := reader_of(db.engine)),
        key_cache=KeyCache(reader),
        group_commit=GroupCommit(sessions),
        sandbox_inbox=SandboxInbox(sessions, settings),
        wakeup=Wakeup(settings.redis_url),
        traces=open_traces(settings.otel_exporter_otlp_endpoint, "web"),
    )
