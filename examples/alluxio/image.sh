#!/usr/bin/env bash
# An image of what prepare.sh has laid out and archived. Called by throng with the path of the archive to write and that of the archive
# that is there, in a folder that holds nothing but this script and its inputs.
set -euo pipefail
exec cp "$2" "$1"
