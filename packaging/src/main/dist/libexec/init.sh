#!/usr/bin/env bash
# init.sh COMMAND...: the first process of a container. Starts the command, passes signals on to it, takes in whatever else
# is left to the first process (a postmaster outlives the one that started it), and ends as the command ends.
"$@" &
command=$!
interrupted=no
pass() {
    interrupted=yes
    kill -s "$1" "$command" 2>/dev/null
}
trap 'pass HUP' HUP
trap 'pass USR1' USR1
trap 'pass TERM' TERM
# Ctrl-C; bash starts what runs in the background with this one ignored.
trap 'pass TERM' INT
while :; do
    interrupted=no
    wait "$command"
    code=$?
    [ $interrupted = yes ] || exit $code
done
