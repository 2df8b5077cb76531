#!/bin/sh
# A stand-in for docker with its compose plugin, and for docker-compose. A compose file has services with `image`, `command`, `scale` and
# `profiles`, two blanks further in each. A container is a file in ~/engine/c: its project and what the templates print.
umask 022
me=${0##*/} e=~/engine
if [ -e "$e/says" ] && [ "$2" != version ]; then cat "$e/says" >&2; exit 1; fi
die() { echo "$*" >&2; exit 1; }
id_of() { sed -n 1p "$e/images/$(printf %s "$1" | tr '/:' '__')" 2> /dev/null; }
# The services of the files: NAME SCALE IMAGE SUM, a line each.
services() {
    # shellcheck disable=SC2086 # A file has no blank here.
    awk -v profiles=" $profiles " -v all="$1" '
        function out() { if (s != "" && (p == "" || all || index(profiles, " " p " "))) print s, n, i, t }
        /^  [^ ]/ { out(); s = $1; sub(/:/, "", s); n = 1; i = ""; p = ""; t = 0; for (k = 1; k <= length($0); k++) t = (t * 31 + index("abcdefghijklmnopqrstuvwxyz0123456789", substr($0, k, 1))) % 65521 }
        /^    / { if ($1 != "scale:" && $1 != "replicas:") for (k = 1; k <= length($0); k++) t = (t * 31 + index("abcdefghijklmnopqrstuvwxyz0123456789:/", substr($0, k, 1))) % 65521 }
        /^    image:/ { i = $2 } /^    scale:/ { n = $2 } /^      replicas:/ { n = $2 } /^    profiles:/ { p = $2; gsub(/[][]/, "", p) }
        END { out() }' $files
}
compose() {
    files='' profiles='' name='' env=''
    while :; do
        case $1 in
        --file) files="$files $2" ;;
        --profile) profiles="$profiles $2" ;;
        --project-name) name=$2 ;;
        --env-file) env=$2 && [ -e "$env" ] || die "couldn't find env file: $2" ;;
        *) break ;;
        esac
        shift 2
    done
    [ -n "$files" ] || files=compose.yaml
    for file in $files; do
        [ -e "$file" ] || die "no configuration file provided: not found"
    done
    [ -n "$name" ] || name=${PWD##*/}
    verb=$1
    shift
    case $verb in
    config)
        case $1 in
        --hash) services '' | while read -r s n i t; do echo "$s hash$t"; done ;;
        --services) services "$([ "$profiles" != ' *' ] || echo 1)" | while read -r s n i t; do echo "$s"; done ;;
        *)
            # shellcheck disable=SC2086 # A file has no blank here.
            cat $files
            ;;
        esac
        ;;
    ps) for c in "$e/c/$name"-*; do [ ! -e "$c" ] || echo "${c##*/}"; done ;;
    pull)
        services '' | while read -r s n i t; do
            there=$(printf %s "$i" | tr '/:' '__')
            [ -e "$e/registry/$there" ] || continue
            mkdir -p "$e/images" && cp "$e/registry/$there" "$e/images/$there"
        done
        ;;
    up)
        mkdir -p "$e/c"
        known=
        services '' > "$e/list"
        while read -r s n i t; do
            known="$known $s"
            k=1
            id=$(id_of "$i")
            status='running 0'
            case $i in bad*) status='exited 3' ;; job*) status='exited 0' ;; esac
            while [ "$k" -le "$n" ]; do
                echo "is $s hash$t -False $status $id $i no" > "$e/c/$name-$s-$k"
                k=$((k + 1))
            done
            while [ -e "$e/c/$name-$s-$k" ]; do rm "$e/c/$name-$s-$k" && k=$((k + 1)); done
        done < "$e/list"
        rm "$e/list"
        case $* in *--remove-orphans*)
            for c in "$e/c/$name"-*; do
                read -r word s rest < "$c"
                case " $known " in *" $s "*) ;; *) rm "$c" ;; esac
            done
            ;;
        esac
        echo "Container $name  Started" >&2
        ;;
    down) rm -f "$e/c/$name"-* ;;
    *) die "unknown docker command: \"compose $verb\"" ;;
    esac
}
echo "$me $*" | sed 's/ --format [^-]*}} /  /; s/ --format .*{{.*}} / /' | grep -v '{{' >> @calls@
case $me/$1 in
docker-compose/*) compose "$@" ;;
docker/compose)
    [ ! -e "$e/old" ] || die "docker: 'compose' is not a docker command."
    shift
    [ "$1" != version ] || { echo "Docker Compose version v2.27.0"; exit 0; }
    compose "$@"
    ;;
docker/container)
    format=$4
    shift 4
    for c; do
        read -r word s h o status code rest < "$e/c/$c"
        case $format in is*) echo "$word $s $h $o $status $code $rest" ;; *) echo "of $s $o /$c $status $code" ;; esac
    done
    ;;
docker/image)
    shift 4
    for i; do
        id=$(id_of "$i")
        [ -n "$id" ] || die "Error response from daemon: No such image: $i"
        echo "$id ${i%%:*}@sha256:d${id#sha256:}"
    done
    ;;
docker/manifest)
    there=$(sed -n 1p "$e/registry/$(printf %s "$5" | tr '/:' '__')") || exit
    echo "{\"digest\": \"$there\"}"
    ;;
docker/logs) echo "log of $4" ;;
*) die "docker: '$1' is not a docker command." ;;
esac
