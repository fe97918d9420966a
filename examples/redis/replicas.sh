#!/usr/bin/env bash
# A test of one's own, in any language: exit code 0 is a pass, and what it prints stands in the report.
#
# THRONG_CLUSTER_FILE names a JSON file with every node's name, address and ports. This one asks each replica for its role and
# its link, and the primary for how many it has.
set -euo pipefail
redis_cli=$1

members() { # ROLE: "name address port", one a line
  perl -MJSON::PP -e '
    local $/;
    open my $file, "<", $ENV{THRONG_CLUSTER_FILE} or die "$ENV{THRONG_CLUSTER_FILE}: $!";
    for my $node (@{ decode_json(<$file>)->{nodes} }) {
      print "$node->{name} $node->{address} $node->{ports}{redis}\n" if $node->{role} eq $ARGV[0];
    }' "$1"
}

failures=0 replicas=0
while read -r name address port; do
  replicas=$((replicas + 1))
  answer=$("$redis_cli" -h "$address" -p "$port" info replication </dev/null | tr -d '\r')
  if ! grep -qx 'role:slave' <<<"$answer" || ! grep -qx 'master_link_status:up' <<<"$answer"; then
    echo "$name is no replica with a link to its primary"
    failures=$((failures + 1))
  fi
done < <(members worker)

read -r _ address port < <(members primary)
counted=$("$redis_cli" -h "$address" -p "$port" info replication | tr -d '\r' | sed -n 's/^connected_slaves://p')
echo "$replicas replicas asked, $failures without a link; the primary counts $counted"
[ "$failures" = 0 ] && [ "$counted" = "$replicas" ]
