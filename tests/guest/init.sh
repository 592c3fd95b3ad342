#!/bin/sh
# Process 1 of the emulated machine: sets it up, then runs what the host asks for over a virtio serial port.
# The host sends "NUMBER COMMAND", the command in base64. Each runs by itself: one that hangs holds up no other.
# When it ends the host gets "NUMBER STATUS FROM TO OUTPUT": times by this machine's clock, the output in base64.

PATH=/bin
HOME=/
export PATH HOME
PORT=/dev/vport0p1
JOBS=/run/jobs

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
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2

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

mkdir $JOBS
until [ -e $PORT ]; do sleep 0.1; done
exec 3<>$PORT
echo ready >&3
while read -r number command <&3; do
    perform "$number" "$command" &
done
poweroff -f
