# Files that a step gives to the machine that pinboot runs on. Only a plan with such a step has this.

# pb_find_offer: sets pb_offered to where the index begins in what the step has written, and how many bytes it has. False where the step
# has written nothing, or not all of it.
pb_find_offer() {
  pb_offered=
  [ -n "$pb_step_takes" ] && [ -f "$pb_id.have" ] || return 1
  # The last line has forty bytes. Not every shell counts beyond 2 GiB.
  pb_offered=$(
    { tail -c 40 "$pb_id.have" | tr -cd ' 0-9a-z\n-'; wc -c <"$pb_id.have"; } | awk '
      NR == 1 && $1 == "pb-have" && NF == 3 { index_ = $2; bytes = $3 }
      NR == 2 && bytes != "" && index_ + bytes + 40 == $1 { print index_, bytes }'
  )
  [ -n "$pb_offered" ]
}

# pb_judge_offer: a file that became shorter while it was read has left fewer bytes than the index says.
pb_judge_offer() {
  [ "$pb_exit_status" = 0 ] && [ -n "$pb_step_takes" ] && ! pb_find_offer || return 0
  echo "a file became shorter while it was read, or there was no room for its bytes: try again"
  pb_exit_status=1
}

# pb_offer: says what can be taken.
pb_offer() {
  ! pb_find_offer || pb_frame have "$pb_id" "$pb_offered"
}
