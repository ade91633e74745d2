"""passkeys of people"""

import sqlalchemy as sa
from alembic import op


revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('passkeys',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('user_id', sa.Integer(), sa.ForeignKey('users.id'), nullable=False),
    sa.Column('credential_id', sa.LargeBinary(), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('sign_count', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(80), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True)),
    sa.Column('challenged_at', sa.BigInteger(), nullable=False),
    )
    op.create_index('ix_passkeys_user_id', 'passkeys', ['user_id'])
    op.create_index('ix_passkeys_credential_id', 'passkeys', ['credential_id'], unique=True)


def downgrade():
    op.drop_table('passkeys')
