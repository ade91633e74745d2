"""languages and zones of people, when they were seen, links for invitations and passwords"""

import sqlalchemy as sa
from alembic import op


revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade():
    # Plain ADD COLUMN: sessions refer to users, so the table is not made anew.
    op.add_column('users', sa.Column('language', sa.String(2), nullable=True))
    op.add_column('users', sa.Column('timezone', sa.String(60), nullable=False, server_default=''))
    op.add_column('users', sa.Column('password_changed_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('users', sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('users', sa.Column('failed_tries', sa.Integer(), nullable=False, server_default='0'))
    op.execute('UPDATE users SET password_changed_at = created_at')
    op.execute('UPDATE users SET seen_at = (SELECT max(seen_at) FROM user_sessions WHERE user_id = users.id)')
    op.create_table('person_links',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('digest', sa.String(64), nullable=False),
    sa.Column('kind', sa.String(10), nullable=False),
    sa.Column('email', sa.String(254), nullable=False),
    sa.Column('role', sa.String(8), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.String(254), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index('ix_person_links_digest', 'person_links', ['digest'], unique=True)
    op.create_index('ix_person_links_email', 'person_links', ['email'])


def downgrade():
    op.drop_table('person_links')
    for name in ('failed_tries', 'seen_at', 'password_changed_at', 'timezone', 'language'):
        op.drop_column('users', name)
