#!/usr/bin/env bash
# Read by the scripts beside it: what each part of the preparation begins and ends with. They run in the repository's root.
set -euo pipefail

part=$(basename "$0" .sh)
here=examples/alluxio
out=$PWD/build/alluxio/$part
log=$out/prepare.log

say() { echo "alluxio: $*"; }

# FILE…: ends the script if the part was prepared from just these files, else begins it anew.
begin() {
  wanted=$(cat "$here/prepare/common.sh" "$here/prepare/$part.sh" "$@" | sha256sum)
  [ "$(cat "$out/.complete" 2>/dev/null)" != "$wanted" ] || exit 0
  rm -rf "$out"
  mkdir -p "$out"
  trap '[ $? = 0 ] || { tail -n 20 "$log" >&2; echo "alluxio: preparing $part failed (see $log)" >&2; }' EXIT
}

complete() { echo "$wanted" >"$out/.complete"; }

# PACKAGE…: of the distribution, onto this machine.
install() {
  say "installing $* (to remove: apt-get purge --autoremove $*)"
  local command=(apt-get --quiet=2 install --yes --no-install-recommends "$@")
  scripts/as-root "install $*" "${command[@]}" >/dev/null ||
    { scripts/as-root "refresh the lists of packages" apt-get --quiet=2 update && scripts/as-root "install $*" "${command[@]}" >/dev/null; }
}

need_java() {
  command -v mvn >/dev/null || install maven
  command -v jlink >/dev/null || install openjdk-17-jdk-headless
}

# POM DIR [OPTION…]: the jars that a pom pins, and what they depend on.
jars() {
  local pom=$1 dir=$2
  shift 2
  mvn --batch-mode --quiet --file "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$dir" "$@" >>"$log" 2>&1
}

# MODULES DIR: a Java runtime of these modules.
runtime() {
  jlink --add-modules "$1" --strip-debug --compress=2 --no-man-pages --no-header-files --output "$2" >>"$log" 2>&1
  (cd "$2" && rm -rf legal lib/lib{awt_xawt,splashscreen,fontmanager,mlib_image,jsound,lcms,javajpeg}.so)
}

# JAR…: without libraries for other platforms.
slim() {
  local jar code
  for jar in "$@"; do
    code=0
    "$PWD/build/alluxio-tools/bin/zip" -q -d "$jar" '*.jnilib' '*.dylib' '*.dll' '*-musl.so' '*ppc64le*.so' '*s390x*.so' '*riscv64*.so' '*aarch*.so' '*linux32.so' \
      >>"$log" 2>&1 || code=$?
    [ $code -eq 0 ] || [ $code -eq 12 ] || return $code # 12: nothing of these in it
  done
}

# ROOT: the archive that an image is made of, beside it, with its links and empty folders.
archive() {
  tar --create --file "$1.tar" --directory "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner . >>"$log" 2>&1
}
