# The kind `repository`.

repository_check() {
    repository_begin
    if [ "$arg_state" = absent ]; then
        for pb_one in "$pb_list" "$pb_key"; do
            if [ -e "$pb_one" ] || [ -L "$pb_one" ]; then pb_differs "- $pb_one"; fi
        done
    else
        repository_check_key
        repository_check_list
        repository_find_rivals
    fi
    pb_answer
}

repository_apply() {
    repository_begin
    if [ "$arg_state" = absent ]; then
        rm -f -- "$pb_list" "$pb_key"
        return
    fi
    repository_find_rivals > /dev/null
    [ -z "$pb_rival" ] || pb_give_up "$pb_rival names the same packages with another Signed-By, and apt takes neither then: remove it in an earlier step"
    pb_changes=
    repository_check_key > /dev/null
    [ -z "$pb_changes" ] || repository_bring_key
    repository_refresh
    [ -f "$pb_list" ] && [ "$(repository_text)" = "$(cat "$pb_list")" ] || pb_replace "$pb_list" 0644 '' '' repository_text
}

# Sets pb_family to what this host's packages come by, item_… to the fields for it, and pb_list and pb_key to its two files.
repository_begin() {
    for pb_manager in yum apt-get dnf zypper none; do
        ! command -v "$pb_manager" > /dev/null 2>&1 || break
    done
    case $pb_manager in
    apt-get)
        pb_family=apt pb_entry=$arg_apt
        pb_list=/etc/apt/sources.list.d/$arg_name.sources pb_key=/etc/apt/keyrings/$arg_name.gpg
        ;;
    yum | dnf | zypper)
        pb_family=yum pb_entry=$arg_yum
        pb_list=/etc/yum.repos.d/$arg_name.repo pb_key=/etc/pki/rpm-gpg/RPM-GPG-KEY-$arg_name
        [ "$pb_manager" != zypper ] || pb_list=/etc/zypp/repos.d/$arg_name.repo
        ;;
    *) pb_give_up "this host has no package manager that takes repositories from pinboot (apt-get, dnf, yum, zypper)" ;;
    esac
    [ "$arg_state" = present ] || return 0
    [ -n "$pb_entry" ] || pb_give_up "this host's packages come by $pb_manager, and the step says nothing for it: add \`$pb_family\`"
    eval "set -- $pb_entry"
    eval "$1"
    [ "$pb_family" = yum ] && pb_key_from=$item_gpgkey || pb_key_from=$item_key
}

