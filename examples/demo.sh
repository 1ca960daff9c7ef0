#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh BUILD_DIR [VIEWERS]: a server and some clients that show a room in sync.
set -eu
here=$(dirname "$0")
build=$1
shift
exec "$here/with_server.sh" "$build/server/synctv-server" "$build/examples/watch_party" "$@"
