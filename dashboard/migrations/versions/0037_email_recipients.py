"""e-mail addresses stand where phone numbers do: their columns hold longer values

PostgreSQL changes the catalogue alone, and makes the indexes anew that compute something of the number: those of the
log and that of current codes. SQLite keeps no length; what its schema says of one is changed as its documentation
tells for what is stored the same before and after (https://sqlite.org/lang_altertable.html, section 7).
"""

from alembic import op


revision = '0037'
down_revision = '0036'
branch_labels = None
depends_on = None

TABLES = (
    'messages', 'otps', 'limit_overrides', 'refusals', 'wrong_guesses', 'sandbox_texts', 'number_lookups',
    'number_notes',
)
BEFORE, AFTER = 'phone VARCHAR(12)', 'phone VARCHAR(261)'


def upgrade():
    connection = op.get_bind()
    if connection.dialect.name == 'postgresql':
        for table in TABLES:
            op.execute(f'ALTER TABLE {table} ALTER COLUMN phone TYPE VARCHAR(261)')
        return
    version = connection.exec_driver_sql('PRAGMA schema_version').scalar_one()
    connection.exec_driver_sql('PRAGMA writable_schema=ON')
    for table in TABLES:
        connection.exec_driver_sql(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ?",
            (BEFORE, AFTER, table),
        )
    connection.exec_driver_sql(f'PRAGMA schema_version={version + 1}')
    connection.exec_driver_sql('PRAGMA writable_schema=RESET')


def downgrade():
    """Nothing: a shorter column would not hold what is there."""
