#!/usr/bin/env bash
# HDFS's jars from Maven's repository, and the root file system of its DataNodes' image. Called by ../prepare.sh; some seconds.
set -euo pipefail
. examples/alluxio/prepare/common.sh
"$here/prepare/alluxio.sh"
base=$PWD/build/alluxio/alluxio
begin "$here/prepare/hdfs.xml" "$here/conf/log4j.properties" "$base/.complete"

say "fetching HDFS's jars"
root=$out/root
mkdir -p "$root/opt"
# Of Alluxio's image: the C library, busybox, the Java runtime. Links cost nothing.
cp -al "$base/root"/{bin,dev,etc,lib,lib64,mnt,proc,sys,tmp,var} "$root/"
cp -al "$base/root/opt/java" "$root/opt/"
jars "$here/prepare/hdfs.xml" "$root/opt/hadoop/lib"
slim "$root"/opt/hadoop/lib/{snappy-java,leveldbjni-all}-*.jar
# They do not start without the folders of pages that they would show.
mkdir -p "$root/opt/hadoop/conf/webapps"/{hdfs,datanode,static}
cp "$here/conf/log4j.properties" "$root/opt/hadoop/conf/"
archive "$root"
say "$(du -sh "$root" | cut -f 1) for HDFS's image"
complete
