"""wrong codes, counted over all keys"""

import sqlalchemy as sa
from alembic import op


revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('wrong_guesses',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), primary_key=True),
    sa.Column('phone', sa.String(12), nullable=False),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id'), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cleared_at', sa.DateTime(timezone=True)),
    )
    op.create_index('ix_wrong_guesses_phone', 'wrong_guesses', ['phone', 'at'])
    op.create_index('ix_wrong_guesses_uncleared', 'wrong_guesses', ['phone'],
                    sqlite_where=sa.text('cleared_at IS NULL'), postgresql_where=sa.text('cleared_at IS NULL'))
    op.create_index('ix_wrong_guesses_at', 'wrong_guesses', ['at'])


def downgrade():
    op.drop_table('wrong_guesses')
