#!/usr/bin/env bash
# What redis.toml needs of this machine: the distribution's Redis, unpacked into build/redis (never installed).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec scripts/unpack-packages build/redis redis-server redis-tools busybox-static
