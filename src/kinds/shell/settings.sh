# Settings of configuration files: reading them as their programs do, and changing single ones in their place.

# Sets pb_list to the names and values that are wanted, and pb_gone to the names that shall not be there, one a line.
pb_settings_wanted() {
    # VALUES NAMES
    pb_list='' pb_gone='' pb_one=$2
    eval "set -- $1"
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
    eval "set -- $pb_one"
    for pb_one; do
        pb_gone="$pb_gone$pb_one
"
    done
}

# An edit (shell/edit.sh) of a file of the format pb_format: brings about what pb_settings_wanted has set, in the section pb_section; where
# pb_uncomment is `true`, in the place of a comment.
pb_settings_text() {
    # check|text
    set=$pb_list unset=$pb_gone format=$pb_format section=$pb_section uncomment=$pb_uncomment hide=$arg_secret mode=$1 cut=${pb_is_cut:-} awk '
        function bare(text) { sub(/\r$/, "", text); return text }
        function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }
        function put(text) { out[++lines] = text end; from[lines] = 0 }
        function fail(text) { if (check) print text; failed = 1; exit 1 }
        function fold(key) { return format == "sshd" || format == "postgresql" ? tolower(key) : key }
        # A code point as bytes of UTF-8.
        function utf8(n) {
            if (n < 128) return sprintf("%c", n)
            if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
            if (n < 65536) return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
            return sprintf("%c%c%c%c", 240 + int(n / 262144), 128 + int(n / 4096) % 64, 128 + int(n / 64) % 64, 128 + n % 64)
        }
        function hex(text,    i, n) {
            for (i = 1; i <= length(text); i++) n = n * 16 + index("0123456789abcdef", substr(tolower(text), i, 1)) - 1
            return n
        }
        # What Java reads: escapes, and every byte that is not ASCII for a character of its own.
        function unescaped(text,    i, c, n, out_, high) {
            if (text !~ /[^ -~\t]|\\/) return text
            out_ = ""
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                if (c == "\\") {
                    c = substr(text, ++i, 1)
                    if (c == "u" && substr(text, i + 1, 4) ~ /^[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]$/) {
                        n = hex(substr(text, i + 1, 4))
                        i += 4
                        if (n >= 55296 && n < 56320) { high = n; continue }
                        if (n >= 56320 && n < 57344 && high) n = 65536 + (high - 55296) * 1024 + n - 56320
                        out_ = out_ utf8(n)
                    } else out_ = out_ (c == "t" ? "\t" : c == "n" ? "\n" : c == "r" ? "\r" : c == "f" ? "\f" : c)
                } else out_ = out_ (c in ord ? utf8(ord[c]) : c)
                high = 0
            }
            return out_
        }
        function escaped(text, is_key,    i, c, n, size, out_) {
            out_ = ""
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                if (c in ord) {
                    n = ord[c]
                    size = n >= 240 ? 3 : n >= 224 ? 2 : n >= 192 ? 1 : 0
                    n = size == 3 ? n - 240 : size == 2 ? n - 224 : size == 1 ? n - 192 : n
                    while (size-- > 0) n = n * 64 + ord[substr(text, ++i, 1)] - 128
                    if (n >= 65536) {
                        n -= 65536
                        out_ = out_ sprintf("\\u%04x", 55296 + int(n / 1024))
                        n = 56320 + n % 1024
                    }
                    out_ = out_ sprintf("\\u%04x", n)
                } else if (c == "\\" || is_key && c ~ /[=: ]/ || is_key && i == 1 && c ~ /[#!]/ || i == 1 && c == " ") out_ = out_ "\\" c
                else out_ = out_ (c == "\t" ? "\\t" : c == "\f" ? "\\f" : c)
            }
            return out_
        }
        # Whether the last of the backslashes at the end continues the line.
        function continues(text) { return match(text, /\\+$/) && RLENGTH % 2 }
        # Takes a setting apart: key, value, what stands in front of the value and what behind it.
        function parse(text,    at, i, c, rest_) {
            key = value = head = tail = gap = ""
            if (format == "properties") {
                match(text, /^[ \t\f]*/)
                i = RLENGTH + 1
                for (at = i; i <= length(text); i++) {
                    c = substr(text, i, 1)
                    if (c == "\\") i++
                    else if (c ~ /[=: \t\f]/) break
                }
                key = unescaped(substr(text, at, i - at))
                rest_ = substr(text, i)
                match(rest_, /^[ \t\f]*[=:]?[ \t\f]*/)
            } else {
                match(text, format == "env" ? "^[ \t]*(export[ \t]+)?" : "^[ \t]*")
                at = RLENGTH + 1
                rest_ = substr(text, at)
                i = format == "ini" ? match(rest_, /[=:]/) - 1 : match(rest_, /^[A-Za-z_][A-Za-z0-9_.$-]*/) ? RLENGTH : 0
                if (format == "ini" && i < 0) i = length(rest_)
                key = fold(trim(substr(rest_, 1, i)))
                if (key == "") return 0
                if (format == "ini") while (substr(rest_, i, 1) ~ /[ \t]/) i--
                rest_ = substr(rest_, i + 1)
                i += at
                if (format == "env") { if (rest_ !~ /^=/) return 0; RLENGTH = 1 }
                else if (format == "ini") match(rest_, /^[ \t]*[=:]?[ \t]*/)
                else if (!match(rest_, /^[ \t]*=[ \t]*|^[ \t]+/)) { if (rest_ != "") return 0; RLENGTH = 0 }
            }
            gap = substr(rest_, 1, RLENGTH)
            head = substr(text, 1, i - 1) gap
            read_value(substr(rest_, RLENGTH + 1))
            return 1
        }
        # Sets value and tail. What a shell would make something else of is never what is wanted.
        function read_value(text,    i, c, quote) {
            if (format == "properties") { value = unescaped(text); return }
            quote = substr(text, 1, 1)
            if (format == "ini" || format == "sshd" || quote != "\047" && (quote != "\"" || format != "env")) {
                if (format != "ini" && match(text, /[ \t]+#.*$/)) tail = substr(text, RSTART)
                else if (format == "postgresql" && match(text, /#.*$/)) tail = substr(text, RSTART)
                value = trim(substr(text, 1, length(text) - length(tail)))
                if (format == "env" && value ~ /[\\"\047$`]/) value = "\n" value
                return
            }
            for (i = 2; i <= length(text); i++) {
                c = substr(text, i, 1)
                if (c == quote) { if (format != "postgresql" || substr(text, i + 1, 1) != quote) break; i++ }
                else if (c == "\\" && (format == "postgresql" || quote == "\"")) c = substr(text, ++i, 1)
                else if (quote == "\"" && c ~ /[$`]/) c = "\n" c
                value = value c
            }
            tail = substr(text, i + 1)
            if (i > length(text) || tail !~ /^[ \t]*(#.*)?$/) { value = "\n" text; tail = "" }
        }
        function written(text,    i, c, out_) {
            if (format == "properties") return escaped(text, 0)
            if (format == "env") {
                if (text ~ /^[A-Za-z0-9_@%+:,.\/=-]*$/) return text
                if (!index(text, "\047")) return "\047" text "\047"
                for (i = 1; i <= length(text); i++) { c = substr(text, i, 1); out_ = out_ (c ~ /[\\"$`]/ ? "\\" c : c) }
                return "\"" out_ "\""
            }
            if (format != "postgresql" || text ~ /^-?[0-9.]+[A-Za-z]*$/ || text ~ /^[A-Za-z_][A-Za-z0-9_.-]*$/) return text
            for (i = 1; i <= length(text); i++) { c = substr(text, i, 1); out_ = out_ (c == "\047" ? c c : c == "\\" ? "\\\\" : c) }
            return "\047" out_ "\047"
        }
        # A header as it is compared.
        function header(text) {
            text = trim(bare(text))
            if (format == "ini") return text ~ /^\[[^]]*\]/ ? substr(text, 2, index(text, "]") - 2) : ""
            gsub(/[ \t]+/, " ", text)
            return tolower(text) ~ /^(match|host) / ? tolower(text) : ""
        }
        function is_comment(text) { return text ~ (format == "properties" ? "^[ \t\f]*[#!]" : format == "ini" ? "^[ \t]*[#;]" : "^[ \t]*#") }
        # A setting that is a comment: directly behind its sign, or one blank further with a sign between key and value.
        function note_comment(text, i,    far) {
            sub(/^[ \t\f]*[#;!]/, "", text)
            far = sub(/^ /, "", text)
            if (text ~ /^[ \t#;!]/ || !parse(text) || far && gap !~ /[=:]/) return
            idle[key] = i
        }
        function shown(key, text, other) {
            if (ENVIRON["hide"] != "" || tolower(key) ~ /passw|secret|token|jaas|private|credential/) return other
            gsub(/\n/, "", text)
            return text
        }
        BEGIN {
            format = ENVIRON["format"] ""; check = ENVIRON["mode"] == "check"
            for (i = 128; i < 256; i++) ord[sprintf("%c", i)] = i
            section = ENVIRON["section"] ""
            wanted_section = format == "ini" ? section : tolower(section)
            if (format != "ini") gsub(/[ \t]+/, " ", wanted_section)
            n = split(ENVIRON["set"], part, "\n")
            for (i = 1; i + 1 < n + (part[n] == "" ? 0 : 1); i += 2) { name[++wants] = part[i]; want[wants] = part[i + 1] "" }
            n = split(ENVIRON["unset"], part, "\n")
            for (i = 1; i <= n; i++) if (part[i] != "") gone[fold(part[i])] = 1
        }
        { old[++count] = $0 }
        END {
            if (failed) exit 1
            count += 0
            end = old[1] ~ /\r$/ ? "\r" : ""
            sectioned = format == "ini" || format == "sshd"
            inside = section == ""; found = inside; last = 0
            for (i = 1; i <= count; i++) {
                text = bare(old[i])
                if (sectioned && !is_comment(text) && header(text) != "") {
                    if (inside && format == "sshd" && section == "") while (last && is_comment(bare(old[last]))) for (last--; last && trim(bare(old[last])) == ""; last--) ;
                    inside = section != "" && header(text) "" == wanted_section
                    if (inside) { found = 1; last = i }
                    continue
                }
                if (!inside) continue
                if (trim(text) == "") continue
                last = i
                if (is_comment(text)) { note_comment(text, i); continue }
                first = text; next_ = i
                if (format == "properties") {
                    while (continues(text)) {
                        text = substr(text, 1, length(text) - 1)
                        if (next_ == i) first = text
                        if (next_ == count) break
                        more = bare(old[++next_])
                        sub(/^[ \t\f]+/, "", more)
                        text = text more
                    }
                }
                if (parse(text)) {
                    if (length(head) > length(first)) head = first (gap ~ /[=:]/ && substr(first, length(first)) !~ /[=: \t]/ ? "=" : "")
                    if (!(format == "sshd" && key in at)) { at[key] = i; has[key] = value; heads[key] = head; tails[key] = tail }
                    to[i] = next_
                    keys[i] = key
                    if (gap ~ /[=:]/ || format == "sshd" || format == "postgresql") style = gap
                }
                last = i = next_
            }
            if (section == "" && !sectioned) last = count
            if (style == "") style = format == "ini" || format == "postgresql" ? " = " : format == "sshd" ? " " : "="
            for (i = 1; i <= wants; i++) {
                k = fold(name[i])
                line = (format == "properties" ? escaped(name[i], 1) : name[i])
                if (!parse(line style written(want[i])) || key "" != k || value "" != want[i] || tail != "") fail("the value of " name[i] " cannot be written in this format (" format ")")
                if (k in at && has[k] "" == want[i]) continue
                changes = changes (changes == "" ? "" : "\n") name[i] ": " (k in at ? shown(k, has[k], "(not shown)") : "(not set)") " -> " shown(k, want[i], "(not shown)")
                if (k in at) swap[at[k]] = heads[k] written(want[i]) tails[k]
                else if (ENVIRON["uncomment"] == "true" && k in idle) { swap[idle[k]] = line style written(want[i]); to[idle[k]] = idle[k] }
                else add[++adds] = line style written(want[i])
            }
            for (i = 1; i <= count; i++) if (i in keys && keys[i] in gone) {
                changes = changes (changes == "" ? "" : "\n") keys[i] ": " shown(keys[i], has[keys[i]], "(not shown)") " -> (removed)"
                drop[i] = 1
            }
            if (check) { if (changes != "") print changes; exit changes == "" ? 0 : 9 }
            if (found && last == 0) for (j = 1; j <= adds; j++) put(add[j])
            for (i = 1; i <= count; i++) {
                skip = i in drop || i in swap ? to[i] : 0
                if (i in swap) { out[++lines] = swap[i] (old[i] ~ /\r$/ ? "\r" : ""); from[lines] = to[i] }
                else if (!skip) { out[++lines] = old[i]; from[lines] = i }
                if (skip) i = skip
                if (found && i == last) for (j = 1; j <= adds; j++) put(add[j])
            }
            if (!found && adds) {
                if (lines && trim(bare(out[lines])) != "") put("")
                put(format == "ini" ? "[" section "]" : section)
                for (j = 1; j <= adds; j++) put(add[j])
            }
            for (i = 1; i < lines; i++) print out[i]
            if (lines) printf "%s%s", out[lines], ENVIRON["cut"] != "" && from[lines] == count ? "" : "\n"
            exit changes == "" ? 0 : 9
        }'
}
