# The kind `line`.

line_check() {
    pb_edit_check line_text line_ask
}

line_apply() {
    pb_at "$arg_path" line_write
}

line_ask() {
    pb_edit_ask line_text
}

line_write() {
    pb_edit_write line_text
}

# See shell/edit.sh.
line_text() {
    # check|text
    line=$arg_line match=$arg_match after=$arg_after section=$arg_section state=$arg_state mode=$1 cut=${pb_is_cut:-} awk '
        function bare(text) { sub(/\r$/, "", text); return text }
        function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }
        function is_comment(text) { return text ~ /^[ \t]*([#;]|\/\/)/ }
        # Lines of a Windows file end as its first one does.
        function put(text) { out[++lines] = text end; from[lines] = 0 }
        function fail(text) { if (ENVIRON["mode"] == "check") print text; exit 1 }
        { old[++count] = $0 }
        END {
            line = ENVIRON["line"] ""; match_ = ENVIRON["match"] ""; after = ENVIRON["after"] ""; section = ENVIRON["section"] ""
            count += 0
            end = old[1] ~ /\r$/ ? "\r" : ""
            own = is_comment(line); inside = section == ""
            absent = ENVIRON["state"] == "absent"
            if (!absent && match_ != "" && line !~ match_) fail("`match` does not match `line`, which would be added again in each run")
            for (i = 1; i <= count; i++) {
                text = bare(old[i])
                if (section != "" && trim(text) ~ /^\[.*\]$/) {
                    inside = trim(text) == "[" section "]"
                    if (inside) last = i
                    continue
                }
                if (!inside) continue
                if (trim(text) != "") last = i
                is_hit = match_ == "" ? text "" == line : text ~ match_
                if (is_comment(text) && !own) { if (is_hit) near = i; continue }
                if (after != "" && text ~ after) anchor = i
                if (!is_hit) continue
                hits++
                hit[i] = 1
                if (!first) first = i
                if (!keep && text "" == line) keep = i
            }
            if (absent ? !hits : hits == 1 && keep) same = 1
            if (!same && !absent && !hits && after != "" && !anchor) fail("no line matches `after`" (section == "" ? "" : " in [" section "]"))
            if (ENVIRON["mode"] == "check") exit same ? 0 : 9
            if (!keep) keep = first
            # Behind which line a new one stands.
            place = hits || absent ? -1 : after != "" ? anchor : near ? near : section == "" ? count : last ? last : -2
            if (place == 0) put(line)
            for (i = 1; i <= count; i++) {
                if (!hit[i]) { out[++lines] = old[i]; from[lines] = i }
                else if (!absent && i == keep) { out[++lines] = line (old[i] ~ /\r$/ ? "\r" : ""); from[lines] = i }
                if (i == place) put(line)
            }
            if (place == -2) {
                if (lines && bare(out[lines]) != "") put("")
                put("[" section "]")
                put(line)
            }
            for (i = 1; i < lines; i++) print out[i]
            # A last line without an end keeps none.
            if (lines) printf "%s%s", out[lines], ENVIRON["cut"] != "" && from[lines] == count ? "" : "\n"
            exit same ? 0 : 9
        }'
}
