#!/usr/bin/env bash
# What nodes.py needs: Python's grpcio and grpcio-reflection, in an environment of their own in build/python.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=build/python
packages=(grpcio grpcio-reflection)
log=$folder.log

[ "$(cat "$folder/.complete" 2>/dev/null)" != "${packages[*]}" ] || exit 0
command -v python3 >/dev/null || { echo "python: there is no python3 on this machine (apt-get install python3-venv)" >&2; exit 1; }
echo "python: ${packages[*]} into $folder (nothing is installed)"
mkdir -p build
rm -rf "$folder"
{ python3 -m venv "$folder" && "$folder/bin/pip" install --quiet "${packages[@]}"; } >"$log" 2>&1 || {
  tail -n 5 "$log" >&2
  echo "python: they could not be had (see $log); Debian and Ubuntu have \`venv\` in python3-venv" >&2
  exit 1
}
echo "${packages[*]}" >"$folder/.complete"
