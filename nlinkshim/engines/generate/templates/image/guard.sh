# shellcheck shell=sh disable=SC2154  # target, guard, nobody, run, limit: of mounter.sh, whose part this is

# The folder below the mount: who looks while nothing is mounted is to get an error and not an empty folder, for which a
# media server would clear its library. Mode 000 closes it to all but root. To close it to root too, it belongs to an
# id that its parent, bound on itself with an id map, does not know: the kernel then grants root nothing.
make_target() {
    parent=${target%/*}
    if guarded; then
        ! closed_to_root || return 0
        # a script that ended halfway, or a folder made later: around the guard there is no way but without it
        if [ "$guard" = yes ] && over_itself && ! others_below; then umount -l "$parent"; fi
    fi
    mkdir -p "$parent" || return
    if [ -n "$(find "$target" -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null)" ]; then
        warn "the folder below the mount holds entries, which show while nothing is mounted; remove them"
        return 0
    fi
    if [ "$guard" = yes ]; then
        if others_below; then
            warn "not guarded against root, since there are other mounts in $parent"
        elif guarded; then
            warn "not guarded against root: the guard of $parent is older than the folder; umount it on the node"
        elif close_to_root 2>"$run/guard.said"; then
            return 0
        else
            warn "not guarded against root, who finds it empty while nothing is mounted: $(tail -n 1 "$run/guard.said")"
        fi
    fi
    [ -d "$target" ] || mkdir -m 000 "$target" || return
    chmod 000 "$target"
}

# The guard comes first and the folder is put below it whole, by a way around it: nobody sees it open for a moment.
close_to_root() {
    below=$run/below
    mkdir -p "$below" && mount --bind "$parent" "$below" && mount --make-private "$below" || return
    if ! bind_guarded; then
        umount -l "$below"
        return 1
    fi
    closed=$below/${target##*/}
    [ -d "$closed" ] || closed=$below/.${target##*/}.closed
    if mkdir -p "$closed" && chmod 000 "$closed" && chown "$nobody:$nobody" "$closed" &&
        { [ "$closed" = "$below/${target##*/}" ] || mv "$closed" "$below/${target##*/}"; }; then
        umount -l "$below"
    else
        umount -l "$below" "$parent"
        return 1
    fi
}

guarded() {
    topmost "$parent"
    case ,$flags, in *,idmapped,*) ;; *) false ;; esac
}

# On the guarded parent an owner that it does not know shows as this one.
closed_to_root() {
    stranger=$(cat /proc/sys/kernel/overflowuid)  # (dash reads byte by byte, and gets the first alone)
    [ "$(stat -c %u:%a "$target" 2>/dev/null)" = "$stranger:0" ]
}

# Does the guard lie on the folder that it shows? One that came into this container with its volume does not.
over_itself() {
    topmost "$parent"
    while read -r number _ numbers _; do
        [ "$number" != "$above" ] || [ "$numbers" != "$device" ] || return 0
    done </proc/self/mountinfo
    return 1
}

# What lies below a mount that is covered by another is listed too, and nobody sees it.
others_below() {
    topmost "$parent"
    while read -r _ on _ _ point _; do
        case $point in "$parent"/*) [ -n "$id" ] && [ "$on" != "$id" ] || return 0 ;; esac
    done </proc/self/mountinfo
    return 1
}

# Needs Linux 5.12, and a file system that can be mapped, which an overlay is not.
bind_guarded() {
    map="0:0:$nobody" rest="$((nobody + 1)):$((nobody + 1)):$((4294967295 - nobody - 1))"
    # util-linux 2.39; an older mount leaves out what it does not know
    mount --bind -o "X-mount.idmap=u:$map u:$rest g:$map g:$rest" "$parent" "$parent" || return
    ! guarded || return 0
    umount "$parent"
    if ! command -v perl >/dev/null; then
        echo "this mount(8) knows no X-mount.idmap" >&2
        return 1
    fi
    unshare --user sleep "$limit" &  # holds the id map
    holder=$!
    bind_mapped
    kill "$holder"
    guarded
}

# What a newer mount(8) does. The numbers of these system calls are the same on every architecture.
bind_mapped() {
    until [ "$(readlink "/proc/$holder/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do
        kill -0 "$holder" && sleep 0.1 || return
    done
    for kind in uid gid; do
        printf '%s\n' "0 0 $nobody" "$(echo "$rest" | tr : ' ')" >"/proc/$holder/${kind}_map" || return
    done
    # shellcheck disable=SC2016  # variables of perl
    perl -e '
        my ($parent, $namespace) = @ARGV;
        my ($here, $empty) = (-100, "");
        open(my $ids, "<", $namespace) or die "$namespace: $!\n";
        my $copy = syscall(428, $here, $parent, 1 | 02000000);  # open_tree: OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC
        $copy >= 0 or die "open_tree: $!\n";
        my $change = pack("Q4", 0x100000, 0, 0, fileno($ids));  # struct mount_attr: MOUNT_ATTR_IDMAP
        syscall(442, $copy, $empty, 0x1000, $change, length($change)) == 0 or die "mount_setattr: $!\n";
        syscall(429, $copy, $empty, $here, $parent, 4) == 0 or die "move_mount: $!\n";
    ' "$parent" "/proc/$holder/ns/user"
}
