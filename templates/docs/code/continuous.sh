# SQLite: each change within a second, to a folder of another disk or machine (tried with Litestream 0.5)
litestream replicate /var/lib/chinqit/chinqit.db file:///mnt/backup/chinqit
litestream restore -o chinqit-restored.db file:///mnt/backup/chinqit
chinqit restore chinqit-restored.db

# PostgreSQL, as its user: the whole server, while it runs (tried with PostgreSQL 18)
pg_basebackup --pgdata=/mnt/backup/base --format=tar --gzip --checkpoint=fast --wal-method=stream
mkdir -m 700 /var/lib/postgresql/restored             # back: an empty folder, then start a server with it
tar -xzf /mnt/backup/base/base.tar.gz -C /var/lib/postgresql/restored
tar -xzf /mnt/backup/base/pg_wal.tar.gz -C /var/lib/postgresql/restored/pg_wal
