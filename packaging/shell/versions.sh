# Sourced by ./check: PostgreSQL servers of other versions than the installed one, for tests. bash, after prepare.sh.
#
# Debian's packages are unpacked into a cache with the libraries and the loader of their own release, and their programs
# told to use those. Nothing of another release is installed, and apt's own lists and settings stay as they are.

versions_cache=${MATRIARCH_TEST_CACHE:-}
[ -n "$versions_cache" ] || if [ "$(id -u)" = 0 ]; then versions_cache=/var/cache/matriarch-tests; else versions_cache=${XDG_CACHE_HOME:-$HOME/.cache}/matriarch-tests; fi

# suite_of VERSION: the Debian release that has it.
suite_of() {
    case $1 in
    17) printf trixie ;;
    15) printf bookworm ;;
    13) printf bullseye ;;
    *) return 1 ;;
    esac
}

# debian_mirror: the address that this machine gets Debian from.
debian_mirror() {
    local found
    found=$(sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]*\/debian)\/?( .*)?$/\3/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null | head -n 1)
    printf '%s' "${found:-http://deb.debian.org/debian}"
}

# fetch_postgres VERSION: prints the directory of the programs of that server; unpacks it if it is not there yet.
# If that cannot be done, it returns 1 and the last line on standard error says why.
fetch_postgres() {
    local version=$1 suite home bin work
    suite=$(suite_of "$version") || { echo "no Debian release is known to have it" >&2 && return 1; }
    home=$versions_cache/postgresql-$version
    bin=$home/usr/lib/postgresql/$version/bin
    if "$bin/postgres" --version >/dev/null 2>&1; then
        printf '%s\n' "$bin"
        return
    fi
    command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
        { echo "only Debian's apt-get is known to this script" >&2 && return 1; }
    mkdir -p "$versions_cache" && chmod 755 "$versions_cache" && work=$(mktemp -d "$versions_cache/new-XXXXXX") ||
        { echo "$versions_cache cannot be written" >&2 && return 1; }
    if ! (unpack_postgres "$version" "$suite" "$work" "$home") >"$work/log" 2>&1; then
        { tail -n 5 "$work/log" && echo "the packages of Debian's $suite could not be fetched or unpacked"; } >&2
        rm -rf "$work"
        return 1
    fi
    chmod 755 "$work/root"
    rm -rf "$home"
    mv "$work/root" "$home"
    rm -rf "$work"
    "$bin/postgres" --version >&2 && printf '%s\n' "$bin"
}

