#!/usr/bin/env bash
# Spark's jars with Hive's and Alluxio's client from Maven's repository, a Java runtime, and the root file system of Spark's image.
# Called by ../prepare.sh; half a minute.
set -euo pipefail
. examples/alluxio/prepare/common.sh
"$here/prepare/alluxio.sh"
base=$PWD/build/alluxio/alluxio
begin "$here/prepare/spark.xml" "$base/.complete"

say "fetching Spark's jars, Hive's and Alluxio's client"
root=$out/root
mkdir -p "$root/opt"
cp -al "$base/root"/{bin,dev,etc,lib,lib64,mnt,proc,sys,tmp,var} "$root/"
jars "$here/prepare/spark.xml" "$root/opt/spark/jars"
# By itself: the parent of its pom is in no repository.
mvn --batch-mode --quiet dependency:copy -Dartifact=org.alluxio:alluxio-shaded-client:2.9.6 -DoutputDirectory="$root/opt/spark/jars" >>"$log" 2>&1
slim "$root"/opt/spark/jars/{rocksdbjni,zstd-jni,snappy-java,lz4-java,leveldbjni-all}-*.jar
runtime java.se,jdk.unsupported,jdk.crypto.ec,jdk.net,jdk.management,jdk.naming.dns,jdk.security.auth "$root/opt/java"
mkdir -p "$root/opt/spark/conf"
archive "$root"
say "$(du -sh "$root" | cut -f 1) for Spark's image, $(find "$root/opt/spark/jars" -name '*.jar' | wc -l) jars"
complete
