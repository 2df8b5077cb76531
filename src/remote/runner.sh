# The runner: carries out the plan on the host, detached from any connection. POSIX sh, nothing else assumed.
# Before it stand pb_run, pb_nonce, pb_mode, pb_total, pb_user_of (who started the run, and when), pb_looks (steps that need a look
# before anything begins), pb_reboots (steps that reboot the host) and the step functions pb_step_1 … ; the working directory is
# the run's own folder. Standard output and standard error are the run's log. pb_mem (where the secrets are put) and pb_from (which
# byte of the log is wanted next) come from the delivery. A line `#:point NAME` is where a test may end the runner; in what is
# sent it is a comment, and left out.

# Frames: RS pb:NONCE verb fields RS newline, one write each; everything between two frames is what a step said.
# (On a full disk, the space that the delivery set aside is given up for them.)
pb_frame() {
  pb_print "$*" || { rm -f spare; pb_print "$*"; }
}
pb_print() { printf '\036pb:%s %s\036\n' "$pb_nonce" "$1"; }
pb_up=-
if [ -r /proc/uptime ]; then pb_now() { read -r pb_up pb_rest </proc/uptime; }; else pb_now() { :; }; fi
# (Where there is no sync, what is written is all that can be had.)
if command -v sync >/dev/null 2>&1; then pb_flush() { sync "$@" 2>/dev/null || sync 2>/dev/null; }; else pb_flush() { :; }; fi

# pb_quote VALUE: sets pb_q to the value as one single-quoted word.
pb_quote() {
  pb_q= pb_t=$1
  while case $pb_t in *\'*) ;; *) false ;; esac; do
    pb_q="$pb_q${pb_t%%\'*}'\\''" pb_t=${pb_t#*\'}
  done
  pb_q="'$pb_q$pb_t'"
}

# The words of the language.
not_so() { exit 79; }
pb_refuse() { printf '%s\n' "$*" >&2; exit 81; }
pb_progress() { printf '\036pb:%s progress %s %s %s\036\n' "$pb_nonce" "$pb_n" "$1" "${2:-0}"; }

# pb_lock FD FILE: takes the lock on FILE, on which FD is open: it lives as long as any process that has FD. It is tried for a
# moment, since whoever looks whether it is held takes it while looking.
# pb_held FILE: whether some process has the lock of that run.
pb_pause() { sleep ".$1" 2>/dev/null || sleep 1; }
if command -v flock >/dev/null 2>&1; then
  pb_lock() {
    for pb_k in 1 1 2 ''; do
      case $1 in 7) flock -n 7 7<&7 ;; 8) flock -n 8 8>&8 ;; 9) flock -n 9 9>&9 ;; esac && return 0
      [ -z "$pb_k" ] || pb_pause $pb_k
    done
    return 1
  }
  pb_held() { [ -f "$1" ] && ! flock -n -s "$1" true 8>&- 9>&-; }
else
  # Without flock: nobody else may have the file open at this descriptor. Each opens it before it looks, so that two can never
  # both find it free; they can both find it taken, and then try again after pauses of unequal length.
  pb_alone() {
    for pb_h in /proc/[0-9]*/fd/"$1"; do
      pb_v=${pb_h#/proc/}
      if [ "${pb_v%%/*}" != $$ ] && [ "$pb_h" -ef "$2" ]; then return 1; fi
    done
  }
  pb_lock() {
    for pb_k in 1 3 7 9 ''; do
      pb_alone "$1" "$2" && return 0
      [ -n "$pb_k" ] || return 1
      case $1 in 8) exec 8>&- ;; 9) exec 9>&- ;; esac
      pb_pause $((($$ + pb_k) % 9 + 1))
      case $1 in 8) exec 8>>"$2" ;; 9) exec 9>>"$2" ;; esac
    done
  }
  pb_held() { ! pb_alone 8 "$1"; }
