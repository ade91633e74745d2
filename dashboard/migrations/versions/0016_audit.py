"""audit entries, which nothing changes or deletes"""

import sqlalchemy as sa
from alembic import op


revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

REFUSAL = 'audit entries are never changed'


def upgrade():
    op.create_table('audit_entries',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), primary_key=True, autoincrement=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.String(254), nullable=False),
    sa.Column('act', sa.String(60), nullable=False),
    sa.Column('subject', sa.String(254), nullable=False),
    sa.Column('changes', sa.Text(), nullable=False),
    sa.Column('address', sa.String(45), nullable=False),
    sa.Column('request_id', sa.String(64), nullable=False),
    sa.Column('previous', sa.String(64), nullable=False),
    sa.Column('hash', sa.String(64), nullable=False),
    )
    op.create_index('ix_audit_entries_actor', 'audit_entries', ['actor', 'id'])
    if op.get_bind().dialect.name == 'postgresql':
        op.execute(
            'CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS '
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        op.execute(
            'CREATE TRIGGER audit_entries_no_change BEFORE UPDATE OR DELETE ON audit_entries '
            'FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()'
        )
        op.execute(
            'CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries '
            'FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()'
        )
    else:
        for act in ('UPDATE', 'DELETE'):
            op.execute(
                f'CREATE TRIGGER audit_entries_no_{act.lower()} BEFORE {act} ON audit_entries '
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )


def downgrade():
    op.drop_table('audit_entries')
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('DROP FUNCTION refuse_audit_change()')
