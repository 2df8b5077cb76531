# The kind `expect`.

expect_apply() {
    expect_seconds "$arg_within"
    pb_within=$pb_seconds
    expect_seconds "$arg_every"
    pb_every=$pb_seconds
    expect_now
    pb_until=$((pb_now + pb_within)) pb_count=0 pb_in_a_row=0
    while :; do
        pb_left=$((pb_until - pb_now))
        # Even the shortest time is time for one answer.
        [ "$pb_left" -ge 1 ] || pb_left=1
        [ "$pb_left" -le 30 ] || pb_left=30
        pb_count=$((pb_count + 1)) pb_answer=
        if expect_holds; then
            pb_in_a_row=$((pb_in_a_row + 1))
            [ -z "$arg_once" ] && [ "$pb_in_a_row" -lt "$arg_consecutive" ] || return 0
        else
            pb_in_a_row=0
        fi
        [ -z "$arg_once" ] || break
        expect_now
        [ $((pb_now + pb_every)) -le "$pb_until" ] || break
        sleep "$pb_every"
        expect_now
    done
    expect_fail
}

# Sets pb_seconds to those of a duration of one or more parts.
expect_seconds() {
    pb_seconds=0 pb_rest=$1
    while [ -n "$pb_rest" ]; do
        pb_number=${pb_rest%%[smh]*}
        pb_rest=${pb_rest#"$pb_number"}
        # Not an octal number.
        while :; do case $pb_number in 0?*) pb_number=${pb_number#0} ;; *) break ;; esac; done
        case $pb_rest in
        s*) pb_seconds=$((pb_seconds + pb_number)) ;;
        m*) pb_seconds=$((pb_seconds + pb_number * 60)) ;;
        *) pb_seconds=$((pb_seconds + pb_number * 3600)) ;;
        esac
        pb_rest=${pb_rest#?}
    done
}

# Sets pb_now to a number of seconds that no clock's owner sets back.
expect_now() {
    if { read -r pb_now < /proc/uptime; } 2> /dev/null; then
        pb_now=${pb_now%%.*}
    else
        pb_now=$(date +%s)
    fi
}

# Whether it holds now; pb_answer is what was found instead.
expect_holds() {
    if [ -n "$arg_url" ]; then
        expect_url
    elif [ -n "$arg_host" ]; then
        expect_connection
    elif [ -n "$arg_port" ]; then
        pb_answer="nothing listens on port $arg_port"
        expect_listener
    elif [ -n "$arg_path" ]; then
        pb_answer="$arg_path is not there"
        [ -e "$arg_path" ]
    elif [ -n "$arg_log" ]; then
        pb_answer="$arg_log has no such line"
        [ -e "$arg_log" ] || pb_answer="$arg_log is not there"
        [ ! -e "$arg_log" ] || [ -r "$arg_log" ] || pb_give_up "cannot read $arg_log as $(id -un)$(pb_or_sudo)"
        [ -f "$arg_log" ] && grep -q -F -e "$arg_line" -- "$arg_log"
    else
        expect_command
    fi
}

# The sockets of this host: a line of /proc/net/tcp has the port in hexadecimal, and the state 0A where a program listens.
expect_listener() {
    pb_hex=$(printf %04X "$arg_port")
    for pb_table in /proc/net/tcp /proc/net/tcp6; do
        [ -r "$pb_table" ] || continue
        while read -r pb_word pb_socket pb_peer pb_state pb_rest; do
            case $pb_socket/$pb_state in *:"$pb_hex"/0A) return 0 ;; esac
        done < "$pb_table"
    done
    return 1
}

# A connection to another host, by whatever is there for it.
expect_connection() {
    pb_answer="no connection to $arg_host:$arg_port"
    if command -v curl > /dev/null 2>&1; then
        # What is connected waits for words, which are at their end here.
        pb_said=$(curl -sS --connect-timeout "$pb_left" --max-time "$pb_left" --proxy '' -v "telnet://$(expect_bracket):$arg_port" < /dev/null 2>&1) || :
        case $pb_said in *'* Connected to '* | *'* Established connection to '*) return 0 ;; esac
        case $pb_said in *'curl: '*) pb_answer="$pb_answer: ${pb_said##*'curl: '}" ;; esac
        return 1
    elif command -v nc > /dev/null 2>&1; then
        nc -z -w "$pb_left" "$arg_host" "$arg_port" < /dev/null > /dev/null 2>&1
    elif command -v bash > /dev/null 2>&1; then
        # shellcheck disable=SC2016 # For that shell.
        expect_limited bash -c 'exec 3<> "/dev/tcp/$1/$2"' bash "$arg_host" "$arg_port" > /dev/null 2>&1
    else
        pb_give_up "this host has no curl, no nc and no bash to connect with: install one in an earlier step"
    fi
}

expect_bracket() {
    case $arg_host in
    *:*) printf '[%s]' "$arg_host" ;;
    *) printf %s "$arg_host" ;;
    esac
}

# Runs a program for as long as there is time, where the host has something that ends it.
expect_limited() {
    if command -v timeout > /dev/null 2>&1; then
        timeout "$pb_left" "$@"
    else
        "$@"
    fi
}

