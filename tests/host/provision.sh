# Turns a private root into an EC2 host; it runs inside. $1 is `amazon` or `debian`, $2 the program for /bin/sh, $3 the login
# shell, $4 the public key that may log in, $5 `aws` if the host has AWS's client.
set -eu
kit=/opt/pinboot-test

# The users of this machine do not exist on the host.
# shellcheck disable=SC2115 # These directories are meant.
rm -rf /home/* /root/.ssh
rm -f /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
if id ec2-user > /dev/null 2>&1; then
    userdel ec2-user
fi
if [ "$1" = amazon ]; then
    # Debian's packages install start-up files of shells there.
    rm -rf /etc/skel
    mkdir /etc/skel
fi
useradd -m -s "$3" -c 'EC2 Default User' ec2-user
printf 'ec2-user ALL=(ALL) NOPASSWD:ALL\n' > /etc/sudoers.d/90-cloud-init-users
chmod 440 /etc/sudoers.d/90-cloud-init-users
install -d -o ec2-user -g ec2-user -m 700 /home/ec2-user/.ssh
install -o ec2-user -g ec2-user -m 600 "$4" /home/ec2-user/.ssh/authorized_keys
cat "$kit/hosts" > /etc/hosts
printf '127.0.0.1 %s\n' "$(uname -n)" >> /etc/hosts
cat "$kit/trust/authority.pem" >> /etc/ssl/certs/ca-certificates.crt
cp "$kit/trust/cacerts" /etc/ssl/certs/java/cacerts
# AWS's client has its own trust store.
for store in /usr/lib/python3/dist-packages/*/botocore/cacert.pem; do
    [ ! -e "$store" ] || cat "$kit/trust/authority.pem" >> "$store"
done
ln -sfn "$2" /bin/sh
[ "$5" = aws ] || rm -f /usr/bin/aws

if [ "$1" = debian ]; then
    rm -rf /etc/apt/sources.list /etc/apt/sources.list.d /var/lib/apt/lists
    mkdir -p /etc/apt/sources.list.d /var/lib/apt/lists/partial
    printf 'deb [trusted=yes] file:%s/deb ./\n' "$kit" > /etc/apt/sources.list
    exit 0
fi

# A yum host has no package tools of Debian, its dnf is called yum, and its Java comes from a package.
for folder in /usr/bin /usr/sbin /usr/local/bin; do
    rm -f "$folder/apt" "$folder"/apt-* "$folder/dpkg" "$folder"/dpkg-* "$folder"/dnf "$folder/java" "$folder/javac"
done
ln -s dnf-3 /usr/bin/yum
rm -f /etc/os-release
cat > /etc/os-release << 'EOF'
NAME="Amazon Linux"
VERSION="2"
ID="amzn"
ID_LIKE="centos rhel fedora"
VERSION_ID="2"
PRETTY_NAME="Amazon Linux 2"
EOF
# Debian's rpm keeps its database in the home of the calling user.
mkdir -p /etc/rpm /etc/yum.repos.d /etc/dnf/vars
printf '%%_dbpath /var/lib/rpm\n' > /etc/rpm/macros
printf '2\n' > /etc/dnf/vars/releasever
rm -rf /etc/yum.repos.d/* /var/lib/rpm /var/cache/dnf
mkdir -p /var/lib/rpm
rpm --initdb
cat > /etc/yum.repos.d/amzn2-core.repo << EOF
[amzn2-core]
name=Amazon Linux 2 core repository
baseurl=file://$kit/rpm
gpgcheck=0
EOF
cat > /home/ec2-user/.bashrc << 'EOF'
# .bashrc

# Source global definitions
if [ -f /etc/bashrc ]; then
	. /etc/bashrc
fi
EOF
cat > /home/ec2-user/.bash_profile << 'EOF'
# .bash_profile

# Get the aliases and functions
if [ -f ~/.bashrc ]; then
	. ~/.bashrc
fi
EOF
chown ec2-user:ec2-user /home/ec2-user/.bashrc /home/ec2-user/.bash_profile
