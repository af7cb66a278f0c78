# The statistics beside those of a program that others wrote.

# Debian's service is never started: the binary is run by hand, on a port of its own.
node_exporter() {
    local config exporter port code=0 budget=()
    need prometheus-node-exporter && venv && built || return 1
    config=$(mktemp)
    { cat tests/clients/watchpost.toml; printf '\n[web]\nmetrics = true\n'; } >"$config"
    . tests/clients/appliance.sh
    LISTEN_HTTP=127.0.0.1:0 start_appliance "$config" || { rm -f "$config"; return 1; }
    rm -f "$config"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    prometheus-node-exporter --web.listen-address "127.0.0.1:$port" >"$APPLIANCE/exporter" 2>&1 &
    exporter=$!
    until curl -fsS -o /dev/null "http://127.0.0.1:$port/metrics" 2>/dev/null; do
        kill -0 $exporter 2>/dev/null || { cat "$APPLIANCE/exporter" >&2; code=1; break; }
        sleep 0.1
    done
    # The debug build is not what a sample's cost is promised of.
    $QUICK || budget=(--sample-ms-max 2)
    [ $code = 0 ] && { tests/.venv/bin/python tests/clients/node_exporter.py --ours "http://127.0.0.1:$(appliance_port HTTP)/metrics" \
        --token "$APPLIANCE/data/http.token" --theirs "http://127.0.0.1:$port/metrics" "${budget[@]}" || code=1; }
    kill $exporter 2>/dev/null
    wait $exporter 2>/dev/null
    if [ $code = 0 ]; then stop_appliance || code=1; else stop_appliance log; fi
    return $code
}

stage "statistics beside node_exporter" node_exporter
