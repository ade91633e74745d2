"""Note in the audit log what a form did: one line before the commit of every view that changes something."""

from __future__ import annotations

from typing import Any

from flask import g, request
from flask_login import current_user

from dashboard.extensions import services, session
from dashboard.gateway.audit import trail


def record(act: str, subject: str = "", *, by: str = "", **facts: tuple[Any, Any]) -> None:
    """Note an act of the visitor, or of `by`, who is signed in only by it. `facts`: before and after."""
    name = by or current_user.email
    home = services().settings.chinqit_home
    actor = trail.Actor(name, home, request.remote_addr or "", g.get("request_id", ""))
    trail.record(session, actor, act, subject, **facts)
