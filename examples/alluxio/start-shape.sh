#!/usr/bin/env bash
# How many workers should be on their way at a time? Brings the cluster up with each of the numbers given and shows how long the workers
# took: all of them, the first fifth and the last fifth. `any` bounds nothing: throng finds out what the engine does well with; `own` is
# the scenario's own bound. The daemons stay, as after any `up`.
#
#   examples/alluxio/start-shape.sh [WORKERS] [AT_ONCE|any|own]...      after prepare.sh, as who may call throng; from the project's folder
set -euo pipefail
cd "$(dirname "$0")/../.."

workers=${1:-40}
shift || true
shapes=("$@")
[ ${#shapes[@]} -gt 0 ] || shapes=(own any 2 4 8)
throng=${THRONG:-target/debug/throng}
scenario=examples/alluxio/cluster.toml
log=$(mktemp /tmp/alluxio-start-shape.XXXXXX)
cluster=

cleanup() {
  [ -z "$cluster" ] || "$throng" down "$cluster" --yes >>"$log" 2>&1 || cat "$log" >&2
  rm -f "$log"
}
trap cleanup EXIT

# Moments in milliseconds, in order: workers' starts, then their first answers.
started() {
  "$throng" ps worker --cluster "$cluster" --format json | sed -n 's/.*"started_unix_millis": *\([0-9]*\).*/\1/p' | sort -n
}
answered() {
  "$throng" events --tail 0 --cluster "$cluster" --format json |
    sed -n '/"subject":"worker-[^"]*","kind":"node-ready"/ s/.*"at_unix_millis":\([0-9]*\).*/\1/p' | sort -n
}

printf '%-8s %10s %13s %12s\n' 'AT ONCE' "ALL $workers" 'FIRST FIFTH' 'LAST FIFTH'
for shape in "${shapes[@]}"; do
  case $shape in
    own) bound=() ;;
    any) bound=(--set role.worker.start.at_once_per_core=1000) ;;
    *) bound=(--set "role.worker.start.at_once=$shape" --set role.worker.start.at_once_per_core=1000) ;;
  esac
  came_up=yes
  said=$("$throng" up "$scenario" --set "param.workers=$workers" "${bound[@]}" --format json 2>"$log") || came_up=
  # One that did not come up may stay all the same: it is taken down too.
  if grep -q '"cluster_up": *true' <<<"$said"; then
    cluster=$(sed -n 's/.*"cluster": *"\([^"]*\)".*/\1/p' <<<"$said" | head -1)
  fi
  [ "$came_up" ] || { cat "$log" >&2; exit 1; }
  { started | head -1; answered; } | awk -v shape="$shape" -v workers="$workers" '
    { at[NR] = $1 / 1000 }
    END {
      fifth = int((workers + 4) / 5)
      if (NR != workers + 1) { print shape ": " NR - 1 " of " workers " answered" > "/dev/stderr"; exit 1 }
      printf "%-8s %8.1f s %11.1f s %10.1f s\n", shape, at[NR] - at[1], at[1 + fifth] - at[1], at[NR] - at[NR - fifth]
    }'
  "$throng" down "$cluster" --yes >"$log" 2>&1
  cluster=
done
