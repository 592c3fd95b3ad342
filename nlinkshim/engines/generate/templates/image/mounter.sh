#!/bin/sh
#
# Keeps a mount usable.
#   mounter cifs TARGET //HOST/SHARE OPTION...   mounts a share, and mounts it anew when it is lost; the password of
#                                                the option user=NAME is the content of the secret NAME, and the
#                                                option sentinel=ENTRY is as below. With local=PATH the mount at
#                                                PATH is shown instead while there is one that lives. The mount
#                                                outlives the script, and the next one takes it over
#   mounter unmount TARGET takes such a mount away, for good; what keeps it (in this container) lets it be
#   mounter heal TARGET [ENTRY]    clears the way for the FUSE server that mounts TARGET: takes away a mount whose
#                          daemon is gone, aborts the connection of one that does not answer
#   mounter clear TARGET   the same once, before the server starts; makes the folder if there is none, and guards it
#   mounter wait TARGET [ENTRY]    until TARGET is a mount that answers and holds the entry, or any at all
#   mounter ready          whether the loop found its mount alive last; touches no mount
#
# A mount is looked at once a second, by statfs and a listing; stat proves nothing, since cached attributes answer
# for a dead mount. Whatever looks may get stuck in the kernel for good (D state), where not even SIGKILL ends it. So
# it runs beside the loop, which only waits for signals and for its own sleep.
set -u
export LC_ALL=C

interval=${NLINKSHIM_INTERVAL:-1}   # seconds between two looks
limit=${NLINKSHIM_LIMIT:-5}         # seconds in which a mount must answer
patience=${NLINKSHIM_PATIENCE:-30}  # seconds of no answer, or (cifs) of errors, that may pass by themselves
longest=30                          # seconds that a try to mount may take, and between two, at most
secrets=${NLINKSHIM_SECRETS:-/run/secrets/smb}  # a file a user, named after it: the password
run=${NLINKSHIM_RUN:-/run/nlinkshim}  # on a tmpfs: answers of the looks, the state, the credentials
record=${NLINKSHIM_RECORD:-$run}  # (cifs) outlives the script, as the mount does: what was mounted, and how
guard=${NLINKSHIM_GUARD:-yes}     # whether an empty folder below the mount is closed even to root
nobody=4000000                    # whose that folder is then: an id that the guarded mount does not know

say() {
    echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) mounter: $target: $*"
}

# Once, until there is another.
warn() {
    [ "$*" = "$warned" ] || say "warning: $*"
    warned=$*
}

# Seconds since some point in the past, whatever becomes of the date.
clock() {
    read -r now _ </proc/uptime
    now=${now%.*}
}

# The topmost mount at a path: id, device, flags, and the id of what it is mounted on, all empty if there is none. The
# mount itself is not asked.
topmost() {
    id='' device='' flags='' above=''
    while read -r number on numbers _ point settings _; do
        [ "$point" != "$1" ] || id=$number device=$numbers flags=$settings above=$on
    done </proc/self/mountinfo
}

# A pause that ends at a signal.
pause() {
    sleep "$1" &
    napping=$!
    wait "$napping"
}

# Run a command for at most $limit seconds, with its process id in a file: timeout itself ends by the SIGKILL that it
# sends its group (coreutils), or is the command (busybox), so it does not tell whether the command is gone.
within_limit() {
    # shellcheck disable=SC2016  # meant for the inner shell
    timeout -k 1 "$limit" sh -c 'echo $$ >"$0" && exec "$@"' "$@"
}

# The sentinel below a folder, or any entry: prints it, or nothing. By a listing, since a name may be cached.
find_sentinel() {
    case $sentinel in
    '') ;;
    */*) set -- "$1/${sentinel%/*}" -name "${sentinel##*/}" ;;
    *) set -- "$1" -name "$sentinel" ;;
    esac
    folder=$1
    shift
    # shellcheck disable=SC2086  # words of a command
    $asking find "$folder" -mindepth 1 -maxdepth 1 "$@" -print -quit
}

# Is the target a file system that answers? Exit code, what was found and complaint go into files.
look() {
    {
        { within_limit "$1.pid" stat -f "$target" >/dev/null &&
            asking="within_limit $1.pid" && find_sentinel "$target"; } >"$1.seen" 2>"$1.said"
        echo $? >"$1.new"
        mv "$1.new" "$1.code"
    } &
}

