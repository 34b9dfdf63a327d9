# Sourced by the launchers and by the scripts of the source tree: which Java to use.
# POSIX sh. Nothing here starts a JVM unless a candidate has no `release` file.

matriarch_java_minimum=25

# java_major HOME: prints the major version of the Java under HOME, nothing if there is none.
java_major() {
    [ -x "$1/bin/java" ] || return 1
    java_version=
    if [ -r "$1/release" ]; then
        while IFS= read -r java_line; do
            case $java_line in
            JAVA_VERSION=*)
                java_version=${java_line#JAVA_VERSION=}
                java_version=${java_version#\"}
                ;;
            esac
        done <"$1/release"
    fi
    if [ -z "$java_version" ]; then
        java_version=$("$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9][^"]*\)".*/\1/p')
    fi
    java_version=${java_version%%[!0-9]*}
    [ -n "$java_version" ] && echo "$java_version"
}

# java_home_if_new_enough HOME [TOOL]: prints HOME if its Java is new enough and it has bin/TOOL.
java_home_if_new_enough() {
    [ -n "$1" ] && [ -x "$1/bin/${2:-java}" ] || return 1
    java_found=$(java_major "$1") || return 1
    [ "$java_found" -ge "$matriarch_java_minimum" ] && echo "$1"
}

# find_java_home DISTRIBUTION [TOOL]: prints the first Java home that is new enough.
# Order: MATRIARCH_JAVA, the distribution's own runtime, JAVA_HOME, /usr/lib/jvm, the java on PATH.
find_java_home() {
    if [ -n "${MATRIARCH_JAVA:-}" ]; then
        # Asked for by name: this one or none.
        java_home_if_new_enough "${MATRIARCH_JAVA%/bin/java}" "${2:-java}"
        return
    fi
    java_home_if_new_enough "$1/runtime" "${2:-java}" && return
    java_home_if_new_enough "${JAVA_HOME:-}" "${2:-java}" && return
    for java_candidate in /usr/lib/jvm/* /opt/java/* /opt/jdk*; do
        java_home_if_new_enough "$java_candidate" "${2:-java}" && return
    done
    java_candidate=$(command -v java 2>/dev/null) || return 1
    java_candidate=$(readlink -f "$java_candidate")
    java_home_if_new_enough "${java_candidate%/bin/java}" "${2:-java}"
}

# What to say when find_java_home found nothing.
java_missing() {
    if [ -n "${MATRIARCH_JAVA:-}" ]; then
        echo "MATRIARCH_JAVA=$MATRIARCH_JAVA is not the home of a Java $matriarch_java_minimum or later."
    else
        echo "No Java $matriarch_java_minimum or later was found: install one (Debian 13: openjdk-25-jre-headless; elsewhere a JDK 25 unpacked under /usr/lib/jvm) or set JAVA_HOME to it."
    fi
}

# class_path DISTRIBUTION [WITHOUT]: every jar, in the same order each time (an AOT cache demands it).
# WITHOUT is a shell pattern of file names to leave out.
class_path() {
    java_class_path=
    for java_jar in "$1"/lib/*.jar; do
        case ${java_jar##*/} in
        ${2:-}) continue ;;
        esac
        java_class_path=${java_class_path:+$java_class_path:}$java_jar
    done
    echo "$java_class_path"
}
