# A virtual environment that was made for an older Python.
umask 022
python3 -I -m venv --without-pip "$1"
printf 'home = /usr/bin\nversion = 3.1.4\n' > "$1/pyvenv.cfg"
