#!/bin/sh
# Process 1 of the emulated machine: sets it up, then runs what the host asks for over a virtio serial port.

PATH=/bin
HOME=/
export PATH HOME
PORT=/dev/vport0p1

# shellcheck source=tests/guest/channel.sh
. /channel.sh
set -eu # an init that ends is a kernel panic: the host sees it at once
mount -t proc proc /proc
busybox --install -s /bin 2>/dev/null || true # no applet replaces a program of the host; it complains of that
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
ln -s /proc/mounts /etc/mtab
while read -r module; do
    insmod "/modules/$module"
done </modules/order
ip link set lo up
ip link set eth0 up
# ADDRESS is of the kernel's command line, where there is no router
ip address add "${ADDRESS:-10.0.2.15/24}" dev eth0
if [ "${ADDRESS-}" ]; then ip route add default dev eth0; else ip route add default via 10.0.2.2; fi
# what an image brings for itself
# shellcheck source=/dev/null
if [ -x /prepare ]; then . /prepare; fi

until [ -e $PORT ]; do sleep 0.1; done
serve $PORT
poweroff -f
