"""refusals, resends, wording of codes, settings, tidying"""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table('refusals',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id', name='fk_refusals_key_id'), nullable=False),
    sa.Column('phone', sa.String(12), nullable=False),
    sa.Column('channel', sa.String(8), nullable=False),
    sa.Column('window', sa.String(6), nullable=False),
    sa.Column('slot', sa.Integer(), nullable=False),
    sa.Column('quota', sa.Integer(), nullable=False),
    sa.Column('times', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index('ix_refusals_slot', 'refusals', ['key_id', 'phone', 'channel', 'window', 'slot'], unique=True)
    op.create_index('ix_refusals_phone', 'refusals', ['phone', 'at'])

    op.create_table('resends',
    sa.Column('new_id', big_id, sa.ForeignKey('messages.id', name='fk_resends_new_id'), primary_key=True, autoincrement=False),
    sa.Column('old_id', big_id, sa.ForeignKey('messages.id', name='fk_resends_old_id'), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    )
    op.create_index('ix_resends_old_id', 'resends', ['old_id'])

    op.create_table('otp_wordings',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id', name='fk_otp_wordings_key_id'), nullable=True),
    sa.Column('language', sa.String(2), nullable=False),
    sa.Column('body', sa.Text(), nullable=True),
    sa.Column('brand', sa.String(40), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    )
    op.create_index('ix_otp_wordings_subject', 'otp_wordings', ['key_id', 'language', 'id'])

    op.create_table('settings',
    sa.Column('name', sa.String(40), primary_key=True),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by', sa.String(254), nullable=True),
    )
    op.create_table('tidied',
    sa.Column('name', sa.String(20), primary_key=True),
    sa.Column('mark', sa.BigInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=True),
    )
    # A plain ADD COLUMN: it takes no time on a table of millions, which copying it would.
    op.execute('ALTER TABLE otps ADD COLUMN wording_id INTEGER REFERENCES otp_wordings (id)')


def downgrade():
    with op.batch_alter_table('otps', schema=None) as batch_op:
        batch_op.drop_column('wording_id')
    for table in ('tidied', 'settings', 'otp_wordings', 'resends', 'refusals'):
        op.drop_table(table)
