# shellcheck shell=sh disable=SC2034,SC2154  # target, patience, options and their like: of mounter.sh, whose part this is

# The password goes to mount.cifs in a file of a tmpfs, never through a command line. Prints the option.
credentials() {
    [ -n "$user" ] || return 0
    IFS= read -r password <"$secrets/$user" || [ -n "$password" ] || return 1
    (umask 077 && printf 'username=%s\npassword=%s\n' "$user" "$password" >"$run/credentials") &&
        echo ",credentials=$run/credentials"
}

# Mount beside the target and look at it there; what is in its place until then may still recover.
try_mount() {
    staged=$run/staged
    {
        umount -l "$staged" 2>/dev/null
        mkdir -p "$staged"
        {
            login=$(credentials) &&
                timeout -k 1 "$longest" mount.cifs "$source" "$staged" -o "$options$login" &&
                { asking="timeout -k 1 $limit" && find_sentinel "$staged"; } >"$run/mount.seen" &&
                if [ -s "$run/mount.seen" ]; then
                    : >"$run/staged.ok"
                else
                    echo "it holds no ${sentinel:-entry}" >&2
                fi
        } 2>"$run/mount.said"
        rm -f "$run/credentials"
    } &
    trying=$!
}

# replace STAGED MADE: put a staged mount in the target's place, and note what it was made of. A signal waits until then,
# lest the next script finds half of it.
replace() {
    trap 'ending=yes' TERM INT
    put_in_place "$@"
    replaced=$?
    trap finish TERM INT
    [ -z "$ending" ] || finish
    return "$replaced"
}

put_in_place() {
    if ! put_beneath "$1"; then
        topmost "$target"
        while [ -n "$id" ] && timeout -k 1 "$limit" umount -l "$target"; do topmost "$target"; done
        make_target && mount --move "$1" "$target" || return
    fi
    topmost "$target"
    echo "$device $2" >"$record/made" ||
        warn "cannot write to $record: the next script will not know this mount, and make it anew"
}

# Without a moment in which nothing is there: the staged mount goes below the one that is, and that is taken away. Needs
# Linux 6.5, and Perl, since mount(8) cannot. The number of the system call is the same on every architecture.
put_beneath() {
    topmost "$1"
    new=$device
    topmost "$target"
    old=$id parent=${target%/*}
    [ -n "$old" ] && alone && { [ "$guard" != yes ] || guarded; } && command -v perl >/dev/null || return
    # move_mount: MOVE_MOUNT_BENEATH
    # shellcheck disable=SC2016  # variables of perl
    timeout -k 1 "$limit" perl -e 'exit(syscall(429, -100, $ARGV[0], -100, $ARGV[1], 0x200) != 0)' "$1" "$target" ||
        return
    # on a busy machine once more
    timeout -k 1 "$limit" umount -l "$target" || timeout -k 1 "$longest" umount -l "$target"
    topmost "$target"
    [ "$id" != "$old" ] && [ "$device" = "$new" ]
}

# Is no mount at the target on another one there? (Two are listed, side by side, where the guard and what it lies on
# share what is mounted.)
alone() {
    stack=' '
    while read -r number on _ _ point _; do
        [ "$point" = "$target" ] || continue
        case $stack in *" $on "*) return 1 ;; esac
        stack="$stack$number "
    done </proc/self/mountinfo
}

# Is there a mount of this node's own, and does the target show it? If it lives it is put in the share's place, and no
# patience is needed to do so.
follow_local() {
    topmost "$local_path"
    local_id=$id local_device=$device
    if [ -n "$shown" ] && [ -z "$local_id" ]; then
        # its server cannot end as long as its mount is somewhere
        topmost "$target"
        [ "$device" != "$shown" ] || ! timeout -k 1 "$limit" umount -l "$target" || say "unmounted, as $local_path was"
        shown=''
    fi
    if [ -n "$trying_local" ]; then
        ! kill -0 "$trying_local" 2>/dev/null || [ "$tried_id" != "$local_id" ] || return 0
        trying_local=''
        topmost "$run/local"
        if [ -f "$run/local.ok" ] && rm "$run/local.ok" && [ "$device" = "$local_device" ] &&
            replace "$run/local" "$local_path" 2>"$run/mount.said"; then
            say "shows $local_path"
            shown=$local_device outdated='' delay=1 unwanted=$trying
            wrong_since=${wrong_since:+$now}  # that was the share
        else
            umount -l "$run/local" 2>/dev/null
        fi
    elif [ -n "$local_id" ] && [ "$shown" != "$local_device" ] && [ ! -f "$run/removed" ]; then
        try_local
    fi
}

# Private, since a copy that shares with the original would get what is mounted on this one, and the other way round.
try_local() {
    rm -f "$run/local.ok"
    {
        umount -l "$run/local"
        mkdir -p "$run/local" && timeout -k 1 "$limit" mount --bind "$local_path" "$run/local" &&
            mount --make-private "$run/local" &&
            case ,$options, in *,ro,*) mount -o remount,bind,ro "$run/local" ;; esac &&
            asking="timeout -k 1 $limit" && find_sentinel "$run/local" >"$run/local.seen" &&
            [ -s "$run/local.seen" ] && : >"$run/local.ok"
    } 2>/dev/null &
    trying_local=$! tried_id=$local_id
}

# A mount that an earlier script left is taken over if it was made in the same way; else it is replaced.
adopt() {
    topmost "$target"
    if [ -z "$id" ]; then
        make_target
    elif [ "$(cat "$record/made" 2>/dev/null)" = "$device $made" ]; then
        say "took over the mount that was there"
    elif [ -n "$local_path" ] && [ "$(cat "$record/made" 2>/dev/null)" = "$device $local_path" ]; then
        say "took over the mount that was there, of $local_path"
        shown=$device
    else
        say "the mount that is there was made otherwise: it is to be replaced"
        outdated=yes
    fi
}

# The kernel moves no mount out of a shared one.
make_run_private() {
    topmost "$run"
    [ -n "$id" ] || mount --bind "$run" "$run"
    mount --make-private "$run"
}
