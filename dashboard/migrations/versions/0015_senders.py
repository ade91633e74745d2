"""the sender of a key's texts, what each message left with, and what people call a carrier"""

import sqlalchemy as sa
from alembic import op


revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

COLUMNS = {
    'api_keys': sa.Column('sender', sa.String(16), nullable=True),
    'messages': sa.Column('sender', sa.String(20), nullable=True),
    'carriers': sa.Column('label', sa.String(60), nullable=True),
}


def upgrade():
    present = sa.inspect(op.get_bind())
    for table, column in COLUMNS.items():
        if column.name not in {each['name'] for each in present.get_columns(table)}:
            op.add_column(table, column)  # in place: no copy of a large table


def downgrade():
    for table, column in COLUMNS.items():
        op.drop_column(table, column.name)
