#!/bin/sh
# Stands in for the programs of busybox that change accounts, under all their names. Alpine has them; Debian's busybox does not.
set -eu
fail() { echo "${0##*/}: $*" >&2; exit 1; }
entry() { grep "^$2:" "/etc/$1" > /dev/null; }
free() { awk -F : -v from="$2" -v to="$3" '{ used[$3] = 1 } END { for (n = from; n <= to; n++) if (!used[n]) { print n; exit } }' "/etc/$1"; }
edit() { awk -F : -v OFS=: "$2" "/etc/$1" > "/etc/$1+" && cat "/etc/$1+" > "/etc/$1" && rm "/etc/$1+"; }
gid_of() { awk -F : -v name="$1" '$1 == name { print $3 }' /etc/group; }
system='' home='' gecos='Linux User,,,' shell=/bin/sh group='' id='' no_home='' quiet='' remove=''
while getopts h:g:s:G:SDHu:e-: option; do
    case ${0##*/}/$option in
    addgroup/g) id=$OPTARG ;;
    addgroup/S | adduser/S) system=1 ;;
    adduser/h) home=$OPTARG ;;
    adduser/g) gecos=$OPTARG ;;
    adduser/s) shell=$OPTARG ;;
    adduser/G) group=$OPTARG ;;
    adduser/D) quiet=1 ;;
    adduser/H) no_home=1 ;;
    adduser/u) id=$OPTARG ;;
    chpasswd/e) ;;
    deluser/-) [ "$OPTARG" = remove-home ] || fail "unrecognized option: $OPTARG"; remove=1 ;;
    *) fail "unrecognized option: $option" ;;
    esac
done
shift $((OPTIND - 1))
from=1000 to=60000
[ -z "$system" ] || from=100 to=999
case ${0##*/}/$# in
addgroup/1)
    ! entry group "$1" || fail "group '$1' in use"
    echo "$1:x:${id:-$(free group $from $to)}:" >> /etc/group
    ;;
addgroup/2) edit group "\$1 == \"$2\" { \$4 = \$4 (\$4 == \"\" ? \"\" : \",\") \"$1\" } { print }" ;;
delgroup/1) edit group "\$1 != \"$1\" { print }" ;;
delgroup/2) edit group "\$1 == \"$2\" { \$4 = \",\" \$4 \",\"; sub(/,$1,/, \",\", \$4); gsub(/^,|,\$/, \"\", \$4) } { print }" ;;
adduser/1)
    [ -n "$quiet" ] || fail 'it asks for a password'
    ! entry passwd "$1" || fail "user '$1' in use"
    id=${id:-$(free passwd $from $to)}
    if [ -z "$group" ]; then
        echo "$1:x:$id:" >> /etc/group
        group=$1
    fi
    echo "$1:x:$id:$(gid_of "$group"):$gecos:${home:=/home/$1}:$shell" >> /etc/passwd
    echo "$1:!:19000:0:99999:7:::" >> /etc/shadow
    if [ -z "$no_home" ]; then
        mkdir -p "$home"
        chown "$id:$(gid_of "$group")" "$home"
    fi
    ;;
deluser/1)
    [ -z "$remove" ] || rm -rf "$(awk -F : -v name="$1" '$1 == name { print $6 }' /etc/passwd)"
    for file in passwd shadow; do edit $file "\$1 != \"$1\" { print }"; done
    edit group "\$1 == \"$1\" { next } { \$4 = \",\" \$4 \",\"; sub(/,$1,/, \",\", \$4); gsub(/^,|,\$/, \"\", \$4); print }"
    ;;
chpasswd/*)
    IFS=: read -r name hash
    # shellcheck disable=SC2016 # For awk.
    NAME=$name HASH=$hash edit shadow '$1 == ENVIRON["NAME"] { $2 = ENVIRON["HASH"] } { print }'
    ;;
*) fail usage ;;
esac
