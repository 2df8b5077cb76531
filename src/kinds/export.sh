# The kind `export`.

# What the shells have is asked from them where their files have changed since they were last asked; that they have not costs one
# process.
export_check() {
    export_begin
    ! export_is_remembered || return 0
    pb_show=${arg_secret:+hidden} pb_status=0
    export_text << EOF || pb_status=$?
check
${pb_show:-shown}
$pb_list
$pb_rcs
EOF
    # Everything else is an awk that has found out nothing.
    case $pb_status in 0) ;; 1) needs_change ;; *) exit "$pb_status" ;; esac
    export_may_ask || return 0
    export_ask
    [ -z "$pb_wrong" ] || { pb_tell "$pb_wrong" && needs_change; }
    export_remember
}

export_apply() {
    export_begin
    export_write print
    export_may_ask || return 0
    export_ask
    if [ -n "$pb_wrong" ]; then
        # Something further down undoes it.
        export_add_late_files
        export_write force
        export_ask
        [ -z "$pb_wrong" ] || pb_give_up "$pb_wrong"
    fi
    # Another user than the login user has no record yet.
    [ -e "$pb_home/.pinboot" ] || mkdir -m 700 "$pb_home/.pinboot" 2> /dev/null || :
    export_remember
}

# Writes the files that are not as wanted: `print`, or `force` for the block at the end of each file as well.
export_write() {
    while IFS= read -r pb_one; do
        pb_rc=${pb_one#* }
        [ "$1" = force ] && [ -e "$pb_rc" ] || ! export_is_satisfied || continue
        case $pb_one in
        fish*) mkdir -p "${pb_rc%/*}" ;;
        esac
        pb_replace "$pb_rc" '' '' '' export_print "$1"
    done << EOF
$pb_rcs
EOF
}

