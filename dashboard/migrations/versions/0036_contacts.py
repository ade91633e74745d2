"""contacts, their groups and their consent"""

import sqlalchemy as sa
from alembic import op


revision = '0036'
down_revision = '0035'
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = sa.DateTime(timezone=True)


def column(name, kind, *more, nullable=False):
    return sa.Column(name, kind, *more, nullable=nullable)


def upgrade():
    op.create_table('contact_imports',
    sa.Column('id', BIG_ID, primary_key=True),
    column('created_at', TIME),
    column('created_by', sa.String(254), nullable=True),
    column('ended_at', TIME, nullable=True),
    *(column(name, sa.Integer()) for name in ('added', 'known', 'kept_withdrawn', 'bad', 'taken_back')),
    if_not_exists=True)
    op.create_table('contact_import_faults',
    sa.Column('id', BIG_ID, primary_key=True),
    column('import_id', BIG_ID, sa.ForeignKey('contact_imports.id')),
    column('line', sa.Integer()),
    column('phone', sa.String(12)),
    column('code', sa.String(20)),
    column('at', TIME),
    if_not_exists=True)
    op.create_table('contacts',
    sa.Column('id', BIG_ID, primary_key=True),
    sa.Column('phone', sa.String(12), nullable=False, unique=True),
    column('name', sa.String(80)),
    column('search_name', sa.String(160)),
    column('details', sa.Text()),
    column('consent', sa.String(9)),
    column('consent_source', sa.String(120)),
    column('consent_on', sa.Date(), nullable=True),
    column('consent_by', sa.String(254), nullable=True),
    column('created_at', TIME),
    column('created_by', sa.String(254), nullable=True),
    column('changed_at', TIME),
    column('import_id', BIG_ID, sa.ForeignKey('contact_imports.id'), nullable=True),
    if_not_exists=True)
    op.create_table('contact_groups',
    sa.Column('id', BIG_ID, primary_key=True),
    column('name', sa.String(60)),
    column('search_name', sa.String(120)),
    column('created_at', TIME),
    column('created_by', sa.String(254), nullable=True),
    column('removed_at', TIME, nullable=True),
    if_not_exists=True)
    op.create_table('contact_group_members',
    sa.Column('group_id', BIG_ID, sa.ForeignKey('contact_groups.id'), primary_key=True, autoincrement=False),
    sa.Column('contact_id', BIG_ID, sa.ForeignKey('contacts.id'), primary_key=True, autoincrement=False),
    if_not_exists=True)
    for name, table, columns in (
        ('ix_contact_import_faults_import', 'contact_import_faults', ['import_id', 'id']),
        ('ix_contacts_consent', 'contacts', ['consent', 'id']),
        ('ix_contact_group_members_contact', 'contact_group_members', ['contact_id']),
    ):
        op.create_index(name, table, columns, if_not_exists=True)
    for name, table, columns, condition, unique in (
        ('ix_contacts_import', 'contacts', ['import_id', 'id'], 'import_id IS NOT NULL', False),
        ('ix_contact_groups_name', 'contact_groups', ['search_name'], 'removed_at IS NULL', True),
    ):
        where = sa.text(condition)
        op.create_index(name, table, columns, unique=unique, if_not_exists=True,
                        sqlite_where=where, postgresql_where=where)


def downgrade():
    for table in ('contact_group_members', 'contact_groups', 'contacts', 'contact_import_faults', 'contact_imports'):
        op.drop_table(table)
