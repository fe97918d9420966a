#!/usr/bin/env bash
# A server that answers as S3 does, from the Python package index. Called by ../prepare.sh; half a minute.
set -euo pipefail
. examples/alluxio/prepare/common.sh
begin "$here/prepare/s3.txt"
python3 -c 'import ensurepip, venv' 2>/dev/null || install python3 python3-venv

say "fetching moto, which answers as S3 does"
python3 -m venv "$out" >>"$log" 2>&1
"$out/bin/pip" --quiet --disable-pip-version-check install --requirement "$here/prepare/s3.txt" >>"$log" 2>&1
complete
