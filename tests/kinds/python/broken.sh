# A virtual environment whose python went with an upgrade of the host.
umask 022
python3 -I -m venv --without-pip "$1"
ln -sf /usr/bin/python3.0 "$1/bin/python"
