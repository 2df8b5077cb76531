# The questions of groups of steps (`only_if`): each is asked once in a run, before the first step of its group that may run. The answer
# holds for the runners that come after a reboot too: it stands in the file `groups`, a line `GROUP ANSWER` for each, where ANSWER is
# `yes`, `no NAME`, or `error STATUS REASON`.

# pb_read_answers: takes over what an earlier runner of this run was answered.
pb_read_answers() {
  pb_answers= pb_answered=
  [ -f groups ] || return 0
  pb_answered=groups
  while read -r pb_rest; do
    pb_answers="$pb_answers
$pb_rest
"
  done <groups
}

# pb_find_answer: sets pb_answer to what was answered for pb_group; nothing where it has not been asked.
pb_find_answer() {
  pb_answer=
  case $pb_answers in
  *"
$pb_group "*)
    pb_answer=${pb_answers##*"
$pb_group "}
    pb_answer=${pb_answer%%"
"*}
    ;;
  esac
  # A power cut may have left half a line.
  case $pb_answer in yes | no\ * | error\ *) ;; *) pb_answer= ;; esac
}

# The step is skipped where a group around it has nothing to do on this host, and fails where that cannot be found out.
pb_skip_by_group() {
  for pb_group in $pb_step_groups; do
    pb_find_answer
    if [ -z "$pb_answer" ]; then pb_ask_group; fi
    case $pb_answer in
      yes) continue ;;
      no*) pb_skip "group ${pb_answer#no }" ;;
      *)
        pb_answer=${pb_answer#error }
        pb_end_unsure "${pb_answer%% *}" "${pb_answer#* }"
        ;;
    esac
    return 0
  done
  return 1
}

# pb_load_group: lets the group pb_group say what it asks, in place of the step.
pb_load_group() {
  pb_member=$pb_id
  pb_load_step "$pb_group"
  pb_id=$pb_member
}

# pb_ask_group: sets pb_answer. A question that a stop has ended is not answered.
pb_ask_group() {
  pb_load_group
  pb_ended_by=
  if pb_find_missing; then
    pb_answer="error 0 $pb_missing"
  else
    pb_check
    pb_status=$?
    case $pb_status in
      79) pb_answer=yes ;;
      77) pb_answer="no $pb_step_name" ;;
      *)
        pb_read_check_error
        case $pb_reason in guard*) pb_reason="group_guard ${pb_reason##* } $pb_step_name" ;; esac
        pb_answer="error $pb_status $pb_reason"
        ;;
    esac
  fi
  if [ "$pb_ended_by" != stopped ]; then
    pb_answers="$pb_answers
$pb_group $pb_answer
"
    if { printf '%s\n' "$pb_group $pb_answer" >>groups; } 2>/dev/null; then pb_answered=groups; fi
    #:point group-answered
  fi
  pb_load_step "$pb_member"
}

# pb_is_left_by_group: sets pb_left where a group has nothing to do, asked ahead of its time and not for good.
pb_is_left_by_group() {
  pb_left=
  for pb_group in $pb_step_groups; do
    pb_load_group
    case "$pb_step_as ${pb_lack%% *}" in 'root sudo' | 'user sudo') break ;; esac
    pb_check
    case $? in 77) pb_left=1; break ;; esac
  done
  pb_load_step "$pb_id"
}
