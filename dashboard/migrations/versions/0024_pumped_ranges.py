"""ranges of numbers where SMS pumping is suspected"""

import sqlalchemy as sa
from alembic import op


revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('pumped_ranges',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id'), nullable=False),
    sa.Column('digits', sa.String(9), nullable=False),
    sa.Column('step', sa.String(8), nullable=False),
    sa.Column('sent', sa.Integer(), nullable=False),
    sa.Column('verified', sa.Integer(), nullable=False),
    sa.Column('numbers', sa.Integer(), nullable=False),
    sa.Column('is_sequential', sa.Boolean(), nullable=False),
    sa.Column('refused', sa.Integer(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True)),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index('ix_pumped_ranges_subject', 'pumped_ranges', ['key_id', 'digits', 'until'])
    op.create_index('ix_pumped_ranges_until', 'pumped_ranges', ['until'])


def downgrade():
    op.drop_table('pumped_ranges')
