# shellcheck shell=sh
# Runs what the host asks for over a line of bytes, until that line ends: sourced by process 1 of a guest.
# The host sends "NUMBER COMMAND", the command in base64. Each runs by itself: one that hangs holds up no other.
# When it ends the host gets "NUMBER STATUS FROM TO OUTPUT": times by this machine's clock, the output in base64.

JOBS=/run/jobs

perform() {
    echo "$2" | base64 -d >$JOBS/"$1"
    read -r from _ </proc/uptime
    status=0
    sh $JOBS/"$1" </dev/null >$JOBS/"$1".out 2>&1 3>&- || status=$?
    read -r to _ </proc/uptime
    exec 4>$JOBS/lock
    flock 4
    echo "$1 $status $from $to $(base64 -w 0 $JOBS/"$1".out)" >&3
}

# serve DEVICE
serve() {
    mkdir $JOBS
    exec 3<>"$1"
    echo ready >&3
    while read -r number command <&3; do
        perform "$number" "$command" &
    done
}