fi
# pb_start_of PID: sets pb_start to the process's start time, empty where there is no such process.
pb_start_of() {
  pb_start=
  { read -r pb_rest <"/proc/$1/stat"; } 2>/dev/null || return 0
  set -- ${pb_rest##*) }
  [ $# -ge 20 ] || return 0
  shift 19
  pb_start=$1
}

# pb_load N: resets what a step may say of itself and lets step N say it.
pb_load() {
  pb_n=$1 pb_name= ask= guard= verify= creates= apply= content= args= as=login user= cwd='"$pb_home"' env= uses= secrets= needs= shell=
  reboot= pb_left= timeout= retries=0 delay=0 register= allow= unknown=fail after= byhand= wait= exports= export_names= before= word= skip= step_digest=
  "pb_step_$1"
}

# The beginning of every piece of shell that runs outside this process, in pb_text: what it may use.
pb_prelude() {
  pb_quote "$pb_home"
  case $as in user) pb_text='pb_home=$HOME' ;; *) pb_text="pb_home=$pb_q" ;; esac
  pb_text="$pb_text pb_nonce=$pb_nonce pb_n=$pb_n
pb_plan=$pb_plan_word
not_so() { exit 79; }
pb_refuse() { printf '%s\\n' \"\$*\" >&2; exit 81; }
pb_progress() { printf '\\036pb:%s progress %s %s %s\\036\\n' \"\$pb_nonce\" \"\$pb_n\" \"\$1\" \"\${2:-0}\"; }
${args:+$pb_lib}
$pb_exports"
  for pb_u in $uses; do
    eval "pb_v=\$pb_r_$pb_u"
    pb_quote "$pb_v"
    pb_text="$pb_text
pb_r_$pb_u=$pb_q"
  done
  for pb_u in $secrets; do
    eval "pb_v=\$pb_m_$pb_u"
    pb_text="$pb_text
$pb_v"
  done
}

# pb_outside WHO PROGRAM: starts PROGRAM (a shell) on pb_text as login, root or user; its output goes to descriptor 4. Sets pb_pid.
# The text is read from standard input, so that it stands in no argument list; a part of it is never carried out.
# (sudo closes every descriptor above 2, the run's lock among them: a shell that waits for it keeps the lock.)
pb_keep='trap : TERM INT HUP; "$@"; exit $?'
pb_reader='p=$(cat; echo .); case $p in *"# pb-end
.") ;; *) echo "pinboot: the step was cut off on its way" >&2; exit 125 ;; esac; exec </dev/null; eval "${p%.}"'
pb_outside() {
  pb_text="$pb_text
# pb-end"
  case $1 in
    root)
      if [ "$pb_uid" = 0 ]; then set -- "$2" -c "$pb_reader"; else set -- sh -c "$pb_keep" sh sudo -n -H -- "$2" -c "$pb_reader"; fi ;;
    user)
      if [ "$pb_uid" = 0 ]; then set -- su -s "$(command -v "$2")" "$user" -c "$pb_reader"
      else set -- sh -c "$pb_keep" sh sudo -n -H -u "$user" -- "$2" -c "$pb_reader"; fi ;;
    *) set -- "$2" -c "$pb_reader" ;;
  esac
  # (A group of its own, so that a stop reaches all of it and nothing else; the run's lock goes along, the host's does not.)
  printf '%s\n' "$pb_text" | exec $pb_setsid "$@" 1>&4 4>&- 7>&- 8>&8 9>&- &
  pb_pid=$! pb_grouped=$pb_setsid
}

# Asks whether the step is so: 0 so, 79 not so, 77 passed over by only_if, else could not find out. What would change: pb_why.
pb_ask() {
  pb_why= pb_ended=
  if [ -n "$creates" ]; then
    # (Alone it needs no process.)
    [ -e "$creates" ] && return 0
    return 79
  fi
  [ -n "$ask" ] || return 79
  case $as in
    root|user)
      pb_prelude
      pb_text="$pb_text
$content
set -eu
cd $cwd 2>/dev/null || not_so
$env
$args
$ask"
      if [ -n "$guard" ]; then pb_outside "$as" sh 4>&1; else pb_outside "$as" sh 4>why; fi ;;
    *)
      # (In the background like a step, since a shell hears no signal while it waits for anything else.)
      if [ -n "$guard" ]; then pb_inside & else pb_inside >why & fi
      pb_pid=$! pb_grouped= ;;
  esac
  pb_mind
  if [ -z "$guard" ] && [ -s why ]; then
    pb_why=$(cat why)
    : >why
  fi
  if [ -n "$pb_ended" ]; then return 143; fi
  if [ -n "$guard" ] && [ $pb_rc != 0 ]; then return 79; fi
  return $pb_rc
}
pb_inside() {
  exec 7>&- 9>&-
  for pb_u in $secrets; do eval "eval \"\$pb_m_$pb_u\""; done
  for pb_u in $pb_kept; do unset "pb_m_$pb_u"; done
  # A kind's functions are known only where a step uses them: elsewhere they could stand in front of the author's own commands.
  if [ -n "$args" ]; then eval "$pb_lib"; fi
  eval "$content"
  set -eu
  eval "cd $cwd" 2>/dev/null || not_so
  eval "$env"
  # The fields come last, so that no variable of the step's own `env` can take the place of one.
  eval "$args"
  eval "$ask"
}

# pb_kin PID: sets pb_tree to what lives of a process that leads no group: itself and its descendants.
pb_kin() {
  pb_tree=$1 pb_h=
  while [ "$pb_h" != "$pb_tree" ]; do
    pb_h=$pb_tree
    for pb_u in /proc/[0-9]*; do
      pb_u=${pb_u#/proc/}
      case " $pb_tree " in *" $pb_u "*) continue ;; esac
      { read -r pb_rest <"/proc/$pb_u/stat"; } 2>/dev/null || continue
      set -- ${pb_rest##*) }
      case " $pb_tree " in *" ${2:-?} "*) pb_tree="$pb_tree $pb_u" ;; esac
    done
  done
}

# pb_signal SIGNAL PID: signals all of a step's command or check; false where nothing of it lives. Root's need sudo to be told.
# (The one spelling of a group's kill that dash, bash, busybox, mksh and yash all read.)
pb_signal() {
  if [ -n "$pb_grouped" ]; then set -- "$1" "-$2"
  else
    # (Once for all signals: the first one takes the tree apart.)
    [ -n "$pb_tree" ] || pb_kin "$2"
    set -- "$1" $pb_tree
  fi
  pb_s=$1 pb_h=1
  shift
  for pb_u in "$@"; do
    if [ "$as" != login ] && [ "$pb_uid" != 0 ] && sudo -n kill "-$pb_s" "$pb_u" 2>/dev/null; then pb_h=0
    elif kill "-$pb_s" "$pb_u" 2>/dev/null; then pb_h=0; fi
  done
  return $pb_h
}
# pb_stop_it PID: ends it, politely first; runs beside the runner, which waits for the process.
pb_stop_it() {
  pb_tree=
  pb_signal TERM "$1"
  pb_k=0
  while pb_signal 0 "$1" && [ $pb_k -lt 100 ]; do
    pb_k=$((pb_k + 1))
    sleep .1 2>/dev/null || { sleep 1; pb_k=$((pb_k + 9)); }
  done
  if pb_signal 0 "$1"; then pb_signal KILL "$1"; fi
}

