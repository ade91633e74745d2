"""who used a key; the brand of a key, and of the codes it sent"""

import sqlalchemy as sa
from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('key_callers',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), primary_key=True),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id', name='fk_key_callers_key_id'), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('address', sa.String(45), nullable=False),
    sa.Column('agent', sa.String(120), nullable=False),
    sa.Column('from_app', sa.Boolean(), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index('ix_key_callers_seen', 'key_callers', ['key_id', 'day', 'address', 'agent'], unique=True)
    op.create_index(
        'ix_key_callers_apps', 'key_callers', ['day', 'key_id', 'address'],
        sqlite_where=sa.text('from_app'), postgresql_where=sa.text('from_app'),
    )
    # Added in place: a copy of a large table would take minutes.
    op.add_column('api_keys', sa.Column('brand', sa.String(40), nullable=True))
    op.add_column('otps', sa.Column('brand', sa.String(40), nullable=True))


def downgrade():
    for table in ('otps', 'api_keys'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column('brand')
    op.drop_table('key_callers')
