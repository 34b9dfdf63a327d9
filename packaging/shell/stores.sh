# Sourced by ./check: servers of external stores, and what stands between clients and a cluster, for tests. bash, after prepare.sh and versions.sh.
#
# Debian's packages are unpacked into the cache of versions.sh and not installed: nothing is started by them.

# unpack_packages HOME PACKAGE...: the packages of this machine's own release, in one directory.
unpack_packages() {
    local work home=$1
    shift
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    mkdir -p "$versions_cache" && chmod 755 "$versions_cache" && work=$(mktemp -d "$versions_cache/new-XXXXXX") || return 1
    if (cd "$work" && mkdir debs && cd debs && { timeout 120 apt-get download "$@" ||
        { become_root timeout 120 apt-get update && timeout 120 apt-get download "$@"; }; }) >"$work/log" 2>&1 &&
        for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root" || break; done &&
        [ -d "$work/root" ]; then
        chmod 755 "$work/root"
        rm -rf "$home"
        mv "$work/root" "$home"
        rm -rf "$work"
    else
        tail -n 5 "$work/log" >&2
        rm -rf "$work"
        return 1
    fi
}

# need_etcd: sets MATRIARCH_ETCD to an etcd server, unpacked if it is not installed.
need_etcd() {
    local home=$versions_cache/etcd
    if [ -z "${MATRIARCH_ETCD:-}" ]; then
        MATRIARCH_ETCD=$(command -v etcd) || MATRIARCH_ETCD=$home/usr/bin/etcd
    fi
    if ! "$MATRIARCH_ETCD" --version >/dev/null 2>&1; then
        say "Unpacking: etcd-server"
        unpack_packages "$home" etcd-server || die "etcd-server could not be fetched and unpacked; let MATRIARCH_ETCD name an etcd program."
        MATRIARCH_ETCD=$home/usr/bin/etcd
    fi
    export MATRIARCH_ETCD
}

# unpack_from SUITE PACKAGE WORK: leaves in WORK/root a package of another release of Debian; apt's own lists stay as they are.
unpack_from() {
    local suite=$1 package=$2 work=$3
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
    : >"$work/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $suite main" >"$work/sources.list"
    cat >"$work/apt.conf" <<CONF
Dir::State::Lists "$work/lists";
Dir::State::Status "$work/status";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Cache "$work/cache";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
CONF
    export APT_CONFIG=$work/apt.conf
    timeout 120 apt-get update && (cd "$work/debs" && timeout 120 apt-get download "$package") &&
        dpkg -x "$work/debs/$package"_*.deb "$work/root"
}

# need_consul: sets MATRIARCH_CONSUL to a Consul program, unpacked if it is not installed.
need_consul() {
    local home=$versions_cache/consul work
    if [ -z "${MATRIARCH_CONSUL:-}" ]; then
        MATRIARCH_CONSUL=$(command -v consul) || MATRIARCH_CONSUL=$home/usr/bin/consul
    fi
    if ! "$MATRIARCH_CONSUL" version >/dev/null 2>&1; then
        say "Unpacking: consul"
        mkdir -p "$versions_cache" && chmod 755 "$versions_cache" && work=$(mktemp -d "$versions_cache/new-XXXXXX") ||
            die "$versions_cache cannot be written."
        # The last one that Debian has is that of release 11.
        if ! (unpack_from bullseye consul "$work") >"$work/log" 2>&1; then
            tail -n 5 "$work/log" >&2
            rm -rf "$work"
            die "consul of Debian 11 could not be fetched and unpacked; let MATRIARCH_CONSUL name a consul program."
        fi
        chmod 755 "$work/root"
        rm -rf "$home"
        mv "$work/root" "$home"
        rm -rf "$work"
        MATRIARCH_CONSUL=$home/usr/bin/consul
    fi
    export MATRIARCH_CONSUL
}

# want_vip_manager: sets MATRIARCH_VIP_MANAGER to the vip-manager of Debian 13, which asks over HTTP; without it one test is left out.
want_vip_manager() {
    local home=$versions_cache/vip-manager work
    [ -z "${MATRIARCH_VIP_MANAGER:-}" ] || return 0
    MATRIARCH_VIP_MANAGER=$home/usr/bin/vip-manager
    if [ ! -x "$MATRIARCH_VIP_MANAGER" ]; then
        say "Unpacking: vip-manager2"
        if mkdir -p "$versions_cache" && chmod 755 "$versions_cache" && work=$(mktemp -d "$versions_cache/new-XXXXXX") &&
            (unpack_from trixie vip-manager2 "$work") >"$work/log" 2>&1; then
            chmod 755 "$work/root"
            rm -rf "$home"
            mv "$work/root" "$home"
        else
            say "*** SKIPPED: the test with vip-manager: vip-manager2 of Debian 13 could not be fetched and unpacked"
        fi
        rm -rf "${work:-}"
    fi
    export MATRIARCH_VIP_MANAGER
}

