#!/usr/bin/env bash
# The worker's image: Redis, the libraries that it loads, and busybox. Called by throng with the path of the archive to write, in a
# folder that holds nothing but this script and its inputs.
set -euo pipefail
exec ./root-file-system "$1" unpacked redis-server redis-cli redis-benchmark /usr/bin/getent
