# Sets up the mount namespace of a host whose folder is $1, and keeps it until standard input ends. $2 is `private` for a root of
# its own; $3 is where a small file system with the options $4 is mounted, if anywhere: `/` is everything that the root writes.
set -eu
cd "$1"
if [ "$2" = private ]; then
    mkdir base
    size=
    [ "$3" != / ] || size=$4
    mount -t tmpfs -o "mode=755${size:+,$size}" none base
    cd base
    mkdir upper work root
    mount -t overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" none root
    mount -t proc proc root/proc
    # The kernel's own settings are those of this machine.
    mount --bind root/proc/sys root/proc/sys
    mount -o remount,bind,ro root/proc/sys
    mount --rbind /dev root/dev
    # Where the layer is full, they are not.
    mount -t tmpfs -o mode=1777 none root/tmp
    mount -t tmpfs -o mode=755 none root/run
    # The folder of the host itself has the same path in there.
    case $1 in
    /dev/*) ;;
    *) mkdir -p "root$1" && mount --bind "$1" "root$1" ;;
    esac
fi
case $3 in
'' | /) ;;
*)
    [ "$2" = private ] && place=root$3 || place=$3
    mkdir -p "$place"
    mount -t tmpfs -o "mode=755,$4" none "$place"
    ;;
esac
echo ready
exec cat
