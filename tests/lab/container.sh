#!/bin/sh
# Start the container of smbd without an image or an engine, in mount and process namespaces that are its own
# already: on this root, with what the generated manifests give it.
#   container.sh ROOT LAYERS PARENT MOUNTED_AT SECRETS
set -eu
root=$1 layers=$2 parent=$3 mounted_at=$4 secrets=$5

mount -t overlay -o "ro,lowerdir=$layers" overlay "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o nosuid,mode=0755 tmpfs "$root/dev"
for device in null zero random urandom; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o nosuid,nodev,noexec,size=64m,mode=0755 tmpfs "$root/run/samba"
mount --bind -o ro "$secrets" "$root/run/secrets/smb"
mount --rbind "$parent" "$root$mounted_at" # the namespace is a slave of the node's: HostToContainer

hostname smbd
exec chroot "$root" setpriv --bounding-set=-all,+setuid,+setgid --inh-caps=-all --no-new-privs \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /usr/local/bin/entrypoint
