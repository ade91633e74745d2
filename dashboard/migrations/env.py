"""Runs migrations on an engine of the gateway's own making, so that its hooks hold here too."""

from alembic import context

from dashboard.db import make_sessions
from dashboard.models.registry import metadata
from dashboard.settings import Settings


def render_item(kind, item, _autogen):
    """A migration names no class of ours: the class may change, the migration may not."""
    if kind == "type" and type(item).__name__ == "UtcDateTime":
        return "sa.DateTime(timezone=True)"
    return False


# The command `alembic` has none to give: it works on the database of the environment's settings.
engine = context.config.attributes.get("engine") or make_sessions(Settings.from_env().database_url).kw["bind"]
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
        transaction_per_migration=True,  # tables are not locked for longer than one of them takes
    )
    with context.begin_transaction():
        context.run_migrations()