# Is that which asked still there, long after it was killed? Then it hangs in the kernel, and asking again would
# only leave one more there.
stuck() {
    [ -n "$answer" ] && [ $((now - asked)) -gt $((limit + 1)) ] && kill -0 "$(cat "$answer.pid")" 2>/dev/null
}

# shellcheck source=nlinkshim/engines/generate/templates/image/guard.sh
. "${0%/*}/guard.sh"

# Look at the mount that is there now, unless an answer is still awaited.
ask() {
    topmost "$target"
    if [ "$id" != "$seen_id" ]; then  # another mount than before: what hangs behind that one is left to itself
        ! stuck || lost=$((lost + 1))
        answer='' seen_id=$id
    fi
    if [ -n "$id" ] && [ -z "$answer" ]; then
        looks=$((looks + 1)) asked=$now answer=$run/look.$looks
        look "$answer"
    fi
}

# Sets $found to absent, alive, empty, dead, failing or hung, or to nothing if the answer may still come.
judge() {
    found='' detail=''
    if [ -z "$seen_id" ]; then
        found=absent
    elif stuck; then
        found=hung detail="no answer in $limit s, and what asked cannot be killed"
    elif [ -f "$answer.code" ]; then
        read -r code <"$answer.code"
        detail=$(tail -n 1 "$answer.said")
        case $code:$detail in
        0:*)
            found=empty detail="no ${sentinel:-entry}"
            [ ! -s "$answer.seen" ] || found=alive detail='' ;;
        *"$target/"*'o such file or directory') found=empty detail="no $sentinel" ;;
        124:* | 137:* | 143:*)
            [ $((now - asked)) -gt $((limit + 1)) ] || return 0  # it may be stuck
            found=hung detail="no answer in $limit s" ;;
        *'ransport endpoint is not connected' | *'ocket not connected' | *'connection abort' | *'onnection aborted')
            found=dead ;;
        *) found=failing ;;
        esac
        rm -f "$answer".*
        answer=''
    elif [ $((now - asked)) -gt $((2 * limit + 4)) ]; then
        # for want of memory, say
        found=failing detail="what asked was killed"
        rm -f "$answer".*
        answer=''
    fi
}

# One line for each change of the state, with how long the one before lasted.
tell() {
    [ -n "$found" ] && [ "$found" != "$state" ] || return 0
    behind=''
    [ "$lost" -eq 0 ] || behind=", $lost stuck behind earlier mounts"
    say "$found${detail:+ ($detail)}${state:+ after $((now - since)) s $state}$behind"
    # how long it has been out of order, in whatever way
    case $found:$state in
    alive:* | absent:*) wrong_since='' ;;
    *:alive | *:absent | *:) wrong_since=$now ;;
    esac
    state=$found since=$now
    echo "$state" >"$run/state"
}

# Take away the mount that was judged: not one that the server made meanwhile. It fails for one that is hidden, since
# its parent was mounted over.
unmount_judged() {
    topmost "$target"
    [ "$id" = "$seen_id" ] || return 0
    timeout -k 1 "$limit" umount -l "$target" || return
    say "unmounted"
    seen_id=''  # the next mount may get the same id
}

