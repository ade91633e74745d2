"""who people are to the provider that they sign in with"""

import sqlalchemy as sa
from alembic import op


revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None


def upgrade():
    time = sa.DateTime(timezone=True)
    op.create_table('user_identities',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('user_id', sa.Integer(), sa.ForeignKey('users.id'), nullable=False),
    sa.Column('issuer', sa.String(255), nullable=False),
    sa.Column('subject', sa.String(255), nullable=False),
    sa.Column('created_at', time, nullable=False),
    sa.Column('used_at', time, nullable=False),
    sa.UniqueConstraint('issuer', 'subject', name='uq_user_identities_subject'),
    if_not_exists=True)
    op.create_index('ix_user_identities_user_id', 'user_identities', ['user_id'], if_not_exists=True)


def downgrade():
    op.drop_table('user_identities')
