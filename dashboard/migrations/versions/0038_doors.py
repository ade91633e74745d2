"""doors: calls of other services' clients that a key takes"""

import sqlalchemy as sa
from alembic import op


revision = '0038'
down_revision = '0037'
branch_labels = None
depends_on = None


def upgrade():
    time = sa.DateTime(timezone=True)
    op.create_table('doors',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('reference', sa.String(36), nullable=False, unique=True),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id'), nullable=False),
    sa.Column('dialect', sa.String(12), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.Column('opened_at', time, nullable=False),
    sa.Column('opened_by', sa.String(254), nullable=True),
    sa.Column('closed_at', time, nullable=True),
    sa.Column('closed_by', sa.String(254), nullable=True),
    if_not_exists=True)
    is_open = sa.text('closed_at IS NULL')
    op.create_index('ix_doors_open', 'doors', ['key_id', 'dialect'], unique=True, if_not_exists=True,
                    sqlite_where=is_open, postgresql_where=is_open)


def downgrade():
    op.drop_table('doors')
