"""when a carrier is asked what became of a message; what carriers say of themselves"""

import sqlalchemy as sa
from alembic import op


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade():
    present = sa.inspect(op.get_bind())
    if 'ask_at' not in {column['name'] for column in present.get_columns('messages')}:
        op.add_column('messages', sa.Column('ask_at', MOMENT, nullable=True))  # in place: no copy of a large table
    where = sa.text('ask_at IS NOT NULL')
    op.create_index(
        'ix_messages_ask', 'messages', ['carrier', 'ask_at'],
        sqlite_where=where, postgresql_where=where, if_not_exists=True,
    )
    op.create_table(
        'carrier_notices',
        sa.Column('carrier', sa.String(40), nullable=False),
        sa.Column('code', sa.String(40), nullable=False),
        sa.Column('first_at', MOMENT, nullable=False),
        sa.Column('last_at', MOMENT, nullable=False),
        sa.PrimaryKeyConstraint('carrier', 'code', name=op.f('pk_carrier_notices')),
        if_not_exists=True,
    )


def downgrade():
    op.drop_table('carrier_notices')
    op.drop_index('ix_messages_ask', 'messages')
    op.drop_column('messages', 'ask_at')
