#!/bin/sh
# Process 1 of a guest: User-mode Linux on the host's own root, read only. LAB and ADDRESS come from the kernel's
# command line.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/
export PATH HOME

set -eu # an init that ends is a kernel panic: the host sees it at once
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for folder in /dev/shm /run /tmp /mnt; do
    mkdir -p $folder
    mount -t tmpfs -o mode=1777 tmpfs $folder
done
# A node has its folders on a disk: unlike a tmpfs that can be mounted with an id map, by this kernel too.
mknod /run/disk b 98 0
mount -t ext4 /run/disk /srv
mkdir /run/lab
mount -t hostfs -o "$LAB" hostfs /run/lab
cp /run/lab/hosts /run/hosts
mount --bind /run/hosts /etc/hosts

# What the kernel asks for as it goes: modprobe looks for lib/modules, which the host's root has for the host's kernel.
mkdir -p /run/modules/lib
ln -s /usr/lib/uml/modules /run/modules/lib/modules
printf '#!/bin/sh\nexec /sbin/modprobe -d /run/modules "$@"\n' >/run/modprobe
chmod +x /run/modprobe
echo /run/modprobe >/proc/sys/kernel/modprobe

ip link set lo up
ip link set vec0 up
ip address add "$ADDRESS" dev vec0
ip route add default dev vec0

# shellcheck source=tests/guest/channel.sh
. /run/lab/channel.sh
stty raw -echo </dev/ttyS1
serve /dev/ttyS1