# unpack_postgres VERSION SUITE WORK HOME: leaves in WORK/root what is to be moved to HOME.
unpack_postgres() {
    local version=$1 suite=$2 work=$3 home=$4 names package program loader
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
    : >"$work/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $suite main" >"$work/sources.list"
    cat >"$work/apt.conf" <<CONF
Dir::State::Lists "$work/lists";
Dir::State::Status "$work/status";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Cache "$work/cache";
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
Acquire::Languages "none";
CONF
    export APT_CONFIG=$work/apt.conf
    timeout 120 apt-get update || return 1
    # What the programs are linked with, and no more of what the packages would bring along.
    names=$(apt-get --print-uris -y install "postgresql-$version" | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p" |
        grep -E "^(postgresql-$version|postgresql-client-$version|zlib1g|lib.*)\$" |
        grep -vE '^lib(llvm|z3|perl|pam-modules|pam-runtime|locale|text-|c-bin|c-l10n)|-perl$')
    (cd "$work/debs" && timeout 300 apt-get download $names) || return 1
    for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root" || return 1; done
    # Just-in-time compilation would want another 100 MB of libraries.
    rm -rf "$work/root/usr/lib/postgresql/$version/lib/"{llvmjit*,bitcode}
    loader=$(cd "$work/root" && ls usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/ld-[0-9]*.so 2>/dev/null | head -n 1)
    [ -n "$loader" ] || { echo "no loader for this kind of processor" && return 1; }
    for program in "$work/root/usr/lib/postgresql/$version/bin"/*; do
        [ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || continue
        patchelf --set-interpreter "$home/$loader" --force-rpath \
            --set-rpath "$home/usr/lib/x86_64-linux-gnu:$home/lib/x86_64-linux-gnu" "$program" || return 1
    done
}

# fetch_older VERSION BIN_DIR: the same for 10 and 11, whose packages Debian has no more: the servers that Maven Central has for tests,
# with pg_basebackup of BIN_DIR and what agent/src/test/older-postgres puts in place of the programs that they lack. In the directory of the project, after need_jdk.
fetch_older() {
    local version=$1 own=$2 release processor home work
    case $version in
    11) release=11.22.0 ;;
    10) release=10.23.0 ;;
    *) echo "no release of it is known" >&2 && return 1 ;;
    esac
    case $(uname -m) in
    x86_64) processor=amd64 ;;
    aarch64) processor=arm64v8 ;;
    *) echo "there is none for $(uname -m)" >&2 && return 1 ;;
    esac
    home=$versions_cache/postgresql-$version
    if ! "$home/bin/postgres" --version >/dev/null 2>&1; then
        command -v perl >/dev/null && command -v xz >/dev/null || { echo "perl or xz is not installed" >&2 && return 1; }
        mkdir -p "$versions_cache" && chmod 755 "$versions_cache" && work=$(mktemp -d "$versions_cache/new-XXXXXX") ||
            { echo "$versions_cache cannot be written" >&2 && return 1; }
        if ! (
            JAVA_HOME=$java_home timeout 300 mvn -B -q -N dependency:copy -DoutputDirectory="$work" \
                -Dartifact="io.zonky.test.postgres:embedded-postgres-binaries-linux-$processor:$release" || exit 1
            mkdir "$work/root" && cd "$work" && "$java_home/bin/jar" xf ./*.jar && tar -C root -xJf ./*.txz && root/bin/postgres --version || exit 1
        ) >"$work/log" 2>&1; then
            { tail -n 5 "$work/log" && echo "release $release could not be fetched from Maven's repository or does not run here"; } >&2
            rm -rf "$work"
            return 1
        fi
        chmod -R go+rX "$work/root"
        rm -rf "$home"
        mv "$work/root" "$home"
        rm -rf "$work"
    fi
    cp agent/src/test/older-postgres/pg_* "$home/bin" && ln -sf "$own/pg_basebackup" "$home/bin" || return 1
    printf '%s\n' "$home/bin"
}

# older_versions BIN_DIR: tells the tests in MATRIARCH_POSTGRES_10 and MATRIARCH_POSTGRES_11 where these are.
older_versions() {
    local version bin
    for version in 10 11; do
        if bin=$(fetch_older "$version" "$1" 2>/tmp/matriarch-fetch.$$); then
            say "PostgreSQL $version too, with stand-ins for some of its programs: $bin"
            export "MATRIARCH_POSTGRES_$version=$bin"
        else
            say "*** SKIPPED: the tests with PostgreSQL $version: $(tail -n 1 /tmp/matriarch-fetch.$$)"
        fi
        rm -f /tmp/matriarch-fetch.$$
    done
}

# other_versions BIN_DIR: sets other_versions to Maven's arguments for each version that is not the one in BIN_DIR.
other_versions() {
    local own version bin slot
    own=$("$1/postgres" --version | sed -E 's/.*\) ([0-9]+).*/\1/')
    other_versions=()
    for version in 17 13; do
        [ "$version" != "$own" ] || version=15
        if bin=$(fetch_postgres "$version" 2>/tmp/matriarch-fetch.$$); then
            say "PostgreSQL $version too: $bin"
            slot=$((${#other_versions[@]} / 2 + 1))
            other_versions+=("-Dother.postgres.$slot=$version" "-Dother.postgres.$slot.bin=$bin")
        else
            say "*** SKIPPED: the tests with PostgreSQL $version: $(tail -n 1 /tmp/matriarch-fetch.$$)"
        fi
        rm -f /tmp/matriarch-fetch.$$
    done
}

# fetch_unpacked NAME PROGRAM PACKAGE...: prints the root below which the file PROGRAM (a pattern) of these packages of the machine's own
# release lies; unpacks them, and what they need that is not installed, if it is not there yet. Nothing is installed, so no service
# of theirs starts. If that cannot be done, it returns 1 and the last line on standard error says why.
fetch_unpacked() {
    local name=$1 program=$2 home=$versions_cache/$1 work names package
    shift 2
    # A pattern that must be expanded.
    # shellcheck disable=SC2086
    if ls "$home"/$program >/dev/null 2>&1; then
        printf '%s\n' "$home"
        return
    fi
    command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
        { echo "only Debian's apt-get is known to this script" >&2 && return 1; }
    mkdir -p "$versions_cache" && chmod 755 "$versions_cache" && work=$(mktemp -d "$versions_cache/new-XXXXXX") ||
        { echo "$versions_cache cannot be written" >&2 && return 1; }
    if ! (
        mkdir -p "$work/debs" "$work/root" && chmod 755 "$work" "$work/root" && chmod 777 "$work/debs" || exit 1
        compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || timeout 120 apt-get update || exit 1
        names=$(apt-get -s --no-install-recommends install "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p') && [ -n "$names" ] || exit 1
        (cd "$work/debs" && timeout 300 apt-get download $names) || exit 1
        for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/root" || exit 1; done
        ls "$work/root"/$program || exit 1
    ) >"$work/log" 2>&1; then
        { tail -n 5 "$work/log" && echo "$* could not be fetched or unpacked"; } >&2
        rm -rf "$work"
        return 1
    fi
    rm -rf "$home"
    mv "$work/root" "$home"
    rm -rf "$work"
    printf '%s\n' "$home"
}

# fetch_patroni, fetch_etcd, fetch_faketime: the same for one of them; the empty line if it is installed.
fetch_patroni() {
    [ -x /usr/bin/patroni ] && echo && return
    # It looks for a module of its store only where the configuration names one.
    fetch_unpacked patroni usr/bin/patroni patroni python3-etcd
}

fetch_etcd() {
    [ -x /usr/bin/etcd ] && echo && return
    fetch_unpacked etcd usr/bin/etcd etcd-server
}

fetch_faketime() {
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null && echo && return
    fetch_unpacked libfaketime 'usr/lib/*/faketime/libfaketimeMT.so.1' libfaketime
}

# previous_build: prints the tree of the build that packaging/previous-build names, built; makes it from this clone's history if it is
# not there yet. If that cannot be done, it returns 1 and the last line on standard error says why.
previous_build() {
    local commit tree work
    commit=$(sed -n '/^[0-9a-f]/{p;q;}' "$top/packaging/previous-build") && [ -n "$commit" ] || { echo "packaging/previous-build names no commit" >&2 && return 1; }
    tree=$versions_cache/build-$commit
    if [ -e "$tree/packaging/target/matriarch/.built" ]; then
        printf '%s\n' "$tree"
        return
    fi
    git -C "$top" cat-file -e "$commit^{commit}" 2>/dev/null || { echo "the history of this clone does not reach back to $commit" >&2 && return 1; }
    mkdir -p "$versions_cache" && chmod 755 "$versions_cache" && work=$(mktemp -d "$versions_cache/new-XXXXXX") ||
        { echo "$versions_cache cannot be written" >&2 && return 1; }
    chmod 755 "$work"
    # Not installed: this build's own parts are not to find it.
    if ! (mkdir "$work/tree" && git -C "$top" archive "$commit" | tar -x -C "$work/tree" && cd "$work/tree" &&
        JAVA_HOME=$java_home mvn -B -q -DskipTests -T 2 -pl packaging -am package) >"$work/log" 2>&1 ||
        ! [ -e "$work/tree/packaging/target/matriarch/.built" ]; then
        { tail -n 5 "$work/log" && echo "the build of $commit failed"; } >&2
        rm -rf "$work"
        return 1
    fi
    rm -rf "$versions_cache"/build-* && mv "$work/tree" "$tree"
    rm -rf "$work"
    printf '%s\n' "$tree"
}
