# Process 1 of a private root: sets it up in a tmpfs over $1 and runs until its standard input ends. Then everything in the
# root ends with it. $2 is the directory with the tier's own files, $3 the network: `own`, or `joined` for another root's.
set -eu
base=$1
mount -t tmpfs -o mode=755 pinboot-host "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" pinboot-host "$base/root"
cd "$base/root"
mount -t proc proc proc
for folder in tmp run dev; do
    mount -t tmpfs -o mode=755 "$folder" "$folder"
done
chmod 1777 tmp
for device in null zero full random urandom tty; do
    : > "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm run/lock run/sshd
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir opt/pinboot-test
mount --bind "$2" opt/pinboot-test
mount -o remount,bind,ro opt/pinboot-test
if [ "$3" = own ]; then
    ip link set lo up
    # The address of the EC2 metadata service.
    ip address add 169.254.169.254/32 dev lo
fi
echo ready
exec cat
