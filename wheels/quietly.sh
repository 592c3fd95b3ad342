#!/bin/sh
# Run a step of the set-up with what it prints in a log, which is named and shown where the step fails:
# wheels/quietly.sh WHAT COMMAND [ARGUMENT ...]
set -eu

what=$1
shift
log=$(mktemp "${TMPDIR:-/tmp}/nlinkshim-setup.XXXXXX")
echo "set-up: $what" >&2
if "$@" >"$log" 2>&1; then
    rm -f "$log"
else
    code=$?
    tail -n 20 "$log" >&2
    echo "set-up: $what failed with exit code $code; all it said: $log" >&2
    exit "$code"
fi
