#!/usr/bin/env bash
# What the scenarios of this folder need, in build/alluxio. Nothing is pulled. What is there already is left as it is.
#
#   examples/alluxio/prepare.sh [PART…]       alluxio (all need it), s3, hdfs, spark; without one, all of them
set -euo pipefail
cd "$(dirname "$0")/../.."

parts=("$@")
[ $# -gt 0 ] || parts=(alluxio s3 hdfs spark)
mkdir -p build/alluxio
exec 9>build/alluxio/.lock # two that need the same folder: the second finds it complete
flock 9
for part in "${parts[@]}"; do
  case $part in
    alluxio | s3 | hdfs | spark) "examples/alluxio/prepare/$part.sh" ;;
    *) echo "alluxio: no part $part: alluxio, s3, hdfs, spark" >&2; exit 2 ;;
  esac
done
