# SQLite: each change within a second, to a folder of another disk or machine
litestream replicate /var/lib/chinqit/chinqit.db file:///mnt/backup/chinqit
litestream restore -o chinqit-restored.db file:///mnt/backup/chinqit
chinqit restore chinqit-restored.db

# PostgreSQL: the whole server, while it runs
pg_basebackup --pgdata=/mnt/backup/base --format=tar --gzip --checkpoint=fast --wal-method=stream
