"""campaigns and their recipients"""

import sqlalchemy as sa
from alembic import op


revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    time = sa.DateTime(timezone=True)
    op.create_table('campaigns',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('uuid', sa.String(36), nullable=False, unique=True),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id'), nullable=False),
    sa.Column('name', sa.String(80), nullable=False),
    sa.Column('state', sa.String(9), nullable=False),
    sa.Column('pace', sa.Integer(), nullable=True),
    sa.Column('is_urgent', sa.Boolean(), nullable=False),
    *(sa.Column(name, sa.Integer(), nullable=False) for name in ('total', 'invalid')),
    sa.Column('estimated_cost', sa.BigInteger(), nullable=True),
    sa.Column('created_at', time, nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    *(sa.Column(name, time, nullable=True) for name in ('scheduled_at', 'started_at', 'fed_at', 'ended_at')),
    sa.Column('ended_for', sa.String(20), nullable=True),
    if_not_exists=True)
    op.create_table('campaign_recipients',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('campaign_id', big_id, sa.ForeignKey('campaigns.id'), nullable=False),
    sa.Column('phone', sa.String(12), nullable=False),
    sa.Column('body', sa.Text(), nullable=True),
    sa.Column('encoding', sa.String(5), nullable=False),
    sa.Column('segments', sa.Integer(), nullable=False),
    sa.Column('message_id', sa.BigInteger(), nullable=True),
    sa.Column('error_code', sa.String(40), nullable=True),
    sa.Column('created_at', time, nullable=False),
    if_not_exists=True)
    unended, waiting = sa.text('ended_at IS NULL'), sa.text('message_id IS NULL AND error_code IS NULL')
    for name, table, columns, where in (
        ('ix_campaigns_key', 'campaigns', ['key_id', 'id'], None),
        ('ix_campaigns_unended', 'campaigns', ['state', 'id'], unended),
        ('ix_campaign_recipients_campaign', 'campaign_recipients', ['campaign_id', 'id'], None),
        ('ix_campaign_recipients_waiting', 'campaign_recipients', ['campaign_id', 'id'], waiting),
        ('ix_campaign_recipients_phone', 'campaign_recipients', ['phone'], None),
    ):
        op.create_index(name, table, columns, if_not_exists=True, sqlite_where=where, postgresql_where=where)


def downgrade():
    op.drop_table('campaign_recipients')
    op.drop_table('campaigns')
