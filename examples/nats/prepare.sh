#!/usr/bin/env bash
# What nats.toml needs of this machine: the distribution's NATS, unpacked into build/nats (never installed).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec scripts/unpack-packages build/nats nats-server busybox-static
