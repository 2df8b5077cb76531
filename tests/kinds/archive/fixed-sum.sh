# The checksum file of the archive of fixed-tar.sh.
mkdir d
printf a > d/a
chmod 755 d
chmod 644 d/a
tar --mtime=@0 --owner=0 --group=0 --numeric-owner --sort=name -cf - d | sha256sum | sed 's/-$/a.tar/'
