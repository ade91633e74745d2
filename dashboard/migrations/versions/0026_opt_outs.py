"""numbers that want no texts"""

import sqlalchemy as sa
from alembic import op


revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade():
    big_id = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table('opt_outs',
    sa.Column('id', big_id, primary_key=True),
    sa.Column('phone', sa.String(12), nullable=False),
    sa.Column('key_id', sa.String(36), sa.ForeignKey('api_keys.id'), nullable=True),
    sa.Column('word', sa.String(40), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    if_not_exists=True)
    for name, columns, condition in (
        ('ix_opt_outs_house', ['phone'], 'key_id IS NULL'),
        ('ix_opt_outs_key', ['phone', 'key_id'], 'key_id IS NOT NULL'),
    ):
        where = sa.text(condition)
        op.create_index(name, 'opt_outs', columns, unique=True, if_not_exists=True,
                        sqlite_where=where, postgresql_where=where)
    known = {column['name'] for column in sa.inspect(op.get_bind()).get_columns('incoming_messages')}
    if 'keyword' not in known:
        op.add_column('incoming_messages', sa.Column('keyword', sa.String(5), nullable=True))


def downgrade():
    op.drop_column('incoming_messages', 'keyword')
    op.drop_table('opt_outs')
