#!/bin/sh
# Run a step of the set-up with what it prints in a log. Where it fails the log is named, below what our own
# build says in it, or else its end:
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
    grep -o 'nlinkshim: .*' "$log" >&2 || tail -n 5 "$log" >&2
    echo "set-up: $what failed with exit code $code; all it said: $log" >&2
    exit "$code"
fi
