# db1: the primary. Its pg_hba.conf lets the hosts of the gateway and db2 in (for db2: replication)
# db2: the standby, copied while db1 runs, as the user of PostgreSQL
pg_basebackup --pgdata=/var/lib/postgresql/data --dbname='host=db1 user=replicator application_name=db2' \
  --write-recovery-conf --checkpoint=fast
# db1, once db2 follows: what is answered for is on both
psql -c "ALTER SYSTEM SET synchronous_standby_names = '*'" -c 'SELECT pg_reload_conf()'

# three Sentinels, in sentinel.conf of each; cache1 and cache2 run Valkey, cache2 with: replicaof cache1 6379
sentinel monitor mymaster cache1 6379 2
sentinel down-after-milliseconds mymaster 1000

# /etc/chinqit/chinqit.env of app1 and app2, with the same three secrets (chinqit secrets export, import)
DATABASE_URL=postgresql://chinqit@db1:5432,db2:5432/chinqit?target_session_attrs=read-write
REDIS_URL=redis+sentinel://:password@cache1:26379,cache2:26379,cache3:26379/mymaster
