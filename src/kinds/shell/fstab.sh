# The table of file systems, /etc/fstab: one line of it is changed field by field, and every other byte stays.

# An edit (shell/edit.sh) of /etc/fstab. pb_fstab_by says which line is meant: `at`, the one with the mount point pb_fstab_at or
# pb_fstab_real; `what`, the line of a swap area pb_fstab_what or pb_fstab_real. Where pb_fstab_gone is set, no such line stays.
pb_fstab_text() {
    # check|text
    by=$pb_fstab_by gone=$pb_fstab_gone what=$pb_fstab_what at=$pb_fstab_at real=$pb_fstab_real type=$pb_fstab_type options=$pb_fstab_options dump=$pb_fstab_dump pass=$pb_fstab_pass hide=$arg_secret mode=$1 cut=${pb_is_cut:-} awk '
        function octal(text,    i, n) {
            for (i = 1; i <= 3; i++) n = n * 8 + substr(text, i, 1)
            return sprintf("%c", n)
        }
        function decoded(text,    out_) {
            while (match(text, /\\[0-3][0-7][0-7]/)) {
                out_ = out_ substr(text, 1, RSTART - 1) octal(substr(text, RSTART + 1, 3))
                text = substr(text, RSTART + 4)
            }
            return out_ text
        }
        function encoded(text,    i, c, out_) {
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                out_ = out_ (c == " " ? "\\040" : c == "\t" ? "\\011" : c == "\\" ? "\\134" : c == "#" && i == 1 ? "\\043" : c)
            }
            return out_
        }
        # Options in one order, which matters only where one of them stands for several others.
        function ordered(text,    n, i, j, list, one, out_) {
            n = split(text, list, ",")
            for (i = 1; i <= n; i++) if (list[i] ~ /^(users?|owner|group)$/) return text
            for (i = 2; i <= n; i++) {
                one = list[i]
                for (j = i - 1; j > 0 && list[j] "" > one ""; j--) list[j + 1] = list[j]
                list[j + 1] = one
            }
            for (i = 1; i <= n; i++) if (list[i] != "" && list[i] != "defaults" && (by != "what" || list[i] != "sw")) out_ = out_ "," list[i]
            return out_
        }
        # Takes a line apart: fields, and the blanks in front of each.
        function parse(text) {
            for (fields = 0; match(text, /^[ \t]*[^ \t]+/); text = substr(text, RLENGTH + 1)) {
                fields++
                token[fields] = gap[fields] = substr(text, 1, RLENGTH)
                sub(/^[ \t]*/, "", token[fields])
                sub(/[^ \t]+$/, "", gap[fields])
            }
            rest = text
            return fields > 1 && token[1] !~ /^#/
        }
        function plain(text) { text = decoded(text); gsub(/"/, "", text); return text }
        function place(text) { text = decoded(text); if (text != "/") sub(/\/+$/, "", text); return text }
        function is_it(    kind) {
            kind = token[3]
            if (by == "what") return kind == "swap" && (plain(token[1]) == what || plain(token[1]) == real)
            return kind != "swap" && (place(token[2]) == at || place(token[2]) == real)
        }
        function say(text) { changes = changes (changes == "" ? "" : "\n") text }
        function field(i, name, now, wanted, is_same) {
            if (is_same) return
            say("fstab: " name " " (hide == "" ? (now == "" ? "(none)" : now) " -> " wanted : "-> another one (not shown: it holds a secret)"))
            for (; fields < i; fields++) { token[fields + 1] = fields < 4 ? "defaults" : "0"; gap[fields + 1] = " " }
            token[i] = encoded(wanted)
        }
        BEGIN {
            by = ENVIRON["by"] ""; gone = ENVIRON["gone"] ""; what = ENVIRON["what"] ""; at = ENVIRON["at"] ""; real = ENVIRON["real"] ""
            type = ENVIRON["type"] ""; options = ENVIRON["options"] ""; dump = ENVIRON["dump"] ""; pass = ENVIRON["pass"] ""; hide = ENVIRON["hide"] ""
            check = ENVIRON["mode"] == "check"
        }
        {
            lines++
            if (!parse($0) || !is_it()) { out[lines] = $0; next }
            if (gone != "") { say("- fstab: " (hide == "" ? $0 : "its line (not shown: it holds a secret)")); drop[lines] = 1; next }
            if (found) { twice = lines; next }
            found = lines
            field(1, "what", decoded(token[1]), what, plain(token[1]) == what)
            field(3, "type", token[3], type, token[3] == type)
            field(4, "options", decoded(token[4]), options, fields >= 4 && ordered(decoded(token[4])) == ordered(options) || fields < 4 && ordered(options) == "")
            field(5, "dump", fields < 5 ? 0 : token[5], dump, (fields < 5 ? 0 : token[5]) + 0 == dump + 0)
            field(6, "pass", fields < 6 ? 0 : token[6], pass, (fields < 6 ? 0 : token[6]) + 0 == pass + 0)
            for (i = 1; i <= fields; i++) out[lines] = out[lines] gap[i] token[i]
            out[lines] = out[lines] rest
        }
        END {
            if (twice) {
                if (check) print "lines " found " and " twice " are both about " (by == "what" ? what : at) ": remove one of them"
                exit 1
            }
            if (!found && gone == "") {
                line = encoded(what) " " (by == "what" ? "none" : encoded(at)) " " type " " encoded(options) " " dump " " pass
                say("+ fstab: " (hide == "" ? line : "a line (not shown: it holds a secret)"))
            }
            if (check) { if (changes != "") print changes; exit changes == "" ? 0 : 9 }
            for (i = 1; i <= lines; i++) if (!(i in drop)) printf "%s%s", out[i], i == lines && ENVIRON["cut"] != "" && line == "" ? "" : "\n"
            if (line != "") print line
            exit changes == "" ? 0 : 9
        }'
}

# Whether systemd has not read /etc/fstab since it was changed. It touches a file of its own each time that it reads its units.
pb_fstab_is_unread() {
    [ -e /run/systemd/systemd-units-load ] && [ /etc/fstab -nt /run/systemd/systemd-units-load ]
}

# Has systemd read /etc/fstab: it would unmount again what an old line of it says otherwise.
pb_fstab_tell_systemd() {
    [ -d /run/systemd/system ] && command -v systemctl > /dev/null 2>&1 || return 0
    pb_said=$(systemctl daemon-reload 2>&1) || pb_give_up "systemd could not read /etc/fstab: $pb_said"
}

# Ends the check or the step where another user than root can change what lies on the way to a path. The path is the one of the
# step: a place where a link of another user has led a moment before proves nothing.
pb_fstab_guard() {
    # PATH END WHAT [LED_TO]
    pb_find_roots_holder "$1" "$2"
    [ -z "$pb_holder" ] || pb_give_up "${pb_holder#* } can write on the way to $1, and root $3"
    [ -z "${4:-}" ] || [ "$4" = "$pb_led_to" ] || pb_give_up "$1 does not lead to $4 any more"
}

# Sets pb_resolved to a path without symbolic links. A path that has none needs no process.
pb_fstab_resolve() {
    pb_resolved=$1 pb_one=$1
    while [ -n "$pb_one" ]; do
        if [ -L "$pb_one" ]; then
            pb_holder='' pb_held='' pb_linked='' pb_login='' pb_end=
            pb_walk "$1"
            pb_resolved=${pb_real:-/}
            return 0
        fi
        pb_one=${pb_one%/*}
    done
}
