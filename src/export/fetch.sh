# Fetches a script and runs it, where its bytes are those that it was made with. $1 is its address, $2 its SHA-256, $3 who logs in.
umask 077
mkdir -p /var/lib/pinboot && cd /var/lib/pinboot || exit
tries=0
until
  if command -v curl >/dev/null; then curl -fsSL -o first-boot.sh -- "$1"
  elif command -v wget >/dev/null; then wget -q -O first-boot.sh -- "$1"
  else python3 -c 'import sys, urllib.request as u; u.urlretrieve(sys.argv[1], "first-boot.sh")' "$1"
  fi
do
  tries=$((tries + 1))
  [ $tries -lt 10 ] || { echo "pinboot: $1 cannot be fetched"; exit 3; }
  sleep 3
done
sum=$(sha256sum <first-boot.sh)
[ "${sum%% *}" = "$2" ] || { echo "pinboot: $1 gives another script than the one that was exported: sha256 $sum"; exit 11; }
exec /bin/sh ./first-boot.sh "$3"