# need_patroni: sets MATRIARCH_PATRONI to the root below which a Patroni with its client of etcd is unpacked,
# MATRIARCH_PATRONI_CONSUL to that of its client of Consul and MATRIARCH_PATRONI_ZOOKEEPER to that of ZooKeeper's; empty if they are installed.
need_patroni() {
    local found
    if [ -z "${MATRIARCH_PATRONI:-}" ]; then
        found=$(fetch_patroni) || die "patroni could not be fetched and unpacked; install it, or let MATRIARCH_PATRONI name the root that it is below."
        MATRIARCH_PATRONI=$found
    fi
    # Debian's package only recommends it.
    [ -n "$MATRIARCH_PATRONI" ] || /usr/bin/python3 -c 'import etcd' 2>/dev/null || (install_packages python3-etcd)
    if [ -z "${MATRIARCH_PATRONI_CONSUL:-}" ] && ! /usr/bin/python3 -c 'import consul' 2>/dev/null; then
        found=$(fetch_unpacked python3-consul usr/lib/python3/dist-packages/consul/__init__.py python3-consul) ||
            die "python3-consul could not be fetched and unpacked; install it, or let MATRIARCH_PATRONI_CONSUL name the root that it is below."
        MATRIARCH_PATRONI_CONSUL=$found
    fi
    if [ -z "${MATRIARCH_PATRONI_ZOOKEEPER:-}" ] && ! /usr/bin/python3 -c 'import kazoo' 2>/dev/null; then
        found=$(fetch_unpacked python3-kazoo usr/lib/python3/dist-packages/kazoo/__init__.py python3-kazoo) ||
            die "python3-kazoo could not be fetched and unpacked; install it, or let MATRIARCH_PATRONI_ZOOKEEPER name the root that it is below."
        MATRIARCH_PATRONI_ZOOKEEPER=$found
    fi
    export MATRIARCH_PATRONI MATRIARCH_PATRONI_CONSUL MATRIARCH_PATRONI_ZOOKEEPER
}

# need_zookeeper: sets MATRIARCH_ZOOKEEPER to a directory with ZooKeeper's server and the libraries that it needs, as Debian names them.
need_zookeeper() {
    local home=$versions_cache/zookeeper
    if [ -z "${MATRIARCH_ZOOKEEPER:-}" ]; then
        if [ -e /usr/share/java/zookeeper.jar ]; then MATRIARCH_ZOOKEEPER=/usr/share/java; else MATRIARCH_ZOOKEEPER=$home/usr/share/java; fi
    fi
    if ! [ -e "$MATRIARCH_ZOOKEEPER/zookeeper.jar" ]; then
        say "Unpacking: libzookeeper-java"
        unpack_packages "$home" libzookeeper-java libslf4j-java libsnappy-java libdropwizard-metrics-java libnetty-java ||
            die "libzookeeper-java could not be fetched and unpacked; let MATRIARCH_ZOOKEEPER name a directory with zookeeper.jar."
        MATRIARCH_ZOOKEEPER=$home/usr/share/java
    fi
    export MATRIARCH_ZOOKEEPER
}

# need_pgbouncer: sets MATRIARCH_PGBOUNCER to a PgBouncer, unpacked if it is not installed: an installed one starts a service.
need_pgbouncer() {
    local root
    if [ -z "${MATRIARCH_PGBOUNCER:-}" ]; then
        MATRIARCH_PGBOUNCER=/usr/sbin/pgbouncer
        if [ ! -x $MATRIARCH_PGBOUNCER ]; then
            root=$(fetch_unpacked pgbouncer usr/sbin/pgbouncer pgbouncer) ||
                die "pgbouncer could not be fetched and unpacked; install it, or let MATRIARCH_PGBOUNCER name the program."
            MATRIARCH_PGBOUNCER=$root/usr/sbin/pgbouncer
        fi
    fi
    export MATRIARCH_PGBOUNCER
}

# want_keepalived: sets MATRIARCH_KEEPALIVED in the same way; without it, or without the right to make network namespaces, what watches it is left out.
want_keepalived() {
    local root
    if [ -z "${MATRIARCH_KEEPALIVED:-}" ]; then
        MATRIARCH_KEEPALIVED=/usr/sbin/keepalived
        if [ ! -x $MATRIARCH_KEEPALIVED ]; then
            if root=$(fetch_unpacked keepalived usr/sbin/keepalived keepalived 2>/dev/null); then
                MATRIARCH_KEEPALIVED=$root/usr/sbin/keepalived
            else
                say "*** SKIPPED: the test with keepalived, which could not be fetched and unpacked"
            fi
        fi
    fi
    export MATRIARCH_KEEPALIVED
}
