# The kind `block`.

block_check() {
    pb_edit_check block_text block_ask
}

block_apply() {
    pb_at "$arg_path" block_write
}

block_ask() {
    pb_edit_ask block_text
}

block_write() {
    pb_edit_write block_text
}

# See shell/edit.sh.
block_text() {
    # check|text
    block=$arg_block marker=$arg_marker after=$arg_after state=$arg_state mode=$1 cut=${pb_is_cut:-} awk '
        function bare(text) { sub(/\r$/, "", text); return text }
        function put(text) { out[++lines] = text end; from[lines] = 0 }
        function fail(text) { if (ENVIRON["mode"] == "check") print text; exit 1 }
        # The counterpart of a line that begins or ends a block of this shape, where the file has it on the right side.
        function begins_other(i,    text, j, other) {
            text = bare(old[i])
            if (substr(text, 1, length(head) + 5) "" != head "BEGIN") return 0
            other = head "END" substr(text, length(head) + 6)
            for (j = i + 1; j <= count; j++) if (bare(old[j]) "" == other) return j
            return 0
        }
        { old[++count] = $0 }
        END {
            count += 0
            marker = ENVIRON["marker"] ""; after = ENVIRON["after"] ""
            at = index(marker, "{mark}")
            head = substr(marker, 1, at - 1); tail = substr(marker, at + 6)
            opening = head "BEGIN" tail; closing = head "END" tail
            wants = 0
            if (ENVIRON["state"] != "absent") {
                text = ENVIRON["block"] ""
                sub(/\n$/, "", text)
                wants = split(text, want, "\n")
            }
            end = old[1] ~ /\r$/ ? "\r" : ""
            # Blocks of this name; what another whole block inside of one holds is not a part of it.
            for (i = 1; i <= count; i++) {
                text = bare(old[i])
                if (text "" == closing) fail("line " i " ends a block that begins nowhere (" closing "): remove it, or write the line that begins it")
                if (text "" != opening) { if (after != "" && text ~ after) anchor = i; continue }
                blocks++
                got = 0; differs[blocks] = 0
                mine[i] = blocks
                begin = i
                for (i++; ; i++) {
                    if (i > count || bare(old[i]) "" == opening) fail("line " begin " begins a block that ends nowhere (" opening "): remove what is left of it, or write the line that ends it")
                    if (bare(old[i]) "" == closing) { mine[i] = blocks; break }
                    other = begins_other(i)
                    if (other) {
                        for (j = i; j <= other; j++) {
                            if (bare(old[j]) "" == closing) fail("line " i " begins another block, which ends behind this one (line " j "): let one of them end first")
                            inner[j] = blocks
                        }
                        i = other
                        continue
                    }
                    mine[i] = blocks
                    if (old[i] "" != want[++got] end) differs[blocks] = 1
                }
                if (got != wants) differs[blocks] = 1
                if (!keep && !differs[blocks]) keep = blocks
            }
            same = wants ? blocks == 1 && keep : !blocks
            if (!same && wants && !blocks && after != "" && !anchor) fail("no line matches `after`")
            if (ENVIRON["mode"] == "check") exit same ? 0 : 9
            if (!keep) keep = 1
            if (!blocks && wants) {
                # Not in the middle of another block.
                place = after == "" ? count : anchor
                for (i = 1; i <= place; i++) {
                    other = begins_other(i)
                    if (other > place) { place = other; break }
                    if (other) i = other
                }
            }
            if (place == "0") write_block()
            for (i = 1; i <= count; i++) {
                if (mine[i] && !done[mine[i]]) { done[mine[i]] = 1; if (wants && mine[i] == keep) write_block() }
                if (!mine[i]) { out[++lines] = old[i]; from[lines] = i }
                if (place != "" && i == place) write_block()
            }
            for (i = 1; i < lines; i++) print out[i]
            if (lines) printf "%s%s", out[lines], ENVIRON["cut"] != "" && from[lines] == count ? "" : "\n"
            exit same ? 0 : 9
        }
        function write_block(    i) {
            put(opening)
            for (i = 1; i <= wants; i++) put(want[i])
            put(closing)
        }'
}
