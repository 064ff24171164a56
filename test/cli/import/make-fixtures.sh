#!/bin/sh
# Makes the dumps in fixtures/ with the real programs: apt-get install etcd-server etcd-client
# redis-server. They are small and kept in the tree; run this to make them anew:
#   sh test/cli/import/make-fixtures.sh
# consul.json is written by hand, after the documentation of `consul kv export`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/fixtures
tmp=$(mktemp -d)
port=${PORT:-23790}
trap 'kill $redis $etcd 2>/dev/null || true; rm -rf "$tmp"' EXIT
redis= etcd=
mkdir -p "$out"

redis-server --port "$port" --bind 127.0.0.1 --dir "$tmp" --save '' --hash-max-listpack-entries 8 \
  --zset-max-listpack-entries 8 --set-max-intset-entries 8 --list-max-listpack-size -1 \
  --list-compress-depth 0 >/dev/null &
redis=$!
r() { redis-cli -p "$port" "$@" >/dev/null; }
until redis-cli -p "$port" ping >/dev/null 2>&1; do :; done

r set text 'héllo'
r set empty ''
r set int8 -7
r set int16 -12345
r set int32 1234567890
r set int64 1234567890123456789
printf '\377\000\001' | redis-cli -p "$port" -x set bytes >/dev/null
r set long "$(printf 'abc%.0s' $(seq 1000))"
printf '\377key' | redis-cli -p "$port" -x set tmp >/dev/null
r eval "return redis.call('set', '\\255key', 'v')" 0
r del tmp
r set expires-late v PXAT 4102444800000
r set expired v PX 1
r rpush list-small a 1 -1 300 -70000 20000000 5000000000 "$(printf 'x%.0s' $(seq 100))"
for i in $(seq 40); do r rpush list-nodes "$i $(printf 'y%.0s' $(seq 300))"; done
r rpush list-plain "$(head -c 9000 /dev/zero | tr '\0' z)" tail
r sadd set-16 1 2 -3
r sadd set-32 1 70000
r sadd set-64 1 5000000000
r sadd set-plain a b c 1
r hset hash-small color blue n 5 json '{"a":1}'
for i in $(seq 12); do r hset hash-plain "f$i" "v$i"; done
r hset hash-sole base64 AA==
r hset hash-bytes f "$(printf '\303\050')"
r zadd zset-small 1 one 2.5 two -inf least inf most
for i in $(seq 12); do r zadd zset-plain "$i.25" "m$i"; done
r xadd stream 1-1 f v
r xadd stream 2-1 f w
r xgroup create stream group 0
r xreadgroup group group consumer count 1 streams stream '>'
printf '#!lua name=lib\nredis.register_function("f", function() return 1 end)' |
  redis-cli -p "$port" -x function load >/dev/null
r -n 3 set elsewhere v
r save
cp "$tmp/dump.rdb" "$out/redis.rdb"

# The keys in order, as the program itself shows them: what the test compares with.
etcd --data-dir "$tmp/etcd" --listen-client-urls "http://127.0.0.1:$((port + 1))" \
  --advertise-client-urls "http://127.0.0.1:$((port + 1))" \
  --listen-peer-urls "http://127.0.0.1:$((port + 2))" \
  --initial-advertise-peer-urls "http://127.0.0.1:$((port + 2))" \
  --initial-cluster "default=http://127.0.0.1:$((port + 2))" >/dev/null 2>&1 &
etcd=$!
e() { ETCDCTL_API=3 etcdctl --endpoints "http://127.0.0.1:$((port + 1))" "$@"; }
until e endpoint health >/dev/null 2>&1; do :; done
e put config/color blue >/dev/null
e put config/empty '' >/dev/null
e put 'config/h€' '{"a":1}' >/dev/null
printf '\377\000' | e put config/bytes >/dev/null
lease=$(e lease grant 3600 | cut -d' ' -f2)
e put --lease "$lease" services/api 10.0.0.1 >/dev/null
for i in $(seq 10 19); do e put "many/$i" "$i" >/dev/null; done
e get '' --prefix -w json >"$out/etcd.json"
{
  e get many/ --prefix --limit 4 -w json
  e get many/14 many0 -w json
} >"$out/etcd-pages.json"
e snapshot save "$tmp/snapshot.db" >/dev/null
head -c 4096 "$tmp/snapshot.db" >"$out/etcd-snapshot-head.db"
