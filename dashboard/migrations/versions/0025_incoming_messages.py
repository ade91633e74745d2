"""texts that phones send"""

import sqlalchemy as sa
from alembic import op


revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    time = sa.DateTime(timezone=True)
    op.create_table('incoming_messages',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('uuid', sa.String(36), nullable=False, unique=True),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id'), nullable=True),
    sa.Column('carrier', sa.String(40), nullable=False),
    sa.Column('sender', sa.String(21), nullable=False),
    sa.Column('recipient', sa.String(21), nullable=False),
    sa.Column('body', sa.Text(), nullable=True),
    sa.Column('parts', sa.Integer(), nullable=False),
    sa.Column('concat_ref', sa.String(8), nullable=False),
    sa.Column('received_at', time, nullable=False),
    sa.Column('completed_at', time, nullable=True),
    if_not_exists=True)
    op.create_table('incoming_parts',
    sa.Column('message_id', big_id, sa.ForeignKey('incoming_messages.id'), primary_key=True),
    sa.Column('part', sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column('digest', sa.String(64), nullable=False),
    sa.Column('body', sa.Text(), nullable=True),
    sa.Column('received_at', time, nullable=False),
    if_not_exists=True)
    incomplete = sa.text('completed_at IS NULL')
    for name, table, columns, where in (
        ('ix_incoming_messages_sender', 'incoming_messages', ['sender', 'id'], None),
        ('ix_incoming_messages_key', 'incoming_messages', ['key_id', 'id'], None),
        ('ix_incoming_messages_received', 'incoming_messages', ['received_at'], None),
        ('ix_incoming_messages_incomplete', 'incoming_messages', ['received_at'], incomplete),
        ('ix_incoming_parts_digest', 'incoming_parts', ['digest'], None),
    ):
        op.create_index(name, table, columns, if_not_exists=True, sqlite_where=where, postgresql_where=where)


def downgrade():
    op.drop_table('incoming_parts')
    op.drop_table('incoming_messages')
