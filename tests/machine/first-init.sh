#!/bin/busybox sh
# shellcheck shell=dash # busybox sh is a relative of it.
# Process 1 of the guest until its disk is there. For ten minutes nothing is written to that disk unless it is synced, which means
# that a power cut always takes what is not.
b=/bin/busybox
$b mount -t devtmpfs none /dev
$b mount -t proc none /proc
# shellcheck disable=SC2086 # busybox takes the name of its program as an argument.
for module in /m/*.ko; do $b insmod $module; done
$b ip link set lo up
$b ip link set eth0 up
$b ip addr add 10.0.2.15/24 dev eth0
$b ip route add default via 10.0.2.2
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
$b chmod 666 /dev/ttyS1
init=/sbin/init
case $($b cat /proc/cmdline) in *pinboot.plain*) init=/sbin/plain-init ;; esac
$b mount -t ext4 -o rw,errors=remount-ro,commit=600,noauto_da_alloc /dev/vda /root || $b reboot -f
$b umount /proc
exec $b switch_root /root $init
