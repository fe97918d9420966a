#!/usr/bin/env bash
# The leaf's image: nats-server and busybox. Called by throng with the path of the archive to write, in a folder that holds nothing
# but this script and its inputs.
set -euo pipefail
exec ./root-file-system "$1" unpacked nats-server
