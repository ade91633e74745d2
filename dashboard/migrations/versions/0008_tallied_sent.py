"""what of a message the roll-ups hold, in a column for each fact"""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None
used_before = '0007'


COLUMNS = [
    sa.Column('tallied_sent', sa.Boolean(), nullable=True),
    sa.Column('tallied_error', sa.String(length=40), nullable=True),
]


def upgrade():
    # Each step only where it is missing: a run that was killed is run again.
    present = {column['name'] for column in sa.inspect(op.get_bind()).get_columns('messages')}
    for column in COLUMNS:
        if column.name not in present:
            op.add_column('messages', column)  # in place: a copy of a large table would take minutes
    if 'tallied_more' not in present:
        return
    # A delivered message does not change any more, so nothing asks what was counted of it; most messages are.
    op.execute("""
        UPDATE messages
        SET tallied_sent = tallied_more LIKE '+%',
            tallied_error = CASE WHEN tallied_status = 'failed' THEN replace(tallied_more, '+', '') END
        WHERE tallied_status IN ('sent', 'failed', 'expired')
    """)
    op.drop_column('messages', 'tallied_more')


def downgrade():
    op.add_column('messages', sa.Column('tallied_more', sa.String(length=41), nullable=True))
    op.execute("""
        UPDATE messages
        SET tallied_more = CASE WHEN tallied_sent THEN '+' ELSE '' END || coalesce(tallied_error, '')
        WHERE tallied_status IN ('sent', 'failed', 'expired')
    """)
    op.execute("UPDATE messages SET tallied_more = '+' WHERE tallied_status = 'delivered'")
    op.drop_column('messages', 'tallied_error')
    op.drop_column('messages', 'tallied_sent')
