#!/usr/bin/env bash
# The leaf's image: nats-server and busybox. Called by throng with the path of the archive to write.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/prepare.sh"
exec "$here/../../scripts/root-file-system" "$1" "$here/../../build/nats" nats-server
