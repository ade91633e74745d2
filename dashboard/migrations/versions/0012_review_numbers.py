"""numbers with a fixed code for those who review an app; what makes a code the fixed one"""

import sqlalchemy as sa
from alembic import op


revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade():
    present = sa.inspect(op.get_bind())
    if 'review_numbers' not in present.get_table_names():
        op.create_table('review_numbers',
        sa.Column('id', sa.Integer(), primary_key=True),
        sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id', name='fk_review_numbers_key_id'), nullable=False),
        sa.Column('phone', sa.String(12), nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=False),
        sa.Column('ends_at', MOMENT, nullable=False),
        sa.Column('created_at', MOMENT, nullable=False),
        sa.Column('created_by', sa.String(254), nullable=True),
        sa.Column('removed_at', MOMENT, nullable=True),
        sa.Column('removed_by', sa.String(254), nullable=True),
        )
    where = sa.text('removed_at IS NULL')
    op.create_index(
        'ix_review_numbers_pair', 'review_numbers', ['key_id', 'phone'], unique=True,
        sqlite_where=where, postgresql_where=where, if_not_exists=True,
    )
    # Added in place: a copy of a large table would take minutes.
    if 'fixed_offset' not in {column['name'] for column in present.get_columns('otps')}:
        op.add_column('otps', sa.Column('fixed_offset', sa.Integer(), nullable=True))


def downgrade():
    with op.batch_alter_table('otps', schema=None) as batch_op:
        batch_op.drop_column('fixed_offset')
    op.drop_table('review_numbers')
