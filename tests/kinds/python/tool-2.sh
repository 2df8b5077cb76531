# A wheel: its name, version, what it needs, and its extras.
wheel() {
    python3 -I -c '
import sys, zipfile
name, version, *needs = sys.argv[1:]
info = "%s-%s.dist-info/" % (name, version)
out = sys.stdout.buffer
with zipfile.ZipFile(out, "w") as file:
    head = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
    head += "Provides-Extra: more\n" + "".join("Requires-Dist: %s\n" % need for need in needs)
    texts = {name + ".py": "VERSION = \"%s\"\n" % version, info + "METADATA": head}
    texts[info + "WHEEL"] = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join("%s,,\n" % path for path in texts) + info + "RECORD,,\n"
    for path, text in list(texts.items()) + [(info + "RECORD", record)]:
        file.writestr(zipfile.ZipInfo(path), text)
' "$@"
}
wheel tool 2.0 "part>=1" "extra; extra == 'more'"
