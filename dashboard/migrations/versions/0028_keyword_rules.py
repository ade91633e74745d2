"""words that phones send: what they mean, and what is answered"""

import sqlalchemy as sa
from alembic import op


revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('keyword_rules',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('keyword', sa.String(5), nullable=False),
    sa.Column('words', sa.JSON(), nullable=False),
    sa.Column('answers', sa.JSON(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by', sa.String(254), nullable=True),
    if_not_exists=True)
    where = sa.text("keyword <> 'reply'")
    op.create_index('ix_keyword_rules_keyword', 'keyword_rules', ['keyword'], unique=True, if_not_exists=True,
                    sqlite_where=where, postgresql_where=where)
    known = {column['name'] for column in sa.inspect(op.get_bind()).get_columns('incoming_messages')}
    for column in (sa.Column('rule_id', sa.Integer(), nullable=True), sa.Column('answer', sa.String(36), nullable=True)):
        if column.name not in known:
            op.add_column('incoming_messages', column)


def downgrade():
    op.drop_column('incoming_messages', 'answer')
    op.drop_column('incoming_messages', 'rule_id')
    op.drop_table('keyword_rules')
