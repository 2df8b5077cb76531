# Takes the files that a step waits for: the other end of a command beside the one that follows the run. In front of it stand pb_run,
# pb_nonce and pb_step.
#
# It says `lack DIGEST OFFSET SIZE NAME` for each file that is not complete, and `ready`. Then standard input has lines: `block DIGEST
# OFFSET LENGTH` with as many bytes behind it (`last` at the end of the line: the file ends with them), `fault DIGEST WHY` for a file that
# cannot be sent, and `end`. It ends with `done`, with `again` where something is still lacking, or with `busy` where another one takes
# files at the moment.
pb_say() { printf '\036pb:%s %s\036\n' "$pb_nonce" "$*" || exit 137; }
command -v mkdir >/dev/null 2>&1 || export PATH="${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077
LC_ALL=C
export LC_ALL
cd "$HOME/.pinboot/runs/$pb_run" 2>/dev/null && [ -f "$pb_step.want" ] && [ ! -s end ] || { pb_say done; exit; }
pb_folder=$(pwd)
cd ../../files || { pb_say done; exit; }

# pb_start_of PID: sets pb_start, which tells a process from a later one of the same number.
pb_start_of() {
  pb_stat= pb_start=-
  { read -r pb_stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # The fields are split here.
  set -- ${pb_stat##*) }
  pb_start=${20-}
}
# pb_alive PID START: whether that process lives.
pb_alive() { [ -n "$2" ] && kill -0 "$1" 2>/dev/null && pb_start_of "$1" && [ "$pb_start" = "$2" ]; }

# One at a time appends to a file. The other end of one whose connection is dead may hold on for minutes: one that takes nothing is ended.
pb_start_of $$
pb_own="$$ $pb_start"
until (set -C && printf '%s\n' "$pb_own" >sender) 2>/dev/null; do
  pb_pid= pb_was=
  { read -r pb_pid pb_was <sender; } 2>/dev/null
  pb_sizes=$(ls -ln)
  sleep 2
  if pb_alive "$pb_pid" "$pb_was"; then
    [ "$pb_sizes" = "$(ls -ln)" ] || { pb_say busy; exit; }
    kill "$pb_pid" 2>/dev/null
    sleep 1
    ! pb_alive "$pb_pid" "$pb_was" || kill -9 "$pb_pid" 2>/dev/null
  fi
  rm -f sender
  [ -w . ] || { pb_say busy; exit; }
done
pb_child=
pb_leave() { [ "$(cat sender 2>/dev/null)" != "$pb_own" ] || rm -f sender; }
trap pb_leave 0
trap '[ -z "$pb_child" ] || kill "$pb_child" 2>/dev/null; exit 143' HUP INT TERM

if command -v sha256sum >/dev/null 2>&1; then pb_sum() { sha256sum; }
elif command -v shasum >/dev/null 2>&1; then pb_sum() { shasum -a 256; }
elif command -v openssl >/dev/null 2>&1; then pb_sum() { openssl dgst -sha256 -r; }
elif command -v busybox >/dev/null 2>&1; then pb_sum() { busybox sha256sum; }
else pb_sum() { python3 -c 'import hashlib, sys
h = hashlib.sha256()
for b in iter(lambda: sys.stdin.buffer.read(65536), b""): h.update(b)
print(h.hexdigest())'; }
fi

# pb_have: prints how many bytes of pb_digest are here.
pb_have() {
  pb_size=0
  [ ! -f "$pb_digest.part" ] || pb_size=$(wc -c <"$pb_digest.part") || exit 137
  # Some print blanks in front of it.
  # shellcheck disable=SC2086
  echo $pb_size
}
# pb_fail WHY: the step fails with the name of pb_digest.
pb_fail() {
  while read -r pb_known pb_rest pb_name; do
    [ "$pb_known" != "$pb_digest" ] || break
  done <"$pb_folder/$pb_step.want"
  printf '%s\n' "$pb_name: $1" >"$pb_folder/$pb_step.fault.new" && mv -f "$pb_folder/$pb_step.fault.new" "$pb_folder/$pb_step.fault"
  pb_say done
  exit
}
# pb_keep: what is complete gets its own name. What has another digest than the plan goes; where it was continued, it is asked for once more.
pb_keep() {
  pb_found=$(pb_sum <"$pb_digest.part") || exit 137
  if [ "${pb_found%% *}" = "$pb_digest" ]; then
    sync "$pb_digest.part" 2>/dev/null || sync
    mv -f "$pb_digest.part" "$pb_digest" || exit 137
  else
    rm -f "$pb_digest.part"
    [ -n "$pb_continued" ] || pb_fail "its bytes are not those of the plan any more: it was changed after the plan was made"
  fi
}
# pb_dd SIZE COUNT: takes as many blocks, and not a byte more. In the background, so that a signal can end it.
pb_full=iflag=fullblock
dd if=/dev/null of=/dev/null count=1 $pb_full 2>/dev/null || pb_full=
pb_dd() {
  set -- "$1" "$2" $pb_full
  [ -n "$pb_full" ] || [ "$1" = 1 ] || set -- 1 $(($1 * $2))
  dd bs="$1" count="$2" ${3+"$3"} <&3 >>"$pb_digest.part" 2>/dev/null &
  pb_child=$!
  wait $pb_child || pb_bad=$?
  pb_child=
}
# pb_take OFFSET LENGTH [last]: takes a block.
pb_take() {
  [ "$1" = 0 ] && [ ! -f "$pb_digest.part" ] || [ "$(pb_have)" = "$1" ] || exit 1
  case $pb_digest:$1 in
  "$pb_current":*) ;;
  *:0) pb_current=$pb_digest pb_continued= ;;
  *) pb_current=$pb_digest pb_continued=1 ;;
  esac
  pb_bad=
  [ "$1" != 0 ] || : >"$pb_digest.part" || pb_bad=1
  [ "$2" -lt 65536 ] || pb_dd 65536 $(($2 / 65536))
  [ $(($2 % 65536)) = 0 ] || pb_dd $(($2 % 65536)) 1
  if [ -n "$pb_bad" ]; then
    # What was killed says nothing about the disk.
    [ "$pb_bad" -le 128 ] || exit 1
    pb_free=$(df -Pk . 2>/dev/null | awk 'NR == 2 { print $4 }')
    rm -f "$pb_digest.part"
    pb_fail "no room for it in ~/.pinboot/files (${pb_free:-?} KiB were free)"
  fi
  [ "${3-}" != last ] || pb_keep_whole "$1" "$2"
}
# pb_keep_whole OFFSET LENGTH: where the connection was cut, there is less.
pb_keep_whole() {
  pb_size=$(pb_have)
  # Not every shell adds beyond 2 GiB.
  awk -v size="$pb_size" -v offset="$1" -v length_="$2" 'BEGIN { exit size != offset + length_ }' || exit 1
  pb_keep
}

exec 3<&0
pb_current= pb_continued=1
while read -r pb_digest pb_size pb_name; do
  [ ! -f "$pb_digest" ] || continue
  pb_all=$pb_size pb_offset=$(pb_have)
  if [ "$pb_offset" = "$pb_all" ] && [ -f "$pb_digest.part" ]; then
    pb_keep
    [ ! -f "$pb_digest" ] || continue
    pb_offset=0
  fi
  pb_say lack "$pb_digest" "$pb_offset" "$pb_all" "$pb_name"
done <"$pb_folder/$pb_step.want"
pb_say ready
pb_word=
while read -r pb_word pb_digest pb_rest <&3; do
  case $pb_word in
  block)
    # shellcheck disable=SC2086 # Words.
    pb_take $pb_rest
    ;;
  fault) pb_fail "$pb_rest" ;;
  *) break ;;
  esac
done
[ "$pb_word" = end ] || exit 1
while read -r pb_digest pb_rest; do
  [ -f "$pb_digest" ] || { pb_say again; exit; }
done <"$pb_folder/$pb_step.want"
pb_say done
