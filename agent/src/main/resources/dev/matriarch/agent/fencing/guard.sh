# The guard: stops PostgreSQL when a deadline passes that nobody moved.
#
#   bash guard.sh FIFO STATE_FILE LOG_FILE DATA_DIRECTORY
#
# Two of these live beside the agent and outlive it. Each reads lines from its own FIFO, which it holds open for
# writing too: there is never an end of file, and the agent's death changes nothing.
#
#   arm SEQ QUIT_AT KILL_AT PID   from QUIT_AT on ask the postmaster to quit, at KILL_AT kill it and its children
#   disarm SEQ                    no deadline: wait for the next line
#   quit SEQ                      end
#
# Times are hundredths of a second of /proc/uptime. A line with a lower SEQ than one already seen is ignored: it comes
# from an agent that was replaced. PID 0 means that no postmaster was known. Whatever the line says, the postmaster
# that DATA_DIRECTORY/postmaster.pid names is meant as well, and after firing every postmaster that appears there is
# killed, until the next line. The loop uses shell builtins only: no process is started, no memory is needed.

fifo=$1 state_file=$2 log_file=$3 data=$4
trap '' INT TERM HUP PIPE QUIT USR1 USR2 ALRM TSTP TTIN TTOU
export LC_ALL=C
set -f
exec 3<>"$fifo" || exit 1
# Removed before it was opened: this would be a plain file that nobody writes to, and a guard that hears nothing.
[[ -p /proc/self/fd/3 ]] || exit 1
exec </dev/null >/dev/null

mode=disarmed seq=0 quit_at=0 kill_at=0 target=0 target_start=0 partial=

uptime() {
    local up rest
    read -r up rest </proc/uptime
    now=$((10#${up/./}))
}

# Sets $start to the start time of a living process; fails for zombies and the dead.
start_of() {
    local line fields
    start=
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    fields=(${line##*) })
    [[ ${fields[0]} != [ZXx] ]] || return 1
    start=${fields[19]}
}

note() {
    { printf '%s %s %s %s %s %s .\n' "$$" "$seq" "$mode" "$quit_at" "$kill_at" "$target" >"$state_file"; } 2>/dev/null
}

tell() {
    local stamp
    printf -v stamp '%(%F %T)T' -1
    { printf '%s guard %s: %s\n' "$stamp" "$$" "$1" >>"$log_file"; } 2>/dev/null
}

# The postmaster of the last line, if it is still the same process. Looks at no disk: that may hang.
told_victim() {
    ((target > 0)) && start_of "$target" && [[ $start == "$target_start" ]]
}

# Sets $found to the postmaster that works on the directory, whatever the last line said.
find_victim() {
    found=
    { read -r found <"$data/postmaster.pid"; } 2>/dev/null
    [[ $found =~ ^[1-9][0-9]*$ ]] && start_of "$found" && [[ /proc/$found/cwd -ef $data ]]
}

kill_tree() {
    local pid=$1 children= entry line fields
    # Stopped first: it forks no more while its children go.
    kill -STOP "$pid" 2>/dev/null
    if ! { read -r children <"/proc/$pid/task/$pid/children"; } 2>/dev/null && [[ -z $children ]]; then
        # A kernel without that file.
        if [[ ! -e /proc/$pid/task/$pid/children ]]; then
            set +f
            for entry in /proc/[0-9]*; do
                { read -r line <"$entry/stat"; } 2>/dev/null || continue
                fields=(${line##*) })
                [[ ${fields[1]} == "$pid" ]] && children+=" ${entry#/proc/}"
            done
            set -f
        fi
    fi
    [[ -n $children ]] && kill -KILL $children 2>/dev/null
    kill -KILL "$pid" 2>/dev/null
    tell "killed postmaster $pid and its children"
}

quit_one() {
    kill -QUIT "$1" 2>/dev/null
    # A stopped one would not hear it.
    kill -CONT "$1" 2>/dev/null
    tell "deadline $quit_at has passed and nobody renewed the lease: sent SIGQUIT to postmaster $1"
}

quit_all() {
    told_victim && quit_one "$target"
    find_victim && [[ $found != "$target" ]] && quit_one "$found"
}

kill_all() {
    told_victim && kill_tree "$target"
    find_victim && kill_tree "$found"
}

take() {
    local words=($1) was=$mode
    local word=${words[0]} new_seq=${words[1]} a=${words[2]} b=${words[3]} c=${words[4]}
    [[ $new_seq =~ ^[0-9]+$ ]] && ((new_seq >= seq)) || return
    case $word in
    arm)
        [[ $a =~ ^[0-9]+$ && $b =~ ^[0-9]+$ && $c =~ ^[0-9]+$ ]] || return
        mode=armed seq=$new_seq quit_at=$a kill_at=$b
        if ((c != target)) || [[ -z $target_start ]]; then
            target=$c
            start_of "$target"
            target_start=$start
        fi
        ;;
    disarm) mode=disarmed seq=$new_seq target=0 target_start= ;;
    quit)
        tell "ended by the agent"
        exit 0
        ;;
    *) return ;;
    esac
    # Renewals touch no disk: a hanging one must not keep the guard from its deadline.
    [[ $mode == "$was" ]] || note
}

# Waits for a line, at most $1 hundredths of a second (nothing: without limit).
await() {
    local line= code
    if [[ -n $1 ]]; then
        # Woken at least once a second: the timer of read stands still while the machine is suspended.
        local limit=$(($1 < 100 ? ($1 > 0 ? $1 : 1) : 100)) text
        printf -v text '%d.%02d' $((limit / 100)) $((limit % 100))
        read -r -t "$text" -u 3 line
    else
        read -r -u 3 line
    fi
    code=$?
    if ((code == 0)); then
        line=$partial$line
        partial=
        take "$line"
    else
        # The timer may go off in the middle of a line.
        partial+=$line
    fi
}

note
while :; do
    case $mode in
    disarmed) await ;;
    armed | quitting)
        uptime
        if ((now >= kill_at)); then
            mode=fired
            kill_all
            note
        elif [[ $mode == armed ]] && ((now >= quit_at)); then
            mode=quitting
            quit_all
            note
        elif [[ $mode == armed ]] && ((quit_at < kill_at)); then
            await $((quit_at - now))
        else
            await $((kill_at - now))
        fi
        ;;
    fired)
        await 50
        [[ $mode == fired ]] && kill_all
        ;;
    esac
done
