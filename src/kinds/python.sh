# The kind `python`.

python_check() {
    if [ -n "$arg_venv" ]; then pb_at "$arg_venv" python_ask; else python_ask; fi
}

python_apply() {
    if [ -n "$arg_venv" ]; then pb_at "$arg_venv" python_bring; else python_bring; fi
}

# Sets pb_venv to where the virtual environment is, pb_python to its python or to the host's, and pb_there to whether it is there.
python_begin() {
    unset -v PYTHONHOME PYTHONPATH PYTHONSTARTUP PIP_TARGET PIP_PREFIX PIP_USER PIP_ROOT VIRTUAL_ENV __PYVENV_LAUNCHER__
    pb_venv='' pb_there=1
    # Another user's pip reads that user's settings.
    if [ -n "${pb_is_holder:-}" ]; then
        pb_find_entry passwd "$(id -un)"
        pb_one=${pb_entry%:*}
        export HOME="${pb_one##*:}"
    fi
    if [ -z "$arg_venv" ]; then
        python_find || pb_there=
        pb_python=$pb_base
    else
        pb_target "$arg_venv"
        pb_venv=$pb_path pb_python=$pb_path/bin/python
        python_venv_is_there || pb_there=
    fi
    python_trust_requirements
}

# Whether a virtual environment is at pb_venv; gives up where something else is in its place.
python_venv_is_there() {
    pb_is_there || return 1
    [ -d "$pb_venv" ] || pb_give_up "$arg_venv is a file, and a directory is wanted there"
    ! pb_is_shared "$pb_venv" || pb_give_up "other users can write in $arg_venv, and root runs nothing from there: give it to root, or use run_as"
    [ ! -f "$pb_venv/pyvenv.cfg" ] || return 0
    for pb_one in "$pb_venv"/* "$pb_venv"/.[!.]* "$pb_venv"/..?*; do
        [ ! -e "$pb_one" ] && [ ! -L "$pb_one" ] || pb_give_up "$arg_venv is not empty, and not a virtual environment: name another directory, or remove it first (absent)"
    done
    return 1
}

# What stands in the file of requirements is installed by who acts: root takes none that another user can change.
python_trust_requirements() {
    [ -n "$arg_requirements" ] || return 0
    pb_find_holder "$arg_requirements"
    [ -z "$pb_holder" ] || pb_give_up "${pb_holder#* } can change $arg_requirements, and root does not install what it says: use run_as, or a virtual environment of that user"
    pb_target "$arg_requirements"
    pb_file=$pb_path
    # In a directory where others can lay a file, one that is missing is none that comes in a moment.
    pb_is_there || pb_file=
    [ -z "$pb_file" ] || { pb_want_file "$arg_requirements" "$pb_file" && [ -r "$pb_file" ]; } || pb_give_up "$arg_requirements cannot be read as $(id -un)"
}

# Sets pb_base to the host's python of the wanted version, or to its python3.
python_find() {
    for pb_base in ${arg_version:+"python$arg_version"} ${arg_version:+"python${arg_version%.*}"} python3 python; do
        command -v "$pb_base" > /dev/null 2>&1 || continue
        pb_said=$("$pb_base" -IB -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2> /dev/null < /dev/null) || continue
        case $pb_said in
        2.*) continue ;;
        "$arg_version" | "$arg_version".*) return 0 ;;
        esac
        [ -n "$arg_version" ] || return 0
    done
    pb_base=
    return 1
}

# The requirements of `packages`, a line each.
python_packages() {
    eval "set -- $arg_packages"
    [ $# = 0 ] || printf '%s\n' "$@"
}

# What would change, asked by the user who makes the change.
python_ask() {
    python_begin
    if [ -z "$pb_there" ]; then
        [ "$arg_state" != absent ] || return 0
        if [ -n "$arg_venv" ]; then
            pb_differs "+ $arg_venv${arg_version:+ (Python $arg_version)}"
        elif [ -n "$arg_version" ]; then
            pb_tell "this host has no Python $arg_version yet"
        fi
        pb_said=$(python_packages)
        [ -z "$pb_said" ] || pb_tell "$pb_said" | sed 's/^/+ /'
        [ -z "$arg_requirements" ] || pb_tell "+ what $arg_requirements names"
        needs_change
    fi
    python_compare
    [ -z "$pb_said" ] || pb_differs "$pb_said"
    pb_answer
}

# Sets pb_said to what differs, empty where nothing does, and pb_anew where the virtual environment must be made anew for it.
python_compare() {
    pb_anew='' pb_status=0
    if [ -n "$arg_requirements" ] && [ -z "$pb_file" ]; then
        pb_said="+ what $arg_requirements names"
        return 0
    fi
    if [ ! -x "$pb_python" ] && [ -n "$pb_venv" ]; then
        pb_said='its python is gone' pb_status=4
    else
        pb_said=$(python_packages | python_judge 2>&1) || pb_status=$?
    fi
    case $pb_status in
    0 | 3) return 0 ;;
    5)
        python_ask_pip
        return
        ;;
    6) pb_give_up "$pb_said" ;;
    4) ;;
    *)
        [ -n "$pb_venv" ] || pb_give_up "could not find out what is installed: $pb_said"
        pb_said="its python does not start (${pb_said##*
})"
        ;;
    esac
    pb_anew=1
    pb_said="$arg_venv is made anew: $pb_said"
    [ "$arg_state" != absent ] || pb_said=
}

# What no list of installed packages says, pip itself is asked for: what it would install. An old pip cannot say that.
python_ask_pip() {
    pb_status=0
    pb_what=$pb_said
    pb_error=$(python_pip install --no-cache-dir --dry-run --report - 2>&1 > /dev/null) || pb_status=$?
    [ "$pb_status" = 0 ] || pb_give_up "could not find out whether $pb_what is installed: ${pb_error:-pip is too old to say what it would install}"
    pb_said=$(python_pip install --no-cache-dir --dry-run --report - 2> /dev/null)
    case $pb_said in
    *'"install": []'*) pb_said= ;;
    *) pb_said="+ $pb_what" ;;
    esac
}

# Calls pip for what the step asks. The requirements of `packages` reach it on standard input, as anybody can read its arguments.
python_pip() {
    # install|uninstall OPTION...
    set -- -IB -m pip --disable-pip-version-check --no-input "$@" -q
    [ -z "$arg_packages" ] || set -- "$@" -r /dev/stdin
    [ -z "$arg_requirements" ] || set -- "$@" -r "$pb_file"
    python_packages | "$pb_python" "$@"
}

python_bring() {
    python_begin
    [ -z "$arg_requirements" ] || [ -n "$pb_file" ] || pb_give_up "$arg_requirements is not there: bring it in an earlier step"
    pb_anew=1
    [ -z "$pb_there" ] || python_compare
    if [ -n "$pb_venv" ]; then
        [ -z "$pb_anew" ] || python_make
    else
        [ -n "$pb_there" ] || pb_give_up "this host has no Python ${arg_version:-3}: install it in an earlier step (package: python3)"
    fi
    if [ "$arg_state" = absent ]; then
        python_pip uninstall -y
    else
        [ -n "$arg_packages$arg_requirements" ] || return 0
        python_pip install
        # What pip takes for installed already may have another origin.
        python_compare
        [ -z "$pb_said" ] || python_pip install --force-reinstall
    fi
}

# Makes the virtual environment; one that is there and does not work any more is emptied first.
python_make() {
    python_find || pb_give_up "this host has no Python ${arg_version:-3}: install it in an earlier step (package: python${arg_version:-3})"
    "$pb_base" -I -c 'import venv, ensurepip' 2> /dev/null < /dev/null ||
        pb_give_up "the Python of this host cannot make virtual environments (venv or ensurepip is not available): install python${arg_version:-3}-venv in an earlier step"
    pb_make_dir
    # In a directory where others can write it is made anew, and nothing that another user lays there meanwhile is taken for it.
    [ -e "$pb_venv" ] || mkdir -- "$pb_venv" || exit 1
    "$pb_base" -I -m venv --clear "$pb_venv" < /dev/null
}

# Compares the requirements with what the python pb_python has installed, by the data that pip itself keeps. Prints what differs. 0:
# nothing; 3: something; 4: the virtual environment is to be made anew, with the reason; 5: pip has to be asked about what it prints; 6: it
# cannot be found out, or changed, with the reason. Standard input has a requirement a line.
python_judge() {
    # shellcheck disable=SC2016 # These are for Python.
    "$pb_python" -IB -c '
import sys
import json, os, re
from email.parser import HeaderParser
from urllib.parse import quote, unquote, urlsplit, urlunsplit
version, state, path = sys.argv[1:4]
in_venv = sys.prefix != sys.base_prefix

def end(status, text=""):
    if text:
        print(text)
    sys.exit(status)

def read(*parts):
    try:
        with open(os.path.join(*parts), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None

def name_of(text):
    return re.sub(r"[-_.]+", "-", text).lower()

now = "%d.%d.%d" % sys.version_info[:3]
if in_venv:
    made = re.search(r"(?m)^version(?:_info)? *= *(\d+\.\d+)", read(sys.prefix, "pyvenv.cfg") or "")
    if made and made.group(1) != "%d.%d" % sys.version_info[:2]:
        end(4, "it was made for Python %s, and its python is %s now" % (made.group(1), now))
    if version and (now + ".").find(version + ".") != 0:
        end(4, "Python %s -> %s" % (now, version))
elif version and (now + ".").find(version + ".") != 0:
    end(6, "this is Python %s" % now)

class Installed:
    def __init__(self, folder, entry):
        text = read(folder, entry, "METADATA") or read(folder, entry, "PKG-INFO") or read(folder, entry) or ""
        head = HeaderParser().parsestr(text)
        self.name = head.get("Name", "")
        self.version = head.get("Version", "")
        self.requires = head.get_all("Requires-Dist") or []
        self.origin = json.loads(read(folder, entry, "direct_url.json") or "{}")

installed = {}
for folder in sys.path:
    try:
        entries = sorted(os.listdir(folder))
    except OSError:
        continue
    for entry in entries:
        if entry.endswith((".dist-info", ".egg-info")):
            one = Installed(folder, entry)
            if one.name and one.version:
                installed.setdefault(name_of(one.name), one)
if "pip" not in installed:
    if in_venv:
        end(4, "it has no pip")
    end(6, "this Python has no pip: install python3-pip in an earlier step, or give the step a venv")
try:
    from pip._vendor.packaging.requirements import Requirement, InvalidRequirement
except ImportError:
    try:
        from packaging.requirements import Requirement, InvalidRequirement
    except ImportError:
        end(6, "the pip of this Python is too old to compare requirements: update it in an earlier step")

differences, unjudged, asked, limits = [], [], [], {}

def differ(text):
    if text not in differences:
        differences.append(text)

def without_login(url):
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))

def lines(text, base, is_limit, depth=0):
    if depth > 20:
        end(6, "the files of requirements name each other in a circle")
    for line in re.sub(r"\\\r?\n", "", text).splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        line = re.sub(r"\$\{([A-Z0-9_]+)\}", lambda found: os.environ.get(found.group(1), found.group(0)), line)
        option = re.match(r"(-r|--requirement|-c|--constraint)(?:\s*=?\s*)(\S.*)$", line)
        if option:
            limit = is_limit or option.group(1) in ("-c", "--constraint")
            if re.match(r"[a-z]+://", option.group(2)):
                unjudged.append(without_login(option.group(2)))
                continue
            place = os.path.join(base, option.group(2))
            nested = read(place)
            if nested is None:
                end(6, "%s cannot be read, and a file of requirements names it" % place)
            lines(nested, os.path.dirname(place), limit, depth + 1)
        elif re.match(r"(-e|--editable)\b", line):
            asked.append((re.sub(r"^(-e|--editable)\s*=?\s*", "", line), True))
        elif line and line[0] != "-":
            line = re.split(r"\s--?[a-z]", line)[0].strip()
            if is_limit:
                keep_limit(line)
            else:
                asked.append((line, False))

def keep_limit(line):
    try:
        limit = Requirement(line)
    except InvalidRequirement:
        unjudged.append(line)
        return
    if limit.marker is None or limit.marker.evaluate({"extra": ""}):
        limits.setdefault(name_of(limit.name), []).append(limit.specifier)

def came_from(one, url, is_editable):
    """Whether a package was installed from an address: as pip has noted it."""
    scheme, at, place = url.partition("+")
    if not at or "/" in scheme:
        place, scheme = url, ""
    place, _, fragment = place.partition("#")
    revision = ""
    if scheme:
        head, at, last = place.rpartition("@")
        if at and head.count("/") > 2:
            place, revision = head, last
    # Of a wheel pip goes by the name and the version in its own name.
    wheel = re.search(r"([^/-]+)-([^/-]+)(?:-[0-9][^/-]*)?-[^/-]+-[^/-]+-[^/-]+\.whl$", unquote(place))
    if wheel and not is_editable:
        return name_of(wheel.group(1)) == name_of(one.name) and wheel.group(2).replace("_", "-") == one.version.replace("_", "-")
    origin = one.origin
    if without_login(origin.get("url", "")) != without_login(place):
        return False
    if bool(origin.get("dir_info", {}).get("editable")) != is_editable and not scheme:
        return False
    vcs = origin.get("vcs_info", {})
    if revision and revision not in (vcs.get("requested_revision"), vcs.get("commit_id")):
        return False
    wanted = re.search(r"sha256=([0-9a-f]{64})", fragment)
    kept = origin.get("archive_info", {}).get("hash", "")
    return not (wanted and kept.startswith("sha256=") and kept != "sha256=" + wanted.group(1))

def judge(wanted, extra, why):
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
        return
    key = name_of(wanted.name)
    extras = frozenset(wanted.extras) | {""}
    one = installed.get(key)
    text = str(wanted.specifier) or (wanted.url and without_login(wanted.url)) or ""
    if one is None:
        differ("+ %s%s%s" % (wanted.name, " " + text if text else "", why))
        return
    if wanted.url and not came_from(one, wanted.url, False):
        differ("%s %s -> %s%s" % (one.name, one.version, text, why))
        return
    for limit in [wanted.specifier] + limits.get(key, []):
        if not limit.contains(one.version, prereleases=True):
            differ("%s %s -> %s%s" % (one.name, one.version, limit, why))
            return
    for extra in sorted(extras):
        if (key, extra) in seen:
            continue
        seen.add((key, extra))
        for needed in one.requires:
            try:
                judge(Requirement(needed), extra, " (for %s)" % one.name)
            except InvalidRequirement:
                pass

def judge_place(line, is_editable):
    """A path or an address instead of a name."""
    place = re.sub(r"\[[^]]*\]$", "", line)
    if not re.match(r"[a-z+]+://|[a-z]+\+[a-z]+:", place):
        place = "file://" + quote(os.path.abspath(place))
    if not any(came_from(one, place, is_editable) for one in installed.values()):
        differ("+ %s" % without_login(place))

seen = set()
lines(sys.stdin.read(), os.getcwd(), False)
if path:
    lines(read(path) or "", os.path.dirname(path), False)
for line, is_editable in asked:
    try:
        wanted = None if is_editable else Requirement(line)
    except InvalidRequirement:
        wanted = None
    if state == "absent":
        one = installed.get(name_of(re.split(r"[^A-Za-z0-9._-]", line)[0]))
        if one is not None:
            differ("- %s %s" % (one.name, one.version))
    elif wanted is not None:
        judge(wanted, "", "")
    elif is_editable or "/" in line or line.startswith("."):
        judge_place(line, is_editable)
    else:
        end(6, "invalid requirement: %s" % line)
if not in_venv and (differences or unjudged):
    import sysconfig
    if os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")):
        end(6, "this Python belongs to the package manager of the host (it is externally managed): give the step a venv, or install the package with `package`\n" + "\n".join(differences))
if differences:
    end(3, "\n".join(differences))
if unjudged:
    end(5, " ".join(unjudged))
' "$arg_version" "$arg_state" "${pb_file:-}"
}