# pb_mind: waits for pb_pid, the step's command or its check, and ends it when its `timeout` is over or a stop says so. Sets pb_rc,
# and pb_ended (late or stopped) where it was ended.
pb_mind() {
  pb_dog= pb_killer= pb_ended=
  if [ -n "$timeout" ]; then
    [ ! -f "$pb_n.late" ] || rm -f "$pb_n.late"
    (
      exec 7>&- 8>&- 9>&-
      trap 'kill $pb_s 2>/dev/null; exit' TERM
      sleep "$timeout" & pb_s=$!
      wait $pb_s
      trap '' TERM
      : >"$pb_n.late"
      pb_stop_it $pb_pid
    ) &
    pb_dog=$!
  fi
  while :; do
    # (The wish may be older than the process. Where it comes between this look and the waiting, the signal is repeated.)
    pb_sig=
    pb_read_stop
    if [ "$pb_stop" = 2 ] && [ -z "$pb_killer" ]; then
      pb_ended=stopped
      (exec 7>&- 8>&- 9>&-; trap '' TERM USR1 HUP INT; pb_stop_it $pb_pid) &
      pb_killer=$!
    fi
    wait $pb_pid
    pb_rc=$?
    [ -n "$pb_sig" ] || break
  done
  if [ -n "$pb_dog" ]; then
    kill -TERM $pb_dog 2>/dev/null
    pb_join $pb_dog
    if [ -f "$pb_n.late" ] && [ -z "$pb_ended" ]; then pb_ended=late; fi
  fi
  if [ -n "$pb_killer" ]; then pb_join $pb_killer; fi
  if [ -n "$pb_ended" ]; then pb_name_left $pb_pid; fi
}
# pb_idle SECONDS: a pause that a stop ends. (It holds no lock: that would keep the next runner waiting.)
pb_idle() {
  pb_sig=
  sleep "$1" 7>&- 8>&- 9>&- &
  pb_pid=$!
  wait $pb_pid
  [ -z "$pb_sig" ] || kill $pb_pid 2>/dev/null
}

# pb_members LEADER LOCK: sets pb_v to the living processes of a group, and with LOCK to those outside it that were started by
# this step and hold the run's lock; pb_h, where the group has any.
pb_members() {
  pb_v= pb_h= pb_since=${pb_up%.*}${pb_up#*.}
  for pb_u in /proc/[0-9]*; do
    [ "$pb_u" != /proc/$$ ] || continue
    { read -r pb_rest <"$pb_u/stat"; } 2>/dev/null || continue
    set -- "$1" "$2" ${pb_rest##*) }
    [ "${3-Z}" != Z ] || continue
    if [ "$5" = "$1" ]; then pb_h=1
    else
      [ -n "$2" ] && [ "$pb_u/fd/8" -ef lock ] || continue
      # (Both count hundredths of a second since the boot.)
      case $pb_since in *[!0-9]*|'') ;; *) [ "${22}" -ge "$pb_since" ] || continue ;; esac
    fi
    pb_v="$pb_v ${pb_u#/proc/}"
  done
}
# pb_describe PIDS: sets pb_v to "PID COMMAND, PID COMMAND".
pb_describe() {
  pb_v=
  for pb_u in $1; do
    pb_rest=$(tr '\000\036\n' '   ' <"/proc/$pb_u/cmdline" | cut -c 1-80) 2>/dev/null
    pb_v="$pb_v${pb_v:+, }$pb_u ${pb_rest% }"
  done
}
# pb_name_left LEADER: after a stop, names in pb_left what lives of the step all the same. (What was killed takes a moment to go.)
pb_name_left() {
  pb_k=0
  while pb_members "$1" lock; [ -n "$pb_h" ] && [ $pb_k -lt 10 ]; do
    pb_k=$((pb_k + 1))
    sleep .1 2>/dev/null || { sleep 1; pb_k=$((pb_k + 9)); }
  done
  pb_describe "$pb_v"
  pb_left=$pb_v
}
# pb_name_behind LEADER: says what the step has left running in its group. (Root's processes do not answer: they are looked for.)
pb_name_behind() {
  [ -n "$pb_grouped" ] || return 0
  if [ "$as" = login ] || [ "$pb_uid" = 0 ]; then kill -0 "-$1" 2>/dev/null || return 0; fi
  pb_members "$1" ''
  [ -n "$pb_v" ] || return 0
  pb_describe "$pb_v"
  pb_frame left "$pb_n" "$pb_v"
}

# Carries the step out once; sets pb_rc.
pb_try() {
  pb_prelude
  pb_quote "$pb_why"
  pb_text="$pb_text
pb_why=$pb_q
$content
cd $cwd || exit
set -eu
$env
$args"
  # (Inside eval, so that a fault of the author's syntax is told as one, by its own line.)
  pb_quote "$apply"
  pb_text="$pb_text
eval $pb_q"
  pb_who=$as
  [ "$as" != apply ] || pb_who=root
  if [ -n "$register" ]; then pb_outside "$pb_who" "${shell:-sh}" 4>"$pb_n.out"; else pb_outside "$pb_who" "${shell:-sh}" 4>&1; fi
  #:point apply-started
  # (For whoever stops the run after this runner's death.)
  { printf '%s %s %s\n' "$pb_n" $pb_pid "$pb_up" >>runner; } 2>/dev/null
  pb_mind
  if [ -z "$pb_ended" ]; then pb_name_behind $pb_pid; fi
  if [ -n "$register" ]; then cat "$pb_n.out"; fi
}
# pb_join PID: waits for one of our own helpers, signals or not.
pb_join() { while kill -0 "$1" 2>/dev/null; do wait "$1" 2>/dev/null; done; }
pb_read_stop() { pb_stop=; { read -r pb_stop <stop; } 2>/dev/null; }

