# The kind `container`.

container_check() {
    if ! pb_find_engine "$arg_engine"; then
        [ "$arg_state" = absent ] || container_would_make
        return 0
    fi
    container_ask
    if [ "$arg_state" = absent ]; then
        [ -z "$pb_status" ] || pb_differs "- $arg_name ($pb_status)"
        [ -z "$pb_old" ] || pb_differs "- $arg_name.pinboot-old"
        pb_answer
        return 0
    fi
    [ -n "$pb_status" ] || container_would_make
    container_ask_image
    container_compare
    [ -z "$pb_text" ] || pb_differs "$pb_text"
    [ -z "$pb_old" ] || pb_differs "- $arg_name.pinboot-old, left by an attempt that was interrupted"
    case $arg_state:$pb_status in
    started:running | stopped:exited | stopped:created | stopped:configured | stopped:dead) ;;
    *) pb_differs "$pb_status -> $arg_state" ;;
    esac
    pb_answer
}

container_would_make() {
    pb_differs "+ $arg_name from $arg_image"
    needs_change
}

container_apply() {
    pb_find_engine "$arg_engine" || pb_give_up "neither docker nor podman is on this host"
    container_ask
    if [ "$arg_state" = absent ]; then
        container_remove "$arg_name"
        container_remove "$arg_name.pinboot-old"
        return 0
    fi
    container_settle
    container_ask_image
    container_pull
    pb_verdict=new
    if [ -n "$pb_status" ]; then container_compare; fi
    if [ "$pb_verdict" = new ]; then
        container_renew
        return 0
    fi
    [ "$pb_verdict" != update ] || container_do update --restart "${arg_restart:-no}" "$arg_name"
    case $arg_state:$pb_status in
    started:running | stopped:exited | stopped:created | stopped:configured | stopped:dead) ;;
    started:paused) container_do unpause "$arg_name" ;;
    started:*)
        pb_old=
        container_start
        ;;
    stopped:paused)
        container_do unpause "$arg_name"
        container_do stop "$arg_name"
        ;;
    stopped:*) container_do stop "$arg_name" ;;
    esac
}

# Calls the engine, whose answer is the name of what it has worked on.
container_do() {
    "$pb_engine" "$@" > /dev/null < /dev/null || exit $?
}

# Removes a container, where it is there. Its volumes stay.
container_remove() {
    # NAME
    pb_ask_engine stop "$1"
    pb_ask_engine rm -f "$1"
    case $pb_errors in '' | *'o such '* | *'no container with'*) ;; *) pb_give_up "$pb_errors" ;; esac
}

# Asks what the container is. Sets pb_about to the answer, pb_status (empty where there is none), pb_image, pb_ended, and pb_old where the
# one is there that another attempt has put aside.
container_ask() {
    # shellcheck disable=SC2016 # For the engine.
    pb_ask_engine container inspect --format 'is {{.Name}} {{.State.Status}} {{.Image}} {{.State.ExitCode}} {{.RestartCount}}
policy {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}
memory {{.HostConfig.Memory}}
network {{printf "%x" .HostConfig.NetworkMode}}
user {{printf "%x" .Config.User}}
ports {{json .HostConfig.PortBindings}}
host {{json .HostConfig}}
{{range .Config.Cmd}}word {{printf "%x" .}}
{{end}}{{range .Config.Env}}env {{printf "%x" .}}
{{end}}{{range $k, $v := .Config.Labels}}label {{printf "%x" $k}} {{printf "%x" $v}}
{{end}}{{range .Mounts}}mount {{.Type}} {{.RW}} {{printf "%x" .Destination}} {{printf "%x" .Source}} {{printf "%x" .Name}} {{.Mode}}
{{end}}{{range $k, $v := .NetworkSettings.Networks}}net {{printf "%x" $k}}
{{end}}' "$arg_name" "$arg_name.pinboot-old"
    pb_about=$pb_said pb_status='' pb_image='' pb_ended='' pb_old='' pb_starts=''
    while read -r pb_word pb_one pb_two pb_from pb_rest pb_count; do
        case $pb_word/${pb_one#/} in
        is/"$arg_name") pb_status=$pb_two pb_image=$pb_from pb_ended=$pb_rest pb_starts=$pb_count ;;
        is/"$arg_name.pinboot-old") pb_old=1 ;;
        esac
    done << HERE
