# The kind `service`.
#
# Whichever program manages the services of the host, service_read brings what it says of this one into the same words:
#   pb_manager  systemd, openrc, sysv or process
#   pb_there    whether it knows the service
#   pb_runs     running, starting, stopped or failed, and in pb_state the same in its own words
#   pb_boots    on, off, or fixed where nothing can be said about the boot
#   pb_masked   whether it may not be started at all
#   pb_stale    whether the unit file has changed since it was read
#   pb_main     what tells this start of it from the next
#   pb_other    whether what runs was started with another command

service_check() {
    pb_changes=
    service_read
    service_compare
    pb_answer
}

service_apply() {
    service_read
    case $pb_manager in
    process) service_settle_process ;;
    *) service_settle ;;
    esac
}

# Says how the service differs from what is wanted.
service_compare() {
    case $arg_masked:$pb_masked in
    true:) pb_differs "not masked -> masked" ;;
    false:1) pb_differs "masked -> not masked" ;;
    esac
    case $arg_enabled:$pb_boots in
    true:off) pb_differs "not enabled -> enabled" ;;
    false:on) pb_differs "enabled -> not enabled" ;;
    esac
    [ -z "$pb_stale" ] || [ "$arg_state" = stopped ] || pb_differs "the unit file has changed since systemd has read it -> daemon-reload"
    case $arg_state:$pb_runs in
    started:running)
        if [ -n "$pb_other" ]; then
            pb_differs "$pb_state -> restarted, because its command has changed"
        elif [ -n "$arg_restart_on" ]; then
            pb_differs "$pb_state -> restarted, because a step in \`restart_on\` has changed something"
        elif [ -n "$arg_reload_on" ]; then
            pb_differs "$pb_state -> reloaded, because a step in \`reload_on\` has changed something"
        fi
        ;;
    started:*) pb_differs "$pb_state -> started" ;;
    stopped:running | stopped:starting) pb_differs "$pb_state -> stopped" ;;
    esac
}

service_read() {
    pb_manager='' pb_there=1 pb_runs=stopped pb_state=stopped pb_boots=off pb_masked='' pb_stale='' pb_main='' pb_other=''
    if [ -n "$arg_command" ]; then
        service_read_process
    elif ! service_read_systemd; then
        service_read_other
    fi
}

# systemd

service_systemctl() {
    if [ "$arg_user" = true ]; then
        [ -n "${XDG_RUNTIME_DIR:-}" ] || XDG_RUNTIME_DIR=/run/user/$(id -u)
        export XDG_RUNTIME_DIR
        systemctl --user "$@"
    else
        systemctl "$@"
    fi
}

# False where no systemd manages this host.
service_read_systemd() {
    command -v systemctl > /dev/null 2>&1 || return 1
    pb_said=$(service_systemctl show -p LoadState -p ActiveState -p SubState -p UnitFileState -p NeedDaemonReload -p Type -p Result -p MainPID -p ExecMainStartTimestampMonotonic -p ExecMainExitTimestampMonotonic "$arg_name" 2>&1) || {
        case $arg_user:$pb_said in
        false:*'not been booted with systemd'* | false:*'Failed to connect to bus'* | false:*'Failed to get D-Bus connection'*)
            ! command -v rc-service > /dev/null 2>&1 && ! command -v service > /dev/null 2>&1 || return 1
            pb_give_up "no systemd runs on this host ($pb_said): give the step a \`command\`, which then runs in the background"
            ;;
        esac
        pb_give_up "cannot ask systemd about $arg_name: $pb_said"
    }
    pb_manager=systemd pb_load='' pb_active='' pb_sub='' pb_file='' pb_type='' pb_result='' pb_ended=''
    while IFS='=' read -r pb_word pb_value; do
        case $pb_word in
        LoadState) pb_load=$pb_value ;;
        ActiveState) pb_active=$pb_value ;;
        SubState) pb_sub=$pb_value ;;
        UnitFileState) pb_file=$pb_value ;;
        NeedDaemonReload) [ "$pb_value" != yes ] || pb_stale=1 ;;
        Type) pb_type=$pb_value ;;
        Result) pb_result=$pb_value ;;
        MainPID | ExecMainStartTimestampMonotonic) pb_main="$pb_main $pb_value" ;;
        ExecMainExitTimestampMonotonic) pb_ended=$pb_value ;;
        esac
    done << EOF_SHOWN
$pb_said
EOF_SHOWN
    [ -n "$pb_active" ] || pb_give_up "cannot read what systemd says of $arg_name: $pb_said"
    service_read_states
}

