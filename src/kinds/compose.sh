# The kind `compose`.

compose_check() {
    pb_at "$arg_project" compose_ask
}

compose_apply() {
    pb_at "$arg_project" compose_settle
}

# Sets pb_compose to how compose is called on this host: as a plugin of docker, or as a program of its own. Fails where it is not there.
compose_find() {
    pb_compose=
    if command -v docker > /dev/null 2>&1 && docker compose version > /dev/null 2>&1 < /dev/null; then
        pb_compose='docker compose'
    elif command -v docker > /dev/null 2>&1 && command -v docker-compose > /dev/null 2>&1; then
        pb_compose=docker-compose
    fi
    [ -n "$pb_compose" ]
}

# Sets pb_path to the folder of the project, and pb_options to what names the project.
compose_begin() {
    pb_target "$arg_project"
    pb_count=0 pb_options=''
    pb_add_words --project-name "${arg_name:+"\$arg_name"}"
    pb_add_words --file "$arg_files"
    pb_add_words --env-file "$arg_env_file"
    pb_add_words --profile "$arg_profiles"
}

# Calls compose in the folder of the project.
compose_call() {
    cd "$pb_path" || return
    eval "$pb_compose $pb_options \"\$@\""
}

# Asks compose: pb_said is what it prints, and pb_errors what it complains of.
compose_question() {
    pb_engine=compose_call
    pb_ask_engine "$@"
    pb_engine=docker
}

# What would change, asked by the user who makes the change.
compose_ask() {
    compose_begin
    if ! compose_find || ! [ -d "$pb_path" ]; then
        [ "$arg_state" = down ] || compose_would_start "$arg_project"
        return 0
    fi
    if [ "$arg_state" = down ]; then
        compose_ask_containers
        [ -z "$pb_ids" ] || pb_differs "- $(pb_tell "$pb_ids" | wc -w | tr -d ' ') of its containers"
        pb_answer
        return 0
    fi
    compose_question config --hash '*'
    if [ -z "$pb_said" ]; then
        case $pb_errors in
        *'no configuration file'* | *'o such file'* | *"Can't find a suitable configuration file"*) compose_would_start "$arg_project, whose files are not there yet" ;;
        esac
        pb_give_up "$pb_errors"
    fi
    pb_hashes=$pb_said
    compose_ask_containers
    compose_compare
    pb_answer
}

compose_would_start() {
    pb_differs "+ the containers of $1"
    needs_change
}

# Sets pb_ids to the containers of the project.
compose_ask_containers() {
    compose_question ps -a -q
    pb_ids=$pb_said
    [ -n "$pb_ids" ] || case $pb_errors in
    *annot\ connect* | *denied* | *rror*) pb_give_up "$pb_errors" ;;
    esac
}

# Says what is otherwise: services, their number, their state and their images.
compose_compare() {
    pb_about='' pb_known='' pb_images='' pb_kept=''
    if [ -n "$pb_ids" ]; then
        # shellcheck disable=SC2016,SC2086 # For the engine. A number has no blank.
        pb_ask_engine container inspect --format 'is {{index .Config.Labels "com.docker.compose.service"}} {{index .Config.Labels "com.docker.compose.config-hash"}} -{{index .Config.Labels "com.docker.compose.oneoff"}} {{.State.Status}} {{.State.ExitCode}} {{.Image}} {{.Config.Image}} {{.HostConfig.RestartPolicy.Name}}' $pb_ids
        [ -n "$pb_said" ] || pb_give_up "$pb_errors"
        pb_about=$pb_said
    fi
    pb_scales=$(compose_call config 2> /dev/null) || pb_give_up "compose could not say how many containers each service has"
    if [ "$arg_remove_orphans" = true ]; then
        pb_kept=$(compose_call --profile '*' config --services 2> /dev/null) || pb_kept=$(compose_call config --services)
    fi
    compose_ask_images
    pb_said=$({
        printf '%s\n' "$pb_hashes" | sed 's/^/hash /'
        printf '%s\n' "$pb_kept" | sed 's/^/kept /'
        printf '%s\n' "$pb_images"
        printf '%s\n' "$pb_scales" | compose_scales
        printf '%s\n' "$pb_about"
    } | orphans=$arg_remove_orphans compose_judge)
    [ -z "$pb_said" ] || pb_differs "$pb_said"
}

# Asks which images the names of the containers' images stand for now.
compose_ask_images() {
    while read -r pb_word pb_service pb_hash pb_oneoff pb_status pb_exit pb_id pb_name pb_policy; do
        [ "$pb_word" = is ] || continue
        case "
$pb_hashes" in *"
$pb_service "*) ;; *) continue ;; esac
        case " $pb_known " in *" $pb_name "*) continue ;; esac
        pb_known="$pb_known $pb_name"
        pb_ask_engine image inspect --format '{{.ID}}{{range .RepoDigests}} {{.}}{{end}}' "$pb_name"
        if [ -z "$pb_said" ]; then
            pb_want_missing
            pb_images="$pb_images
