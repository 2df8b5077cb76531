#!/bin/sh
# A host without systemd, for tests that need none: it answers four seconds after it was switched on.
mount -t proc none /proc
mount -t sysfs none /sys
mount -t tmpfs none /run
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm /run/sshd
mount -t devpts none /dev/pts
mount -t tmpfs none /dev/shm
chmod 1777 /dev/shm
hostname host
# Where the power is to be cut: see cut.sh. (A blank is a plus there.)
# shellcheck disable=SC2013 # Words are meant.
for word in $(cat /proc/cmdline); do
  case $word in
  pinboot.cut=*)
    echo "${word#*=}" | tr + ' ' >/dev/shm/cut
    mount -t tmpfs none /usr/local/bin
    for name in sync mv; do cp /opt/cut /usr/local/bin/$name; done
    ;;
  esac
done
/usr/sbin/sshd -o UsePAM=no
while :; do
  wait
  sleep 1
done
