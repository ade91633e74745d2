"""codes of an app and recovery codes at the sign-in"""

import sqlalchemy as sa
from alembic import op


revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('users', sa.Column('totp_sealed', sa.LargeBinary()))
    op.add_column('users', sa.Column('totp_step', sa.BigInteger()))
    op.add_column('users', sa.Column('totp_at', sa.DateTime(timezone=True)))
    op.create_table('recovery_codes',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('user_id', sa.Integer(), sa.ForeignKey('users.id'), nullable=False),
    sa.Column('digest', sa.String(64), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True)),
    )
    op.create_index('ix_recovery_codes_user_id', 'recovery_codes', ['user_id'])


def downgrade():
    op.drop_table('recovery_codes')
    for name in ('totp_sealed', 'totp_step', 'totp_at'):
        op.drop_column('users', name)
