# Sourced by the test of the container image: a Docker engine of its own. bash, after prepare.sh and versions.sh, as root.
#
# The engine runs in a network, mounts and processes of its own. This machine's packet filter, bridges and mounts stay as they are, so
# does an engine that runs here already, and whatever it has started ends with it. Containers reach Debian's mirror through
# slirp4netns, which needs no rule outside. What is not installed is unpacked into the cache of versions.sh.

engine_work=''
engine_suite=trixie

# engine_programs: sets engine_path and engine_slirp; returns 1 and says why on standard error if they cannot be had.
engine_programs() {
    local root packages=(docker.io)
    engine_path=$PATH
    if ! command -v dockerd >/dev/null; then
        # Of its own since Debian 13.
        ! apt-cache show docker-cli >/dev/null 2>&1 || packages+=(docker-cli)
        root=$(fetch_unpacked docker usr/sbin/dockerd "${packages[@]}") || return 1
        engine_path=$root/usr/sbin:$root/usr/bin:$PATH
    fi
    engine_slirp=(slirp4netns)
    if ! command -v slirp4netns >/dev/null; then
        root=$(fetch_unpacked slirp4netns usr/bin/slirp4netns slirp4netns) || return 1
        engine_slirp=(env "LD_LIBRARY_PATH=$(ls -d "$root"/usr/lib/*-linux-gnu 2>/dev/null | head -n 1)" "$root/usr/bin/slirp4netns")
    fi
}

# engine_first: prints the process id of dockerd, the first process of its namespace; nothing if it has ended.
engine_first() {
    local pid=''
    # There is no newline behind it.
    read -r pid _ 2>/dev/null <"/proc/$engine_outer/task/$engine_outer/children" || true
    printf '%s' "$pid"
}

# engine_docker ARGUMENT...: its client, for five minutes at most.
engine_docker() { PATH=$engine_path DOCKER_HOST=$engine_address timeout 300 docker "$@"; }

# engine_begin: starts it. If that cannot be done, it returns 1 and the last line on standard error says why. Ended by engine_end in either case.
engine_begin() {
    local deadline pid
    [ "$(id -u)" = 0 ] || { echo "only root can start one" >&2 && return 1; }
    [ -c /dev/net/tun ] || { echo "there is no /dev/net/tun" >&2 && return 1; }
    engine_programs || return 1
    engine_work=$(mktemp -d /var/tmp/matriarch-engine-XXXXXX)
    engine_name=${engine_work##*/}
    engine_address=unix://$engine_work/docker.sock
    cat >"$engine_work/begin" <<'BEGIN'
set -e
work=$1 name=$2
mount --make-rprivate /
resolver=$(readlink -f /etc/resolv.conf)
# Both keep sockets and process ids below /run.
mount -t tmpfs tmpfs /run
mkdir -p "${resolver%/*}"
[ -e "$resolver" ] || : >"$resolver"
# slirp4netns answers there.
echo nameserver 10.0.2.3 >"$work/resolv.conf"
mount --bind "$work/resolv.conf" "$resolver"
ip link set lo up
exec dockerd --data-root "$work/data" --exec-root /run/docker --pidfile /run/docker.pid \
    --host "unix://$work/docker.sock" --cgroup-parent "/$name"
BEGIN
    PATH=$engine_path setsid unshare --mount --net --pid --fork --kill-child --mount-proc \
        bash "$engine_work/begin" "$engine_work" "$engine_name" >"$engine_work/dockerd.log" 2>&1 </dev/null &
    engine_outer=$!
    disown
    deadline=$((SECONDS + 60))
    until engine_docker version >/dev/null 2>&1; do
        if [ $SECONDS -ge $deadline ] || [ ! -d "/proc/$engine_outer" ]; then
            { tail -n 20 "$engine_work/dockerd.log" && echo "dockerd does not run here"; } >&2
            return 1
        fi
        sleep 0.2
    done
    pid=$(engine_first)
    setsid "${engine_slirp[@]}" --configure --mtu=65520 --disable-host-loopback "$pid" tap0 >"$engine_work/slirp.log" 2>&1 </dev/null &
    engine_way=$!
    disown
    until nsenter -t "$pid" -n ip -4 addr show tap0 2>/dev/null | grep -q inet; do
        if [ $SECONDS -ge $deadline ] || [ ! -d "/proc/$engine_way" ]; then
            { tail -n 5 "$engine_work/slirp.log" && echo "slirp4netns does not run here"; } >&2
            return 1
        fi
        sleep 0.1
    done
}

# engine_base: gives the engine a bare Debian, which is kept in the cache, as the image debian:base, and has it run one command on that. If
# either cannot be done, it returns 1 and the last line on standard error says why.
engine_base() {
    local kept=$versions_cache/debian-$engine_suite.tar fresh
    if [ ! -s "$kept" ]; then
        command -v debootstrap >/dev/null || { echo "there is no debootstrap" >&2 && return 1; }
        mkdir -p "$versions_cache" && fresh=$(mktemp -d "$versions_cache/new-XXXXXX") || return 1
        if ! (
            timeout 900 debootstrap --variant=minbase $engine_suite "$fresh/root" "$(debian_mirror)" &&
                rm -rf "$fresh"/root/var/cache/apt/archives/*.deb "$fresh"/root/var/lib/apt/lists/* &&
                tar -C "$fresh/root" --one-file-system -cf "$fresh/base.tar" .
        ) >"$fresh/log" 2>&1; then
            { tail -n 5 "$fresh/log" && echo "no bare Debian could be made"; } >&2
            rm -rf "$fresh"
            return 1
        fi
        mv "$fresh/base.tar" "$kept"
        rm -rf "$fresh"
    fi
    engine_docker import "$kept" debian:base >/dev/null && engine_docker run --rm debian:base true ||
        { echo "the engine runs, but no container does" >&2 && return 1; }
}

# engine_end: ends it and all that it runs, and takes everything away.
engine_end() {
    local deadline pid hierarchy
    [ -n "$engine_work" ] || return 0
    deadline=$((SECONDS + 30))
    # In order first, so that it takes its control groups away itself.
    engine_docker ps -q 2>/dev/null | xargs -r env "PATH=$engine_path" "DOCKER_HOST=$engine_address" timeout 20 docker kill >/dev/null 2>&1 || true
    if [ -n "${engine_outer:-}" ]; then
        pid=$(engine_first)
        [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true
        while [ -d "/proc/$engine_outer" ] && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
        # Its first process, and by that all of them.
        kill -KILL "$engine_outer" 2>/dev/null || true
        while [ -n "$pid" ] && [ -d "/proc/$pid" ] && [ $SECONDS -lt $((deadline + 10)) ]; do sleep 0.1; done
    fi
    [ -z "${engine_way:-}" ] || kill "$engine_way" 2>/dev/null || true
    awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts | while read -r hierarchy; do
        [ ! -d "$hierarchy/$engine_name" ] || find "$hierarchy/$engine_name" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    rm -rf "$engine_work"
    engine_work=''
}