# pb_await SINCE: waits for the end of this boot, which is this runner's end too: the next one finds another boot. Where that
# does not come in time, the step has failed. (A shutdown asks before it kills: whoever does not listen holds it up.)
pb_await() {
  pb_frame reboot "$pb_n" "$timeout"
  trap 'exit 0' TERM HUP INT
  pb_now
  pb_k=0
  case $pb_up in *[0-9]*) pb_k=$((${pb_up%%.*} - ${1%%.*})) ;; esac
  while [ $pb_k -lt "$timeout" ]; do
    sleep 1
    pb_k=$((pb_k + 1))
  done
  trap 'pb_sig=1' TERM HUP INT
  pb_done failed 0 reboot
  pb_failed
}

# pb_store RESULT: over the reserved bytes, not truncated, which works on a full disk too.
pb_store() {
  printf '%s\n' "$1" 1<>"$pb_n.rct" || return
  #:point result-written
  if [ -n "$register" ] && [ -f "$pb_n.out" ]; then pb_flush "$pb_n.rct" "$pb_n.out" log; else pb_flush "$pb_n.rct" log; fi
  #:point result-synced
  mv -f "$pb_n.rct" "$pb_n.rc" || return
  #:point result-renamed
  # (Where there is no `sync`, there is none.)
  pb_flush . || return 0
}
# pb_done OUTCOME STATUS REASON: stores and says how the step ended. What cannot be stored (its disk has died or become read-only,
# the step has removed the record) is not said to be done, and ends the run: a rerun takes a result that was said for one that is there.
pb_done() {
  pb_now
  pb_did=1
  [ "$1" != failed ] || pb_passed="$pb_passed $pb_n"
  # (Twice, since what stores it may be killed by somebody.)
  if ! { pb_store "$1 $2 $step_digest" || pb_store "$1 $2 $step_digest"; } 2>/dev/null; then
    pb_unstored=1
    pb_frame done "$pb_n" unknown "$2" "$pb_up" "unstored $1"
    return
  fi
  #:point result-kept
  pb_frame done "$pb_n" "$1" "$2" "$pb_up" "$3"
  #:point done-said
  pb_settle "$1"
}
# What later steps may use once this one is over.
pb_settle() {
  case $1 in
    changed|would) eval "pb_c_$pb_n=1" ;;
  esac
  case $1 in
    changed|unchanged|would)
      if [ -n "$exports" ]; then
        eval "$exports"
        for pb_u in $export_names; do
          eval "pb_v=\$$pb_u"
          pb_quote "$pb_v"
          pb_exports="$pb_exports
$pb_u=$pb_q; export $pb_u"
        done
      fi
      if [ -n "$register" ] && [ -f "$2${2:+/}$pb_n_of.out" ]; then
        pb_v=$(cat "$2${2:+/}$pb_n_of.out")
        # (Blanks at both ends go.)
        pb_v=${pb_v#"${pb_v%%[![:space:]]*}"}
        pb_v=${pb_v%"${pb_v##*[![:space:]]}"}
        eval "pb_r_$register=\$pb_v"
      fi ;;
  esac
}

