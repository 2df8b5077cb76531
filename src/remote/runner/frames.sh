# What the runner says. A frame is RS pb:NONCE verb fields RS newline in one write; what stands between two frames is what a step
# printed.

# pb_frame VERB FIELD…: writes a frame. A full disk has room for it in the space that the delivery has set aside.
pb_frame() {
  pb_write_frame "$*" || { rm -f spare; pb_write_frame "$*"; }
}
pb_write_frame() { printf '\036pb:%s %s\036\n' "$pb_nonce" "$1"; }

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