expect_command() {
    # The values that it names, for the shell that is ended where it takes too long.
    export pb_home
    pb_rest=$arg_command
    while :; do
        # In two words, because what is sent has shorter names for those that begin with both.
        case $pb_rest in *\$pb'_'[rs]_*) ;; *) break ;; esac
        pb_rest=${pb_rest#*\$pb'_'}
        export "pb"'_'"${pb_rest%%[!A-Za-z0-9_]*}"
    done
    pb_status=0
    pb_answer=$(expect_limited sh -c "$arg_command" < /dev/null 2>&1) || pb_status=$?
    [ "$pb_status" != 0 ] || return 0
    case $pb_status in
    124 | 143) pb_answer="the command did not end within $pb_left s${pb_answer:+: $pb_answer}" && return 1 ;;
    esac
    pb_answer="the command ended with status $pb_status${pb_answer:+: $pb_answer}"
    return 1
}

# Whether the address answers as it shall.
expect_url() {
    pb_show_url "$arg_url"
    pb_code='' pb_body=''
    if command -v curl > /dev/null 2>&1; then
        expect_curl
    elif command -v wget > /dev/null 2>&1; then
        expect_wget
    elif command -v bash > /dev/null 2>&1; then
        expect_bash
    else
        pb_give_up "this host has no curl, no wget and no bash to ask $pb_shown with: install one in an earlier step"
    fi
    if [ -z "$pb_code" ]; then
        pb_answer="no answer${pb_said:+: $pb_said}"
        return 1
    fi
    pb_answer="it answers $pb_code"
    expect_status || return 1
    case $pb_body in
    *"$arg_body"*) return 0 ;;
    esac
    pb_answer="$pb_answer without what \`body\` says"
    return 1
}

expect_status() {
    [ -n "$arg_status" ] || arg_status=2xx
    eval "set -- $arg_status"
    for pb_one; do
        case $pb_code/$pb_one in "$pb_one/$pb_one" | "${pb_one%xx}"??/*xx) return 0 ;; esac
    done
    return 1
}

# Whether redirects are followed: not where one is wanted.
expect_follows() {
    case $arg_status in *3[0-9][0-9]* | *3xx*) return 1 ;; esac
}

expect_curl() {
    if expect_follows; then set -- -L; else set --; fi
    # An answer that is not whole is none.
    pb_said=$({ curl -sS "$@" --connect-timeout "$pb_left" --max-time "$pb_left" -w '\n%{http_code}' -- "$arg_url" 2>&1 < /dev/null || printf '\n000'; } | tr -d '\000' | tail -c 1000000)
    pb_code=${pb_said##*'
'}
    pb_body=${pb_said%'
'*}
    case $pb_code in
    [1-5][0-9][0-9]) pb_said= ;;
    *)
        pb_code=
        pb_said=${pb_body##*'curl: '}
        pb_said=${pb_said%%'
'*}
        ;;
    esac
}

# wget says the status on standard error, with -S among the headers.
expect_wget() {
    if expect_follows || ! wget --help 2>&1 | grep -q -e --max-redirect; then set --; else set -- --max-redirect=0; fi
    pb_said=$(expect_limited wget -q -S -O - -T "$pb_left" "$@" "$arg_url" 2>&1 < /dev/null | tr -d '\000\015' | tail -c 1000000)
    pb_code=$(printf '%s\n' "$pb_said" | awk '/HTTP\/[0-9.]+ [1-5][0-9][0-9]/ { match($0, /HTTP\/[0-9.]+ /); code = substr($0, RSTART + RLENGTH, 3) } END { print code }')
    pb_body=$pb_said
    [ -n "$pb_code" ] || pb_said=${pb_said##*'
'}
}

# A plain request over a socket of bash, which knows no TLS.
expect_bash() {
    case $arg_url in
    http://*) ;;
    *) pb_give_up "this host has no curl and no wget, and without them only http:// can be asked: install one in an earlier step" ;;
    esac
    pb_rest=${arg_url#http://}
    pb_host=${pb_rest%%[/?#]*}
    pb_rest=${pb_rest#"$pb_host"}
    pb_rest=${pb_rest%%#*}
    case $pb_rest in /*) ;; *) pb_rest=/$pb_rest ;; esac
    pb_name=${pb_host##*@} pb_number=80
    case $pb_name in
    *']') ;;
    *:*) pb_number=${pb_name##*:} pb_name=${pb_name%:*} ;;
    esac
    pb_name=${pb_name#'['}
    # shellcheck disable=SC2016 # For that shell.
    pb_said=$(expect_limited bash -c 'exec 3<> "/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n" "$3" "$4" >&3 && cat <&3' bash "${pb_name%']'}" "$pb_number" "$pb_rest" "${pb_host##*@}" 2>&1 < /dev/null | tr -d '\000\015' | tail -c 1000000)
    case $pb_said in
    HTTP/*' '[1-5][0-9][0-9]*)
        pb_code=${pb_said#* }
        pb_code=${pb_code%"${pb_code#???}"}
        pb_body=${pb_said#*'

'}
        ;;
    *) pb_said=${pb_said##*: } ;;
    esac
}

expect_fail() {
    if [ -n "$arg_once" ]; then
        pb_give_up "it does not hold now: $pb_answer"
    elif [ "$pb_in_a_row" -gt 0 ]; then
        pb_give_up "it has held $pb_in_a_row times in a row and not $arg_consecutive times within $arg_within"
    fi
    pb_give_up "it has not held within $arg_within: $pb_answer"
}
