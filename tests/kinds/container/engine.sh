#!/bin/sh
# A stand-in for docker and podman, as the real ones behave in what the kinds ask of them. What it knows lies in ~/engine: `images/NAME`
# and `registry/NAME` describe an image in lines (id, cmd, env, label, user; `ends` is what becomes of a start: exits, dies, port),
# `c/NAME` a container as the templates print it, with its state in files beside it.
umask 022
me=${0##*/} e=~/engine
die() { echo "$*" >&2; exit 1; }
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
plain() { printf %s "$1" | tr '/:@' '___'; }
missing_container() {
    if [ "$me" = podman ]; then echo "Error: inspecting object: no such container $1" >&2; else echo "Error response from daemon: No such container: $1" >&2; fi
}
if [ -e "$e/says" ]; then cat "$e/says" >&2; exit 1; fi
# Sets image to the file of an image that is here.
find_image() {
    image=$e/images/$(plain "$1")
    [ -e "$image" ]
}
pull() {
    there=$e/registry/$(plain "$1")
    if [ -e "$there.says" ]; then cat "$there.says" >&2; exit 1; fi
    [ -e "$there" ] || die "Error response from daemon: manifest for $1 not found: manifest unknown: manifest unknown"
    mkdir -p "$e/images"
    cp "$there" "$e/images/$(plain "$1")"
}
starts() {
    c=$e/c/$1
    ends=$(sed -n 's/^ends //p' "$e/images/$(cat "$c.image")")
    case $ends in
    port)
        echo "Error response from daemon: driver failed programming external connectivity on endpoint $1: Bind for 0.0.0.0:80 failed: port is already allocated" >&2
        echo "Error: failed to start containers: $1" >&2
        exit 1
        ;;
    exits) echo exited > "$c.status" && echo 3 > "$c.exit" ;;
    dies) echo running > "$c.status" && touch "$c.dies" ;;
    *) echo running > "$c.status" && echo 0 > "$c.exit" ;;
    esac
}
# Makes a container of options, an image and words.
create() {
    mkdir -p "$e/c"
    name='' restart=no network=default user='' memory=0 cpus=0 ports='' env='' labels='' volumes=''
    [ "$me" = docker ] || network=bridge
    while :; do
        case $1 in
        -d) ;;
        --) shift; break ;;
        --name) name=$2; shift ;;
        --restart) restart=$2; shift ;;
        --network) network=$2; shift ;;
        --user) user=$2; shift ;;
        --memory) memory=$2; shift ;;
        --cpus) cpus=$2; shift ;;
        --publish) ports="$ports$2
"; shift ;;
        --volume) volumes="$volumes$2
"; shift ;;
        --label) labels="$labels$(hex "${2%%=*}") $(hex "${2#*=}")
"; shift ;;
        --env-file) env="$env$(while IFS= read -r line || [ -n "$line" ]; do [ -z "$line" ] || { hex "$line"; echo; }; done < "$2")
"; shift ;;
        --env)
            case $2 in *=*) one=$2 ;; *) one=$2=$(printenv "$2") ;; esac
            env="$env$(hex "$one")
