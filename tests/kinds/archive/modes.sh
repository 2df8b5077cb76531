python3 - <<'EOF'
import io, sys, tarfile
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w") as tar:
    def add(name, kind=tarfile.REGTYPE, mode=0o644, data=b""):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.uid = kind, mode, len(data), 1234
        tar.addfile(entry, io.BytesIO(data))
    add("app", tarfile.DIRTYPE, 0o555)
    add("app/run", mode=0o6755, data=b"run")
    add("app/conf", tarfile.DIRTYPE, 0o555)
    add("app/conf/x", mode=0o444, data=b"x")
sys.stdout.buffer.write(out.getvalue())
EOF
