"""what texts cost: prices, charges, days"""

import sqlalchemy as sa
from alembic import op


revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None

COUNTS = ('messages', 'segments', 'failed_segments', 'ucs2_segments', 'wasted_segments', 'unpriced_segments')
MONEY = ('cost', 'failed_cost', 'wasted_cost', 'refunded')


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    time = sa.DateTime(timezone=True)
    op.create_table('prices',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('carrier', sa.String(40), nullable=False),
    sa.Column('channel', sa.String(8), nullable=False),
    sa.Column('operator', sa.String(1), nullable=False),
    sa.Column('from_day', sa.Date(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('is_refunded', sa.Boolean(), nullable=False),
    sa.Column('created_at', time, nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    if_not_exists=True)
    op.create_index('ix_prices_subject', 'prices', ['carrier', 'channel', 'operator', 'from_day'], unique=True,
                    if_not_exists=True)
    op.create_table('charges',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('message_id', sa.BigInteger(), nullable=False),
    sa.Column('key_id', sa.String(36), nullable=False),
    sa.Column('carrier', sa.String(40), nullable=False),
    sa.Column('operator', sa.String(1), nullable=False),
    sa.Column('channel', sa.String(8), nullable=False),
    sa.Column('segments', sa.Integer(), nullable=False),
    sa.Column('is_ucs2', sa.Boolean(), nullable=False),
    sa.Column('wasted', sa.Integer(), nullable=False),
    sa.Column('cost', sa.BigInteger(), nullable=True),
    sa.Column('is_refunded', sa.Boolean(), nullable=False),
    sa.Column('taken_at', time, nullable=False),
    sa.Column('is_failed', sa.Boolean(), nullable=False),
    sa.Column('tallied', sa.Boolean(), nullable=True),
    if_not_exists=True)
    op.create_index('ix_charges_message', 'charges', ['message_id'], if_not_exists=True)
    where = sa.text('tallied IS NULL OR tallied <> is_failed')
    op.create_index('ix_charges_untallied', 'charges', ['id'], if_not_exists=True, sqlite_where=where,
                    postgresql_where=where)
    op.create_table('daily_costs',
    sa.Column('day', sa.Date(), primary_key=True),
    sa.Column('key_id', sa.String(36), primary_key=True),
    sa.Column('channel', sa.String(8), primary_key=True),
    sa.Column('operator', sa.String(1), primary_key=True),
    sa.Column('carrier', sa.String(40), primary_key=True),
    *(sa.Column(name, sa.Integer(), nullable=False, server_default='0') for name in COUNTS),
    *(sa.Column(name, sa.BigInteger(), nullable=False, server_default='0') for name in MONEY),
    sqlite_with_rowid=False, if_not_exists=True)


def downgrade():
    op.drop_table('daily_costs')
    op.drop_table('charges')
    op.drop_table('prices')
