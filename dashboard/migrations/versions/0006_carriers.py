"""carriers, routes, receipts that were not matched, parts of long texts, tries that failed"""

import sqlalchemy as sa
from alembic import op


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    moment = sa.DateTime(timezone=True)
    op.create_table('carriers',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('name', sa.String(40), nullable=False),
    sa.Column('kind', sa.String(20), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('hook', sa.String(43), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('down_since', moment, nullable=True),
    sa.Column('down_until', moment, nullable=True),
    sa.Column('down_code', sa.String(40), nullable=True),
    sa.Column('ready_at', moment, nullable=True),
    sa.Column('created_at', moment, nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    sa.UniqueConstraint('name', name='uq_carriers_name'),
    sa.UniqueConstraint('hook', name='uq_carriers_hook'),
    sqlite_autoincrement=True,
    )
    op.create_table('routes',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('channel', sa.String(8), nullable=False),
    sa.Column('operator', sa.String(1), nullable=True),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id', name='fk_routes_key_id'), nullable=True),
    sa.Column('carrier_id', sa.Integer(), sa.ForeignKey('carriers.id', name='fk_routes_carrier_id'), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('weight', sa.Integer(), nullable=False),
    )
    op.create_index('ix_routes_subject', 'routes', ['channel', 'operator', 'key_id'])
    op.create_index('ix_routes_carrier_id', 'routes', ['carrier_id'])
    op.create_table('carrier_lines',
    sa.Column('process', sa.String(80), primary_key=True),
    sa.Column('carrier_id', sa.Integer(), sa.ForeignKey('carriers.id', name='fk_carrier_lines_carrier_id', ondelete='CASCADE'), primary_key=True),
    sa.Column('state', sa.String(10), nullable=False),
    sa.Column('code', sa.String(40), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('under_way', sa.Integer(), nullable=False),
    sa.Column('beat_at', moment, nullable=False),
    )
    op.create_table('carrier_minutes',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('carrier', sa.String(40), nullable=False),
    sa.Column('at', moment, nullable=False),
    *(sa.Column(name, sa.Integer(), nullable=False) for name in ('taken', 'refused', 'again', 'unknown')),
    sa.Column('times', sa.JSON(), nullable=False),
    )
    op.create_index('ix_carrier_minutes', 'carrier_minutes', ['carrier', 'at'])
    op.create_index('ix_carrier_minutes_at', 'carrier_minutes', ['at'])
    op.create_table('stray_receipts',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('carrier', sa.String(40), nullable=False),
    sa.Column('references', sa.JSON(), nullable=False),
    sa.Column('phone', sa.String(12), nullable=False),
    sa.Column('state', sa.String(10), nullable=False),
    sa.Column('code', sa.String(40), nullable=True),
    sa.Column('at', moment, nullable=False),
    sa.Column('received_at', moment, nullable=False),
    sa.Column('message_id', big_id, nullable=True),
    )
    where = sa.text('message_id IS NULL')
    op.create_index('ix_stray_receipts_open', 'stray_receipts', ['received_at'], sqlite_where=where, postgresql_where=where)
    op.create_index('ix_stray_receipts_carrier', 'stray_receipts', ['carrier', 'id'])
    op.create_table('message_parts',
    sa.Column('carrier', sa.String(40), primary_key=True),
    sa.Column('reference', sa.String(120), primary_key=True),
    sa.Column('message_id', big_id, sa.ForeignKey('messages.id', name='fk_message_parts_message_id'), primary_key=True),
    sa.Column('state', sa.String(10), nullable=True),
    )
    op.create_index('ix_message_parts_message', 'message_parts', ['message_id'])
    op.create_table('setbacks',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('message_id', big_id, sa.ForeignKey('messages.id', name='fk_setbacks_message_id'), nullable=False),
    sa.Column('at', moment, nullable=False),
    sa.Column('carrier', sa.String(40), nullable=False),
    sa.Column('outcome', sa.String(10), nullable=False),
    sa.Column('code', sa.String(40), nullable=False),
    )
    op.create_index('ix_setbacks_message', 'setbacks', ['message_id', 'id'])
    op.create_index('ix_setbacks_at', 'setbacks', ['at'])
    where = sa.text("carrier_ref IS NOT NULL AND carrier <> 'sandbox'")
    op.create_index('ix_messages_reference', 'messages', ['carrier', 'carrier_ref'], sqlite_where=where, postgresql_where=where)
    # Plain ADD COLUMNs: they take no time on a table of millions, which copying it would.
    op.execute('ALTER TABLE messages ADD COLUMN unknowns INTEGER NOT NULL DEFAULT 0')
    op.execute('ALTER TABLE api_keys ADD COLUMN sms_fallback BOOLEAN NOT NULL DEFAULT FALSE')


def downgrade():
    with op.batch_alter_table('api_keys', schema=None) as batch_op:
        batch_op.drop_column('sms_fallback')
    op.drop_index('ix_messages_reference', 'messages')
    with op.batch_alter_table('messages', schema=None) as batch_op:
        batch_op.drop_column('unknowns')
    for table in ('setbacks', 'message_parts', 'stray_receipts', 'carrier_minutes', 'carrier_lines', 'routes', 'carriers'):
        op.drop_table(table)
