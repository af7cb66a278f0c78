#!/usr/bin/env bash
# Debian's profanity in tmux: trusts the certificate, logs in, shows the collector's status and chats with it.
# Needs WATCHPOST, the binary. Asserts on what the screen shows.
set -euo pipefail
cd "$(dirname "$0")"
. ./appliance.sh

SOCKET=watchpost-$$
screen() { tmux -L "$SOCKET" capture-pane -p -t profanity; }
type_line() { tmux -L "$SOCKET" send-keys -t profanity -l "$1" && tmux -L "$SOCKET" send-keys -t profanity Enter; }

# expect WHAT REGEX: the screen shows it within 30 s.
expect() {
    local tries=0
    until screen | grep -qE "$2"; do
        if [ $((tries += 1)) -gt 150 ]; then
            printf 'profanity does not show %s (%s):\n' "$1" "$2" >&2
            screen >&2
            return 1
        fi
        sleep 0.2
    done
    echo "profanity shows $1"
}

cleanup() {
    local code=$?
    tmux -L "$SOCKET" kill-server 2>/dev/null || true
    rm -rf "${HOME_DIR:-}"
    if [ $code = 0 ]; then stop_appliance; else stop_appliance log; fi
    exit $code
}
trap cleanup EXIT

start_appliance watchpost.toml
add_account client operator
HOME_DIR=$(mktemp -d)
mkdir -p "$HOME_DIR/config/profanity" "$HOME_DIR/data"
printf '[ui]\nsplash=false\n[notifications]\nroom=off\n' >"$HOME_DIR/config/profanity/profrc"
tmux -L "$SOCKET" -f /dev/null new-session -d -s profanity -x 160 -y 50 \
    "env HOME=$HOME_DIR XDG_CONFIG_HOME=$HOME_DIR/config XDG_DATA_HOME=$HOME_DIR/data LANG=C.UTF-8 TERM=screen profanity"
expect 'its prompt' 'Type .?/help|Profanity'
type_line "/connect client@localhost server 127.0.0.1 port $PORT tls force"
expect 'the password prompt' 'Enter password'
type_line secret
expect 'the certificate question' 'TLS certificate verification failed'
type_line '/tls always'
expect 'the login' 'logged in successfully'
type_line '/roster online'
expect 'the collector online' 'box1|monitor@localhost'
type_line '/info monitor@localhost'
expect 'the status' 'OK .* load [0-9]'
type_line '/msg monitor@localhost help'
expect 'the chat with the collector' 'stats'
type_line '/win 1'
type_line '/disco info monitor@localhost/watchpost'
expect 'the monitor identity' 'XMPP Monitor'
type_line '/quit'
