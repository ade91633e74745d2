"""what is left on our accounts with carriers"""

import sqlalchemy as sa
from alembic import op


revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None


def upgrade():
    if 'carrier_balances' in sa.inspect(op.get_bind()).get_table_names():
        return
    op.create_table(
        'carrier_balances',
        sa.Column('carrier_id', sa.Integer(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('amount', sa.BigInteger(), nullable=True),
        sa.Column('low', sa.BigInteger(), nullable=True),
        sa.Column('unit', sa.String(length=12), nullable=False),
        sa.Column('known_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('code', sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ['carrier_id'], ['carriers.id'], name=op.f('fk_carrier_balances_carrier_id_carriers'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('carrier_id', name=op.f('pk_carrier_balances')),
    )


def downgrade():
    op.drop_table('carrier_balances')
