# A virtual environment with the pip of this machine, and `tool` 1.0 as pip would have noted it. Made without `venv`, which takes longer.
umask 022
python3 -IB -c '
import os, sys
from importlib.util import find_spec
venv = sys.argv[1]
folder = "%s/lib/python%d.%d/site-packages" % ((venv,) + sys.version_info[:2])
os.makedirs(folder + "/tool-1.0.dist-info")
os.mkdir(venv + "/bin")
os.symlink(sys.executable, venv + "/bin/python")
with open(venv + "/pyvenv.cfg", "w") as file:
    file.write("home = %s\nversion = %d.%d.%d\n" % ((os.path.dirname(sys.executable),) + sys.version_info[:3]))
pip = os.path.dirname(find_spec("pip").origin)
for part in os.listdir(os.path.dirname(pip)):
    if part == "pip" or part.startswith("pip-"):
        os.symlink(os.path.join(os.path.dirname(pip), part), os.path.join(folder, part))
texts = {"METADATA": "Metadata-Version: 2.1\nName: Tool\nVersion: 1.0\n", "INSTALLER": "pip\n"}
texts["RECORD"] = "tool.py,,\n" + "".join("tool-1.0.dist-info/%s,,\n" % name for name in ["METADATA", "INSTALLER", "RECORD"])
for name, text in texts.items():
    with open(os.path.join(folder, "tool-1.0.dist-info", name), "w") as file:
        file.write(text)
with open(folder + "/tool.py", "w") as file:
    file.write("VERSION = 1\n")
' "$1"
