# db1: the primary. pg_hba.conf lets app1, app2 and db2 in (replication)
# db2: the standby, copied while db1 runs, as the user of PostgreSQL
pg_basebackup --pgdata=/var/lib/postgresql/data --dbname='host=db1 user=replicator application_name=db2' \
  --write-recovery-conf --checkpoint=fast
# db1, once db2 follows: what is answered for is on both
psql -c "ALTER SYSTEM SET synchronous_standby_names = '*'" -c 'SELECT pg_reload_conf()'

# sentinel.conf of cache1, cache2, cache3; Valkey on cache2 has: replicaof cache1 6379
sentinel monitor mymaster cache1 6379 2
sentinel down-after-milliseconds mymaster 1000

# chinqit.env of app1 and app2; their three secrets are the same
DATABASE_URL=postgresql://chinqit@db1:5432,db2:5432/chinqit?target_session_attrs=read-write
REDIS_URL=redis+sentinel://:password@cache1:26379,cache2:26379,cache3:26379/mymaster
