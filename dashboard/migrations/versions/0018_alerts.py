"""channels of alerts, incidents, and who was told of what"""

import sqlalchemy as sa
from alembic import op


revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    time = sa.DateTime(timezone=True)
    op.create_table('alert_channels',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('kind', sa.String(10), nullable=False),
    sa.Column('label', sa.String(254), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('severity', sa.String(10), nullable=False),
    sa.Column('language', sa.String(2), nullable=False),
    sa.Column('quiet_from', sa.String(5), nullable=True),
    sa.Column('quiet_until', sa.String(5), nullable=True),
    sa.Column('repeat_minutes', sa.Integer(), nullable=False),
    sa.Column('created_at', time, nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    sa.Column('claimed_until', time, nullable=True),
    sa.Column('next_at', time, nullable=True),
    sa.Column('test_asked_at', time, nullable=True),
    sa.Column('last_at', time, nullable=True),
    sa.Column('last_error', sa.String(200), nullable=True),
    if_not_exists=True)
    op.create_table('alert_incidents',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('cause', sa.String(200), nullable=False),
    sa.Column('open_cause', sa.String(200), nullable=True, unique=True),
    sa.Column('code', sa.String(40), nullable=False),
    sa.Column('severity', sa.String(10), nullable=False),
    sa.Column('subject', sa.String(254), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('opened_at', time, nullable=False),
    sa.Column('seen_at', time, nullable=False),
    sa.Column('cleared_at', time, nullable=True),
    sa.Column('acknowledged_at', time, nullable=True),
    sa.Column('acknowledged_by', sa.String(254), nullable=True),
    if_not_exists=True)
    op.create_index('ix_alert_incidents_opened', 'alert_incidents', ['opened_at'], if_not_exists=True)
    op.create_table('alert_notices',
    sa.Column('channel_id', sa.Integer(), sa.ForeignKey('alert_channels.id', ondelete='CASCADE'), primary_key=True),
    sa.Column('incident_id', big_id, sa.ForeignKey('alert_incidents.id', ondelete='CASCADE'), primary_key=True),
    sa.Column('told_at', time, nullable=False),
    sa.Column('cleared_told_at', time, nullable=True),
    if_not_exists=True)
    op.create_index('ix_alert_notices_incident_id', 'alert_notices', ['incident_id'], if_not_exists=True)


def downgrade():
    op.drop_table('alert_notices')
    op.drop_table('alert_incidents')
    op.drop_table('alert_channels')
