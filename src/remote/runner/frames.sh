# What the runner says. A frame is RS pb:NONCE verb fields RS newline in one write. Frames stand in `log`, which no step has open;
# what steps print stands in `out`, which is the runner's own standard output too.

# pb_frame VERB FIELD…: writes a frame, behind one that says how much has been printed where that is news. Results are counted.
pb_frame() {
  case $1 in done | so) pb_results=$((pb_results + 1)) ;; esac
  pb_mark_output
  pb_write_frame "$*"
}

# pb_write_frame TEXT: a full disk has room for it in the space that the delivery has set aside.
pb_write_frame() {
  pb_append_frame "$1" || { rm -f spare; pb_append_frame "$1"; }
}
# The log is the runner's descriptor 5, which the shells of steps do not get.
pb_append_frame() { printf '\036pb:%s %s\036\n' "$pb_nonce" "$1" >&5; }

# pb_mark_output: says how many bytes of `out` come before the next frame. The kernel tells without a process whether anything was
# printed since the last look; where it does not, the file is measured each time.
pb_mark_output() {
  pb_find_place
  [ -z "$pb_place" ] || [ "$pb_place" != "$pb_last_place" ] || return 0
  # Twice, since the program that measures it may be killed.
  pb_size=$(pb_measure) || pb_size=$(pb_measure) || return 0
  # A power cut, or a step that opened its own output anew, has taken what was there. Its place is filled, so that what follows
  # has a place of its own. Where it was a step, the reader learns that bytes can no longer be counted.
  if [ "$pb_size" -lt "$pb_least_size" ]; then
    pb_fill $((pb_least_size - pb_size))
    pb_size=$pb_least_size
    [ "$pb_marked_size" = 0 ] || pb_size="$pb_size cut"
  fi
  [ "$pb_size" = "$pb_marked_size" ] || pb_write_frame "out $pb_size"
  pb_size=${pb_size% cut}
  pb_last_place=$pb_place pb_marked_size=$pb_size pb_least_size=$pb_size
}

# pb_mark_step: says in `out` that what follows is the output of this step, for a reader who gets it before the step's first frame.
# What the runner itself has written there is no news.
pb_mark_step() {
  pb_find_place
  pb_before_note=$pb_place
  { printf '\036step %s\036\n' "$pb_id"; } 2>/dev/null || return 0
  [ -n "$pb_before_note" ] && [ "$pb_before_note" = "$pb_last_place" ] || return 0
  pb_find_place
  pb_last_place=$pb_place
}

# pb_find_place: sets pb_place to where the next output goes, or to nothing where the kernel does not tell.
pb_find_place() {
  pb_place=
  { read -r pb_rest pb_place </proc/self/fdinfo/1; } 2>/dev/null
}

pb_measure() { { wc -c <out; } 2>/dev/null; }

# pb_fill BYTES: prints so many blanks.
pb_fill() {
  pb_missing=$1
  while [ "$pb_missing" -gt 0 ]; do
    pb_piece=$((pb_missing > 30000 ? 30000 : pb_missing))
    printf "%${pb_piece}s" ''
    pb_missing=$((pb_missing - pb_piece))
  done
}

# pb_report OUTCOME STATUS [REASON]: says how the step ended, and stores nothing.
pb_report() {
  pb_now
  pb_frame done "$pb_id" "$1" "$2" "$pb_clock" "${3-}"
}

# pb_now: sets pb_clock to the seconds since the host's boot, with two decimals.
pb_clock=-
if [ -r /proc/uptime ]; then
  pb_now() { read -r pb_clock pb_rest </proc/uptime; }
else
  pb_now() { :; }
fi

# pb_pause TENTHS: where sleep knows no fractions, a second is the shortest pause.
pb_pause() { sleep ".$1" 2>/dev/null || sleep 1; }

# pb_tick: waits a moment, and counts the tenths of a second in pb_tenths.
pb_tick() {
  if sleep .1 2>/dev/null; then
    pb_tenths=$((pb_tenths + 1))
  else
    sleep 1
    pb_tenths=$((pb_tenths + 10))
  fi
}

# pb_quote VALUE: sets pb_ret to the value as one single-quoted word.
pb_quote() {
  pb_ret= pb_unquoted=$1
  while case $pb_unquoted in *\'*) ;; *) false ;; esac; do
    pb_ret="$pb_ret${pb_unquoted%%\'*}'\\''" pb_unquoted=${pb_unquoted#*\'}
  done
  pb_ret="'$pb_ret$pb_unquoted'"
}