# Sets pb_list to the names and values, pb_names to the names, and pb_rcs to the files that they belong into.
export_begin() {
    eval "set -- $arg_rest"
    export_list "$@"
    export_find_shell
    if [ "$arg_scope" = system ]; then
        pb_rcs='env /etc/environment
sh /etc/profile.d/pinboot.sh'
    else
        export_files
    fi
    while IFS= read -r pb_one; do
        pb_rc=${pb_one#* }
        [ ! -e "$pb_rc" ] || [ -f "$pb_rc" ] || pb_give_up "$pb_rc is not a regular file, and a start-up file is wanted there"
        [ ! -e "$pb_rc" ] || [ -r "$pb_rc" ] || pb_give_up "$pb_rc cannot be read as $(id -un)"
    done << EOF
$pb_rcs
EOF
}

# Sets pb_program to the user's login shell and pb_shell to its name. An account without one is asked through another shell.
export_find_shell() {
    pb_program=${SHELL:-}
    if [ -r /etc/passwd ]; then
        while IFS=: read -r pb_one pb_rc pb_rc pb_rc pb_rc pb_rc pb_line; do
            [ "$pb_one:$pb_rc" != "${LOGNAME:-${USER:-}}:$pb_home" ] || pb_program=${pb_line:-/bin/sh}
        done < /etc/passwd
    fi
    case ${pb_program##*/} in
    '' | nologin | false | true | sync) pb_program=$(command -v bash || command -v sh) ;;
    esac
    pb_shell=${pb_program##*/}
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
    yash) pb_rcs="$pb_rcs
sh $pb_home/.yash_profile
sh $pb_home/.yashrc" ;;
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

# Runs the awk program $1 on texts, behind what its users share. It reads from standard input what is wanted: `check`, `print`,
# `force` or `ask`, `shown` or `hidden`, names and values one a line, and an empty line. The rest is for the program. The values come
# in on standard input because anybody can read argv.
export_awk() {
    awk -v what="${2-}" '
        # Whether a line of the user sets or unsets a name, in any syntax, to something that does not build on it.
        function overrides(line, name) {
            sub(/^[ \t]*#.*/, "", line)
            sub(/[ \t]#.*/, "", line)
            return (line ~ "(^|[ \t;&|({])" name "=" || line ~ "(^|[ \t;&|({])(unset|setenv|set|read|export)[ \t](.*[ \t])?" name "([ \t;]|$)") \
                && line !~ "[$][{]?" name "([^A-Za-z0-9_]|$)"
        }
        BEGIN { opening = "# >>> pinboot export: set by a playbook, changes here are lost >>>"; closing = "# <<< pinboot export <<<" }
        NR == 1 { mode = $0; next }
        NR == 2 { hide = $0 == "hidden"; next }
        pending { value[wants] = $0; pending = 0; next }
        !part && $0 == "" { part = 1; next }
        !part { want[++wants] = $0; before[wants] = sub(/:$/, "", want[wants]); pending = 1; next }
        '"$1"
}

# Runs the awk program $1 behind functions that write and read the lines of a block, in the syntax of each shell.
export_lines() {
    export_awk '
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
        # A line that puts a value in front of what a variable holds, unless it is there already.
        function prefixing(syntax, name, value,    word) {
            word = quoted(syntax, value)
            if (syntax == "fish") return "contains -- " word " $" name "; or set -gx " name " " word " $" name
            if (syntax == "csh") return "setenv " name " " word ":\"`printenv " name "`\""
            return "case \":${" name "-}:\" in *:" word ":*) ;; *) export " name "=" word "\"${" name ":+:$" name "}\" ;; esac"
        }
        # What a line of a block is about: the name that it sets, or the whole of a line that puts something in front.
        function key_of(line) {
            return line ~ /^(case ":|contains -- )/ ? line : name_of(line)
        }
        # The name that a line of a block sets.
        function name_of(line) {
            sub(/^case ":[$][{]/, "", line)
            sub(/^contains -- .*; or set -gx /, "", line)
            sub(/^(export|setenv|set -gx) +/, "", line)
            sub(/[-= ].*/, "", line)
            return line
        }
        '"$1"
}

# Works on the text of the files that are named behind the empty line. `check` says what differs and ends with 1 if anything does;
# `print` writes the text that a file shall have, and `force` the same with the block at its end as well.
export_text() {
    # shellcheck disable=SC2016 # The text is for awk.
    export_lines '
        # Builds the wanted text of a file in wanted[1..lines]; changes is what differs.
        function build(syntax, path,    line, count, i, inside, blocks, own, names, again, found, n) {
            count = 0; n = 0; names = 0; blocks = 0; inside = 0; overridden = ""
            split("", own); split("", kept); split("", old); split("", rest); split("", number)
            while ((getline line < path) > 0) {
                old[++count] = line
                if (line == opening) { inside = 1; blocks++; continue }
                if (line == closing) { inside = 0; continue }
                # A torn block ends at the first line that is not one of ours.
                if (inside && line !~ "^" start(syntax) "[A-Za-z_][A-Za-z0-9_]*[= ]" && line !~ /^(case ":[$][{][A-Za-z_]|contains -- .*; or set -gx )/) inside = 0
                if (inside) {
                    if (blocks == 1) { own[++names] = key_of(line); kept[names] = line }
                    continue
                }
                rest[++n] = line; number[n] = count
            }
            close(path)
            changes = ""
            for (i = 1; i <= wants; i++) {
                line = before[i] ? prefixing(syntax, want[i], value[i]) : assignment(syntax, want[i], value[i])
                for (found = 1; found <= names && own[found] != key_of(line); found++) ;
                if (found > names) { own[++names] = key_of(line); changes = changes "+ " shown(line, want[i]) "\n" }
                else if (kept[found] != line) changes = changes "- " shown(kept[found], want[i]) "\n+ " shown(line, want[i]) "\n"
                kept[found] = line
            }
            lines = 0; again = 0
            block(names)
            for (i = 1; i <= n; i++) {
                wanted[++lines] = rest[i]
                # A second block stays, or is asked for, where something may be the reason for it.
                if ((blocks > 1 || mode == "force") && rest[i] !~ /^[ \t]*(#|alias |$)/) again = 1
                for (found = 1; found <= names; found++) if (overrides(rest[i], name_of(kept[found]))) {
                    again = 1
                    overridden = "line " number[i] " sets " name_of(kept[found]) " as well, so the block is repeated at the end\n"
                }
            }
            if (again) block(names)
            differs = lines != count
            for (i = 1; i <= lines && !differs; i++) differs = wanted[i] != old[i]
            if (differs && changes == "") changes = overridden == "" ? "the block is put in order\n" : overridden
            else if (differs && again) changes = changes overridden
        }
        function block(names,    i) {
            wanted[++lines] = opening
            for (i = 1; i <= names; i++) wanted[++lines] = kept[i]
            wanted[++lines] = closing
        }
        function shown(line, name) { return hide ? name " (not shown: it holds a secret)" : line }
        {
            syntax = $1; path = substr($0, length($1) + 2)
            build(syntax, path)
            if (mode != "check") for (i = 1; i <= lines; i++) print wanted[i]
            else if (differs) { failed = 1; print path ":"; printf "%s", changes }
        }
        END { exit failed }'
}

# Judges what the shell $1 printed. Behind the empty line stand the files that shells read; behind them and an empty line stands what
# it printed (see export_ask_one). It writes `pinboot-late` or `pinboot-over` for a shell that gave no answer, `read FILE` for what
# the shell read besides, and a line for each wrong value.
export_judge() {
    export_awk '
        # The last line of the files that undoes a name, if possible one that has the value that the shell has.
        function culprit(name, has,    i, line, count, inside, at, best) {
            for (i = 1; i <= files; i++) {
                count = 0; inside = 0
                while ((getline line < file[i]) > 0) {
                    count++
                    if (line == opening) inside = 1
                    if (line == closing) inside = 0
                    if (inside || !overrides(line, name)) continue
                    at = "line " count " of " file[i] " sets it"
                    if (has != "" && index(line, has)) best = at
                }
                close(file[i])
            }
            return best == "" ? at : best
        }
        function judge(i, answer,    has, at) {
            has = substr(answer, 2)
            if (answer ~ /^=/ && index(":" has ":", ":" value[i] ":")) return
            at = culprit(want[i], has)
            print want[i] (answer ~ /^=/ ? " has another value" (hide ? "" : ", " has ",") : " is not set") " in " what (at == "" ? "" : ": " at)
        }
        function trace(line) {
            if (line ~ /^[+]\/.*:[0-9]+> /) found(line, index(line, "/"), match(line, /:[0-9]+> /) - 1)
            if (match(line, /^[+][^ ]* +(\.|source) +/)) {
                line = substr(line, RLENGTH + 1)
                if (line ~ /^\047/) { sub(/^\047/, "", line); sub(/\047$/, "", line); gsub(/\047\\\047\047/, "\047", line) }
                found(line, 1, length(line))
            }
        }
        function found(line, from, to,    path) {
            path = substr(line, from, to - from + 1)
            if (path !~ /^\// || path ~ /^\/(dev\/fd|proc)\// || path in known) return
            known[path] = 1
            file[++files] = path
            print "read " path
        }
        part == 1 { if ($0 == "") part = 2; else if (!($0 in known)) { known[$0] = 1; file[++files] = $0 } next }
        answers != "" { answer[++answers] = $0; if (answers < wants) next; exit }
        $0 == "pinboot-values" { answers = 0; next }
        $0 == "pinboot-late" || $0 == "pinboot-over" { print; exit }
        { trace($0) }
        END { if (answers == wants) for (i = 1; i <= wants; i++) judge(i, answer[i]) }' "$1"
}

# Names and values as export_awk reads them, with the home directory already in them.
export_list() {
    pb_list= pb_names=
    while [ $# -gt 0 ]; do
        case $2 in
        *'
'*) pb_give_up "the value of $1 has more than one line" ;;
        esac
        pb_list="$pb_list$1
$2
"
        pb_names="$pb_names${pb_names:+ }${1%:}"
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
${1:-print}
shown
$pb_list
$pb_one
EOF
}

# Whether this shell may start the user's shells: never root those of another user.
export_may_ask() {
    # shellcheck disable=SC3067 # -O is not in POSIX, and every shell that is supported knows it.
    [ ! -O / ] || [ -O "$pb_home" ]
}

# Asks new shells of the user for the values. Sets pb_wrong to what is not as wanted, and pb_read to the files that they read besides
# those that export_start_files names. A shell that has no start-up file for `ssh host command` is not asked as one.
export_ask() {
    pb_wrong= pb_read=
    pb_question="$(command -v awk) 'BEGIN { print \"\"; print \"pinboot\" \"-values\"; n = split(\"$pb_names\", a, \" \"); for (i = 1; i <= n; i++) if (a[i] in ENVIRON) { v = ENVIRON[a[i]]; gsub(/\\n/, \" \", v); print \"=\" v } else print \"-\" }'"
    case $pb_shell in
    bash) set -- -xlc -xc -xlic -xic ;;
    zsh) set -- -xlc -xc -xlic ;;
    fish) set -- -lc -c -lic ;;
    csh | tcsh) set -- -l -c ;;
    sh | dash | ash | ksh | ksh93 | mksh | yash) set -- -xlc -xlic ;;
    *) pb_give_up "the login shell of this user, $pb_program, reads files that pinboot does not know: use scope: system" ;;
    esac
    for pb_option; do export_ask_one; done
}

# Asks a shell that is started with pb_option. Two seconds are enough for most; it has twenty.
export_ask_one() {
    case $pb_option in
    *li*) pb_what="a new interactive login shell ($pb_shell)" ;;
    *i*) pb_what="a new interactive shell ($pb_shell)" ;;
    -*l*) pb_what="a new login shell ($pb_shell)" ;;
    *) pb_what="a command by ssh ($pb_shell)" ;;
    esac
    export_start_files
    pb_rc=
    pb_said=$(
        {
            cat << EOF
ask
${arg_secret:+hidden}
$pb_list
$pb_start_files$pb_read
EOF
            export_start
        } | export_judge "$pb_what"
    )
    while IFS= read -r pb_line; do
        case $pb_line in
        'read '*)
            pb_rc=${pb_line#read }
            pb_read="$pb_read$pb_rc
"
            ;;
        pinboot-late) pb_give_up "$pb_what gave no answer for 20 s: a start-up file waits for something${pb_rc:+, perhaps $pb_rc}" ;;
        # Many a start-up file turns an interactive shell into another program.
        pinboot-over)
            case $pb_option in
            *i*) ;;
            *) pb_give_up "$pb_what ended without an answer: a start-up file ends it" ;;
            esac
            ;;
        ?*) pb_wrong="$pb_wrong${pb_wrong:+
}$pb_line" ;;
        esac
    done << EOF
