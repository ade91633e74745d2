"""Runs migrations on the application's own engine, so that its hooks hold here too."""

from alembic import context
from flask import current_app

db = current_app.extensions["migrate"].db


def render_item(kind, item, _autogen):
    """A migration names no class of ours: the class may change, the migration may not."""
    if kind == "type" and type(item).__name__ == "UtcDateTime":
        return "sa.DateTime(timezone=True)"
    return False


with db.engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