# pb_one N: one step from its beginning to its end; 1 ends the run.
pb_one() {
  pb_load "$1"
  pb_n_of=$1
  # (Most steps of most runs: a path is there, and no more is said of it than that.)
  if [ -n "$creates" ] && [ -n "$pb_fresh" ] && [ -e "$creates" ] && [ -z "$skip$after$uses$register$exports" ]; then
    pb_frame so "$1"
    return 0
  fi
  pb_now
  pb_frame start "$1" "$pb_up"
  #:point start-said
  if [ -n "$skip" ]; then pb_frame done "$1" skipped 0 "$pb_up" when; return 0; fi
  # An earlier runner of this run stored the result: that is what counts.
  if [ -z "$pb_fresh" ] && [ -f "$1.rc" ]; then
    read -r pb_o pb_rc pb_rest <"$1.rc"
    pb_frame done "$1" "$pb_o" "$pb_rc" "$pb_up" stored
    #:point stored-said
    pb_settle "$pb_o"
    case $pb_o in failed|unknown) [ -n "$allow" ] || return 1 ;; esac
    return 0
  fi
  # It was over before a step that rebooted the host.
  if [ "$1" -lt "$pb_past" ]; then
    pb_o=unchanged
    case " $pb_passed " in *" $1 "*) pb_o=skipped ;; esac
    pb_frame done "$1" $pb_o 0 "$pb_up" stored
    pb_settle $pb_o
    return 0
  fi
  pb_lost=
  # (An empty note is of a step that a power cut kept from beginning.)
  [ -n "$pb_fresh" ] || [ ! -s "$1.began" ] || pb_lost=1
  # Earlier runs had the same step, and nothing can be asked: the last of them that got to it says what became of it.
  pb_b_run=
  if [ -z "$pb_lost" ]; then
    for pb_u in $before; do
      pb_b_run=${pb_u%%/*} pb_b_n=${pb_u#*/}
      if [ -f "../$pb_b_run/$pb_b_n.rc" ]; then
        word=
        read -r pb_o pb_rc pb_rest <"../$pb_b_run/$pb_b_n.rc"
        [ "$pb_o $pb_rest" = "changed $step_digest" ] || break
        pb_frame done "$1" unchanged 0 "$pb_up" "before $pb_b_run"
        pb_n_of=$pb_b_n
        pb_settle unchanged "../$pb_b_run"
        return 0
      elif [ -s "../$pb_b_run/$pb_b_n.began" ]; then
        word= pb_lost=1
        break
      fi
    done
    # The controller remembers a run that is forgotten here, where the last twenty are kept.
    if [ -n "$word" ] && [ ! -d "../${word#* }" ]; then
      pb_b_run=${word#* }
      case $word in done*) pb_frame done "$1" unchanged 0 "$pb_up" "before $pb_b_run"; pb_settle unchanged "../$pb_b_run"; return 0 ;; esac
      pb_lost=1
    fi
  fi
  if [ -n "$reboot" ] && [ -n "$pb_lost" ]; then
    # The host was to reboot, and nobody saw it: whether it did is plain.
    pb_u=$1.began pb_was=0 pb_o=
    [ -z "$pb_b_run" ] || pb_u=../$pb_b_run/$pb_b_n.began
    read -r pb_was pb_o pb_rest <"$pb_u"
    if [ "$pb_o" != "$pb_boot" ]; then pb_done changed 0 rebooted; return 0; fi
    if [ -z "$pb_b_run" ]; then pb_await "$pb_was"; return; fi
    pb_lost=
  fi
  for pb_u in $secrets; do
    eval "pb_v=\${pb_m_$pb_u-}"
    if [ -z "$pb_v" ]; then pb_done failed 0 "secret $pb_u"; pb_failed; return; fi
  done
  for pb_u in $uses; do
    eval "pb_v=\${pb_r_$pb_u-?unset?}"
    if [ "$pb_v" = '?unset?' ] && [ "$pb_mode" = run ]; then pb_done failed 0 "register $pb_u"; pb_failed; return; fi
    if [ "$pb_v" = '?unset?' ]; then pb_frame done "$1" unknown 0 "$pb_up" "register $pb_u"; return 0; fi
  done
  if [ -n "$after" ]; then
    pb_o=
    for pb_u in $after; do eval "pb_o=\$pb_o\${pb_c_$pb_u-}"; done
    if [ -z "$pb_o" ]; then pb_passed="$pb_passed $1"; pb_frame done "$1" skipped 0 "$pb_up" when_changed; return 0; fi
  fi
  while :; do
    pb_ask
    pb_rc=$?
    #:point asked
    case $pb_rc in
      0) [ -z "$pb_lost" ] || { pb_done changed 0 found; return 0; }
         pb_now; pb_frame done "$1" unchanged 0 "$pb_up"
         #:point unchanged-said
         pb_settle unchanged; return 0 ;;
      77) pb_passed="$pb_passed $1"; pb_now; pb_frame done "$1" skipped 0 "$pb_up" only_if; return 0 ;;
      79) ;;
      *) pb_how_asked
         if [ "$pb_mode" = check ]; then pb_now; pb_frame done "$1" unknown "$pb_rc" "$pb_up" "$pb_how"; return 0; fi
         pb_done failed "$pb_rc" "$pb_how"; pb_failed; return ;;
    esac
    [ -n "$verify$creates" ] && verify=check
    if [ -n "$pb_why" ]; then pb_frame diff "$1" "$(printf '%s' "$pb_why" | tr -d '\036')"; fi
    [ -n "$byhand" ] || break
    if [ -z "$pb_shown" ]; then eval "printf '%s\n' $byhand"; pb_shown=1; fi
    if [ -z "$wait" ] || [ "$pb_mode" = check ]; then pb_passed="$pb_passed $1"; pb_now; pb_shown=; pb_frame done "$1" byhand 0 "$pb_up"; return 0; fi
    pb_frame hold "$1"
    pb_idle 5
    pb_read_stop
    if [ -n "$pb_stop" ]; then pb_shown=; pb_done failed 0 stopped; return 1; fi
  done
  pb_shown=
  if [ "$pb_mode" = check ]; then
    pb_now
    pb_frame done "$1" would 0 "$pb_up" "${verify:-always}"
    pb_settle would
    return 0
  fi
  if [ -n "$pb_lost" ] && [ -z "$verify" ]; then
    case $unknown in
      fail) pb_frame done "$1" unknown 0 "$pb_up" "lost $pb_b_run"
            #:point unknown-said
            return 2 ;;
      done) pb_done changed 0 assumed; return 0 ;;
    esac
  fi
  # From here on the step has begun: the place for its result is reserved first, and both are on disk before it.
  if ! printf '%-100s\n' '' >"$1.rct"; then pb_no_place "$1"; return 1; fi
  #:point result-reserved
  if ! printf '%s\n' "$pb_up $pb_boot$pb_passed" >"$1.began"; then rm -f "$1.began"; pb_no_place "$1"; return 1; fi
  #:point began-written
  # (Before the first of them everything that a new runner after a power cut must find: the plan, and the run's folder itself.)
  if [ -n "$pb_did" ]; then pb_flush "$1.rct" "$1.began" log .; else pb_flush plan nonce log .. "$1.rct" "$1.began" .; fi
  pb_did=1
  #:point began-synced
  pb_tries=0
  while :; do
    pb_now
    pb_frame apply "$1" "$pb_up"
    #:point apply-said
    pb_try
    #:point applied
    if [ -n "$reboot" ] && [ $pb_rc = 0 ]; then pb_await "$pb_up"; return; fi
    pb_how=status
    [ $pb_rc != 81 ] || pb_how=integrity
    case $pb_ended in
      late) pb_how=timeout; [ $pb_rc != 0 ] || pb_rc=124 ;;
      stopped) pb_how=stopped; [ $pb_rc != 0 ] || pb_rc=143 ;;
    esac
    [ -z "$pb_left" ] || pb_how="$pb_how $pb_left"
    if [ $pb_rc = 0 ] && [ -n "$verify" ]; then
      pb_ask
      pb_rc=$?
      case $pb_rc in
        0|77) pb_rc=0 ;;
        79) pb_how=verify
            if [ -n "$pb_why" ]; then printf '%s\n' "$pb_why"; fi ;;
        *) pb_how_asked ;;
      esac
    fi
    #:point verified
    if [ $pb_rc = 0 ]; then pb_done changed 0; return 0; fi
    pb_read_stop
    if [ -n "$pb_stop" ] || [ $pb_tries -ge "$retries" ]; then break; fi
    pb_tries=$((pb_tries + 1))
    pb_frame try "$1" "$pb_tries" "$pb_rc"
    #:point try-said
    pb_idle "$delay"
    pb_read_stop
    [ -z "$pb_stop" ] || break
  done
  pb_done failed "$pb_rc" "$pb_how"
  pb_failed
}
# Why a check did not answer.
pb_how_asked() {
  case $pb_ended in late) pb_how=slow ;; stopped) pb_how=stopped ;; *) pb_how=check ;; esac
  [ -z "$pb_left" ] || pb_how="$pb_how $pb_left"
}
# pb_no_place N: step N is not begun, since its result could not be stored: the disk is full, or has become read-only.
pb_no_place() {
  case $( { : >"$1.rct"; } 2>&1) in *ead-only*) pb_v=readonly ;; *) pb_v=full ;; esac
  pb_frame done "$1" failed 0 "$pb_up" $pb_v
}
# After a failure: the run ends unless the step allows it.
pb_failed() { [ -n "$allow" ]; }