$pb_said
EOF
}

# Starts a shell as sshd does, writes what it prints, and waits for it. What holds on to its output then is not waited for.
export_start() {
    pb_one=
    ! command -v setsid > /dev/null 2>&1 || pb_one=setsid
    # shellcheck disable=SC2016 # This text is for another shell: what PAM takes from /etc/environment.
    pb_line='cd
[ ! -r /etc/environment ] || while IFS= read -r l; do
l=${l#export }
case $l in [A-Za-z_]*=*) v=${l#*=}; v=${v#[\"]}; export "${l%%=*}=${v%[\"]}" ;; esac
done < /etc/environment
unset SHLVL
if [ "$2" = -l ]; then printf "%s\n" "$3" | "$1" -l; else exec "$@"; fi'
    pb_rc=$(id -un)
    # shellcheck disable=SC2086 # It is a word or none.
    $pb_one env -i HOME="$pb_home" USER="$pb_rc" LOGNAME="$pb_rc" SHELL="$pb_program" TERM=dumb SSH_CLIENT='127.0.0.1 1 22' \
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin \
        "$(command -v sh)" -c "$pb_line" sh "$pb_program" "$pb_option" "$pb_question" < /dev/null 2>&1 8>&- &
    pb_pid=$!
    pb_naps=0
    while kill -0 "$pb_pid" 2> /dev/null; do
        pb_nap
        if [ "$pb_naps" -ge "${pb_shell_naps:-58}" ]; then
            kill -KILL "-$pb_pid" 2> /dev/null || kill -KILL "$pb_pid"
            printf '\npinboot-late\n'
            break
        fi
    done 2> /dev/null
    # Nothing that a start-up file has started for this shell alone stays behind.
    [ -z "$pb_one" ] || kill "-$pb_pid" 2> /dev/null || :
    printf '\npinboot-over\n' 2> /dev/null
}

# Sets pb_start_files to the files that shells read at their start, one a line, the user's last.
export_start_files() {
    pb_start_files=
    for pb_one in /etc/environment /etc/profile /etc/profile.d/* /etc/bash*rc /etc/z[psl]* /etc/zsh/z* /etc/csh.* \
        /etc/fish/config.fish /etc/fish/conf.d/* "$pb_home"/.*profile "$pb_home"/.*rc "$pb_home"/.*login "$pb_home/.zshenv" \
        "$pb_home/.bash_aliases" "$pb_home"/.config/fish/conf.d/* "$pb_home/.config/fish/config.fish"; do
        [ ! -f "$pb_one" ] || pb_start_files="$pb_start_files$pb_one
"
    done
}

# Adds the files to pb_rcs that are read after those in it.
export_add_late_files() {
    while IFS= read -r pb_one; do
        case $pb_one in
        "$pb_home"/*.zshrc | "$pb_home"/*.zprofile | "$pb_home"/*.zlogin | "$pb_home"/*.zshenv) pb_one="sh $pb_one" ;;
        "$pb_home"/.config/fish/config.fish) pb_one="fish $pb_one" ;;
        "$pb_home/.login") pb_one="csh $pb_one" ;;
        *) continue ;;
        esac
        pb_rcs="$pb_rcs
$pb_one"
    done << EOF
$pb_start_files$pb_read
EOF
}

# Sets pb_now to a fingerprint of the values, the shell, and every file that shells read, pb_read among them.
export_fingerprint() {
    export_start_files
    set --
    while IFS= read -r pb_one; do
        [ -z "$pb_one" ] || set -- "$@" "$pb_one"
    done << EOF
$pb_start_files$pb_read
EOF
    pb_now=$(cksum - "$@" 2> /dev/null << EOF
$pb_program
$pb_list
EOF
    ) || :
}

# Whether the shells had the values when they were last asked, and nothing has changed since.
export_is_remembered() {
    pb_state=$pb_home/.pinboot/exports/$arg_scope-${pb_names%% *}
    [ -f "$pb_state" ] || return 1
    pb_read= pb_old=
    while IFS= read -r pb_one; do
        case $pb_one in
        /*) pb_read="$pb_read$pb_one
" ;;
        *) pb_old="$pb_old${pb_old:+
}$pb_one" ;;
        esac
    done < "$pb_state"
    export_fingerprint
    [ "$pb_now" = "$pb_old" ]
}

# Remembers that the shells have the values, in this user's own record.
export_remember() {
    export_fingerprint
    # shellcheck disable=SC3067
    [ -O "$pb_home/.pinboot" ] && [ -n "$pb_now" ] || return 0
    (umask 077 && mkdir -p "${pb_state%/*}" && printf '%s%s\n' "$pb_read" "$pb_now" > "$pb_state") 2> /dev/null || :
}
