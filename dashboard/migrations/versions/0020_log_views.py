"""views of the message log under a name, and the columns that each person chose"""

import sqlalchemy as sa
from alembic import op


revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('saved_views',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('user_id', sa.Integer(), sa.ForeignKey('users.id', ondelete='CASCADE'), nullable=False),
    sa.Column('name', sa.String(60), nullable=False),
    sa.Column('params', sa.JSON(), nullable=False),
    sa.Column('is_shared', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint('user_id', 'name', name='uq_saved_views_user_id'),
    if_not_exists=True)
    if 'log_columns' not in {column['name'] for column in sa.inspect(op.get_bind()).get_columns('users')}:
        op.add_column('users', sa.Column('log_columns', sa.String(80), nullable=False, server_default=''))


def downgrade():
    op.drop_column('users', 'log_columns')
    op.drop_table('saved_views')
