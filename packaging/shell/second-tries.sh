# Sourced by ./check: tests that failed and, tried again, passed. bash and awk.

# second_tries DIR SINCE: of the reports of Maven's tests below DIR that are newer than the file SINCE, a line "CLASS.METHOD: TYPE: MESSAGE"
# for each failure that a second try did not repeat.
second_tries() {
    find "$1" -path '*-reports/TEST-*.xml' -newer "$2" -exec awk '
        function attribute(name, s) {
            if (!match($0, " " name "=\"[^\"]*\"")) return ""
            s = substr($0, RSTART, RLENGTH)
            sub("^ " name "=\"", "", s)
            sub("\"$", "", s)
            gsub(/&#10;.*/, "", s)
            gsub(/&lt;/, "<", s)
            gsub(/&gt;/, ">", s)
            gsub(/&quot;/, "\"", s)
            gsub(/&apos;/, "\047", s)
            gsub(/&amp;/, "\\&", s)
            return s
        }
        /<testcase / { test = attribute("classname") "." attribute("name") }
        /<flaky(Failure|Error)[ >]/ { print test ": " attribute("type") ": " attribute("message") }
    ' {} +
}

# judge_second_tries DIR SINCE: says which tests they were; fails if what may never happen happened once (see the class Violation).
judge_second_tries() {
    local tries
    tries=$(second_tries "$1" "$2" | sort)
    [ -n "$tries" ] || return 0
    say "Failed once and passed the second time; each is worth a look:"
    sed 's/^/  /' <<<"$tries"
    if grep -E '^[^:]*: [^:]*Violation: ' <<<"$tries" >/dev/null; then
        say "One of them is a violation of what docs/safety.md promises: that it did not happen the second time is no excuse."
        return 1
    fi
}
