python3 - <<'EOF'
import io, sys, zipfile
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as archive:
    entry = zipfile.ZipInfo("app")
    entry.create_system, entry.external_attr = 3, 0o106755 << 16
    archive.writestr(entry, "x")
    link = zipfile.ZipInfo("l")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    archive.writestr(link, "/etc")
    archive.writestr("../planted", "x")
sys.stdout.buffer.write(out.getvalue())
EOF
