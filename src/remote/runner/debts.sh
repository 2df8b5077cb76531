# What is owed: a change stays owed to each step that waits for it (`when_changed`) until that step has succeeded. The host keeps a
# mark for each of them in ~/.pinboot/owed, named by what every run calls that step; in it is the run that laid it.

# pb_lay_debts: marks what the step is about to change as owed to the steps that wait for it; false where there is no room. Sets
# pb_marks to what has to be on disk before the step starts.
pb_lay_debts() {
  pb_marks=
  [ -n "$pb_step_owes" ] || return 0
  [ -d ../../owed ] || mkdir ../../owed || return
  for pb_name in $pb_step_owes; do
    printf '%s\n' "$pb_run" >"../../owed/$pb_name" || return
    pb_marks="$pb_marks ../../owed/$pb_name"
  done
  pb_marks="$pb_marks ../../owed ../.."
}

# pb_is_owed: whether a change of this run or of an earlier one waits for this step.
pb_is_owed() { [ -n "$pb_step_due" ] && [ -e "../../owed/$pb_step_due" ]; }

# pb_pay_debt: the step has succeeded. Where the runner dies before this, the step runs again.
pb_pay_debt() {
  if [ "$pb_mode" = run ] && pb_is_owed; then rm -f "../../owed/$pb_step_due"; fi
}

# pb_pay_stored_debt: the same for a result that an earlier runner of this run has stored, where that was all that it could do. What a
# later run owes stays.
pb_pay_stored_debt() {
  pb_owing_run=
  if pb_is_owed; then read -r pb_owing_run <"../../owed/$pb_step_due"; fi
  [ "$pb_owing_run" != "$pb_run" ] || pb_pay_debt
}
