# Sourced by the tests of packages and playbooks: Debian hosts with a real systemd, made of namespaces on this machine.
# bash, after prepare.sh, as root. Nothing here touches this machine's own services.
#
# A host is a copy-on-write view of a debootstrapped Debian with its own processes, mounts, network and control groups. It
# ends with host_down, which ends its first process and with it all others.

hosts_cache=${MATRIARCH_TEST_CACHE:-/var/cache/matriarch-tests}
hosts_suite=bookworm
hosts_net=${MATRIARCH_TEST_NET:-10.87.0}
hosts_bridge=mtr${hosts_net##*.}
hosts_work=''

# hosts_missing: prints why no host can be made here; fails if one can.
hosts_missing() {
    [ "$(id -u)" = 0 ] || { say "only root can make hosts out of namespaces" && return; }
    local command
    for command in debootstrap unshare nsenter ip iptables; do
        command -v $command >/dev/null || { say "there is no $command" && return; }
    done
    [ -n "$(hosts_cgroup)" ] || { say "there is no second version of control groups" && return; }
    return 1
}

# hosts_cgroup: where control groups of the second version are, with or without controllers.
hosts_cgroup() { awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts; }

# debian_root: prints the folder of a bare Debian with systemd and what Ansible and apt need; no Java, no PostgreSQL.
debian_root() {
    local root=$hosts_cache/debian-12 fresh
    if [ -e "$root/etc/matriarch-test-root" ]; then
        say "$root"
        return
    fi
    mkdir -p "$hosts_cache" && fresh=$(mktemp -d "$hosts_cache/new-XXXXXX") && chmod 755 "$fresh" || return 1
    if ! (
        timeout 600 debootstrap --variant=minbase $hosts_suite "$fresh/root" "$(debian_mirror)" &&
            mount -t proc proc "$fresh/root/proc" &&
            timeout 600 chroot "$fresh/root" sh -c 'export DEBIAN_FRONTEND=noninteractive
                apt-get -q update && apt-get -q install -y --no-install-recommends \
                    systemd systemd-sysv dbus iproute2 openssh-server python3-minimal python3-apt sudo ca-certificates
                apt-get clean'
    ) >"$fresh/log" 2>&1; then
        umount "$fresh/root/proc" 2>/dev/null
        tail -n 5 "$fresh/log" >&2
        rm -rf "$fresh"
        return 1
    fi
    umount "$fresh/root/proc"
    rm -rf "$fresh/root/var/lib/apt/lists/"*
    : >"$fresh/root/etc/matriarch-test-root"
    rm -rf "$root"
    mv "$fresh/root" "$root"
    rm -rf "$fresh"
    say "$root"
}

# hosts_begin: a network of their own, with a way to Debian's mirror. Ended by hosts_end.
hosts_begin() {
    exec 8>/run/lock/matriarch-hosts-$hosts_net
    flock -w 1800 8 || die "another test with such hosts has been running for half an hour."
    hosts_work=$(mktemp -d /var/tmp/matriarch-hosts-XXXXXX)
    chmod 755 "$hosts_work"
    hosts_names=()
    hosts_base=$(debian_root) || die "no Debian root could be made: the lines above say why."
    # Whoever holds the lock is alone: one that is there was left by a test that was killed.
    ip link del $hosts_bridge 2>/dev/null || true
    ip link add $hosts_bridge type bridge && ip addr add "$hosts_net.1/24" dev $hosts_bridge && ip link set $hosts_bridge up ||
        die "the bridge $hosts_bridge cannot be made: the line above says why."
    hosts_forward=$(cat /proc/sys/net/ipv4/ip_forward)
    echo 1 >/proc/sys/net/ipv4/ip_forward
    iptables -t nat -A POSTROUTING -s "$hosts_net.0/24" ! -d "$hosts_net.0/24" -j MASQUERADE
    iptables -I FORWARD -i $hosts_bridge -j ACCEPT
    iptables -I FORWARD -o $hosts_bridge -j ACCEPT
}

# host_up NAME NUMBER: boots it; its address is $hosts_net.NUMBER.
host_up() {
    local name=$1 number=$2 home=$hosts_work/$1 cgroup
    cgroup=$(hosts_cgroup)/matriarch-$name-$$
    mkdir -p "$home/upper/etc" "$home/work" "$home/root" "$cgroup"
    cp /etc/resolv.conf "$home/upper/etc/resolv.conf"
    echo "$name" >"$home/upper/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$home/upper/etc/hosts"
    # Same inode space for all; each has its own machine id.
    : >"$home/upper/etc/machine-id"
    mount -t overlay overlay -o "lowerdir=$hosts_base,upperdir=$home/upper,workdir=$home/work" "$home/root"
    cat >"$home/boot" <<'BOOT'
set -e
root=$1 name=$2
mount --make-rprivate /
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs tmpfs $root/dev -o mode=755
for device in null zero full random urandom tty; do
    touch $root/dev/$device
    mount --bind /dev/$device $root/dev/$device
done
mkdir $root/dev/pts $root/dev/shm
mount -t devpts devpts $root/dev/pts -o newinstance,ptmxmode=666
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
ln -s fd/0 $root/dev/stdin
ln -s fd/1 $root/dev/stdout
ln -s fd/2 $root/dev/stderr
mount -t tmpfs tmpfs $root/dev/shm -o mode=1777
mount -t tmpfs tmpfs $root/run -o mode=755
mount -t tmpfs tmpfs $root/tmp -o mode=1777
ip link set lo up
hostname $name
cd $root
pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=matriarch-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console --show-status=no
BOOT
    (
        echo $BASHPID >"$cgroup/cgroup.procs"
        exec setsid unshare --mount --pid --net --uts --ipc --cgroup --fork sh "$home/boot" "$home/root" "$name"
    ) >"$home/console.log" 2>&1 </dev/null 8>&- &
    echo $! >"$home/outer.pid"
    hosts_names+=("$name")
    local deadline=$((SECONDS + 60)) pid=''
    until [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = systemd ]; do
        [ $SECONDS -lt $deadline ] || { cat "$home/console.log" >&2; die "the host $name did not boot."; }
        read -r pid _ <"/proc/$(cat "$home/outer.pid")/task/$(cat "$home/outer.pid")/children" 2>/dev/null || true
        sleep 0.1
    done
    echo "$pid" >"$home/pid"
    # One of an earlier host may linger while the kernel takes its network apart.
    ip link del "$hosts_bridge-$number" 2>/dev/null || true
    # Its network card is the same after its power failed: others know its address.
    ip link add "$hosts_bridge-$number" type veth peer name eth0 address "$(printf '02:00:00:00:00:%02x' "$number")" netns "$pid"
    ip link set "$hosts_bridge-$number" master $hosts_bridge up
    host_run "$name" ip addr add "$hosts_net.$number/24" dev eth0
    host_run "$name" ip link set eth0 up
    host_run "$name" ip route add default via "$hosts_net.1"
    until host_run "$name" systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do
        [ $SECONDS -lt $deadline ] || { cat "$home/console.log" >&2; die "systemd on $name did not come up."; }
        sleep 0.2
    done
}

# host_run NAME COMMAND...: as root on that host.
host_run() {
    local name=$1
    shift
    nsenter -t "$(cat "$hosts_work/$name/pid")" -a env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# host_net NAME COMMAND...: this machine's command in that host's network.
host_net() {
    local name=$1
    shift
    nsenter -t "$(cat "$hosts_work/$name/pid")" -n "$@"
}

# host_down NAME: as if its power had failed.
host_down() {
    local home=$hosts_work/$1 deadline=$((SECONDS + 20))
    [ ! -r "$home/pid" ] || kill -KILL "$(cat "$home/pid")" 2>/dev/null || true
    while [ -d "/proc/$(cat "$home/outer.pid")" ] && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
    umount -l "$home/root" 2>/dev/null || true
    find "$(hosts_cgroup)/matriarch-$1-$$" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# hosts_end: takes everything away again.
hosts_end() {
    local name
    [ -n "$hosts_work" ] || return 0
    for name in "${hosts_names[@]}"; do host_down "$name"; done
    iptables -t nat -D POSTROUTING -s "$hosts_net.0/24" ! -d "$hosts_net.0/24" -j MASQUERADE 2>/dev/null || true
    iptables -D FORWARD -i $hosts_bridge -j ACCEPT 2>/dev/null || true
    iptables -D FORWARD -o $hosts_bridge -j ACCEPT 2>/dev/null || true
    ip link del $hosts_bridge 2>/dev/null || true
    [ -z "${hosts_forward:-}" ] || echo "$hosts_forward" >/proc/sys/net/ipv4/ip_forward
    rm -rf "$hosts_work"
}
