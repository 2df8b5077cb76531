# A folder with one file, the same bytes each time.
mkdir d
printf a > d/a
chmod 755 d
chmod 644 d/a
tar --mtime=@0 --owner=0 --group=0 --numeric-owner --sort=name -cf - d