"
            shift
            ;;
        -*) die "unknown flag: $1" ;;
        *) break ;;
        esac
        shift
    done
    find_image "$1" || pull "$1"
    find_image "$1"
    c=$e/c/$name
    [ ! -e "$c" ] || die "Error response from daemon: Conflict. The container name \"/$name\" is already in use by container \"abc\". You have to remove (or rename) that container to be able to reuse that name."
    plain "$1" > "$c.image"
    id=$(sed -n 's/^id //p' "$image")
    shift
    case $memory in *m) memory=$((${memory%m} * 1048576)) ;; *g) memory=$((${memory%g} * 1073741824)) ;; esac
    echo created > "$c.status" && echo 0 > "$c.exit" && echo 0 > "$c.count" && echo "$id" > "$c.id"
    case $restart in on-failure:*) echo "on-failure ${restart#*:}" ;; *) echo "$restart 0" ;; esac > "$c.policy"
    {
        echo "memory $memory"
        echo "network $(hex "$network")"
        [ -n "$user" ] || user=$(sed -n 's/^user //p' "$image")
        echo "user $(hex "$user")"
        # shellcheck disable=SC2086 # A port has no blank.
        printf '%s\n' $ports | awk '
            # A range is several.
            NF { n = split($0, p, ":"); r = p[n]; u = "/tcp"; if (match(r, /\/.*/)) { u = substr(r, RSTART); r = substr(r, 1, RSTART - 1) }
                if (split(r, in_, "-") == 2) { split(p[n - 1], out, "-"); for (i = 0; in_[1] + i <= in_[2]; i++) lines[++k] = (n == 3 ? p[1] ":" : "") (out[1] + i) ":" (in_[1] + i) u }
                else lines[++k] = $0 }
            END { for (i = 1; i <= k; i++) print lines[i] }' | awk '
            NF { n = split($0, p, ":"); q = p[n]; if (q !~ /\//) q = q "/tcp"
                one = "{\"HostIp\":\"" ((n == 3) ? p[1] : "") "\",\"HostPort\":\"" ((n > 1) ? p[n - 1] : "") "\"}"
                list[q] = list[q] (q in list && list[q] != "" ? "," : "") one; if (!(q in seen)) { seen[q] = 1; order[++m] = q } }
            END { printf "ports {"; for (i = 1; i <= m; i++) printf "%s\"%s\":[%s]", ((i > 1) ? "," : ""), order[i], list[order[i]]; print "}" }'
        echo "host {\"Binds\":[\",\\\"NanoCpus\\\":7\"],\"NanoCpus\":$(echo "$cpus" | awk '{ printf "%.0f", $1 * 1000000000 }'),\"Memory\":$memory}"
        if [ $# = 0 ]; then
            sed -n 's/^cmd //p' "$image" | while IFS= read -r word; do echo "word $(hex "$word")"; done
        else
            for word; do echo "word $(hex "$word")"; done
        fi
        {
            printf %s "$env" | sed '/./!d; s/^/env /'
            sed -n 's/^env //p' "$image" | while IFS= read -r line; do
                ! printf %s "$env" | grep -q "^$(hex "${line%%=*}=")" || continue
                echo "env $(hex "$line")"
            done
            [ "$me" = docker ] || echo "env $(hex container=podman)"
        } | sort
        {
            printf %s "$labels" | sed '/./!d; s/^/label /'
            sed -n 's/^label //p' "$image" | while IFS= read -r line; do
                ! printf %s "$labels" | grep -q "^$(hex "${line%%=*}") " || continue
                echo "label $(hex "${line%%=*}") $(hex "${line#*=}")"
            done
        } | sort
        printf %s "$volumes" | while IFS=: read -r source target mode; do
            rw=true
            case ,$mode, in *,ro,*) rw=false ;; esac
            if [ -z "$target" ]; then
                target=$source source=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
            fi
            [ "$me" = docker ] || mode=
            case $source in
            /*) echo "mount bind $rw $(hex "$target") $(hex "$source")  $mode" ;;
            *) echo "mount volume $rw $(hex "$target") $(hex "/var/lib/engine/$source") $(hex "$source") $mode" ;;
            esac
        done
        case $network in default) network=bridge ;; esac
        echo "net $(hex "$network")"
    } > "$c"
}
want() {
    [ -e "$e/c/$1" ] || { missing_container "$1"; exit 1; }
}
verb=$1
shift
case $verb in
container)
    shift 2
    format=$1 status=0
    shift
    echo "$me container inspect $*" >> @calls@
    for name; do
        c=$e/c/$name
        if [ ! -e "$c" ]; then
            missing_container "$name"
            status=1
            continue
        fi
        slash=/
        [ "$me" = docker ] || slash=
        id=$(cat "$c.id")
        [ "$me" = docker ] || id=${id#sha256:}
        case $format in
        is*)
            echo "is $slash$name $(cat "$c.status") $id $(cat "$c.exit") $(cat "$c.count")"
            echo "policy $(cat "$c.policy")"
            cat "$c"
            echo
            ;;
        '{{.Id}}') echo "id-of-$name" ;;
        '{{.State.Status}}') cat "$c.status" ;;
        *) echo "$(cat "$c.status") $(cat "$c.exit") $(cat "$c.count")" ;;
        esac
    done
    exit "$status"
    ;;
image)
    shift 2
    format=$1 status=0
    shift
    echo "$me image inspect $*" >> @calls@
    for name; do
        if ! find_image "$name"; then
            if [ "$me" = podman ]; then echo "Error: inspecting object: $name: image not known" >&2; else echo "Error response from daemon: No such image: $name" >&2; fi
            status=1
            continue
        fi
        id=$(sed -n 's/^id //p' "$image")
        [ "$me" = docker ] || id=${id#sha256:}
        case $format in
        image*)
            echo "image $id"
            echo "digest ${name%%[:@]*}@sha256:d$(sed -n 's/^id sha256://p' "$image")"
            echo "iuser $(hex "$(sed -n 's/^user //p' "$image")")"
            sed -n 's/^cmd //p' "$image" | while IFS= read -r word; do echo "iword $(hex "$word")"; done
            sed -n 's/^env //p' "$image" | while IFS= read -r line; do echo "ienv $(hex "$line")"; done
            sed -n 's/^label //p' "$image" | while IFS= read -r line; do echo "ilabel $(hex "${line%%=*}") $(hex "${line#*=}")"; done
            echo
            ;;
        *) echo "$name $id" ;;
        esac
    done
    exit "$status"
    ;;
manifest)
    shift
    [ "$me" = podman ] || shift
    [ "$1" != -- ] || shift
    name=${1#docker://}
    echo "$me manifest inspect $name" >> @calls@
    there=$e/registry/$(plain "$name")
    [ ! -e "$there.says" ] || { cat "$there.says" >&2; exit 1; }
    [ -e "$there" ] || die "no such manifest: docker.io/library/$name"
    echo "[{\"Descriptor\": {\"digest\": \"sha256:d$(sed -n 's/^id sha256://p' "$there")\"}, \"SchemaV2Manifest\": {\"config\": {\"digest\": \"$(sed -n 's/^id //p' "$there")\"}}}]"
    exit 0
    ;;
esac
echo "$me $verb $*" >> @calls@
[ "$verb" = run ] || [ "$verb" = create ] || for last; do :; done
case $verb in
pull) pull "$last" && echo "docker.io/library/$last" ;;
create) create "$@" && echo id ;;
run)
    create "$@"
    starts "$name"
    echo id
    ;;
start)
    want "$last"
    starts "$last"
    echo "$last"
    ;;
stop)
    want "$last"
    echo exited > "$e/c/$last.status" && echo 0 > "$e/c/$last.exit" && rm -f "$e/c/$last.dies"
    echo "$last"
    ;;
pause | unpause)
    want "$last"
    [ "$verb" = unpause ] && echo running > "$e/c/$last.status"
    ;;
rm)
    want "$last"
    rm -f "$e/c/$last"
    for one in image status exit count id policy dies; do rm -f "$e/c/$last.$one"; done
    echo "$last"
    ;;
rename)
    [ ! -e "$e/c/$2" ] || die "Error response from daemon: Error when allocating new name: Conflict. The container name \"/$2\" is already in use by container \"abc\"."
    want "$1"
    mv "$e/c/$1" "$e/c/$2"
    for one in image status exit count id policy dies; do [ ! -e "$e/c/$1.$one" ] || mv "$e/c/$1.$one" "$e/c/$2.$one"; done
    ;;
update)
    [ "$me" = docker ] || die "Error: unknown flag: --restart"
    want "$last"
    case $2 in on-failure:*) echo "on-failure ${2#*:}" ;; *) echo "$2 0" ;; esac > "$e/c/$last.policy"
    echo "$last"
    ;;
logs)
    echo "log of $last, line 1"
    echo "log of $last, line 2" >&2
    ;;
*) die "docker: '$verb' is not a docker command." ;;
esac