# Users of one host have homes of their own, and with them locks and records of their own. A run that uses sudo works on what all
# of them share, so it holds a lock that they share as well. Root writes its name into it, as long as nobody has it; where there
# is no flock or no /run, only the runs of one user are kept apart.
pb_world='command -v flock >/dev/null 2>&1 && [ -d /run ] || exit 0
umask 022
(exec 7>>/run/pinboot.lock && flock -n 7 && printf "%s\n" "$1" >/run/pinboot.lock) 2>/dev/null
exit 0'
# pb_ask_sudo: whether sudo serves; asked once.
pb_ask_sudo() {
  [ -z "$pb_sudo_ok" ] || return 0
  if ! command -v sudo >/dev/null 2>&1; then pb_sudo_ok="no sudo"
  elif pb_v=$(sudo -n -- sh -c "$pb_world" sh "$pb_run $pb_user_of" 2>&1 9>&-); then
    pb_sudo_ok=yes
    pb_take_world
  else pb_sudo_ok=$pb_v; fi
}
pb_take_world() {
  [ -r /run/pinboot.lock ] && command -v flock >/dev/null 2>&1 || return 0
  exec 7</run/pinboot.lock
  pb_lock 7 && return
  pb_v=
  { read -r pb_v </run/pinboot.lock; } 2>/dev/null
  case $pb_v in ''|"$pb_run "*) pb_v='- - -' ;; esac
  pb_refuse_busy
}

# Before anything begins: what steps need must be there, unless their checks say that they have nothing to do.
pb_look() {
  for pb_n in $pb_looks; do
    pb_load "$pb_n"
    [ -z "$skip" ] && [ ! -f "$pb_n.rc" ] || continue
    pb_lacks=
    case $as in
      login) ;;
      *) if [ "$pb_uid" != 0 ]; then
           pb_ask_sudo
           [ "$pb_sudo_ok" = yes ] || pb_lacks="sudo $pb_n $pb_sudo_ok"
         fi ;;
    esac
    for pb_u in $needs; do
      [ -z "$pb_lacks" ] || break
      pb_v= pb_t=$pb_u
      while [ -n "$pb_t" ]; do
        if command -v "${pb_t%%|*}" >/dev/null 2>&1; then pb_v=1; break; fi
        case $pb_t in *\|*) pb_t=${pb_t#*|} ;; *) pb_t= ;; esac
      done
      [ -n "$pb_v" ] || pb_lacks="tools $pb_n $pb_u"
    done
    [ -n "$pb_lacks" ] || continue
    # (Where the check itself needs what is not there, it is not asked.)
    case $as in root|user) [ "${pb_lacks%% *}" = sudo ] || pb_ask ;; *) pb_ask ;; esac
    pb_rc=$?
    case "$as ${pb_lacks%% *} $pb_rc" in "root sudo 0"|"user sudo 0") ;; *" 0"|*" 77") continue ;; esac
    pb_frame unfit "$pb_lacks"
    return 1
  done
}

