# What the person who has started the script reads.

pb_say() { printf '%s\n' "$1" >&5; }

# pb_frame VERB FIELD…: what the functions around a step report.
pb_frame() {
  case $1 in
    done) pb_results=$((pb_results + 1)); pb_tell_result "$3" "$4" "${6-}" ;;
    so) pb_results=$((pb_results + 1)); pb_tell_result unchanged 0 '' ;;
    diff) pb_diff=$3 ;;
    try) pb_say "    $pb_step_name: exit status $4, starting attempt $(($3 + 1))" ;;
    left) pb_say "    $pb_step_name: left running: $3" ;;
    unfit) pb_tell_unfit "$2" ;;
    hold)
      if [ -s out ]; then
        pb_say "    $pb_step_name: waiting until it is done"
        pb_show out 1
        : >out
      fi
      ;;
  esac
}

pb_tell_start() {
  if [ "$pb_mode" = check ]; then pb_say "check mode: nothing will be changed"; fi
  pb_user_name=$(id -un)
  if [ -n "$pb_login" ] && [ "$pb_user_name" != "$pb_login" ]; then
    pb_say "note: the playbook logs in as $pb_login, and this is $pb_user_name: what goes into a home goes to $HOME"
  fi
}

# pb_tell_result OUTCOME STATUS REASON: one line for the step, and below it what a person needs.
pb_tell_result() {
  pb_word=$1
  case $1 in
    changed) pb_changes=$((pb_changes + 1)) ;;
    unchanged) pb_unchanged=$((pb_unchanged + 1)) ;;
    would) pb_word='would change' pb_would=$((pb_would + 1)) ;;
    skipped) pb_left_out=$((pb_left_out + 1)) ;;
    byhand) pb_word=manual pb_manual=$((pb_manual + 1)) ;;
    unknown) pb_unknown=$((pb_unknown + 1)) ;;
    failed)
      pb_failed=$((pb_failed + 1))
      if [ -n "$pb_step_allow" ]; then pb_allowed=$((pb_allowed + 1)); fi
      if [ "$3" = integrity ] && [ -z "$pb_step_allow" ]; then pb_exit=${pb_exit:-11}; fi
      ;;
  esac
  pb_explain "$1" "$2" "$3"
  [ "$1 $pb_step_allow" != 'failed 1' ] || pb_because="(allowed) $pb_because"
  pb_say "$(printf '%3s %-32s %-12s %s' "$pb_step_label" "$pb_step_name" "$pb_word" "$pb_because" | sed 's/ *$//')"
  case $1 in changed | would)
    if [ -n "$pb_diff" ] && [ "$1$pb_is_verbose" != changed ]; then
      printf '%s\n' "$pb_diff" >differences
      pb_show differences "${pb_is_verbose:-1,40}"
    fi ;;
  esac
  case $1$pb_is_verbose in
    failed) pb_show out '$' ;;
    byhand | *1) pb_show out 1 ;;
  esac
}

# pb_explain OUTCOME STATUS REASON: sets pb_because to the reason as a sentence.
pb_explain() {
  pb_because=
  case $3 in
    '' | check | when | when_changed | only_if | manual) [ "$1" = failed ] || [ "$1" = unknown ] || return 0 ;;
  esac
  case $3 in
    '') ;;
    status*) pb_because="exit status $2" ;;
    integrity*) pb_because="what came is not what was asked for" ;;
    timeout*) pb_because="it took longer than its timeout of $pb_step_timeout s" ;;
    slow*) pb_because="its check took longer than its timeout of $pb_step_timeout s" ;;
    stopped*) pb_because="stopped" ;;
    verify*) pb_because="the command succeeded, but the check still reports a difference" ;;
    check*) pb_because="its check failed, exit status $2" ;;
    guard*) pb_because="its guard gave no answer: ${3#guard }" ;;
    group_guard*) pb_because="the only_if of its group gave no answer: ${3#group_guard }" ;;
    group*) pb_because="only_if of the group ${3#group }" ;;
    register*) pb_because="no step has registered ${3#register }" ;;
    fact*) pb_because="the fact host.${3#fact } is not known here" ;;
    value*) pb_because=${3#value } ;;
    full) pb_because="no space left on the disk" ;;
    always) pb_because="it has no check" ;;
    owed) pb_because="for a change of an earlier run" ;;
    *) pb_because=$3 ;;
  esac
}

# pb_tell_unfit LACK: the step needs what the host lacks (`sudo STEP WHY`, `tools STEP NAMES`). Nothing was started.
pb_tell_unfit() {
  pb_rest=${1#* }
  pb_rest=${pb_rest#* }
  case $1 in
    sudo*) pb_say "$pb_step_name: it needs another user, and sudo cannot be used: $pb_rest" ;;
    *) pb_say "$pb_step_name: it needs a program that is not here: $pb_rest" ;;
  esac
}

# pb_show FILE LINES: shows so much of a file: `1` all of it, `1,40` its first lines, `$` its last ones. Secrets are left out, and what
# a terminal would obey.
pb_show() {
  case $2 in
    1) cat "$1" ;;
    1,*) head -n "${2#1,}" "$1" ;;
    *) tail -n 20 "$1" ;;
  esac | tr -cd '\011\012\036\040-\176\200-\377' | while IFS= read -r pb_shown || [ -n "$pb_shown" ]; do
    case $pb_shown in *"$pb_rs"*) ;; *) pb_show_line "$pb_shown" ;; esac
  done >&5
}

# pb_show_line LINE: prints it; *** takes the place of each line of each secret.
pb_show_line() {
  set -f
  IFS='
'
  for pb_value in $pb_masked; do
    pb_ready=
    while case $1 in *"$pb_value"*) ;; *) false ;; esac; do
      pb_ready="$pb_ready${1%%"$pb_value"*}***"
      set -- "${1#*"$pb_value"}"
    done
    set -- "$pb_ready$1"
  done
  printf '      %s\n' "$1"
}

# pb_tell_end: one line about all steps. Sets pb_exit.
pb_tell_end() {
  pb_sum=
  pb_count "$pb_changes" changed
  pb_count "$pb_unchanged" unchanged
  pb_count "$pb_would" 'would change'
  pb_count "$pb_manual" manual
  pb_count "$pb_left_out" skipped
  pb_count "$pb_unknown" unknown
  pb_sum="$pb_sum$pb_failed failed"
  [ "$pb_allowed" = 0 ] || pb_sum="$pb_sum ($pb_allowed allowed)"
  pb_rest=$((pb_total - pb_results))
  [ $pb_rest = 0 ] || pb_sum="$pb_sum, $pb_rest not started"
  pb_say "$pb_total steps: $pb_sum"
  case $pb_end in
    ok) pb_exit=0 ;;
    unfit) pb_exit=6 ;;
    *) pb_exit=${pb_exit:-1} ;;
  esac
}
pb_count() { [ "$1" = 0 ] || pb_sum="$pb_sum$1 $2, "; }
