# The kind `export`.

export_check() {
    export_begin
    pb_show=${arg_secret:+hidden}
    export_text << EOF || needs_change
check
${pb_show:-shown}
$pb_list
$pb_rcs
EOF
}

export_apply() {
    export_begin
    while IFS= read -r pb_one; do
        pb_rc=${pb_one#* }
        ! export_is_satisfied || continue
        case $pb_one in
        fish*) mkdir -p "${pb_rc%/*}" ;;
        esac
        pb_replace "$pb_rc" '' '' '' export_print
    done << EOF
$pb_rcs
EOF
}

# Sets pb_list to the names and values, and pb_rcs to the files that they belong into.
export_begin() {
    eval "set -- $arg_rest"
    export_list "$@"
    if [ "$arg_scope" = system ]; then
        pb_rcs='env /etc/environment
sh /etc/profile.d/pinboot.sh'
    else
        export_files
    fi
    while IFS= read -r pb_one; do
        pb_rc=${pb_one#* }
        [ ! -e "$pb_rc" ] || [ -r "$pb_rc" ] || pb_give_up "$pb_rc cannot be read as $(id -un)"
    done << EOF
$pb_rcs
EOF
}

# Sets pb_rcs to the files of one user that shells read at their start, one a line: the shell's syntax and the path.
export_files() {
    pb_rcs="sh $pb_home/.bashrc
sh $pb_home/.profile"
    # A login bash reads only the first of these two, and then not .profile.
    for pb_rc in .bash_profile .bash_login; do
        [ ! -e "$pb_home/$pb_rc" ] || pb_rcs="$pb_rcs
sh $pb_home/$pb_rc"
    done
    pb_shell=${SHELL:-}
    pb_shell=${pb_shell##*/}
    if [ "$pb_shell" = zsh ] || [ -e "$pb_home/.zshenv" ] || [ -e "$pb_home/.zshrc" ]; then
        pb_rcs="$pb_rcs
sh $pb_home/.zshenv"
    fi
    if [ "$pb_shell" = mksh ] || [ -e "$pb_home/.mkshrc" ]; then
        pb_rcs="$pb_rcs
sh $pb_home/.mkshrc"
    fi
    case $pb_shell in
    ksh | ksh93) pb_rcs="$pb_rcs
sh $pb_home/.kshrc" ;;
    esac
    if [ "$pb_shell" = fish ] || [ -d "$pb_home/.config/fish" ]; then
        pb_rcs="$pb_rcs
fish $pb_home/.config/fish/conf.d/pinboot.fish"
    fi
    # tcsh reads .tcshrc, and .cshrc only where that is missing.
    if [ -e "$pb_home/.tcshrc" ]; then
        pb_rcs="$pb_rcs
csh $pb_home/.tcshrc"
    elif [ "$pb_shell" = tcsh ] || [ "$pb_shell" = csh ] || [ -e "$pb_home/.cshrc" ]; then
        pb_rcs="$pb_rcs
csh $pb_home/.cshrc"
    fi
}

# Works on texts. It reads from standard input what is wanted: `check` or `print`, `shown` or `hidden`, names
# and values one a line, an empty line, and then the files. `check` says what differs and ends with 1 if anything does;
# `print` writes the text that a file shall have. The values come in on standard input because anybody can read argv.
export_text() {
    awk '
        # Letter by letter: what a backslash means in gsub differs from one awk to the next.
        function quoted(syntax, value,    i, c, out) {
            if (syntax == "env") return "\"" value "\""
            for (i = 1; i <= length(value); i++) {
                c = substr(value, i, 1)
                if (c == "\047") out = out (syntax == "fish" ? "\\" c : c "\\" c c)
                # In csh an exclamation mark is history, even between quotes.
                else if (syntax == "fish" && c == "\\" || syntax == "csh" && c == "!") out = out "\\" c
                else out = out c
            }
            return "\047" out "\047"
        }
        function assignment(syntax, name, value) {
            return start(syntax) name (syntax == "fish" || syntax == "csh" ? " " : "=") quoted(syntax, value)
        }
        function start(syntax) {
            return syntax == "env" ? "" : syntax == "fish" ? "set -gx " : syntax == "csh" ? "setenv " : "export "
        }
        # The name that a line of a block sets.
        function name_of(line) {
            sub(/^(export|setenv|set -gx) +/, "", line)
            sub(/[= ].*/, "", line)
            return line
        }
        # Whether a line of the user sets a name to something that does not build on it.
        function overrides(syntax, line, name,    sets) {
            if (syntax == "csh") sets = "^[ \t]*setenv[ \t]+" name "[ \t]"
            else if (syntax == "fish") sets = "^[ \t]*set([ \t]+-[a-zA-Z-]+)+[ \t]+" name "[ \t]"
            else sets = "^[ \t]*((export|declare|typeset)([ \t]+-[a-z]+)?[ \t]+)?" name "="
            return line ~ sets && line !~ "[$][{]?" name "([^A-Za-z0-9_]|$)"
        }
        # Builds the wanted text of a file in wanted[1..lines]; changes is what differs.
        function build(syntax, path,    line, count, i, inside, blocks, own, names, again, found, n) {
            count = 0; n = 0; names = 0; blocks = 0; inside = 0
            split("", own); split("", kept); split("", old); split("", rest); split("", number)
            while ((getline line < path) > 0) {
                old[++count] = line
                if (line == opening) { inside = 1; blocks++; continue }
                if (line == closing) { inside = 0; continue }
                # A torn block ends at the first line that is not one of ours.
                if (inside && line !~ "^" start(syntax) "[A-Za-z_][A-Za-z0-9_]*[= ]") inside = 0
                if (inside) {
                    if (blocks == 1) { own[++names] = name_of(line); kept[names] = line }
                    continue
                }
                rest[++n] = line; number[n] = count
            }
            close(path)
            changes = ""
            for (i = 1; i <= wants; i++) {
                line = assignment(syntax, want[i], value[i])
                for (found = 1; found <= names && own[found] != want[i]; found++) ;
                if (found > names) { own[++names] = want[i]; changes = changes "+ " shown(line, want[i]) "\n" }
                else if (kept[found] != line) changes = changes "- " shown(kept[found], want[i]) "\n+ " shown(line, want[i]) "\n"
                kept[found] = line
            }
            lines = 0; again = 0
            block(names)
            for (i = 1; i <= n; i++) {
                wanted[++lines] = rest[i]
                for (found = 1; found <= names; found++) if (overrides(syntax, rest[i], own[found])) {
                    again = 1
                    overridden = "line " number[i] " sets " own[found] " as well, so the block is repeated at the end\n"
                }
            }
            if (again) block(names)
            differs = lines != count
            for (i = 1; i <= lines && !differs; i++) differs = wanted[i] != old[i]
            if (differs && changes == "") changes = again ? overridden : "the block is put in order\n"
            else if (differs && again) changes = changes overridden
        }
        function block(names,    i) {
            wanted[++lines] = opening
            for (i = 1; i <= names; i++) wanted[++lines] = kept[i]
            wanted[++lines] = closing
        }
        function shown(line, name) { return hide ? name " (not shown: it holds a secret)" : line }
        BEGIN { opening = "# >>> pinboot export: set by a playbook, changes here are lost >>>"; closing = "# <<< pinboot export <<<" }
        NR == 1 { mode = $0; next }
        NR == 2 { hide = $0 == "hidden"; next }
        pending { value[wants] = $0; pending = 0; next }
        !files && $0 == "" { files = 1; next }
        !files { want[++wants] = $0; pending = 1; next }
        {
            syntax = $1; path = substr($0, length($1) + 2)
            build(syntax, path)
            if (mode == "print") for (i = 1; i <= lines; i++) print wanted[i]
            else if (differs) { failed = 1; print path ":"; printf "%s", changes }
        }
        END { exit failed }'
}

# Names and values as export_text reads them, with the home directory already in them.
export_list() {
    pb_list=
    while [ $# -gt 0 ]; do
        case $2 in
        *'
'*) pb_give_up "the value of $1 has more than one line" ;;
        esac
        pb_list="$pb_list$1
$2
"
        shift 2
    done
}

# Whether the file pb_one is as wanted.
export_is_satisfied() {
    export_text > /dev/null << EOF
check
shown
$pb_list
$pb_one
EOF
}

# Writes the text of one file: the inner end of pb_replace.
export_print() {
    export_text << EOF
print
shown
$pb_list
$pb_one
EOF
}
