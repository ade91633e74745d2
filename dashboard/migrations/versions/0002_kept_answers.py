"""what was answered to calls that bore an Idempotency-Key"""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('kept_answers',
    sa.Column('token', sa.String(length=64), nullable=False),
    sa.Column('request', sa.String(length=64), nullable=False),
    sa.Column('message_uuid', sa.String(length=36), nullable=True),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('token')
    )
    with op.batch_alter_table('kept_answers', schema=None) as batch_op:
        batch_op.create_index('ix_kept_answers_created', ['created_at'], unique=False)


def downgrade():
    op.drop_table('kept_answers')
