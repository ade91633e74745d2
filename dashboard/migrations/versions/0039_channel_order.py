"""in which order channels carry a key's codes, and the messages that carry one code"""

import sqlalchemy as sa
from alembic import op

from dashboard.migrations import big_indexes


revision = '0039'
down_revision = '0038'
branch_labels = None
depends_on = None

COLUMNS = {
    'api_keys': (sa.Column('channel_order', sa.String(40), nullable=True),),
    'messages': (
        sa.Column('step', sa.Integer(), nullable=True),
        sa.Column('step_of', sa.BigInteger(), nullable=True),
    ),
}


def upgrade():
    inspector = sa.inspect(op.get_bind())
    for table, columns in COLUMNS.items():
        known = {column['name'] for column in inspector.get_columns(table)}
        for column in columns:
            if column.name not in known:
                op.add_column(table, column)
    big_indexes.create('ix_messages_step', 'messages', ['step_of', 'id'], where='step_of IS NOT NULL')


def downgrade():
    op.drop_index('ix_messages_step', 'messages')
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
