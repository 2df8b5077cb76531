python3 - <<'EOF'
import io, sys, tarfile
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w") as tar:
    for name in ["app", "../planted"]:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
sys.stdout.buffer.write(out.getvalue())
EOF
