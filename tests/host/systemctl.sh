#!/bin/sh
# What a private root has instead of systemd: it starts what a unit says, as the user and with the environment that it says, and keeps
# the pid.
state=/run/units
mkdir -p "$state"
verb='' unit=''
while [ $# -gt 0 ]; do
    case $1 in
    -p) shift ;;
    -*) ;;
    *) if [ -z "$verb" ]; then verb=$1; else unit=${1%.service}; fi ;;
    esac
    shift
done
file=/etc/systemd/system/$unit.service
runs() { [ -e "$state/$unit.pid" ] && kill -0 "$(cat "$state/$unit.pid")" 2> /dev/null; }
start() {
    user=$(sed -n 's/^User=//p' "$file")
    command=$(sed -n 's/^ExecStart=//p' "$file")
    sed -n 's/^Environment=//p' "$file" | tr -d '"' > "$state/$unit.environment"
    # shellcheck disable=SC2016 # The shell of the service reads them.
    setsid setpriv --reuid "$user" --regid "$user" --init-groups sh -c '
        while IFS= read -r line; do export "${line?}"; done < "$1"
        echo $$ >&3
        exec $2 3>&-' start "$state/$unit.environment" "$command" > "/tmp/$unit.log" 2>&1 3> "$state/$unit.pid" < /dev/null &
    for _ in $(seq 200); do [ ! -s "$state/$unit.pid" ] || return 0; sleep 0.1; done
    echo "$unit did not start: $(cat "/tmp/$unit.log")" >&2
    exit 1
}
stop() {
    ! runs || kill "$(cat "$state/$unit.pid")"
    for _ in $(seq 300); do runs || break; sleep 0.1; done
    rm -f "$state/$unit.pid"
}
case $verb in
show)
    load=loaded active=inactive sub=dead boots=disabled pid=0
    [ -e "$file" ] || load=not-found
    [ ! -e "$state/$unit.enabled" ] || boots=enabled
    ! runs || { active=active sub=running pid=$(cat "$state/$unit.pid"); }
    printf '%s\n' Type=simple Result=success "MainPID=$pid" "ExecMainStartTimestampMonotonic=$pid" ExecMainExitTimestampMonotonic=0 \
        "LoadState=$load" "ActiveState=$active" "SubState=$sub" "UnitFileState=$boots" NeedDaemonReload=no
    ;;
is-enabled) [ -e "$state/$unit.enabled" ] ;;
enable) : > "$state/$unit.enabled" ;;
start) runs || start ;;
stop) stop ;;
restart)
    stop
    start
    ;;
daemon-reload | reset-failed) ;;
*)
    echo "systemctl: not known here: $verb" >&2
    exit 1
    ;;
esac
