"""Versions of the wording of codes. A code keeps the version that it was asked for with, whatever is saved meanwhile.

Sending looks nothing up: a process keeps the wordings in force and asks once a second whether there is a newer version.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from dashboard.cache import TimedCache
from dashboard.db import core_table, lock, pool_of
from dashboard.gateway.otp import codes, template_rules
from dashboard.models.api_keys import ApiKey
from dashboard.models.otp import Otp, OtpTemplate
from dashboard.sms import encoding
from dashboard.sms.encoding import Shape
from dashboard.vocabulary import Channel

LOOK_EVERY = 1.0  # seconds
HISTORY = 50

Subject = tuple[str | None, str]  # key, language


class InvalidWording(ValueError):
    """It breaks rules; `codes` are those of `template_rules.faults`."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(", ".join(codes))
        self.codes = codes


@dataclass(frozen=True)
class Template:
    """What a code is wrapped in. `id` is empty for the built-in one."""

    id: int | None
    body: str
    brand: str = ""

    def render(self, code: str, app_hash: str | None = None) -> str:
        """The text as it is sent."""
        return template_rules.fill(self.body, self.brand, code, app_hash)


@dataclass(frozen=True)
class NewWording:
    """A version to be. Without a body the subject gives way to the more general wording."""

    key_id: str | None
    language: str
    body: str | None
    brand: str = ""


BUILT_IN = {language: Template(None, body) for language, body in template_rules.TEXTS.items()}
_VERSIONS = core_table(OtpTemplate)
NEWEST = select(func.max(_VERSIONS.c.id))
IN_FORCE = select(_VERSIONS).where(
    _VERSIONS.c.id.in_(select(func.max(_VERSIONS.c.id)).group_by(_VERSIONS.c.key_id, _VERSIONS.c.language)),
    _VERSIONS.c.body.is_not(None),
)
NEWEST_VERSION = TimedCache[Any, int](LOOK_EVERY, weak_keys=True)  # by connection pool
WORDINGS = TimedCache[Any, tuple[int, dict[Subject, Template]]](inf, weak_keys=True)  # by pool: newest id, in force


def current(session: Session, key_id: str | None, language: str, brand: str | None = None) -> Template:
    """The wording in force: the key's own, else the one for all keys with the key's `brand`, else the built-in."""
    in_force = _in_force(session)
    own, general = in_force.get((key_id, language)), in_force.get((None, language))
    if own is None and general is not None and brand:
        return replace(general, brand=brand)
    return own or general or BUILT_IN[language]


@lru_cache(maxsize=1_000)
def shape(template: Template, app_hash: str | None) -> Shape:
    """The size of the text, which is the same for all codes."""
    return encoding.shape(template.render("0" * codes.DIGITS, app_hash))


def of(otp: Otp, channel: str) -> Template:
    """The wording that a code was asked for with; by e-mail without the line that web pages read out of an SMS."""
    if otp.wording is None or otp.wording.body is None:
        return BUILT_IN[otp.language]
    body = otp.wording.body
    if channel == Channel.EMAIL:
        body, _host = template_rules.split_host(body)
    return Template(otp.wording.id, body, otp.brand or otp.wording.brand)


def broken_by(session: Session, brand: str) -> list[tuple[str, list[str]]]:
    """Wordings for all keys that a key's brand would break: language, and which rules."""
    general = [(row.language, row.body) for row in session.execute(IN_FORCE) if row.key_id is None]
    faults = ((language, template_rules.faults(body, brand)) for language, body in general)
    return [(language, codes) for language, codes in faults if codes]


def breaks_for(session: Session, body: str) -> list[ApiKey]:
    """The keys whose brand would break this wording, were it the one for all keys."""
    branded = session.scalars(select(ApiKey).where(ApiKey.brand.is_not(None), ApiKey.revoked_at.is_(None)))
    tidy = template_rules.tidy(body)
    return [key for key in branded if key.brand and template_rules.faults(tidy, key.brand)]


def save(session: Session, wanted: NewWording, created_by: str | None = None) -> OtpTemplate:
    """Put a new version in force, within a second everywhere; raise InvalidWording. The caller commits."""
    body = None if wanted.body is None else template_rules.tidy(wanted.body)
    broken = [] if body is None else template_rules.faults(body, wanted.brand)
    if not broken and body is not None and wanted.key_id is None and breaks_for(session, body):
        broken = ["brand_of_a_key"]
    if broken:
        raise InvalidWording(broken)
    lock(session, "otp_wordings")  # ids must come into sight in their order, or a process would overlook one
    row = OtpTemplate(
        key_id=wanted.key_id, language=wanted.language, body=body, brand=wanted.brand, created_by=created_by
    )
    session.add(row)
    session.flush()
    return row


def history(session: Session, key_id: str | None, language: str) -> list[OtpTemplate]:
    """The versions of one subject, newest first."""
    query = select(OtpTemplate).where(OtpTemplate.key_id.is_not_distinct_from(key_id), OtpTemplate.language == language)
    return list(session.scalars(query.order_by(OtpTemplate.id.desc()).limit(HISTORY)))


def find(session: Session, version: int) -> OtpTemplate | None:
    return session.get(OtpTemplate, version)


def own(session: Session) -> set[Subject]:
    """The subjects that have a wording of their own in force."""
    return {(row.key_id, row.language) for row in session.execute(IN_FORCE)}


def otps_of(session: Session, message_ids: Collection[int]) -> dict[int, Otp]:
    """The codes that messages carry with their wordings, by message id."""
    if not message_ids:
        return {}
    query = select(Otp).options(joinedload(Otp.wording)).where(Otp.message_id.in_(message_ids))
    return {row.message_id: row for row in session.scalars(query)}


def _in_force(session: Session) -> dict[Subject, Template]:
    """As of at most LOOK_EVERY ago; the versions themselves are read only when there is a newer one."""
    pool = pool_of(session)
    version = NEWEST_VERSION.find(pool, lambda: session.connection().execute(NEWEST).scalar() or 0)
    stored = WORDINGS.get(pool)
    if stored is None or stored[0] != version:
        stored = WORDINGS.renew(pool, lambda: (version, _read(session)))
    return stored[1]


def _read(session: Session) -> dict[Subject, Template]:
    rows = session.connection().execute(IN_FORCE)
    return {(row.key_id, row.language): Template(row.id, row.body, row.brand) for row in rows}