# pb_stay: where systemd ends everything of a login when its connection ends (KillUserProcesses=yes), the runner leaves the login's
# scope for one of its own, by root's word, or by the user's where its manager outlives the login. It must have started nothing yet.
pb_stay() {
  pb_v=
  while read -r pb_u; do case $pb_u in */session-*.scope) pb_v=1 ;; esac; done 2>/dev/null </proc/self/cgroup
  [ -n "$pb_v" ] && command -v busctl >/dev/null 2>&1 || return 0
  set -- org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager KillUserProcesses
  [ "$(busctl get-property "$@" 2>/dev/null)" = 'b true' ] || return 0
  set -- call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartTransientUnit
  set -- "$@" 'ssa(sv)a(sa(sv))' "pinboot-$pb_run-$$.scope" fail 1 PIDs au 1 $$ 0
  if busctl "$@" || sudo -n busctl "$@"; then :
  elif [ -e "/var/lib/systemd/linger/${LOGNAME-}" ] && busctl --user "$@"; then :
  else
    pb_frame note session
    return 0
  fi >/dev/null 2>&1
  # (systemd moves it a moment after it has answered.)
  pb_k=0
  while [ $pb_k -lt 30 ]; do
    while read -r pb_u; do case $pb_u in */pinboot-*.scope) return 0 ;; esac; done </proc/self/cgroup
    pb_k=$((pb_k + 1))
    pb_pause 1
  done
  pb_frame note session
}

