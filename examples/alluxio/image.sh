#!/usr/bin/env bash
# An image of what prepare.sh has laid out. Called by throng with the path of the archive to write and the folder, in a folder that
# holds nothing but this script and its inputs. Times are those that the archive of classes was made with.
set -euo pipefail
exec tar --create --file "$1" --directory "$2" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