$pb_about
HERE
    [ -n "$pb_status$pb_old" ] || pb_want_missing
}

# Asks which image the name stands for here. Sets pb_image_says to the answer, pb_wanted to its id, and pb_is_stale where it has to be pulled.
container_ask_image() {
    # shellcheck disable=SC2016 # For the engine.
    pb_ask_engine image inspect --format 'image {{.ID}}
{{range .RepoDigests}}digest {{.}}
{{end}}{{with .Config}}iuser {{printf "%x" .User}}
{{range .Cmd}}iword {{printf "%x" .}}
{{end}}{{range .Env}}ienv {{printf "%x" .}}
{{end}}{{range $k, $v := .Labels}}ilabel {{printf "%x" $k}} {{printf "%x" $v}}
{{end}}{{end}}' "$arg_image"
    pb_image_says=$pb_said pb_wanted='' pb_digests='' pb_is_stale=''
    while read -r pb_word pb_one pb_two; do
        case $pb_word in
        image) pb_wanted=$pb_one pb_digests="$pb_digests $pb_one" ;;
        digest) pb_digests="$pb_digests ${pb_one#*@}" ;;
        esac
    done << HERE
$pb_image_says
HERE
    if [ -z "$pb_wanted" ]; then
        pb_want_missing
        pb_is_stale='is not here'
    elif [ "$arg_pull" = always ] && ! pb_is_newest "$arg_image"; then
        pb_is_stale='has another version in the registry'
    fi
}

container_pull() {
    [ -n "$pb_is_stale" ] || return 0
    container_do pull -q "$arg_image"
    pb_was_pulled=$arg_pull
    arg_pull=missing
    container_ask_image
    arg_pull=$pb_was_pulled
}

