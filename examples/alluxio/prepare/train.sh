#!/bin/sh
# Runs in the root file system of the workers' image, before it is one: a master, a worker and a client that writes and reads, so that
# the worker's classes are known, and archives them. Called by alluxio.sh.
set -eu
# It writes to /etc and removes what it wrote: nowhere else.
[ -f /train.sh ] || { echo "train.sh runs in the new root alone" >&2; exit 2; }
java=/opt/java/bin/java
alluxio="@/opt/alluxio/class-path.args -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true
  -Dlog4j.configuration=file:/opt/alluxio/conf/log4j.properties -Dalluxio.home=/opt/alluxio -Dalluxio.conf.dir=/opt/alluxio/conf
  -Dalluxio.logs.dir=/tmp -Dalluxio.work.dir=/tmp -Djava.library.path=/opt/alluxio/native
  -Dalluxio.master.hostname=localhost -Dalluxio.worker.hostname=localhost -Dalluxio.user.hostname=localhost
  -Dalluxio.security.authentication.type=NOSASL -Dalluxio.security.authorization.permission.enabled=false
  -Dalluxio.user.metrics.collection.enabled=false -Dalluxio.web.ui.enabled=false -Dalluxio.exit.collect.info=false"
master="-Dalluxio.master.mount.table.root.ufs=/tmp/store -Dalluxio.master.journal.type=UFS -Dalluxio.master.journal.folder=/tmp/journal
  -Dalluxio.master.metastore=HEAP -Dalluxio.master.journal.tailer.shutdown.quiet.wait.time=100ms
  -Dalluxio.master.worker.connect.wait.time=1s"
worker="-Dalluxio.worker.tieredstore.levels=1 -Dalluxio.worker.tieredstore.level0.alias=MEM
  -Dalluxio.worker.tieredstore.level0.dirs.path=/tmp/ramdisk -Dalluxio.worker.ramdisk.size=56MB
  -Dalluxio.worker.tieredstore.level0.dirs.quota=56MB -Dalluxio.worker.block.store.type=FILE
  -Dalluxio.worker.reviewer.class=alluxio.worker.block.reviewer.AcceptingReviewer"
client="-Dalluxio.user.block.size.bytes.default=1MB -Dalluxio.user.short.circuit.enabled=false
  -Dalluxio.user.file.writetype.default=CACHE_THROUGH"

hostname localhost
echo '127.0.0.1 localhost' >/etc/hosts
mkdir -p /tmp/store /tmp/ramdisk
# shellcheck disable=SC2086 # lists of words
{
  "$java" $alluxio $master alluxio.cli.Format MASTER
  "$java" $alluxio $master alluxio.master.AlluxioMaster &
  "$java" $alluxio $worker -XX:DumpLoadedClassList=/tmp/worker.classes alluxio.worker.AlluxioWorker &
  pid=$!
  until wget -q -O /dev/null http://127.0.0.1:30000/api/v1/worker/info; do
    kill -0 $pid
    sleep 1
  done
  sleep 2
  head -c 3000000 /dev/zero >/tmp/file
  "$java" $alluxio $client alluxio.cli.fs.FileSystemShell copyFromLocal /tmp/file /file
  "$java" $alluxio $client alluxio.cli.fs.FileSystemShell free -f /file
  "$java" $alluxio $client alluxio.cli.fs.FileSystemShell cat /file | cmp - /tmp/file
  wget -q -O /dev/null http://127.0.0.1:30000/metrics/json/
  kill $pid
  wait $pid || true # it ends with 143
  "$java" @/opt/alluxio/class-path.args -XX:+UseSerialGC -Xshare:dump -XX:SharedClassListFile=/tmp/worker.classes \
    -XX:SharedArchiveFile=/opt/alluxio/worker.jsa
}
rm -f /etc/hosts
