"""the carrier that a message waits for in a column of its own; whose fault an attempt was; receipts nobody could read"""

import sqlalchemy as sa
from alembic import op


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
# Each column in a step of its own, and only where it is missing: a run that was killed is run again.
COLUMNS = {
    'messages': [sa.Column('carrier_id', sa.Integer(), nullable=True)],
    'stray_receipts': [sa.Column('raw', sa.String(500), nullable=True)],
    'message_parts': [sa.Column('delivered_at', MOMENT, nullable=True)],
    'setbacks': [
        sa.Column('blame', sa.String(8), nullable=True),
        sa.Column('answer', sa.String(500), nullable=True),
    ],
}
DUE = ('ix_messages_due', 'messages', ['lane', 'priority', 'due_at'])
INDEXES = [
    (*DUE, 'due_at IS NOT NULL AND carrier_id IS NULL'),
    ('ix_messages_deferred', 'messages', ['carrier_id', 'lane', 'priority', 'due_at'], 'due_at IS NOT NULL AND carrier_id IS NOT NULL'),
    ('ix_stray_receipts_phone', 'stray_receipts', ['phone'], 'message_id IS NULL'),
    ('ix_stray_receipts_unread', 'stray_receipts', ['received_at', 'carrier'], "state = 'unknown'"),
    ('ix_message_parts_open', 'message_parts', ['delivered_at'], 'delivered_at IS NOT NULL'),
]


def upgrade():
    present = sa.inspect(op.get_bind())
    for table, columns in COLUMNS.items():
        names = {column['name'] for column in present.get_columns(table)}
        for column in columns:
            if column.name not in names:
                op.add_column(table, column)  # in place: a copy of a large table would take minutes
    # "sms@7" was lane and carrier in one; only rows that have one are written.
    at = "instr(lane, '@')" if op.get_bind().dialect.name == 'sqlite' else "position('@' in lane)"
    op.execute(
        f"UPDATE messages SET carrier_id = CAST(substr(lane, {at} + 1) AS INTEGER), lane = substr(lane, 1, {at} - 1)"
        " WHERE lane LIKE '%@%'"
    )
    op.drop_index('ix_messages_due', 'messages', if_exists=True)
    for name, table, columns, condition in INDEXES:
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where, if_not_exists=True)


def downgrade():
    for name, table, _columns, _condition in INDEXES:
        op.drop_index(name, table)
    op.execute("UPDATE messages SET lane = lane || '@' || carrier_id WHERE carrier_id IS NOT NULL")
    where = sa.text('due_at IS NOT NULL')
    op.create_index(*DUE, sqlite_where=where, postgresql_where=where)
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