pb_main() {
  umask 077
  exec >>log 2>&1 </dev/null || exit 6
  pb_dir=$(pwd)
  pb_plan=$pb_dir/plan
  pb_quote "$pb_plan"
  pb_plan_word=$pb_q
  pb_home=$HOME pb_exports= pb_shown= pb_sig= pb_did= pb_unstored= pb_boot=-
  { read -r pb_boot <"${pb_boot_file:-/proc/sys/kernel/random/boot_id}"; } 2>/dev/null
  pb_uid=
  [ -z "$pb_looks" ] || { while read -r pb_k pb_v pb_rest; do case $pb_k in Uid:) pb_uid=$pb_v; break ;; esac; done </proc/self/status; } 2>/dev/null
  [ -n "$pb_uid" ] || [ -z "$pb_looks" ] || pb_uid=$(id -u)
  pb_setsid=
  if command -v setsid >/dev/null 2>&1; then pb_setsid=setsid; fi
  trap 'pb_sig=1' TERM USR1 HUP INT
  # The run's lock is inherited by the steps, so that it is held while any process of this run is alive; the host's lock is the
  # runner's alone, and there is one run a host.
  exec 8>>lock
  #:point lock-opened
  # (Another runner of this run lives, or something of a step of one: the delivery follows that.)
  pb_lock 8 lock || pb_leave
  #:point run-locked
  [ ! -s end ] || pb_leave
  # (Not before: who waits for the first lock must not be taken for a holder of the second.)
  exec 9>>../../lock
  pb_lock 9 ../../lock || pb_busy
  #:point host-locked
  pb_owner
  if [ -n "$pb_last" ] && [ "$pb_last" != "$pb_run" ] && [ -d "../$pb_last" ] && [ ! -f "../$pb_last/end" ]; then
    # (The last run's runner died, but something of a step of its may live. A runner that only finds the host taken goes soon.)
    for pb_k in 5 5 5 ''; do
      pb_held "../$pb_last/lock" || break
      [ -n "$pb_k" ] || pb_busy
      pb_pause $pb_k
    done
  fi
  # (Nobody else is at work: what is there of secrets belongs to the dead, or to a runner that will find the lock taken.)
  for pb_u in "${XDG_RUNTIME_DIR:-/dev/shm}"/pinboot-* /dev/shm/pinboot-*; do
    if [ -d "$pb_u" ] && [ "$pb_u" != "$pb_mem" ] && [ -O "$pb_u" ] && [ ! -h "$pb_u" ]; then
      pb_v=
      { read -r pb_v <"$pb_u/.of"; } 2>/dev/null
      if [ "${pb_v%/*}" -ef .. ]; then rm -rf "$pb_u"; fi
    fi
  done
  # (A file would not do: where the last login of a user ends, systemd clears all that was theirs in /dev/shm and $XDG_RUNTIME_DIR.)
  pb_kept=
  if [ -n "$pb_mem" ]; then
    for pb_u in "$pb_mem"/*; do
      pb_v=${pb_u##*/}
      eval "pb_m_$pb_v=\$(cat \"\$pb_u\") && [ -n \"\$pb_m_$pb_v\" ]" || exit 0
      pb_kept="$pb_kept $pb_v"
    done
    rm -rf "$pb_mem"
  fi
  #:point memory-cleared
  pb_stay
  pb_now
  pb_start_of $$
  printf '%s %s\n' "$pb_run" "$pb_user_of" >../../owner
  #:point owner-written
  pb_fresh=1
  if [ -f runner ]; then pb_fresh=; else pb_take_turn; fi
  #:point turn-taken
  printf '%s %s %s\n' $$ "$pb_start" "$pb_boot" >runner
  #:point runner-written
  [ -n "$pb_fresh" ] || pb_pad "$(wc -c <log)"
  pb_frame run $$ "$pb_up"
  #:point run-said
  pb_end=ok
  pb_past=0 pb_passed= pb_sudo_ok=
  if [ -z "$pb_fresh" ]; then
    for pb_u in $pb_reboots; do
      if [ -s "$pb_u.began" ]; then pb_past=$pb_u; read -r pb_k pb_v pb_passed <"$pb_u.began"; fi
    done
  fi
  if [ "$pb_past" != 0 ]; then
    # (What was looked at before the reboot is not looked at again; the lock went with that boot.)
    for pb_u in $pb_looks; do
      pb_load "$pb_u"
      case $as in login) ;; *) [ "$pb_uid" = 0 ] || pb_ask_sudo ;; esac
    done
  fi
  if [ "$pb_past" != 0 ] || pb_look; then
    pb_i=1
    while [ $pb_i -le "$pb_total" ]; do
      if [ -f stop ]; then
        pb_end=stopped
        [ -z "$pb_fresh" ] || break
        # (What an earlier runner has stored is told; what it left in hand is not asked any more, and not passed over in silence.)
        if [ -f "$pb_i.rc" ]; then pb_one $pb_i
        elif [ -s "$pb_i.began" ]; then
          pb_now
          pb_frame start "$pb_i" "$pb_up"
          pb_frame done "$pb_i" unknown 0 "$pb_up" cut
        fi
        pb_i=$((pb_i + 1))
        continue
      fi
      pb_one $pb_i
      pb_rc=$?
      [ -z "$pb_unstored" ] || pb_rc=2
      case $pb_rc in 0) ;; 2) pb_end=unknown; break ;; *) pb_end=failed; [ ! -f stop ] || pb_end=stopped; break ;; esac
      pb_i=$((pb_i + 1))
    done
  else
    pb_end=unfit
  fi
  # (Whoever hears of the end may begin the next run at once, so it is stored and the locks are free before it is said. It is on disk
  # by then where something was done; where nothing was, which may be done again, that is not waited for.)
  [ -z "$pb_did" ] || pb_flush log
  printf '%s\n' $pb_end >end || { rm -f spare; printf '%s\n' $pb_end >end; }
  #:point end-written
  [ -z "$pb_did" ] || pb_flush end .
  #:point end-synced
  exec 7>&- 8>&- 9>&-
  pb_frame end $pb_end
  #:point end-said
  rm -f spare why
  # The last twenty runs are kept. (What is to go leaves in one step: half a record would be taken for one that never began.)
  cd .. || exit 0
  for pb_u in ../old-*; do [ ! -d "$pb_u" ] || rm -rf "$pb_u"; done
  # (The clock does not say which those are: it may have been set back. What is in no list is older than what is.)
  pb_v=
  if [ -f ../order ]; then while read -r pb_u; do pb_v="$pb_u $pb_v"; done <../order; fi
  pb_k=0 pb_h=' '
  for pb_u in $pb_v $(ls -t); do
    case $pb_h in *" $pb_u "*) continue ;; esac
    pb_h="$pb_h$pb_u "
    [ -d "$pb_u" ] || continue
    pb_k=$((pb_k + 1))
    if [ $pb_k -gt 20 ] && [ -f "$pb_u/end" ] && mv "$pb_u" "../old-$pb_u" 2>/dev/null; then
      #:point pruned
      rm -rf "../old-$pb_u"
    fi
  done
}
# pb_take_turn: puts this run at the end of the list of runs, which is kept short. (Whoever has the host's lock is alone here.)
pb_take_turn() {
  {
    printf '%s\n' "$pb_run" >>../../order
    pb_k=0
    while read -r pb_u; do pb_k=$((pb_k + 1)); done <../../order
    if [ $pb_k -gt 100 ]; then tail -n 50 ../../order >../../order.new && mv -f ../../order.new ../../order; fi
  } 2>/dev/null
}
# Who had the host last.
pb_owner() {
  pb_last=
  { read -r pb_last pb_rest <../../owner; } 2>/dev/null
}
# pb_pad SIZE: a power cut takes what was in the log and not yet on disk. Where the controller has been shown more than there is
# now, the places of those bytes are filled, so that what follows has places of its own.
pb_pad() {
  pb_k=$((${pb_from:-1} - 1 - $1))
  while [ $pb_k -gt 0 ]; do
    pb_v=$pb_k
    [ $pb_v -le 60000 ] || pb_v=30000
    # (A frame of this kind has 43 bytes and its blanks.)
    if [ $pb_v -gt 43 ]; then printf "\036pb:%s pad %$((pb_v - 43))s\036\n" "$pb_nonce" ''; else printf "%${pb_v}s" ''; fi
    pb_k=$((pb_k - pb_v))
  done
}
# Ends before anything was begun.
pb_leave() {
  [ -z "$pb_mem" ] || rm -rf "$pb_mem"
  exit 0
}
pb_busy() {
  # (Whoever has only just taken the host may not have written its name yet; whoever had it may be dying this moment.)
  pb_k=0
  while :; do
    pb_v='- - -'
    { read -r pb_v <../../owner; } 2>/dev/null
    pb_last=${pb_v%% *} pb_u=- pb_o=
    [ "$pb_last" != "$pb_run" ] || pb_leave
    { read -r pb_u pb_o pb_rest <"../$pb_last/runner"; } 2>/dev/null
    pb_start_of "$pb_u"
    if [ ! -f "../$pb_last/end" ] && [ -n "$pb_start" ] && [ "$pb_start" = "$pb_o" ]; then break; fi
    if [ $pb_k -ge 20 ]; then
      if [ ! -f "../$pb_last/end" ] && pb_held "../$pb_last/lock"; then break; fi
      pb_leave
    fi
    pb_k=$((pb_k + 1))
    sleep .1 2>/dev/null || { sleep 1; pb_k=$((pb_k + 9)); }
  done
  pb_refuse_busy
}
# (Nothing of this run lives or will: its folder may go with the old ones. Until then its own delivery reads it.)
pb_refuse_busy() {
  pb_frame busy "$pb_v"
  { printf '%s\n' "$pb_run" >>../../order; } 2>/dev/null
  printf 'busy\n' >end
  pb_leave
}