# Brings systemd's words into those of all managers.
service_read_states() {
    pb_state="$pb_active ($pb_sub)"
    case $pb_active/$pb_sub in
    active/* | reloading/* | refreshing/*) pb_runs=running ;;
    activating/auto-restart*) pb_runs=failed ;;
    activating/*) pb_runs=starting ;;
    failed/*) pb_runs=failed ;;
    esac
    # What does its work and ends has run where it has succeeded since the boot, as far as systemd remembers.
    if [ "$pb_type/$pb_active/$pb_result" = oneshot/inactive/success ]; then
        case ${arg_verifies:-}:$pb_ended in 1:* | :*[1-9]*) pb_runs=running pb_state="$pb_state, has run" ;; esac
    fi
    case $pb_load in
    not-found) pb_there='' pb_state='not found' ;;
    masked) pb_masked=1 ;;
    esac
    case $pb_file in
    enabled) pb_boots=on ;;
    static | indirect | generated | alias) pb_boots=fixed ;;
    masked) pb_masked=1 ;;
    '' | bad)
        # An init script that systemd runs has no unit file, and another program knows about it.
        if [ -n "$arg_enabled" ] && [ "$pb_load" = loaded ] && service_systemctl is-enabled "$arg_name" > /dev/null 2>&1; then pb_boots=on; fi
        ;;
    esac
    case $pb_file in
    alias | masked) ;;
    # A wanted end of a unit that can only be started by others.
    generated | indirect) [ "$arg_enabled" != false ] || pb_boots=fixed ;;
    esac
}

# Other managers of services

service_read_other() {
    if command -v rc-service > /dev/null 2>&1; then
        pb_manager=openrc
    elif command -v service > /dev/null 2>&1; then
        pb_manager=sysv
    else
        pb_give_up "this host has no systemd, no OpenRC and no \`service\`: give the step a \`command\`, which then runs in the background"
    fi
    [ -z "$arg_masked" ] || pb_give_up "\`masked\` needs systemd, which does not run on this host: use \`enabled: false\`"
    [ "$arg_user" != true ] || pb_give_up "\`user: true\` needs systemd, which does not run on this host: use \`command\` with \`run_as\`"
    pb_status=0
    pb_said=$(service_control status 2>&1) || pb_status=$?
    pb_main=$pb_said
    case $pb_status:$pb_said in
    *'does not exist'* | *'unrecognized service'* | *'could not be found'*) pb_there='' pb_state='not found' ;;
    0:*) pb_runs=running pb_state=running ;;
    3:* | *:*stopped* | *:*'not running'*) ;;
    1:* | 2:* | 32:* | *crashed*) pb_runs=failed pb_state=crashed ;;
    8:* | *starting*) pb_runs=starting pb_state=starting ;;
    *) pb_give_up "cannot find out whether $arg_name runs: its status is $pb_status: $pb_said" ;;
    esac
    [ -z "$arg_enabled" ] || ! service_boots || pb_boots=on
}

service_control() {
    if [ "$pb_manager" = openrc ]; then
        rc-service "$arg_name" "$1"
    else
        service "$arg_name" "$1"
    fi
}

# Whether OpenRC or an init script starts it at boot.
service_boots() {
    if [ "$pb_manager" = openrc ]; then
        rc-update show | awk -v name="$arg_name" '$1 == name && $3 != "" { found = 1 } END { exit !found }'
    elif command -v chkconfig > /dev/null 2>&1; then
        chkconfig --list "$arg_name" 2> /dev/null | grep -q -e '[35]:on'
    else
        for pb_link in /etc/rc[2345].d/S[0-9][0-9]"$arg_name"; do
            [ ! -e "$pb_link" ] || return 0
        done
        return 1
    fi
}

# Says what happens at boot: true or false.
service_set_boot() {
    case $pb_manager:$1 in
    systemd:true) service_do enable ;;
    systemd:false) service_do disable ;;
    openrc:true) rc-update add "$arg_name" default ;;
    openrc:false) rc-update -a del "$arg_name" ;;
    *)
        if command -v chkconfig > /dev/null 2>&1; then
            if [ "$1" = true ]; then chkconfig "$arg_name" on; else chkconfig "$arg_name" off; fi
        elif [ "$1" = true ]; then
            update-rc.d "$arg_name" defaults && update-rc.d "$arg_name" enable
        else
            update-rc.d "$arg_name" disable
        fi
        ;;
    esac
}

# Does something with the service; ends the step, with the end of its journal, where that fails.
service_do() {
    # VERB
    if [ "$pb_manager" != systemd ]; then
        # What it leaves running has not the step's output.
        service_control "$1" < /dev/null || pb_give_up "$arg_name: $1 failed"
        return 0
    fi
    pb_said=$(service_systemctl "$1" "$arg_name" 2>&1) || {
        pb_tell "$pb_said" >&2
        case $1 in start | restart | reload*) service_show_journal ;; esac
        pb_give_up "$arg_name: \`systemctl $1\` failed"
    }
    [ -z "$pb_said" ] || pb_tell "$pb_said"
}

# Shows the end of its journal, where there is one and it can be read.
service_show_journal() {
    [ "$pb_manager" = systemd ] && command -v journalctl > /dev/null 2>&1 || return 0
    if [ "$arg_user" = true ]; then set -- --user; else set --; fi
    pb_said=$(journalctl "$@" -u "$arg_name" -n 20 -q --no-pager 2> /dev/null) && [ -n "$pb_said" ] || return 0
    pb_tell "the end of the journal of $arg_name:
$pb_said" >&2
}

# Brings about what is wanted of a unit or a service: only what differs, and one start or restart for everything.
service_settle() {
    if [ "$pb_manager" = systemd ] && { [ -n "$pb_stale" ] || [ -z "$pb_there" ]; }; then service_systemctl daemon-reload; fi
    [ "$arg_masked:$pb_masked" != false:1 ] || service_do unmask
    case $arg_enabled:$pb_boots in true:off | false:on) service_set_boot "$arg_enabled" ;; esac
    case $arg_state:$pb_runs in
    started:running)
        if [ -n "$arg_restart_on" ]; then
            service_begin restart
        elif [ -n "$arg_reload_on" ]; then
            if [ "$pb_manager" = systemd ]; then service_begin reload-or-restart; else service_begin reload; fi
        fi
        ;;
    started:failed)
        # A unit that has failed too often is not started again before this.
        if [ "$pb_manager" = systemd ]; then
            service_systemctl reset-failed "$arg_name" 2> /dev/null || :
            service_begin start
        else
            service_begin restart
        fi
        ;;
    started:*) service_begin start ;;
    stopped:running | stopped:starting) service_do stop ;;
    stopped:failed) [ "$pb_active" != activating ] || service_do stop ;;
    esac
    [ "$arg_masked:$pb_masked" != true: ] || service_do mask
}

# Starts, restarts or reloads it, and watches it: what ends soon has not been started.
service_begin() {
    service_do "$1"
    case $arg_name in *.timer | *.socket | *.target | *.mount | *.path | *.slice) return 0 ;; esac
    service_watch
}

# Asks again each second until it has run for three without another start. Ends the step where it does not.
service_watch() {
    pb_same=0 pb_asked=0 pb_before=
    while [ "$pb_same" -lt 3 ]; do
        [ "$pb_asked" -lt 15 ] || service_fail
        [ "$pb_asked" = 0 ] || sleep 1
        pb_asked=$((pb_asked + 1))
        service_read
        [ "${pb_type:-}" != oneshot ] || [ "$pb_runs" = failed ] || return 0
        case $pb_runs in
        running)
            if [ "$pb_main" = "$pb_before" ]; then pb_same=$((pb_same + 1)); else pb_same=0; fi
            pb_before=$pb_main
            ;;
        failed | stopped) [ "$pb_active" = activating ] || service_fail ;;
        esac
    done
}

service_fail() {
    service_show_journal
    pb_give_up "$arg_name was started and does not run: it is $pb_state"
}

# A process in the background

# Sets pb_record to the note about the process: `PID START BOOT SUM`. It is in the record of the acting user, for root in root's own.
service_note() {
    pb_record=$pb_home
    # shellcheck disable=SC3067
    [ -O "$pb_record" ] || pb_record=~root
    pb_record=$pb_record/.pinboot/services/$arg_name
    pb_log=${arg_log:-$pb_record.log}
    pb_sum=$(printf %s "$arg_command" | cksum)
    pb_sum=${pb_sum%% *}
}

# A process is the one that was started where its number, its start time and the boot are the same.
service_read_process() {
    pb_manager=process pb_pid=''
    service_note
    [ -f "$pb_record" ] || return 0
    read -r pb_pid pb_since pb_in_boot pb_was < "$pb_record" || :
    service_started "$pb_pid"
    if [ -n "$pb_began" ] && [ "$pb_began $pb_boot" = "$pb_since $pb_in_boot" ]; then
        pb_runs=running pb_state="running (process $pb_pid)" pb_main=$pb_pid
        [ "$pb_was" = "$pb_sum" ] || pb_other=1
    else
        pb_pid='' pb_state='not running any more'
    fi
}

# Sets pb_began to the start time of a process that lives, and pb_boot to this boot.
service_started() {
    # PID
    pb_began='' pb_boot=''
    { read -r pb_boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null || pb_give_up "cannot read /proc, which tells one process from another"
    case $1 in '' | *[!0-9]*) return 0 ;; esac
    { read -r pb_stat < "/proc/$1/stat"; } 2> /dev/null || return 0
    # Behind the name, which may hold anything.
    pb_stat=${pb_stat##*) }
    case $pb_stat in [ZX]*) return 0 ;; esac
    # shellcheck disable=SC2086 # The fields are split here.
    set -- $pb_stat
    shift 19
    pb_began=$1
}

service_settle_process() {
    case $arg_state:$pb_runs in
    started:running)
        if [ -z "$arg_restart_on$pb_other" ]; then
            kill -HUP "-$pb_pid"
            return 0
        fi
        service_end
        service_launch
        ;;
    started:*) service_launch ;;
    stopped:running) service_end ;;
    esac
}

# Ends the process and its group: asked first, and killed where it does not go within 30 s.
service_end() {
    kill -TERM "-$pb_pid" 2> /dev/null || kill -TERM "$pb_pid"
    pb_naps=0 pb_asked=0
    while kill -0 "-$pb_pid" 2> /dev/null; do
        [ "$pb_asked" -lt 80 ] || break
        pb_asked=$((pb_asked + 1))
        pb_nap
    done
    kill -KILL "-$pb_pid" 2> /dev/null || :
    rm -f "$pb_record"
}

# Starts the command in a session of its own, with nothing of the run in reach but the values that it names.
service_launch() {
    pb_said=$({ umask 077 && mkdir -p "${pb_record%/*}"; } 2>&1) || pb_give_up "cannot make ${pb_record%/*}: $pb_said"
    service_open_log
    pb_text="pb_home=$(service_quote "$pb_home")
"
    pb_left=$arg_command
    while :; do
        # In two words, because what is sent has shorter names for those that begin with both.
        case $pb_left in *\$pb'_'[rs]_*) ;; *) break ;; esac
        pb_left=${pb_left#*\$pb'_'}
        pb_word=pb'_'${pb_left%%[!A-Za-z0-9_]*}
        eval "pb_value=\${$pb_word-}"
        pb_text="$pb_text$pb_word=$(service_quote "$pb_value")
"
    done
    pb_text="$pb_text$arg_command
# pb-end"
    # The text comes over a pipe, so that no value in it stands in an argument list.
    # shellcheck disable=SC2016 # For that shell.
    printf '%s\n' "$pb_text" | {
        exec setsid sh -c 'set -- "$(cat; echo .)"; case $1 in *"# pb-end
.") ;; *) exit 125 ;; esac; exec < /dev/null; eval "${1%.}"' >> "$pb_log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
    } &
    pb_pid=$!
    service_started "$pb_pid"
    pb_said=$({ umask 077 && pb_tell "$pb_pid $pb_began $pb_boot $pb_sum" > "$pb_record.new" && mv -f "$pb_record.new" "$pb_record"; } 2>&1) || {
        kill -TERM "-$pb_pid"
        pb_give_up "cannot note the process in $pb_record: $pb_said"
    }
    service_watch_process
}

service_quote() {
    printf "'%s'" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"
}

# Makes the log where it is missing. Root adds to no file at a place where another user decides what lies there.
service_open_log() {
    pb_find_holder "$pb_log"
    [ -z "$pb_holder" ] || pb_give_up "$pb_log lies in a directory of ${pb_holder#* }, and root writes no log there: use run_as instead of sudo"
    pb_target "$pb_log"
    pb_want_file "$pb_log" "$pb_path"
    pb_make_dir
    pb_log=$pb_path
    if [ "$pb_path" = "${pb_fresh:-}" ]; then
        (set -C && : > "$pb_log") || pb_give_up "cannot make $pb_log"
    fi
    : >> "$pb_log" || pb_give_up "cannot write $pb_log as $(id -un)$(pb_or_sudo)"
}

# A process that ends within three seconds has not been started.
service_watch_process() {
    pb_asked=0 pb_since=$pb_began
    while :; do
        service_started "$pb_pid"
        [ -n "$pb_since" ] && [ "$pb_began" = "$pb_since" ] || break
        [ "$pb_asked" -lt 3 ] || return 0
        pb_asked=$((pb_asked + 1))
        sleep 1
    done
    rm -f "$pb_record"
    pb_tell "the end of $pb_log:" >&2
    tail -n 20 "$pb_log" >&2
    pb_give_up "$arg_name was started and does not run: its command has ended; it must stay in the foreground, without \`&\` or \`-daemon\`"
}
