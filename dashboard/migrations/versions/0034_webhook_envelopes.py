"""what the events of a webhook are wrapped in"""

import sqlalchemy as sa
from alembic import op


revision = '0034'
down_revision = '0033'
branch_labels = None
depends_on = None


def upgrade():
    known = {column['name'] for column in sa.inspect(op.get_bind()).get_columns('webhook_endpoints')}
    if 'envelope' not in known:
        op.add_column('webhook_endpoints', sa.Column('envelope', sa.String(8), nullable=False, server_default='standard'))


def downgrade():
    op.drop_column('webhook_endpoints', 'envelope')
