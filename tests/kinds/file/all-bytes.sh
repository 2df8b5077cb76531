# Every byte once.
byte=0
while [ "$byte" -lt 256 ]; do
    # shellcheck disable=SC2059 # The format is the byte.
    printf "\\$(printf %o "$byte")"
    byte=$((byte + 1))
done
