"""failed attempts by carrier"""

from alembic import op


revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_setbacks_carrier', 'setbacks', ['carrier', 'at'], if_not_exists=True)


def downgrade():
    op.drop_index('ix_setbacks_carrier', 'setbacks')
