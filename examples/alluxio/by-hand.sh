#!/usr/bin/env bash
# The same workers by hand, to compare with: a master, a shell loop of `docker run`, the time until the master counts them all, and the
# time until they are gone. Nothing is checked, nothing is tested, and what it leaves when it is killed has to be found by hand. Its
# image, alluxio:by-hand, stays.
#
#   examples/alluxio/by-hand.sh [WORKERS] [AT_ONCE]      as root, after prepare.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

workers=${1:-20}
at_once=${2:-4}
here=$PWD/examples/alluxio
base=$PWD/build/alluxio/alluxio
dir=$(mktemp -d /tmp/alluxio-by-hand.XXXXXX)
address=127.0.0.1
java=$base/root/opt/java/bin/java
export at_once dir

cleanup() {
  seq 0 $((workers - 1)) | xargs -P "$at_once" -I '{}' docker rm -f 'by-hand-{}' >/dev/null 2>&1 || true
  if [ -n "${master:-}" ]; then
    kill "$master" 2>/dev/null || true
    wait "$master" 2>/dev/null || true # it ends with 143
  fi
  awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | xargs -r -n 100 umount
  rm -rf "$dir"
}
trap cleanup EXIT

# What throng fills in for each node.
fill() { # FILE NAME RPC WEB
  sed "s|{role.master.name}|$address|; s|{role.master.port.rpc}|19998|; s|{role.master.port.web}|19999|
       s|{role.job-master.name}|$address|; s|{role.job-master.port.rpc}|20001|; s|{role.job-master.port.web}|20002|
       s|{node.name}|$2|; s|{node.address}|$address|; s|{port.rpc}|$3|; s|{port.web}|$4|
       s|{node.disk}|$dir|; s|{shared.store}|$dir/store|; s|{ramdisk.mem}|/mnt/ramdisk|" "$here/conf/$1"
}
mkdir "$dir/store"
chmod 0777 "$dir/store"
chmod 0755 "$dir"
{ cat /etc/hosts; for ((i = 0; i < workers; i++)); do echo "127.0.0.1 by-hand-$i"; done; } >"$dir/hosts"
fill common.args master 0 0 >"$dir/common.args"
fill master.args master 0 0 >"$dir/master.args"
main=("$java" "@$base/class-path.args" "@$dir/common.args" "@$dir/master.args" "-Djdk.net.hosts.file=$dir/hosts"
  "-Dlog4j.configuration=file:$base/root/opt/alluxio/conf/log4j.properties" "-Dalluxio.home=$base/root/opt/alluxio"
  "-Dalluxio.conf.dir=$base/root/opt/alluxio/conf")
docker image inspect alluxio:by-hand >/dev/null 2>&1 || tar -C "$base/root" -c . | docker import - alluxio:by-hand >/dev/null
"${main[@]}" alluxio.cli.Format MASTER >"$dir/master.log" 2>&1
"${main[@]}" alluxio.master.AlluxioMaster >>"$dir/master.log" 2>&1 &
master=$!
info() { curl -sf "http://$address:19999/api/v1/master/info" || wget -q -O - "http://$address:19999/api/v1/master/info"; }
until info >/dev/null 2>&1; do kill -0 $master; sleep 0.2; done

for ((i = 0; i < workers; i++)); do
  mkdir -p "$dir/$i/ramdisk"
  fill worker.args "by-hand-$i" $((21000 + 2 * i)) $((21001 + 2 * i)) >"$dir/$i/worker.args"
done
started=$(date +%s%N)
seconds() { awk -v ns=$(($(date +%s%N) - started)) 'BEGIN { printf "%.1f s\n", ns / 1e9 }'; }
# shellcheck disable=SC2016 # the inner shell's
one='mount -t tmpfs -o size=64m,mode=0755,uid=1000,gid=1000,nosuid,nodev by-hand "$dir/$1/ramdisk"
exec docker run --detach --name "by-hand-$1" --network host --read-only --tmpfs /tmp:rw,size=16m --cap-drop ALL \
  --security-opt no-new-privileges --user 1000:1000 --memory 184m --memory-swap 184m --pids-limit 300 --ulimit nofile=4096:4096 \
  --env PATH=/opt/java/bin:/bin --env MALLOC_ARENA_MAX=2 --volume "$dir/hosts:/etc/hosts:ro" --volume "$dir/$1/ramdisk:/mnt/ramdisk" \
  --volume "$dir/store:$dir/store" --volume "$2:/etc/alluxio/jvm.args:ro" --volume "$dir/common.args:/etc/alluxio/common.args:ro" \
  --volume "$dir/$1/worker.args:/etc/alluxio/worker.args:ro" alluxio:by-hand \
  java @/opt/alluxio/class-path.args @/etc/alluxio/jvm.args @/etc/alluxio/common.args @/etc/alluxio/worker.args alluxio.worker.AlluxioWorker'
seq 0 $((workers - 1)) | xargs -P "$at_once" -I '{}' sh -c "$one" sh '{}' "$here/conf/worker-jvm.args" >/dev/null
echo "all told to start: $(seconds)"
until [ "$(info | grep -o '"state":"ACTIVE"' | wc -l)" -ge "$workers" ]; do sleep 0.2; done
echo "all seen by the master: $(seconds)"
started=$(date +%s%N)
cleanup
trap - EXIT
echo "gone: $(seconds)"
