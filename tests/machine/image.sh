# Makes the guest: sh image.sh FOLDER HERE, as root. It writes vmlinuz, initrd.gz, disk.img (ext4 without partitions), the key of
# the guest's user and the host's public key to FOLDER. HERE has the files that the guest gets. Nothing is installed on this machine.
set -eu
umask 022
folder=$1 here=$2 root=$1/root
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || { echo "no $keyring: \`apt-get install debian-archive-keyring\` installs it" >&2; exit 1; }
debootstrap --variant=minbase --keyring=$keyring \
  --include=systemd-sysv,libpam-systemd,dbus,openssh-server,sudo bookworm "$root"

# The kernel and a static BusyBox are only unpacked: the guest's disk does not need them.
in_root() { chroot "$root" env LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
mkdir "$folder/boot"
# shellcheck disable=SC2016 # The shell in the guest expands it.
in_root sh -c 'cd /tmp && apt-get download busybox-static $(apt-cache depends linux-image-cloud-amd64 | sed -n "s/.*Depends: //p")'
for deb in "$root"/tmp/*.deb; do dpkg -x "$deb" "$folder/boot"; done
rm "$root"/tmp/*.deb
cp "$folder"/boot/boot/vmlinuz-* "$folder/vmlinuz"

# What happens before the guest's own init: the modules for its disk and its network, and the address that qemu gives.
mkdir -p "$folder/first/bin" "$folder/first/m" "$folder/first/proc" "$folder/first/dev" "$folder/first/root"
cp "$folder/boot/bin/busybox" "$folder/first/bin/"
number=10
for module in drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_modern_dev \
  drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci drivers/block/virtio_blk net/core/failover \
  drivers/net/net_failover drivers/net/virtio_net; do
  cp "$folder"/boot/lib/modules/*/kernel/$module.ko "$folder/first/m/$number.ko"
  number=$((number + 1))
done
cp "$here/first-init.sh" "$folder/first/init"
chmod 755 "$folder/first/init"
(cd "$folder/first" && find . | "$folder/boot/bin/busybox" cpio -o -H newc | gzip -1 >"$folder/initrd.gz") 2>/dev/null

# The guest is a host like those of EC2: one login user who may use sudo for everything, and one who may not use it.
echo host >"$root/etc/hostname"
echo '127.0.0.1 localhost host' >"$root/etc/hosts"
: >"$root/etc/fstab"
ssh-keygen -q -t ed25519 -N '' -C guest -f "$folder/key"
for user in ec2-user visitor; do
  # No password is known. The account is not locked, since without PAM a locked one is refused.
  in_root useradd -m -s /bin/bash -p '*' $user
  home=$root/home/$user
  mkdir -m 700 "$home/.ssh"
  cp "$folder/key.pub" "$home/.ssh/authorized_keys"
  in_root chown -R $user:$user /home/$user/.ssh
done
echo 'ec2-user ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/ec2-user"
chmod 440 "$root/etc/sudoers.d/ec2-user"
cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$folder/host.pub"
cp "$here/plain-init.sh" "$root/sbin/plain-init"
cp "$here/cut.sh" "$root/opt/cut"
chmod 755 "$root/sbin/plain-init" "$root/opt/cut"

# Whatever only costs time at boot is left out.
in_root systemctl -q mask getty@.service getty.target getty-static.service apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer e2scrub_reap.service e2scrub_all.timer fstrim.timer systemd-pstore.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service systemd-tmpfiles-clean.timer systemd-random-seed.service systemd-modules-load.service \
  kmod-static-nodes.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-firstboot.service \
  systemd-machine-id-commit.service modprobe@.service systemd-sysusers.service systemd-pcrphase.service \
  systemd-pcrphase-sysinit.service systemd-quotacheck.service rc-local.service systemd-ask-password-wall.path \
  systemd-ask-password-console.path systemd-repart.service systemd-journal-flush.service
in_root systemctl -q set-default multi-user.target
rm -rf "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb

mkfs.ext4 -q -F -d "$root" "$folder/disk.img" 600M
rm -rf "$root" "${folder:?}/boot" "$folder/first"
