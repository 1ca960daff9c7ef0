#!/bin/sh
# SPDX-License-Identifier: MIT
#
# with_server.sh SERVER PROGRAM [ARGUMENT...]
#
# Runs PROGRAM ADDRESS ARGUMENT... beside a synctv-server of its own, which keeps everything in memory and listens on a free port.
set -eu

[ $# -ge 2 ] || { echo "usage: $0 SERVER PROGRAM [ARGUMENT...]" >&2; exit 2; }
server=$1 program=$2
shift 2

dir=$(mktemp -d)
SYNCTV__LIMITS__REGISTER_PER_HOUR=0 \
    "$server" --listen 127.0.0.1:0 --db memory: >"$dir/ready" 2>"$dir/log" </dev/null &
pid=$!

stop() {
    kill "$pid" 2>/dev/null || true
    wait "$pid" && stopped=0 || stopped=$?
    [ $stopped = 0 ] || { echo "the server ended with status $stopped:" >&2; cat "$dir/log" >&2; }
    rm -rf "$dir"
}
trap 'stop; exit 1' INT TERM

# It says when it is ready, and where.
address= left=600
while [ -z "$address" ] && kill -0 "$pid" 2>/dev/null && [ $left -gt 0 ]; do
    sleep 0.1
    address=$(sed -n 's/^ready grpc=\([^ ]*\).*/\1/p' "$dir/ready")
    left=$((left - 1))
done

status=1
if [ -n "$address" ]; then
    "$program" "$address" "$@" && status=0 || status=$?
else
    echo "the server did not become ready" >&2
fi
stop
[ $status != 0 ] || status=$stopped
exit $status
