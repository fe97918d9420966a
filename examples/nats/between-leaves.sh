#!/usr/bin/env bash
# Subscribes at the first leaf, publishes at the last, and waits for the message: it travels leaf, hub, leaf.
#
# NATS speaks lines of text, so that bash alone is a client.
set -euo pipefail
deadline_s=30

client() { # INDEX: "address port" of that leaf
  perl -MJSON::PP -e '
    local $/;
    open my $file, "<", $ENV{THRONG_CLUSTER_FILE} or die "$ENV{THRONG_CLUSTER_FILE}: $!";
    my @leaves = grep { $_->{role} eq "worker" } @{ decode_json(<$file>)->{nodes} };
    print "$leaves[$ARGV[0]]{address} $leaves[$ARGV[0]]{ports}{client}\n"' -- "$1"
}

read -r address port < <(client 0)
exec 3<>"/dev/tcp/$address/$port"
printf 'CONNECT {"verbose":false}\r\nSUB talk.* 1\r\nPING\r\n' >&3

read -r address port < <(client -1)
exec 4<>"/dev/tcp/$address/$port"
printf 'CONNECT {"verbose":false}\r\n' >&4

# A subscription takes a moment to be known on the other side of the hub: publish until the message arrives.
end=$((SECONDS + deadline_s))
while [ "$SECONDS" -lt "$end" ]; do
  printf 'PUB talk.news 5\r\nhello\r\n' >&4
  while read -r -t 0.5 line <&3; do
    case $line in
      MSG\ talk.news*)
        echo "the message arrived"
        exit 0
        ;;
    esac
  done
done
echo "no message after $deadline_s s"
exit 1
