#!/usr/bin/env bash
# The worker's image: Redis, the libraries that it loads, and busybox. Called by throng with the path of the archive to write.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/prepare.sh"
exec "$here/../../scripts/root-file-system" "$1" "$here/../../build/redis" \
  redis-server redis-cli redis-benchmark /usr/bin/getent
