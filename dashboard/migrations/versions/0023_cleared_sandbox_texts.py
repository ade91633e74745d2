"""a cleared sandbox phone can have its texts again for a moment"""

import sqlalchemy as sa
from alembic import op


revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade():
    if 'cleared_at' not in {column['name'] for column in sa.inspect(op.get_bind()).get_columns('sandbox_texts')}:
        op.add_column('sandbox_texts', sa.Column('cleared_at', sa.DateTime(timezone=True), nullable=True))


def downgrade():
    op.drop_column('sandbox_texts', 'cleared_at')
