"""campaigns that people prepare: their text, their approval, and the lines of their file"""

import sqlalchemy as sa
from alembic import op


revision = '0033'
down_revision = '0032'
branch_labels = None
depends_on = None

COLUMNS = {
    'campaigns': (
        sa.Column('text', sa.Text(), nullable=True),
        sa.Column('asked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('approved_by', sa.String(254), nullable=True),
    ),
    'campaign_recipients': (sa.Column('line', sa.Integer(), nullable=True),),
}


def upgrade():
    inspector = sa.inspect(op.get_bind())
    for table, columns in COLUMNS.items():
        known = {column['name'] for column in inspector.get_columns(table)}
        for column in columns:
            if column.name not in known:
                op.add_column(table, column)


def downgrade():
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
