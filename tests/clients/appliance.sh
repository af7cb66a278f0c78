# An appliance for the clients of this folder: sourced, not run. WATCHPOST names the binary.

# start_appliance CONFIG: in a new folder, for the domain localhost; sets APPLIANCE, PORT, PORT_TLS and CA.
start_appliance() {
    APPLIANCE=$(mktemp -d "${TMPDIR:-/tmp}/appliance.XXXXXX")
    cp "$1" "$APPLIANCE/watchpost.toml"
    (cd "$APPLIANCE" && exec "$WATCHPOST" run --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 --listen-http "${LISTEN_HTTP:-none}") \
        >"$APPLIANCE/log" 2>&1 &
    APPLIANCE_PID=$!
    local tries=0
    until PORT=$(appliance_port STARTTLS) && PORT_TLS=$(appliance_port 'direct TLS'); do
        if ! kill -0 "$APPLIANCE_PID" 2>/dev/null || [ $((tries += 1)) -gt 300 ]; then
            cat "$APPLIANCE/log" >&2
            echo "the appliance does not listen" >&2
            return 1
        fi
        sleep 0.1
    done
    CA=$APPLIANCE/certs/ca.pem
}

# The port of a listener, out of 'watchpost status'.
appliance_port() {
    local found
    found=$(cd "$APPLIANCE" && "$WATCHPOST" status 2>/dev/null | grep -oE "$1[^,]*127\.0\.0\.1:[0-9]+") || return 1
    echo "${found##*:}"
}

# add_account NAME ROLE: with the password "secret".
add_account() {
    (cd "$APPLIANCE" && echo secret | "$WATCHPOST" account add "$1@localhost" --role "$2" --password-stdin)
}

# Ends it; the log stays readable as text on standard output when asked with "log".
stop_appliance() {
    [ "${1:-}" = log ] && sed 's/^/    | /' "$APPLIANCE/log"
    kill "$APPLIANCE_PID" 2>/dev/null && wait "$APPLIANCE_PID"
    local code=$?
    rm -rf "$APPLIANCE"
    return $code
}
