"""budgets: what keys may spend in a day or a month, and what each message counts for"""

import sqlalchemy as sa
from alembic import op


revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None

UNSETTLED = (
    "reserved IS NOT NULL AND due_at IS NULL AND status <> 'sending' AND tallied_status = status"
    " AND (settled_status IS NULL OR settled_status <> status)"
)


def upgrade():
    time = sa.DateTime(timezone=True)
    op.create_table('budgets',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('key_id', sa.String(36), nullable=False),
    sa.Column('period', sa.String(5), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('action', sa.String(4), nullable=False),
    sa.Column('per_minute', sa.Integer(), nullable=False),
    sa.Column('exempts_codes', sa.Boolean(), nullable=False),
    sa.Column('timezone', sa.String(40), nullable=False),
    sa.Column('settles_from', time, nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', time, nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    if_not_exists=True)
    op.create_index('ix_budgets_subject', 'budgets', ['key_id', 'period'], unique=True, if_not_exists=True)
    op.create_table('budget_uses',
    sa.Column('budget_id', sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column('starts_on', sa.Date(), primary_key=True),
    sa.Column('used', sa.BigInteger(), nullable=False),
    sa.Column('slow_at', time, nullable=True),
    sa.Column('slow_count', sa.Integer(), nullable=False, server_default='0'),
    if_not_exists=True)
    known = {column['name'] for column in sa.inspect(op.get_bind()).get_columns('messages')}
    for column in (sa.Column('reserved', sa.BigInteger()), sa.Column('settled_status', sa.String(9))):
        if column.name not in known:
            op.add_column('messages', column)
    where = sa.text(UNSETTLED)
    op.create_index('ix_messages_unsettled', 'messages', ['id'], if_not_exists=True, sqlite_where=where,
                    postgresql_where=where)


def downgrade():
    op.drop_index('ix_messages_unsettled', 'messages')
    op.drop_column('messages', 'settled_status')
    op.drop_column('messages', 'reserved')
    op.drop_table('budget_uses')
    op.drop_table('budgets')