# Sets pb_text to what the container has otherwise than wanted, and pb_verdict to what has to be done about it: `new`, `update`, `same`.
container_compare() {
    pb_network=$arg_network
    case $pb_network in
    container:*)
        # The engine keeps the number.
        pb_ask_engine container inspect --format '{{.Id}}' "${pb_network#*:}"
        [ -z "$pb_said" ] || pb_network=container:${pb_said%%
*}
        ;;
    esac
    pb_text=$(container_judge) || pb_give_up "$pb_text"
    pb_verdict=${pb_text%%
*}
    pb_text=${pb_text#"$pb_verdict"}
    pb_text=${pb_text#'
'}
}

# Prints the verdict, and what differs.
container_judge() {
    pb_handed=0
    container_hand_over env "$arg_env" 2
    container_hand_over label "$arg_labels" 2
    container_hand_over word "$arg_command" 1
    container_hand_over port "$arg_ports" 1
    container_hand_over volume "$arg_volumes" 1
    {
        printf '%s\n' "$pb_about"
        printf '%s\n' "$pb_image_says"
    } | name=$arg_name wanted=$pb_wanted stale=$pb_is_stale image=$arg_image hide=$arg_secret count=$pb_handed network=$pb_network \
        restart=${arg_restart:-no} memory=$arg_memory cpus=$arg_cpus user=$arg_user is_podman="$([ "$pb_engine" != podman ] || echo 1)" container_awk
}

# Puts the words of a field into the environment of awk, which no other user can read: pb_w_N and its kind.
container_hand_over() {
    # KIND WORDS EACH
    pb_word=$1 pb_each=$3
    eval "set -- $2"
    while [ $# -gt 0 ]; do
        pb_handed=$((pb_handed + 1))
        eval "pb_k_$pb_handed=\$pb_word pb_w_$pb_handed=\$1 pb_v_$pb_handed=\$$pb_each"
        export "pb_k_$pb_handed" "pb_w_$pb_handed" "pb_v_$pb_handed"
        shift "$pb_each"
    done
}

# Compares what the engine says with what is wanted.
container_awk() {
    awk '
        function unhex(text,    i, out_) {
            for (i = 1; i < length(text); i += 2) out_ = out_ byte[substr(text, i, 2)]
            return out_
        }
        function shown(text) { gsub(/\n/, "\\n", text); return hide ? "…" : text }
        function say(text) { said = said "\n" text; verdict = "new" }
        function change(what, old, new) {
            if (hide) say(what " differs")
            else say(what " " (old == "" ? "(none)" : shown(old)) " -> " (new == "" ? "(none)" : shown(new)))
        }
        function joined(list, n,    i, out_) {
            for (i = 1; i <= n; i++) out_ = out_ (i > 1 ? " " : "") list[i]
            return out_
        }
        # A path without slashes that mean nothing.
        function clean(path) {
            while (gsub(/\/\/+|\/\.\//, "/", path)) continue
            if (length(path) > 1) sub(/\/\.?$/, "", path)
            return path
        }
        # Notes a port that is wanted; a range is several.
        function want_port(text,    ip, proto, parts, n, low, high, hlow, hhigh, i, one) {
            proto = "tcp"
            if (match(text, /\/[a-z]+$/)) { proto = substr(text, RSTART + 1); text = substr(text, 1, RSTART - 1) }
            ip = ""
            if (match(text, /^\[[^]]*\]:/)) { ip = substr(text, 2, RLENGTH - 3); text = substr(text, RLENGTH + 1) }
            n = split(text, parts, ":")
            if (n == 3) ip = parts[1]
            one = parts[n]
            low = high = one
            if (split(one, hp, "-") == 2) { low = hp[1]; high = hp[2] }
            hlow = hhigh = n > 1 ? parts[n - 1] : ""
            if (split(hlow, hp, "-") == 2) { hlow = hp[1]; hhigh = hp[2] }
            for (i = 0; low + i <= high + 0; i++) {
                one = hlow
                if (hlow != "" && high != low) one = hlow + i
                else if (hlow != hhigh) one = hlow "-" hhigh
                ports[ip ":" one ":" (low + i) "/" proto] = 1
            }
        }
        # A port of any number, or of a range, has a number with podman.
        function has_port(want,    parts, n, one, other, w, ip) {
            if (want in real_port) return want
            if (!is_podman) return ""
            n = split(want, w, ":")
            ip = substr(want, 1, length(want) - length(w[n - 1]) - length(w[n]) - 2)
            for (other in real_port) {
                n = split(other, parts, ":")
                one = substr(other, 1, length(other) - length(parts[n - 1]) - length(parts[n]) - 2)
                if (parts[n] != w[split(want, w, ":")]) continue
                if (w[split(want, w, ":") - 1] ~ /^$|-/ || w[split(want, w, ":") - 1] == parts[n - 1])
                    if (one == ip || ip == "" && one == "0.0.0.0" || ip == "0.0.0.0" && one == "") return other
            }
            return ""
        }
        function want_volume(text,    parts, n, mode, i, opts, m, target, source, plain) {
            n = split(text, parts, ":")
            source = n > 1 ? parts[1] : ""
            target = clean(n > 1 ? parts[2] : parts[1])
            m = split(n > 2 ? parts[3] : "", opts, ",")
            mode = "true"
            for (i = 1; i <= m; i++) if (opts[i] == "ro") mode = "false"
            if (source ~ /^\//) source = clean(source)
            wants_mount[target] = source
            wants_mode[target] = mode
            wants_extra[target] = extra(n > 2 ? parts[3] : "")
        }
        # What is left of the options of a volume: in an order of its own.
        function extra(text,    parts, n, i, out_, word, list) {
            n = split(text, parts, ",")
            n = split("Z delegated cached consistent nocopy private rprivate rshared rslave shared slave z U", list, " ")
            for (i = 1; i <= n; i++) if (index("," text ",", "," list[i] ",")) out_ = out_ (out_ == "" ? "" : ",") list[i]
            return out_
        }
        function bytes(text,    n) {
            n = text + 0
            if (text ~ /[kK]$/) n *= 1024
            if (text ~ /[mM]$/) n *= 1048576
            if (text ~ /[gG]$/) n *= 1073741824
            return n
        }
        BEGIN {
            for (i = 1; i < 256; i++) byte[sprintf("%02x", i)] = sprintf("%c", i)
            hide = ENVIRON["hide"]
            is_podman = ENVIRON["is_podman"]
            for (i = 1; i <= ENVIRON["count"]; i++) {
                kind = ENVIRON["pb_k_" i]; word = ENVIRON["pb_w_" i]; value = ENVIRON["pb_v_" i]
                if (kind == "env") { env[word] = value; env_order[++envs] = word }
                if (kind == "label") { label[word] = value; label_order[++labels] = word }
                if (kind == "word") words[++word_count] = word
                if (kind == "port") want_port(word)
                if (kind == "volume") want_volume(word)
            }
        }
        $1 == "is" { now = $2; sub(/^\//, "", now); mine = now == ENVIRON["name"]; if (mine) id = $4; next }
        $1 == "image" { mine = 1; new_id = $2; next }
        !mine { next }
        $1 == "policy" { policy = NF < 3 ? "no" : $2; if (policy == "on-failure" && $3 > 0) policy = policy ":" $3; next }
        $1 == "memory" { memory = $2; next }
        $1 == "network" { network = unhex($2); next }
        $1 == "net" { nets[unhex($2)] = 1; next }
        $1 == "user" { user = unhex($2); next }
        $1 == "iuser" { image_user = unhex($2); next }
        $1 == "word" { real_words[++real_count] = unhex($2); next }
        $1 == "iword" { image_words[++image_count] = unhex($2); next }
        $1 == "env" { text = unhex($2); at = index(text, "="); real_env[at ? substr(text, 1, at - 1) : text] = at ? substr(text, at + 1) : ""; next }
        $1 == "ienv" { text = unhex($2); at = index(text, "="); image_env[at ? substr(text, 1, at - 1) : text] = at ? substr(text, at + 1) : ""; next }
        $1 == "label" { real_label[unhex($2)] = unhex($3); next }
        $1 == "ilabel" { image_label[unhex($2)] = unhex($3); next }
        $1 == "mount" {
            # An empty field is two blanks.
            n = split($0, part, " ")
            sub(/^mount /, "")
            type = $0; sub(/ .*/, "", type); sub(/^[^ ]* /, "")
            rw = $0; sub(/ .*/, "", rw); sub(/^[^ ]* /, "")
            target = $0; sub(/ .*/, "", target); sub(/^[^ ]* /, "")
            source = $0; sub(/ .*/, "", source); sub(/^[^ ]* /, "")
            volume = $0; sub(/ .*/, "", volume); sub(/^[^ ]* ?/, "")
            target = clean(unhex(target))
            real_mount[target] = type == "volume" ? unhex(volume) : clean(unhex(source))
            real_type[target] = type
            real_mode[target] = rw
            real_extra[target] = extra($0)
            next
        }
        # What stands between quotes in JSON has a backslash in front of each quote of its own.
        $1 == "host" { if (match($0, /[,{]"NanoCpus":[0-9]+/)) { cpus = substr($0, RSTART, RLENGTH); sub(/.*:/, "", cpus) }; next }
        $1 == "ports" {
            rest = $0
            while (match(rest, /"[0-9]+\/[a-z]+":(\[[^]]*\]|null)/)) {
                entry = substr(rest, RSTART, RLENGTH)
                rest = substr(rest, RSTART + RLENGTH)
                port = entry; sub(/^"/, "", port); sub(/".*/, "", port)
                while (match(entry, /"HostIp":"[^"]*","HostPort":"[^"]*"/)) {
                    one = substr(entry, RSTART, RLENGTH)
                    entry = substr(entry, RSTART + RLENGTH)
                    split(one, part, "\"")
                    real_port[part[4] ":" part[8] ":" port] = 1
                }
            }
            next
        }
        END {
            if ("com.docker.compose.project" in real_label && !("com.docker.compose.project" in label)) {
                print ENVIRON["name"] " is a container of the compose project " real_label["com.docker.compose.project"] ": change it there (compose), or take another name"
                exit 1
            }
            verdict = "same"
            is_same = new_id != "" && new_id == id
            if (ENVIRON["stale"] != "") say("image " ENVIRON["image"] " " ENVIRON["stale"] " -> pulled")
            if (new_id != "" && !is_same) change("image", id, new_id)
            # Only what the image does not bring differs. Of another image nothing is known but what is wanted.
            for (i = 1; i <= envs; i++) {
                name = env_order[i]
                if (!(name in real_env)) say(hide ? "+ env " name : "+ env " name "=" shown(env[name]))
                else if (real_env[name] != env[name]) change("env " name, real_env[name], env[name])
            }
            for (name in real_env) {
                if (name in env || !is_same || name in image_env && image_env[name] == real_env[name]) continue
                # What the engine adds by itself, and the proxies of its configuration.
                if (is_podman && name ~ /^(container|TERM|HOME|HOSTNAME|PATH)$/ || tolower(name) ~ /^(https?|ftp|no|all)_proxy$/) continue
                say("- env " name)
            }
            for (i = 1; i <= labels; i++) {
                name = label_order[i]
                if (!(name in real_label)) say("+ label " name "=" shown(label[name]))
                else if (real_label[name] != label[name]) change("label " name, real_label[name], label[name])
            }
            for (name in real_label)
                if (!(name in label) && is_same && !(name in image_label && image_label[name] == real_label[name])) say("- label " name)
            if (word_count || is_same) {
                if (!word_count) {
                    word_count = image_count
                    for (i = 1; i <= image_count; i++) words[i] = image_words[i]
                }
                same = word_count == real_count
                for (i = 1; same && i <= word_count; i++) same = words[i] == real_words[i]
                if (!same) change("command", joined(real_words, real_count), joined(words, word_count))
            }
            if (ENVIRON["user"] != "" || is_same) {
                want = ENVIRON["user"] != "" ? ENVIRON["user"] : image_user
                if (want != user) change("user", user, want)
            }
            for (want in ports) {
                port = has_port(want)
                if (port == "") say("+ port " want)
                else has[port] = 1
            }
            for (port in real_port) if (!(port in has)) say("- port " port)
            for (target in wants_mount) {
                if (!(target in real_mount)) say("+ volume " wants_mount[target] (wants_mount[target] == "" ? "" : ":") target)
                else {
                    if (wants_mount[target] == "" ? real_type[target] != "volume" : wants_mount[target] != real_mount[target])
                        change("volume " target, real_mount[target], wants_mount[target])
                    if (wants_mode[target] != real_mode[target]) say("volume " target (real_mode[target] == "true" ? " read-write -> read-only" : " read-only -> read-write"))
                    if (!is_podman && wants_extra[target] != real_extra[target]) change("options of volume " target, real_extra[target], wants_extra[target])
                }
            }
            # A volume without a name is one of the image.
            for (target in real_mount)
                if (!(target in wants_mount) && !(real_type[target] == "volume" && real_mount[target] ~ /^[0-9a-f]+$/ && length(real_mount[target]) == 64)) say("- volume " target)
            want = ENVIRON["network"]
            if (want == "" ? network !~ /^(|default|bridge|slirp4netns|pasta)$/ : want != network && !(want in nets) && !(want == "bridge" && network == "default"))
                change("network", network, want == "" ? "default" : want)
            if (bytes(ENVIRON["memory"]) != memory + 0) change("memory", memory, bytes(ENVIRON["memory"]))
            want = sprintf("%.0f", ENVIRON["cpus"] * 1000000000)
            if (want != cpus + 0) change("cpus", cpus / 1000000000, ENVIRON["cpus"])
            if (policy == "") policy = "no"
            want = ENVIRON["restart"]
            if (want != policy) {
                was = verdict
                change("restart", policy, want)
                if (was == "same" && !is_podman) verdict = "update"
            }
            print verdict said
        }'
}

# Puts in order what an attempt has left that was interrupted: the old container stays until a new one has run.
container_settle() {
    [ -n "$pb_old" ] || return 0
    if [ "$pb_status" = running ]; then
        container_remove "$arg_name.pinboot-old"
    else
        [ -z "$pb_status" ] || container_remove "$arg_name"
        container_do rename "$arg_name.pinboot-old" "$arg_name"
    fi
    container_ask
}

# Makes a new container, and puts it into the place of the old one where that is there.
container_renew() {
    # One that was made and never took its place.
    [ -z "$pb_status" ] || pb_ask_engine rm -f "$arg_name.pinboot-new"
    container_create "$arg_name${pb_status:+.pinboot-new}"
    pb_was=$pb_status
    if [ -n "$pb_status" ]; then
        pb_old=1
        case $pb_status in
        paused) container_do unpause "$arg_name" ;;
        esac
        case $pb_status in running | restarting | paused) container_do stop "$arg_name" ;; esac
        container_do rename "$arg_name" "$arg_name.pinboot-old"
        container_do rename "$arg_name.pinboot-new" "$arg_name"
    fi
    [ "$arg_state" = stopped ] || container_start
    [ -z "$pb_old" ] || container_remove "$arg_name.pinboot-old"
}

# Makes a container of this name.
container_create() {
    # NAME
    pb_count=0 pb_options='' pb_lines=''
    pb_add_words --name "'$1'"
    [ -z "$arg_restart" ] || pb_add_words --restart "\"\$arg_restart\""
    [ -z "$arg_network" ] || pb_add_words --network "\"\$arg_network\""
    [ -z "$arg_user" ] || pb_add_words --user "\"\$arg_user\""
    [ -z "$arg_memory" ] || pb_add_words --memory "\"\$arg_memory\""
    [ -z "$arg_cpus" ] || pb_add_words --cpus "\"\$arg_cpus\""
    pb_add_words --publish "$arg_ports"
    pb_add_words --volume "$arg_volumes"
    container_add_labels
    container_add_env
    pb_add_words -- "\"\$arg_image\""
    pb_add_words '' "$arg_command"
    # The variables come over a pipe, so that no value of them stands in an argument list.
    printf %s "$pb_lines" | eval "$pb_exports \"\$pb_engine\" create $pb_options" > /dev/null || exit $?
}

container_add_labels() {
    eval "set -- $arg_labels"
    while [ $# -gt 0 ]; do
        pb_label=$1=$2
        pb_add_words --label "\"\$pb_label\""
        shift 2
    done
}

# Adds the variables: as lines of a file that is a pipe, and where a value has more lines, from the environment of the engine's program.
container_add_env() {
    pb_exports=''
    eval "set -- $arg_env"
    [ $# = 0 ] || pb_options="$pb_options --env-file /dev/stdin"
    while [ $# -gt 0 ]; do
        case $2 in
        *'
'*)
            case $1 in
            *[!A-Za-z0-9_]* | [0-9]* | PATH | HOME | TMPDIR | LINES | COLUMNS | IFS | ENV | BASH_ENV | UID | EUID | PPID | PWD | SECONDS | RANDOM | OPTIND | LD_* | DOCKER_* | CONTAINER* | XDG_* | GO* | SSL_* | *[pP][rR][oO][xX][yY]) pb_give_up "the value of the variable $1 has more than one line, and $pb_engine takes such a value for other names only" ;;
            esac
            eval "pb_e_$1=\$2"
            pb_exports="$pb_exports $1=\"\$pb_e_$1\""
            pb_options="$pb_options --env $1"
            ;;
        *)
            pb_lines="$pb_lines$1=$2
"
            ;;
        esac
        shift 2
    done
}

# Starts the container, and looks for three seconds whether it stays: what ends at once has not been started.
container_start() {
    pb_ask_engine start "$arg_name"
    if [ -n "$pb_errors" ]; then
        pb_complaint=$pb_errors
        pb_ask_engine container inspect --format '{{.State.Status}}' "$arg_name"
        case $pb_said in running*) ;; *) container_fail "$pb_complaint" ;; esac
    fi
    pb_first=
    for pb_round in 0 1 2 3; do
        [ "$pb_round" = 0 ] || sleep 1
        pb_ask_engine container inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' "$arg_name"
        read -r pb_status pb_ended pb_starts << HERE
$pb_said
HERE
        pb_first=${pb_first:-$pb_starts}
        [ "$pb_status" = running ] && [ "$pb_starts" = "$pb_first" ] || container_fail "$arg_name was started and does not run: it is $pb_status, and its command has ended with ${pb_ended:-nothing}"
    done
}

# Ends the step. The old container takes its place again.
container_fail() {
    # MESSAGE
    printf '%s\n' "$1" >&2
    pb_show_container_log "$arg_name"
    [ -n "$pb_old" ] || exit 1
    container_remove "$arg_name"
    container_do rename "$arg_name.pinboot-old" "$arg_name"
    case $pb_was in
    running | restarting | paused)
        container_do start "$arg_name"
        pb_give_up "the old container $arg_name runs again"
        ;;
    esac
    pb_give_up "the old container $arg_name is in its place again"
}
