# Sourced by packaging/build-packages and bench/run: a store of witnesses with certificates, without PostgreSQL, on 127.0.0.1.
# bash.

witness_pids=()

# witnesses_up PROGRAM DIR COUNT [RECORD]: starts them and waits until each is part of the store. RECORD: what an AOT cache
# of the first is made of is written there when it ends.
witnesses_up() {
    local program=$1 dir=$2 count=$3 record=${4:-} i j others deadline
    for ((i = 1; i <= count; i++)); do
        others=
        for ((j = 1; j <= count; j++)); do [ $j = $i ] || others+="${others:+, }127.0.0.1:$((27290 + j))"; done
        mkdir -p "$dir/w$i"
        cat >"$dir/w$i.yml" <<TEXT
scope: witnesses
name: w$i
raft:
  data_dir: $dir/w$i/raft
  self_addr: 127.0.0.1:$((27290 + i))
  partner_addrs: [$others]
log:
  level: INFO
TEXT
        if [ $i = 1 ]; then
            "$program" cluster init "$dir/w1.yml" >"$dir/w$i.log" 2>&1
        else
            "$program" cluster init --authority "$dir/w1/raft-tls/authority.pem" "$dir/w$i.yml" >"$dir/w$i.log" 2>&1
        fi || { cat "$dir/w$i.log" >&2 && return 1; }
    done
    for ((i = 1; i <= count; i++)); do
        MATRIARCH_AOT_RECORD=$record "$program" witness "$dir/w$i.yml" >>"$dir/w$i.log" 2>&1 </dev/null &
        witness_pids+=($!)
        record=
    done
    deadline=$((SECONDS + 120))
    for ((i = 1; i <= count; i++)); do
        until grep -q 'Store: ok' "$dir/w$i.log"; do
            [ $SECONDS -lt $deadline ] || { tail -n 20 "$dir/w$i.log" >&2 && return 1; }
            sleep 0.5
        done
    done
}

# witnesses_down: in good order, which is when a recording is written.
witnesses_down() {
    [ ${#witness_pids[@]} = 0 ] || kill "${witness_pids[@]}" 2>/dev/null || :
    wait "${witness_pids[@]}" 2>/dev/null || :
    witness_pids=()
}

# witness_memory PID: its own memory, PSS and RSS in kB.
witness_memory() {
    awk '/^Private_(Clean|Dirty):/ { own += $2 } /^Pss:/ { pss = $2 } /^Rss:/ { rss = $2 } END { print own, pss, rss }' "/proc/$1/smaps_rollup"
}
