# Sourced by ./demo, ./check and bench/run: what the machine must have, and the built distribution.
# bash. Needs $top, the top of the source tree.

. "$top/packaging/src/main/dist/libexec/java.sh"
distribution=${MATRIARCH_DISTRIBUTION:-$top/packaging/target/matriarch}

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# become_root COMMAND...: runs it as root, through sudo if need be.
become_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

debian_release() {
    local ID='' ID_LIKE='' VERSION_ID=''
    [ -r /etc/os-release ] && . /etc/os-release
    case "$ID $ID_LIKE" in
    *debian*) printf '%s' "${VERSION_ID%%.*}" ;;
    esac
}

# install_packages NAME...: with apt-get; ends the script if that is not possible.
install_packages() {
    command -v apt-get >/dev/null || die "please install: $* (only Debian's apt-get is known to this script)."
    say "Installing: $*"
    # The PostgreSQL packages would otherwise create and start a cluster of their own.
    local createcluster=/etc/postgresql-common/createcluster.conf
    if [ ! -e $createcluster ]; then
        become_root sh -c "mkdir -p ${createcluster%/*} && echo 'create_main_cluster = false' >$createcluster" ||
            die "please install as root: $*"
    fi
    local log
    log=$(mktemp)
    if ! become_root sh -c "export DEBIAN_FRONTEND=noninteractive; apt-get update && apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold $*" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: $*"
    fi
    rm -f "$log"
}

# postgres_bin_dir: prints the directory of the newest PostgreSQL server, or the one that MATRIARCH_BIN_DIR names.
postgres_bin_dir() {
    local dir
    [ -z "${MATRIARCH_BIN_DIR:-}" ] || { printf '%s\n' "$MATRIARCH_BIN_DIR" && return; }
    while IFS= read -r dir; do
        [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && printf '%s\n' "$dir" && return
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5,5nr)
    for dir in /usr/pgsql-*/bin /usr/local/pgsql/bin; do
        [ -x "$dir/postgres" ] && printf '%s\n' "$dir" && return
    done
    if dir=$(command -v postgres); then
        dirname "$(readlink -f "$dir")"
        return
    fi
    return 1
}

# need_jdk TOOL: sets java_home to one that has bin/TOOL (java or javac).
need_jdk() {
    java_home=$(find_java_home "$distribution" "$1") && return
    [ -n "${MATRIARCH_JAVA:-}" ] && die "$(java_missing)"
    local release
    release=$(debian_release)
    if [ -n "$release" ] && { [ "$release" -ge 13 ] || apt-cache show openjdk-25-jdk-headless >/dev/null 2>&1; }; then
        install_packages openjdk-25-jdk-headless
        java_home=$(find_java_home "$distribution" "$1") && return
    fi
    die "no JDK 25 or later was found, and Debian ${release:-here} packages none: unpack a JDK 25 under /usr/lib/jvm, or set JAVA_HOME to one."
}

# need_postgres: sets bin_dir.
need_postgres() {
    bin_dir=$(postgres_bin_dir) && return
    case $(debian_release) in
    12) install_packages postgresql-15 ;;
    13) install_packages postgresql-17 ;;
    *) install_packages postgresql ;;
    esac
    bin_dir=$(postgres_bin_dir) || die "PostgreSQL was installed, but its server binaries were not found under /usr/lib/postgresql."
}

# need_commands COMMAND=PACKAGE...: installs the packages of missing commands, all at once.
need_commands() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || [ -x "/usr/sbin/${pair%%=*}" ] || missing+=("${pair#*=}")
    done
    if [ ${#missing[@]} -gt 0 ]; then install_packages "${missing[@]}"; fi
}

# maven ARGUMENT...: with the JDK that need_jdk found.
maven() { JAVA_HOME=$java_home mvn -B "$@"; }

# distribution_is_fresh: nothing that goes into the distribution is newer than it.
distribution_is_fresh() {
    [ -e "$distribution/.built" ] || return 1
    [ -n "${MATRIARCH_NO_BUILD:-}" ] && return 0
    local newer
    newer=$(cd "$top" && find pom.xml proto dcs-adapters raft-store restapi agent ctl packaging \
        \( -name target -o -path '*/src/test' -o -path packaging/shell \) -prune -o \
        -type f -newer "$distribution/.built" -print -quit)
    [ -z "$newer" ]
}

# build_if_needed: leaves a distribution that is as new as its sources.
build_if_needed() {
    distribution_is_fresh && return
    [ -n "${MATRIARCH_NO_BUILD:-}" ] && die "there is no distribution in $distribution and MATRIARCH_NO_BUILD forbids to build one."
    need_jdk javac
    need_commands mvn=maven
    say "Building (the first time downloads libraries; a few minutes) ..."
    (cd "$top" && maven -q -DskipTests -pl packaging -am package) ||
        die "the build failed; the lines above say why."
    [ -e "$distribution/.built" ] || die "the build left nothing in $distribution."
    train_if_needed
}

# train_if_needed: a distribution's programs start in a third of the time with AOT caches, which take one short run of
# a one-node cluster to make. Without it everything works, only slower: a failure here is not worth stopping for.
train_if_needed() {
    [ -z "${MATRIARCH_AOT_OUTPUT:-}" ] && [ -z "${MATRIARCH_NO_TRAINING:-}" ] || return 0
    [ ! -e "$distribution/lib/matriarch.aot" ] && [ -w "$distribution/lib" ] || return 0
    # Whoever starts a second cluster meanwhile waits; the servers of the training must not inherit the lock.
    {
        flock -w 300 9 || return 0
        [ -e "$distribution/lib/matriarch.aot" ] || train 9>&-
    } 9>"$distribution/.training"
}

train() {
    say "Preparing for quick starts (once for each build) ..."
    local work trained=no
    work=$(mktemp -d) || return 0
    chmod 711 "$work"
    mkdir -m 777 "$work/out"
    if MATRIARCH_AOT_OUTPUT=$work/out/matriarch.aot "$top/demo" up --dir "$work/cluster" --nodes 1 --port-offset 20000 --without-tls \
        >"$work/out/up.log" 2>&1; then
        MATRIARCH_CTL_AOT_OUTPUT=$work/out/matriarchctl.aot \
            timeout 120 "$work/cluster/bin/matriarchctl" -c "$work/cluster/n1/matriarch.yml" list >"$work/out/ctl.log" 2>&1 || true
        "$top/demo" down --dir "$work/cluster" >"$work/out/down.log" 2>&1 || true
        [ -s "$work/out/matriarch.aot" ] && trained=yes
    fi
    if [ $trained = yes ]; then
        cat "$work/out/matriarch.aot" >"$distribution/lib/matriarch.aot.new" &&
            mv "$distribution/lib/matriarch.aot.new" "$distribution/lib/matriarch.aot" && touch "$distribution/.built"
        if [ -s "$work/out/matriarchctl.aot" ]; then
            cp "$work/out/matriarchctl.aot" "$distribution/lib/matriarchctl.aot.new" &&
                mv "$distribution/lib/matriarchctl.aot.new" "$distribution/lib/matriarchctl.aot" && touch "$distribution/.built"
        fi
    else
        say "  no cache was made; agents start without it"
        grep -h '\[error' "$work"/cluster/n1/*.log "$work"/out/*.log 2>/dev/null | sed 's/^/  /' >&2 || true
    fi
    "$top/demo" down --purge --dir "$work/cluster" >/dev/null 2>&1 || true
    rm -rf "$work"
}
