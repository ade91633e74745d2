"""times in which nothing ran, and whether two processes count their ids alike"""

import sqlalchemy as sa
from alembic import op


revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    time = sa.DateTime(timezone=True)
    op.create_table('outages',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('began_at', time, nullable=False, unique=True),
    sa.Column('ended_at', time, nullable=False),
    sa.Column('clock_off', sa.Integer(), nullable=False),
    sa.Column('waiting', sa.Integer(), nullable=False),
    sa.Column('in_hand', sa.JSON(), nullable=False),
    sa.Column('in_hand_count', sa.Integer(), nullable=False),
    sa.Column('checked_at', time, nullable=True),
    sa.Column('fault', sa.String(200), nullable=True),
    sa.Column('lost', sa.Integer(), nullable=True),
    if_not_exists=True)
    known = {column['name'] for column in sa.inspect(op.get_bind()).get_columns('processes')}
    if 'pid_space' not in known:
        op.add_column('processes', sa.Column('pid_space', sa.String(40), nullable=True))


def downgrade():
    op.drop_column('processes', 'pid_space')
    op.drop_table('outages')