# What the list of the repository is to hold.
repository_text() {
    if [ "$pb_family" = apt ]; then
        eval "set -- ${item_types:-deb}"
        pb_tell "Types: $*"
        pb_tell "URIs: $item_uri"
        eval "set -- $item_suites"
        pb_tell "Suites: $*"
        eval "set -- $item_components"
        [ $# = 0 ] || pb_tell "Components: $*"
        eval "set -- $item_architectures"
        [ $# = 0 ] || pb_tell "Architectures: $*"
        [ -z "$pb_key_from" ] || pb_tell "Signed-By: $pb_key"
        return
    fi
    pb_tell "[$arg_name]"
    pb_tell "name=${item_description:-$arg_name}"
    for pb_one in baseurl metalink mirrorlist; do
        eval "[ -z \"\$item_$pb_one\" ] || pb_tell \"$pb_one=\$item_$pb_one\""
    done
    [ "$item_enabled" = false ] && pb_tell enabled=0 || pb_tell enabled=1
    [ "$item_gpgcheck" = false ] && pb_tell gpgcheck=0 || pb_tell gpgcheck=1
    [ -z "$pb_key_from" ] || pb_tell "gpgkey=file://$pb_key"
    eval "set -- $item_options"
    while [ $# -gt 0 ]; do
        pb_tell "$1=$2"
        shift 2
    done
}

repository_check_list() {
    pb_want_file "$pb_list" "$pb_list"
    if [ ! -e "$pb_list" ]; then
        pb_differs "+++ $pb_list (new)"
        repository_text | sed 's/^/+/'
    elif [ "$(repository_text)" = "$(cat "$pb_list")" ]; then
        :
    elif command -v diff > /dev/null 2>&1; then
        pb_differs "--- $pb_list"
        pb_tell "+++ $pb_list"
        repository_text | diff -u "$pb_list" - | sed 1,2d
    else
        pb_differs "$pb_list: other lines"
    fi
}

# Says what is wrong with the key that is on the host.
repository_check_key() {
    [ -n "$pb_key_from" ] || return 0
    pb_want_file "$pb_key" "$pb_key"
    if [ ! -e "$pb_key" ]; then
        pb_differs "+ $pb_key"
        return 0
    fi
    if ! pb_list_keys "$pb_key"; then
        pb_differs "$pb_key: it is not a key of OpenPGP"
        return 0
    fi
    repository_key_fault
    [ -z "$pb_fault" ] || pb_differs "$pb_key: $pb_fault"
    case $pb_key_from in
    http*) pb_check_made "$pb_key" '' '' "$pb_key_from" ;;
    *) [ "$(repository_origin | cksum)" = "$(pb_dearmor "$pb_key" | cksum)" ] || pb_differs "$pb_key: another key" ;;
    esac
    [ "$pb_family" = apt ] || repository_check_import
}

# The bytes of the key that the step itself has, or that lies on the host; nothing where an earlier step is to bring it.
repository_origin() {
    case $pb_key_from in
    /*) [ ! -e "$pb_key_from" ] || pb_dearmor "$pb_key_from" ;;
    *) pb_tell "$pb_key_from" | pb_bytes_of_text ;;
    esac
}

# Sets pb_fault to what is wrong with the keys in pb_key_list; empty where nothing is.
repository_key_fault() {
    pb_fault= pb_valid= pb_now=$(date +%s)
    while IFS=' ' read -r pb_one pb_fpr pb_end; do
        [ "$pb_one" = pub ] || continue
        if [ "$pb_end" = 0 ] || [ "$pb_end" -gt "$pb_now" ]; then pb_valid=1; else pb_past=$pb_end; fi
    done << EOF
$pb_key_list
EOF
    if [ -z "$pb_valid" ]; then
        pb_fault="the key has expired on $(date -u -d "@$pb_past" +%Y-%m-%d 2> /dev/null || pb_tell "second $pb_past")"
    fi
    eval "set -- $arg_fingerprint"
    for pb_one; do
        pb_one=$(pb_tell "$pb_one" | tr -d ' ' | tr A-F a-f)
        case $pb_key_list in
        *" $pb_one "*) ;;
        *) pb_fault="${pb_fault:+$pb_fault; }it lacks the key $pb_one, and holds $(pb_tell "$pb_key_list" | sed -n 's/^pub \([^ ]*\).*/\1/p' | tr '\n' ' ')" ;;
        esac
    done
    pb_fault=${pb_fault% }
}

# Says which of the keys rpm does not know. Its name for one is the end of the fingerprint, or all of it.
repository_check_import() {
    pb_doubt='which keys rpm knows'
    package_ask rpm -q gpg-pubkey --qf '%{VERSION}\n' || pb_said=
    pb_known=" $(pb_tell "$pb_said" | tr 'A-F\n' 'a-f ') "
    while IFS=' ' read -r pb_one pb_fpr pb_end; do
        [ "$pb_one" = pub ] || continue
        case $pb_known in
        *" $pb_fpr "* | *" ${pb_fpr#"${pb_fpr%????????}"} "*) ;;
        *) pb_differs "rpm does not know the key $pb_fpr" ;;
        esac
    done << EOF
$pb_key_list
EOF
}

