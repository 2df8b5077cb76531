# Files of the controller that a step needs. Only programs whose steps send files have this file, and the lines of the others that begin
# with `#:with-files`.
#
# The command of such a step runs twice. With arg_wanted=? it says which files it lacks: a line `NUMBER DIGEST SIZE NAME` for each, in the
# order in which it takes them. Then it finds these numbers in arg_wanted, and the bytes of those files, one behind the other, at its
# descriptor 3. In between the runner waits until the controller has sent them to `~/.pinboot/files`, where each is called by its SHA-256;
# what is not complete is called DIGEST.part. They stay there until the step has taken them, also for the next run.

pb_stream=

# pb_receive: false where the files did not come; pb_exit_status and pb_ended_by say why, as for a command.
pb_receive() {
  [ -n "$pb_step_files" ] || return 0
  pb_plain_args=${pb_waiting_args%% arg_wanted=*}
  pb_waiting_args="$pb_plain_args arg_wanted=?" pb_exit_status=1 pb_ended_by=
  pb_run_command >"$pb_id.list"
  [ "$pb_exit_status" = 0 ] && [ -z "$pb_ended_by" ] || return 1
  pb_exit_status=1
  pb_ask_files || return 1
  pb_waiting_args="$pb_plain_args arg_wanted='$(awk '{ printf "%s ", $1 }' "$pb_id.list")'"
  pb_stream=$pb_id.list
}

# pb_drop_files: behind the command. What it has taken is not needed any more.
pb_drop_files() {
  [ -n "$pb_stream" ] || return 0
  pb_stream= pb_waiting_args=$pb_plain_args
  [ "$pb_exit_status" = 0 ] && [ -z "$pb_ended_by" ] || return 0
  while read -r pb_digest pb_rest; do rm -f "../../files/$pb_digest"; done <"$pb_id.want"
  rm -f "$pb_id.want" "$pb_id.list"
}

# pb_ask_files: has the controller send what is not here, and waits for it.
pb_ask_files() {
  rm -f "$pb_id.fault"
  awk '!seen[$2]++ { sub(/^[^ ]* /, ""); print }' "$pb_id.list" >"$pb_id.want" || return 1
  pb_count_lacking || return 1
  case $pb_lacking in '0 '*) pb_exit_status=0; return 0 ;; esac
  pb_has_room || return 1
  #:point files-listed
  pb_frame want "$pb_id" "${pb_lacking#* }"
  #:point want-said
  (
    exec 7>&- 8>&- 9>&-
    pb_await_files
  ) &
  pb_pid=$! pb_has_group= pb_tree=
  pb_wait
  #:point files-came
  [ "$pb_exit_status" = 0 ] && [ -z "$pb_ended_by" ]
}

# pb_count_lacking: sets pb_lacking to how many files are not here, and how many bytes of them. Not every shell counts beyond 2 GiB.
# shellcheck disable=SC2030 # In a subshell of its own.
pb_count_lacking() {
  mkdir -p ../../files || return 1
  # What no run has taken for a week.
  find ../../files -type f -mtime +7 -exec rm -f {} + 2>/dev/null
  pb_lacking=$(
    while read -r pb_digest pb_size pb_rest; do
      [ -f "../../files/$pb_digest" ] || printf '%s %s\n' "$pb_size" "$(pb_part_size)"
    done <"$pb_id.want" | awk '{ bytes += $1 - $2 } END { printf "%d %.0f", NR, bytes }'
  )
  [ -n "$pb_lacking" ]
}
# shellcheck disable=SC2031
pb_part_size() {
  if [ -f "../../files/$pb_digest.part" ]; then wc -c <"../../files/$pb_digest.part"; else echo 0; fi
}

# pb_has_room: whether the disk has room for what is lacking, as far as it tells.
pb_has_room() {
  df -Pk ../../files 2>/dev/null | awk -v need="${pb_lacking#* }" -v at="$pb_home/.pinboot" '
    NR == 2 && $4 ~ /^[0-9]+$/ && $4 * 1024 < need {
      printf "no space left in %s for the files on their way: %d KiB free, and %d KiB are needed\n", at, $4, need / 1024 + 1
      full = 1
    }
    END { exit full }'
}

# pb_await_files: ends when all of them are here. It runs beside the runner, and shows how far they are.
pb_await_files() {
  pb_tenths=0 pb_here=0
  while read -r pb_digest pb_size pb_rest; do
    until [ -f "../../files/$pb_digest" ]; do
      if [ -s "$pb_id.fault" ]; then
        cat "$pb_id.fault"
        exit 1
      fi
      # A step of a second or so shows no progress.
      case $pb_tenths in *[05]) [ "$pb_tenths" -lt 10 ] || pb_show_progress ;; esac
      pb_tick
    done
    pb_here="$pb_here $pb_size"
  done <"$pb_id.want"
  [ "$pb_tenths" -lt 10 ] || pb_show_progress
}
pb_show_progress() {
  pb_progress=$(printf '%s\n' "$pb_here $(pb_part_size)" | awk -v all="$(awk '{ all += $2 } END { printf "%.0f", all }' "$pb_id.want")" '
    { for (i = 1; i <= NF; i++) here += $i; if (here + 0 > all + 0) here = all; printf "%.0f %s", here, all }')
  [ "$pb_progress" = "$pb_last_progress" ] || printf '\036progress %s\036\n' "$pb_progress"
  pb_last_progress=$pb_progress
}
pb_last_progress=

# pb_start_streaming COMMAND…: starts a shell on pb_text like pb_start_shell, and gives it the files behind the text. sudo leaves a
# shell nothing but standard input. The text says its length in front, so that what follows can be read from the same pipe.
pb_start_streaming() {
  pb_text=": pb-length $(pb_print "$pb_text" | wc -c)
$pb_text"
  { pb_send "$*"; pb_send_stream; } | {
    umask "$pb_login_umask"
    # shellcheck disable=SC2086 # It is a word or none.
    exec $pb_setsid "$@" 1>&4 4>&- 5>&- 7>&- 8>&8 9>&-
  } &
  pb_pid=$! pb_has_group=$pb_setsid
}
pb_send_stream() { while read -r pb_rest pb_digest pb_rest; do cat "../../files/$pb_digest"; done <"$pb_stream"; }

# pb_choose_reader: how the next shell reads its text.
pb_choose_reader() {
  [ -n "${pb_read_text-}" ] || pb_read_text=$pb_read_and_run
  pb_read_and_run=$pb_read_text
  [ -z "$pb_stream" ] || pb_read_and_run=$pb_read_and_stream
}
# shellcheck disable=SC2016 # For another shell.
pb_read_and_stream='while IFS= read -r line; do case $line in ": pb-length "*) break ;; esac; done
set -- "$(dd bs="$((${line##* }))" count=1 iflag=fullblock 2>/dev/null; echo .)"; case $1 in *"# pb-end
.") ;; *) echo "pinboot: the step was cut off on its way" >&2; exit 125 ;; esac; exec 3<&0 </dev/null; eval "${1%.}"'
