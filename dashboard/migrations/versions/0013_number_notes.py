"""numbers that people looked up, and notes on numbers"""

import sqlalchemy as sa
from alembic import op


revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table('number_lookups',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('person', sa.String(254), nullable=False),
    sa.Column('phone', sa.String(12), nullable=False),
    sa.Column('side', sa.String(8), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    if_not_exists=True)
    op.create_index('ix_number_lookups_person', 'number_lookups', ['person', 'id'], if_not_exists=True)
    op.create_table('number_notes',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('phone', sa.String(12), nullable=False),
    sa.Column('body', sa.String(280), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.String(254), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    if_not_exists=True)
    op.create_index('ix_number_notes_phone', 'number_notes', ['phone', 'id'], if_not_exists=True)


def downgrade():
    op.drop_table('number_notes')
    op.drop_table('number_lookups')
