# Gives the files that a step has written down to the machine that pinboot runs on: the other end of a command beside the one that follows
# the run. In front of it stand pb_run, pb_nonce, pb_taken_step, and pb_index_first and pb_index_bytes: the first byte of the index, counted from 1, and how many it has.
#
# It says `index`, or `took` where the bytes are gone and the index alone is there, and the index follows; or `none`. Then standard input
# has `from BYTE COUNT`, on which so many bytes follow from this one, and `done` when all of them have their place: then they go. The
# index stays, for a pinboot that was killed before it could write down that it has them.
pb_say() { printf '\036pb:%s %s\036\n' "$pb_nonce" "$*"; }
command -v tail >/dev/null 2>&1 || export PATH="${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077
cd "$HOME/.pinboot/runs/$pb_run" 2>/dev/null || { pb_say none; exit; }
# pb_print_from BYTE COUNT: so many bytes of what the step has written, from this one, counted from 1.
pb_print_from() { tail -c "+$1" "$pb_taken_step.have" | head -c "$2"; }
if [ -f "$pb_taken_step.have" ]; then
  pb_say index
  pb_print_from "$pb_index_first" "$pb_index_bytes"
elif [ -f "$pb_taken_step.took" ]; then
  pb_say took
  cat "$pb_taken_step.took"
else
  pb_say none
  exit
fi
while read -r pb_word pb_first pb_count; do
  case $pb_word in
    from) pb_print_from "$pb_first" "$pb_count" 2>/dev/null || exit ;;
    done)
      [ ! -f "$pb_taken_step.have" ] ||
        { pb_print_from "$pb_index_first" "$pb_index_bytes" >"$pb_taken_step.taken" && mv -f "$pb_taken_step.taken" "$pb_taken_step.took" && rm -f "$pb_taken_step.have"; }
      exit
      ;;
  esac
done
