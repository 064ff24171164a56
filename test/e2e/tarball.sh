#!/usr/bin/env bash
# Packs the project, installs the tarball in an empty directory, and uses it from there as a
# stranger would: the README's session against a live mesh, then its program.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
export PATH="$root/node_modules/.bin:$PATH"

work=$(mktemp -d)
export XDG_STATE_HOME="$work/state" XDG_RUNTIME_DIR="$work/run" XDG_CONFIG_HOME="$work/config"
mkdir -m 700 "$work/run"
dev=
trap '[ -z "$dev" ] || kill "$dev" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

npm pack --silent --pack-destination "$work" >/dev/null
mkdir "$work/app" && cd "$work/app"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "$work"/atolld-*.tgz

atoll=./node_modules/.bin/atoll
./node_modules/.bin/atolld dev >"$work/dev.log" 2>&1 &
dev=$!
for _ in $(seq 300); do
  grep -q '^ready' "$work/dev.log" && break
  kill -0 "$dev" 2>/dev/null || { cat "$work/dev.log"; exit 1; }
  sleep 0.1
done
grep '^ready' "$work/dev.log" || { echo "the mesh did not get ready:"; cat "$work/dev.log"; exit 1; }

$atoll version
$atoll kv put color blue
[ "$($atoll --at c kv get color)" = blue ]
$atoll reg set cfg v1
if $atoll reg cas cfg v2 --if-version 6aa; then exit 1; else [ $? = 5 ]; fi
[ "$($atoll --at c reg get cfg)" = v1 ]
$atoll dev kill b
[ "$($atoll reg incr hits)" = 1 ]
$atoll kv put color red
[ "$($atoll --at c kv get color)" = red ]
$atoll dev heal
$atoll member ls

# The program of the README, as it stands there; a second run finds the directory of the first.
awk '/^```ts$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/README.md" >app.mts
for _ in 1 2; do [ "$(node app.mts)" = blue ]; done
echo "the packed tarball installs and works"