image $pb_name missing"
            continue
        fi
        # shellcheck disable=SC2086 # A digest has no blank.
        set -- $pb_said
        pb_images="$pb_images
image $pb_name $1"
        # An image that was built here is in no registry.
        [ "$arg_pull" = always ] && [ $# -gt 1 ] || continue
        pb_digests=$1
        shift
        for pb_one; do pb_digests="$pb_digests ${pb_one#*@}"; done
        pb_is_newest "$pb_name" || pb_images="$pb_images
image $pb_name newer"
    done << HERE
$pb_about
HERE
}

# How many containers each service shall have, from what compose makes of the files.
compose_scales() {
    awk '
        /^[^ ]/ { in_services = $0 == "services:"; next }
        !in_services { next }
        /^  [^ ]/ { service = $1; sub(/:$/, "", service); gsub(/["\047]/, "", service); key = ""; next }
        /^    [^ ]/ { key = $1 }
        key == "scale:" && /^    scale: / { print "scale", service, $2 }
        key == "deploy:" && /^      replicas: / { print "scale", service, $2 }'
}

compose_judge() {
    awk '
        $1 == "hash" && NF == 3 { hash[$2] = $3; order[++n] = $2; want[$2] = 1 }
        $1 == "kept" { kept[$2] = 1 }
        $1 == "scale" { want[$2] = $3 }
        $1 == "image" { if ($3 == "newer") newer[$2] = 1; else id[$2] = $3 }
        $1 == "is" && $4 !~ /rue/ {
            service = $2
            if (!(service in hash)) {
                if (ENVIRON["orphans"] == "true" && !(service in kept) && !(service in gone)) { gone[service] = 1; print "- " service ", which the files do not have" }
                next
            }
            there[service]++
            if ($3 != hash[service]) old[service] = 1
            # What ended well and is not started again has done its work.
            if ($5 != "running" && !($5 == "exited" && $6 == 0 && ($9 == "" || $9 == "no"))) state[service] = $5 ($5 == "exited" ? " (" $6 ")" : "")
            if (id[$8] == "missing") image[service] = "image " $8 " is not here -> brought"
            else if ($8 in newer) image[service] = "image " $8 " has another version in the registry -> pulled"
            else if (id[$8] != $7) image[service] = "image " $7 " -> " id[$8]
        }
        END {
            for (i = 1; i <= n; i++) {
                service = order[i]
                if (!there[service]) { if (want[service] > 0) print "+ " service; continue }
                if (service in old) print service ": made from another configuration -> made anew"
                if (service in image) print service ": " image[service]
                if (service in state) print service ": " state[service] " -> running"
                if (there[service] != want[service]) print service ": " there[service] " of " want[service] " containers"
            }
        }'
}

compose_settle() {
    compose_begin
    # shellcheck disable=SC2016 # Names of commands.
    compose_find || pb_give_up 'neither `docker compose` nor `docker-compose` is on this host'
    [ -d "$pb_path" ] || pb_give_up "$arg_project is not there: make it in an earlier step"
    set --
    [ "$arg_remove_orphans" != true ] || set -- --remove-orphans
    if [ "$arg_state" = down ]; then
        (compose_call down "$@" < /dev/null) || exit $?
        return 0
    fi
    if [ "$arg_pull" = always ]; then
        (compose_call pull -q < /dev/null) || exit $?
    fi
    (compose_call up -d --quiet-pull "$@" < /dev/null) || exit $?
    compose_watch
}

# Looks for three seconds whether the containers of its services stay. One that ends badly has not been started.
compose_watch() {
    compose_ask_containers
    compose_question config --services
    pb_services=$pb_said
    for pb_round in 0 1 2 3; do
        [ "$pb_round" = 0 ] || sleep 1
        # shellcheck disable=SC2016,SC2086 # For the engine. A number has no blank.
        pb_ask_engine container inspect --format 'of {{index .Config.Labels "com.docker.compose.service"}} -{{index .Config.Labels "com.docker.compose.oneoff"}} {{.Name}} {{.State.Status}} {{.State.ExitCode}}' $pb_ids
        while read -r pb_word pb_service pb_oneoff pb_name pb_status pb_exit; do
            case $pb_word/$pb_oneoff/$pb_status/$pb_exit in
            '///' | of/-[Tt]rue/* | of/*/running/* | of/*/exited/0 | of/*/created/*) continue ;;
            esac
            case "
$pb_services" in *"
$pb_service
"*) ;; *) continue ;; esac
            pb_tell "${pb_name#/} was started and does not run: it is $pb_status, and its command has ended with $pb_exit" >&2
            pb_show_container_log "${pb_name#/}"
            exit 1
        done << HERE
$pb_said
HERE
    done
}
