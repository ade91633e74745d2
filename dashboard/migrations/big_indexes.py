"""Indexes of tables that grow without an end, made while others write. For migrations."""

import sqlalchemy as sa
from alembic import op

IS_BROKEN = sa.text(
    "SELECT NOT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relname = :name"
)


def create(name: str, table: str, columns: list[str], where: str) -> None:
    """Make a partial index, unless it is there.

    On PostgreSQL outside of a transaction and CONCURRENTLY: otherwise all who write to the table would wait for as
    long as it is read. What is done before in the same migration is then kept, also when this fails: it must bear to
    be done again. One that was broken off stays behind as invalid, and is made anew.
    """
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, columns, if_not_exists=True, sqlite_where=sa.text(where))
        return
    with op.get_context().autocommit_block():
        if op.get_bind().scalar(IS_BROKEN, {"name": name}):
            op.drop_index(name, table, postgresql_concurrently=True)
        op.create_index(
            name, table, columns, if_not_exists=True, postgresql_where=sa.text(where), postgresql_concurrently=True
        )
