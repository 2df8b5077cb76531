#!/bin/sh
# Knows keys by the ends of their fingerprints, which are enough for those of the tests.
case $1 in
-q)
    [ -s /var/known ] || { echo 'package gpg-pubkey is not installed'; exit 1; }
    cat /var/known
    ;;
--import)
    grep -q 'BEGIN PGP' "$2" || exit 1
    echo "import $2" >> @calls@
    echo 4d2da790 >> /var/known
    ;;
esac
