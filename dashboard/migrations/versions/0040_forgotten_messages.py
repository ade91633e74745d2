"""what became of a campaign's messages, once they are deleted"""

import sqlalchemy as sa
from alembic import op

revision = '0040'
down_revision = '0039'
branch_labels = None
depends_on = None


def upgrade():
    known = {column['name'] for column in sa.inspect(op.get_bind()).get_columns('campaigns')}
    if 'final_counts' not in known:
        op.add_column('campaigns', sa.Column('final_counts', sa.JSON(), nullable=True))


def downgrade():
    op.drop_column('campaigns', 'final_counts')