# All tasks that wait for the daemon get an error, those in D state too; the daemon reads one and ends.
abort_connection() {
    connections=/sys/fs/fuse/connections
    connection=$connections/$((${device%:*} << 20 | ${device#*:}))
    [ -d "$connection" ] || mount -t fusectl none "$connections"
    echo 1 >"$connection/abort" && say "aborted the connection ${connection##*/}"
}

heal() {
    if [ "$found" = hung ]; then
        [ $((now - wrong_since)) -ge "$patience" ] || return
        abort_connection
    fi
    unmount_judged
}

# shellcheck source=nlinkshim/engines/generate/templates/image/share.sh
. "${0%/*}/share.sh"

unmount() {
    : >"$run/removed"
    topmost "$target"
    while [ -n "$id" ] && umount -l "$target"; do topmost "$target"; done
    [ -z "$id" ] || return 1
    rm -f "$record/made"
    say "unmounted"
}

keep_mounted() {
    if [ -n "$trying" ]; then
        kill -0 "$trying" 2>/dev/null && return
        ended=$trying trying=''
        # or since this try began the node's own mount was put there, which nobody has looked at yet
        if [ -f "$run/staged.ok" ] && [ -z "$outdated" ] && { [ "$state" = alive ] || [ "$ended" = "$unwanted" ]; }; then
            say "dropped a new mount, since the old one answers again"
            rm "$run/staged.ok"
            umount -l "$staged"
            delay=1
        elif [ -f "$run/staged.ok" ] && rm "$run/staged.ok" && replace "$staged" "$made" 2>"$run/mount.said"; then
            say "mounted $source"
            delay=1 outdated='' shown=''
        else
            # the last line of mount.cifs is a hint at its manual
            reason=$(sed '/^Refer to the mount.cifs/d' "$run/mount.said" | tail -n 1)
            [ "$reason" = "$told" ] || say "cannot mount $source: $reason"
            told=$reason
            umount -l "$staged" 2>/dev/null
            next_try=$((now + delay)) delay=$((delay * 2))
            [ "$delay" -le "$rarest" ] || delay=$rarest
        fi
    elif [ -f "$run/removed" ]; then
        :
    elif [ "$state" = alive ] && [ -z "$outdated" ]; then
        told=''
    elif [ "$state" = empty ] && [ "$found" = empty ] && unmount_judged; then
        shown='' # an error is less than a library that seems to be gone
    elif [ -n "$shown" ] && [ "$found" = dead ] && unmount_judged; then
        shown='' # it does not come back by itself
    elif [ "$now" -ge "$next_try" ] &&
        { [ "$state" = absent ] || [ -n "$outdated" ] || [ "$((now - ${wrong_since:-$now}))" -ge "$patience" ]; }; then
        try_mount
    fi
}

finish() {
    trap '' TERM INT
    kill "$napping" 2>/dev/null
    if [ "$mode" = cifs ]; then
        # the mount stays, for whoever uses it and for the next script; without waiting, since nothing may hold up the end
        umount -l "$run/staged" "$run/local" 2>/dev/null &
        say "ended${seen_id:+; the mount stays}"
    fi
    exit 0
}

mode=${1:-}
target=${2:-}
case $mode in
ready) [ "$(cat "$run/state" 2>/dev/null)" = alive ]; exit ;;
clear | unmount) [ $# -eq 2 ] ;;
heal | wait) [ $# -eq 2 ] || [ $# -eq 3 ] ;;
cifs) [ $# -ge 3 ] ;;
*) false ;;
esac || { sed -n 's/^#   //p' "$0" >&2; exit 2; }

# A mount shows in the kernel's list by its own path: by any other it would not be found, and be made again and again.
target=${target%/}
topmost "$target"
link=$target
while [ -z "$id" ] && [ ! -L "$link" ] && [ "$link" != "${link%/*}" ]; do link=${link%/*}; done
if [ -z "$id" ] && [ -L "$link" ]; then
    echo "mounter: $link is a symbolic link; give the path that it leads to" >&2
    exit 2
fi

source='' options='' user='' password='' sentinel='' local_path=''
case $mode in heal | wait) sentinel=${3:-} ;; esac
if [ "$mode" = cifs ]; then
    source=$3
    shift 3
    for option; do
        case $option in
        user=*) user=${option#user=} ;;
        sentinel=*) sentinel=${option#sentinel=} ;;
        local=*) local_path=${option#local=} ;;
        *) options=$options${options:+,}$option ;;
        esac
    done
    made="$source $options${user:+,user=$user}"
    # a server that moves away from this node is soon elsewhere, and until then there is nothing
    rarest=${local_path:+5} && rarest=${rarest:-$longest}
fi

mkdir -p "$run" "$record"
if [ "$mode" = unmount ]; then
    unmount
    exit
fi
rm -f "$run/state" "$run"/look.* "$run/staged.ok" "$run/local.ok" "$run/removed"
napping='' answer='' trying='' told='' state='' found='' detail='' seen_id='' wrong_since='' outdated='' asking='' warned=''
shown='' trying_local='' tried_id='' unwanted='' ending=''  # the device of the mount at $local_path, while the target shows that
looks=0 lost=0 asked=0 delay=1 next_try=0
clock
since=$now
trap finish TERM INT
case $mode in cifs | clear) make_run_private ;; esac
[ "$mode" != cifs ] || adopt
while :; do
    if [ -n "$local_path" ]; then
        follow_local
        [ -z "$trying_local" ] || { pause 0.1 && follow_local; }
    fi
    ask
    pause 0.1
    judge
    tell
    case $mode:$found in
    heal:dead | heal:hung | clear:dead | clear:hung) heal ;;
    clear:absent) make_target && exit 0 ;;
    clear:?* | wait:alive) exit 0 ;;
    cifs:?*) keep_mounted ;;
    esac
    pause "$interval"
    clock
done
