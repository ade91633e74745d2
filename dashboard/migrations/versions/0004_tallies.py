"""roll-ups, and what of each row they hold"""

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

COUNTS = ['requested', 'segments', 'sent', 'delivered', 'failed', 'expired', 'verified', 'exhausted']
TIMES = [f'send_{i}' for i in range(16)] + [f'verify_{i}' for i in range(20)]
MESSAGES = sa.text('tallied_status IS NULL OR tallied_status <> status')
OTPS = sa.text('tallied IS NULL AND (verified_at IS NOT NULL OR attempts >= 3)')


def bucket():
    return [
        sa.Column('grain', sa.String(length=6), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('key_id', sa.String(length=36), nullable=False),
        sa.Column('kind', sa.String(length=8), nullable=False),
        sa.Column('channel', sa.String(length=8), nullable=False),
        sa.Column('operator', sa.String(length=1), nullable=False),
        sa.Column('language', sa.String(length=2), nullable=False),
    ]


def upgrade():
    names = [column.name for column in bucket()]
    op.create_table(
        'tallies',
        *bucket(),
        *(sa.Column(name, sa.Integer(), server_default='0', nullable=False) for name in COUNTS + TIMES),
        sa.PrimaryKeyConstraint(*names),
        sqlite_with_rowid=False,
    )
    op.create_table(
        'tally_reasons',
        *bucket(),
        sa.Column('code', sa.String(length=40), nullable=False),
        sa.Column('failed', sa.Integer(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint(*names, 'code'),
        sqlite_with_rowid=False,
    )
    # Added in place: a copy of a large table would take minutes.
    op.add_column('messages', sa.Column('tallied_status', sa.String(length=9), nullable=True))
    op.add_column('messages', sa.Column('tallied_more', sa.String(length=41), nullable=True))
    op.add_column('otps', sa.Column('tallied', sa.Boolean(), nullable=True))
    facets = ['status', 'kind', 'channel', sa.text('substr(phone, 5, 1)'), 'id']
    op.create_index('ix_messages_facets', 'messages', facets)
    op.create_index('ix_messages_key_facets', 'messages', ['key_id', *facets])
    op.drop_index('ix_messages_status', 'messages')
    op.drop_index('ix_messages_key', 'messages')
    op.create_index('ix_messages_untallied', 'messages', ['id'], sqlite_where=MESSAGES, postgresql_where=MESSAGES)
    op.create_index('ix_otps_untallied', 'otps', ['id'], sqlite_where=OTPS, postgresql_where=OTPS)


def downgrade():
    op.drop_index('ix_otps_untallied', 'otps')
    op.drop_index('ix_messages_untallied', 'messages')
    op.create_index('ix_messages_key', 'messages', ['key_id', 'id'])
    op.create_index('ix_messages_status', 'messages', ['status', 'id'])
    op.drop_index('ix_messages_key_facets', 'messages')
    op.drop_index('ix_messages_facets', 'messages')
    op.drop_column('otps', 'tallied')
    op.drop_column('messages', 'tallied_more')
    op.drop_column('messages', 'tallied_status')
    op.drop_table('tally_reasons')
    op.drop_table('tallies')
