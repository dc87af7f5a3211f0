#!/bin/sh
# Restores what the disk lost, then runs the application beside replication.
#
# -if-db-not-exists: a file that is there is left alone. -if-replica-exists: nothing was ever shipped, so the application starts
# fresh. Anything else (the store does not answer, the backup is damaged) ends this script: an application must not start on less
# data than there was.
set -eu
mkdir -p ./data
for db in shard_0 shard_1 shard_2 shard_3 shard_4 shard_5 shard_6 shard_7 dlq; do
  litewake restore -if-db-not-exists -if-replica-exists -o "./data/$db.db" "s3://my-litejoin-backups/$db"
done

# The application is a child of replication: signals reach it, its exit code becomes ours, and whatever its end was, what it
# committed last is shipped.
exec litewake replicate -exec "litejoin run -c litejoin.yaml"
