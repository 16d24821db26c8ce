#!/bin/sh
# Shows what the fencing token is for, with a file in place of a database: a write is refused once a later leader has
# written. A write of an earlier leader may still be under way when its process is long dead.
#
#   leader-run --local --lock demo/fenced -- ./fenced.sh /tmp/store
#
# The folder holds `token`, the largest token that has written, and `value`. flock makes look and write one step, as a
# transaction does in a database. Tokens are compared as numbers: etcd's revisions, which fit 63 bits.
set -eu
store=$1
token=$LEADER_RUN_TOKEN

mkdir -p "$store"
exec 9>> "$store/lock"
flock 9
seen=$(cat "$store/token" 2> /dev/null || echo 0)
if [ "$token" -lt "$seen" ]; then
  echo "refused: token $token is older than $seen" >&2
  exit 1
fi
echo "$token" > "$store/token"
echo "written under token $token" > "$store/value"
