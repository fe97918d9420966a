#!/usr/bin/env bash
# Alluxio's jars from Maven's repository, a Java runtime cut down to what they use, and the root file system of the workers' image with
# its archive of loaded classes. Called by ../prepare.sh; a minute or two.
set -euo pipefail
. examples/alluxio/prepare/common.sh
begin "$here"/prepare/{alluxio.xml,train.sh} "$here/conf/log4j.properties"
need_java
scripts/unpack-packages build/alluxio-tools zip unzip busybox-static
tools=$PWD/build/alluxio-tools/bin

# --- jars -----------------------------------------------------------------------------------------------------------------------
say "fetching Alluxio's jars"
root=$out/root
lib=$root/opt/alluxio/lib
mkdir -p "$lib"
# What none of its servers loads: integrations, other loggers, other platforms.
groups=org.apache.parquet,org.apache.orc,org.apache.avro,org.apache.yetus,io.airlift,org.threeten,com.github.serceman,com.github.jnr,com.rabbitmq,org.checkerframework,com.google.errorprone,com.google.j2objc
artifacts=zstd-jni,snappy-java,lz4-java,hive-storage-api,alluxio-integration-fuse,alluxio-integration-jnifuse-fs,alluxio-integration-jnifuse-native,log4j-slf4j-impl,log4j-core,log4j-api,hadoop-yarn-client,hadoop-yarn-common,hadoop-yarn-api,hadoop-mapreduce-client-core,hadoop-mapreduce-client-common,hadoop-mapreduce-client-jobclient,prometheus-metrics-shaded-protobuf,prometheus-metrics-exposition-formats,netty-all,netty-transport-native-kqueue,jersey-core,jersey-servlet,jsr311-api
jars "$here/prepare/alluxio.xml" "$lib" -DexcludeClassifiers=osx-x86_64,osx-aarch_64,windows-x86_64,linux-aarch_64 \
  -DexcludeGroupIds="$groups" -DexcludeArtifactIds="$artifacts"
slim "$lib"/rocksdbjni-*.jar "$lib"/ratis-thirdparty-misc-*.jar

# --- a runtime and a root file system -------------------------------------------------------------------------------------------
say "cutting down a Java runtime"
runtime java.base,java.logging,java.management,java.naming,java.desktop,java.xml,java.sql,java.security.sasl,java.security.jgss,java.instrument,jdk.management,jdk.unsupported,jdk.net,jdk.naming.dns,jdk.security.auth,jdk.crypto.ec \
  "$root/opt/java"

mkdir -p "$root"/{bin,dev,etc,lib64,lib/x86_64-linux-gnu,mnt/ramdisk,proc,sys,tmp,var} "$root/opt/alluxio"/{conf,native}
chmod 1777 "$root/tmp"
for name in c m z stdc++ gcc_s dl pthread rt resolv nss_files nss_dns; do
  cp -L "$(ldconfig -p | sed -n "s|.* => \(.*x86_64.*/lib$name\.so\.[0-9]*\)$|\1|p" | head -n 1)" "$root/lib/x86_64-linux-gnu/"
done
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
busybox=$(find build/alluxio-tools/root -path '*bin/busybox' -type f | head -n 1)
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
ln -sf busybox "$root/bin/bash" # it is only asked to run one command
echo 'root:x:0:0:root:/:/bin/sh
alluxio:x:1000:1000:alluxio:/tmp:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:
alluxio:x:1000:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
"$tools/unzip" -q -o -j "$lib"/netty-transport-native-epoll-*-linux-x86_64.jar 'META-INF/native/*.so' -d "$root/opt/alluxio/native" >>"$log" 2>&1
cp "$here/conf/log4j.properties" "$root/opt/alluxio/conf/"

# The times that jars have in the image.
same_times() { find "$@" -exec touch --no-dereference --date=@0 {} +; }

# The class path is written out: the archive of classes checks it letter by letter, and the jars' times with it.
class_path() { (cd "$lib" && printf '%s\n' *.jar | sort | sed "s|^|$1/|" | paste -sd:); }
echo "-cp \"$(class_path /opt/alluxio/lib)\"" >"$root/opt/alluxio/class-path.args"
echo "-cp \"$(class_path "$lib")\"" >"$out/class-path.args" # for plain processes of this machine
same_times "$root"

# --- an archive of the classes that a worker loads ------------------------------------------------------------------------------
say "learning which classes a worker loads, and archiving them"
cp "$here/prepare/train.sh" "$root/train.sh"
# shellcheck disable=SC2016 # the dollars are the inner shell's
enter='busybox=$1; root=$2; shift 2; "$busybox" ip link set lo up && mount --rbind /dev "$root/dev" && exec chroot "$root" "$@"'
in_root() { # COMMAND…: in the new root, in namespaces of its own, with a loopback network and nothing else
  unshare --map-root-user --mount --pid --net --uts --fork --kill-child --mount-proc="$root/proc" \
    sh -c "$enter" sh "$busybox" "$root" "$@"
}
in_root /bin/sh /train.sh >>"$log" 2>&1
rm -rf "${root:?}"/{train.sh,tmp,var}
mkdir -p "$root/tmp" "$root/var"
chmod 1777 "$root/tmp"
same_times "$root" -newermt @1
# With -Xshare:on a runtime that cannot use the archive does not start.
in_root /opt/java/bin/java @/opt/alluxio/class-path.args -XX:+UseSerialGC -Xshare:on -XX:SharedArchiveFile=/opt/alluxio/worker.jsa \
  -version >>"$log" 2>&1

archive "$root"
say "$(du -sh "$root" | cut -f 1) for Alluxio's image, $(find "$lib" -name '*.jar' | wc -l) jars"
complete
