"""the sender of a carrier in a rule"""

import sqlalchemy as sa
from alembic import op


revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade():
    if 'sender' not in {column['name'] for column in sa.inspect(op.get_bind()).get_columns('routes')}:
        op.add_column('routes', sa.Column('sender', sa.String(16), nullable=True))


def downgrade():
    op.drop_column('routes', 'sender')