# Brings the key into place, unless it is not the one that is wanted.
repository_bring_key() {
    pb_target "$pb_key"
    pb_make_dir
    case $pb_key_from in http*) pb_prepare_note "$pb_key" '' '' "$pb_key_from" ;; esac
    (
        pb_work_in "$pb_dir"
        case $pb_key_from in
        http*)
            pb_algorithm= pb_digest=
            pb_get "$pb_key" "$pb_key_from"
            ;;
        /*)
            pb_find_roots_holder "$pb_key_from"
            [ -z "$pb_holder" ] || pb_give_up "${pb_holder#* } can change $pb_key_from, and root does not take a key from there: put it where no other user can write"
            cp -- "$pb_key_from" "$pb_work/body"
            ;;
        *) pb_tell "$pb_key_from" > "$pb_work/body" ;;
        esac
        pb_list_keys "$pb_work/body" || pb_refuse "refused: what came for $pb_key is not a key of OpenPGP"
        repository_key_fault
        [ -z "$pb_fault" ] || pb_refuse "refused the new key for $pb_key: $pb_fault"
        pb_replace "$pb_key" 0644 '' '' repository_form "$pb_work/body"
    )
    case $pb_key_from in http*) pb_note_made "$pb_key" ;; esac
    [ "$pb_family" = apt ] || rpm --import "$pb_key"
}

# Prints a key in the form that the host takes: every apt knows the bytes themselves, and every rpm the text.
repository_form() {
    if [ "$pb_family" = apt ]; then
        pb_dearmor "$1"
        return
    fi
    case $(head -c 5 "$1") in
    -----) cat "$1" ;;
    *)
        pb_tell '-----BEGIN PGP PUBLIC KEY BLOCK-----'
        pb_tell
        base64 < "$1"
        pb_tell '-----END PGP PUBLIC KEY BLOCK-----'
        ;;
    esac
}

# Fetches the lists of this repository alone, before it is one of the host's: what cannot be fetched does not get into place.
repository_refresh() {
    [ "$arg_refresh" != false ] || return 0
    [ "$pb_family" = apt ] || [ "$item_enabled" != false ] || return 0
    # Each ends by itself: mksh runs no trap where `set -e` ends a subshell.
    (
        pb_work_in /etc
        case $pb_family in
        apt)
            repository_text > "$pb_work/$arg_name.sources"
            package_apt update -o Dir::Etc::SourceList="$pb_work/$arg_name.sources" -o Dir::Etc::SourceParts=/dev/null \
                -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any || exit $?
            ;;
        *)
            repository_text > "$pb_work/$arg_name.repo"
            case $pb_manager in
            zypper) package_manage zypper --non-interactive --reposd-dir "$pb_work" refresh || exit $? ;;
            *) package_manage "$pb_manager" -y --setopt=reposdir="$pb_work" makecache || exit $? ;;
            esac
            ;;
        esac
        pb_pid=
    )
}

# Sets pb_rival to a file of apt that names this repository with another Signed-By, and says that.
repository_find_rivals() {
    pb_rival=
    [ "$pb_family" = apt ] || return 0
    set --
    for pb_one in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        if [ -f "$pb_one" ] && [ "$pb_one" != "$pb_list" ]; then set -- "$@" "$pb_one"; fi
    done
    [ $# -gt 0 ] || return 0
    pb_suites=$(eval "set -- $item_suites" && pb_tell "$*")
    pb_rival=$(pb_uri=$item_uri pb_suites=$pb_suites pb_signed=${pb_key_from:+$pb_key} awk '
        function compare(uris, suites, signed,    count, k, all) {
            all = " " suites " "
            count = split(uris, one, /[ \t]+/)
            for (k = 1; k <= count; k++) {
                sub(/\/+$/, "", one[k])
                if (one[k] != uri || signed == ENVIRON["pb_signed"]) continue
                for (m in wanted) if (index(all, " " wanted[m] " ")) found = FILENAME
            }
        }
        function finish(    unused) {
            if (uris != "" && enabled !~ /^(no|false|0)/) compare(uris, suites, signed)
            uris = suites = signed = enabled = ""
        }
        BEGIN {
            uri = ENVIRON["pb_uri"]
            sub(/\/+$/, "", uri)
            split(ENVIRON["pb_suites"], wanted, " ")
        }
        FNR == 1 { finish() }
        FILENAME ~ /\.sources$/ {
            if ($0 ~ /^[ \t]*$/) finish()
            else if ($0 ~ /^#/) next
            else {
                name = tolower($1)
                value = $0
                sub(/^[^:]*:[ \t]*/, "", value)
                gsub(/[ \t]+/, " ", value)
                if (name == "uris:") uris = value
                else if (name == "suites:") suites = value
                else if (name == "signed-by:") signed = value
                else if (name == "enabled:") enabled = value
            }
            next
        }
        /^[ \t]*deb(-src)?[ \t]/ {
            line = $0
            signed_here = ""
            if (match(line, /\[[^]]*\]/)) {
                options = substr(line, RSTART + 1, RLENGTH - 2)
                line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
                if (match(options, /signed-by=[^ \t]*/)) signed_here = substr(options, RSTART + 10, RLENGTH - 10)
            }
            split(line, part, " ")
            compare(part[2], part[3], signed_here)
        }
        END { finish(); print found }' "$@")
    [ -z "$pb_rival" ] || pb_differs "! $pb_rival names the same packages with another Signed-By"
}
