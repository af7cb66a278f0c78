#!/usr/bin/env bash
# The rows of rows.txt by Debian's profanity in tmux: what the screen shows is what counts.
set -euo pipefail

SOCKET=watchpost-$$ HOME_DIR=$(mktemp -d) MONITOR=${COLLECTOR%/*}
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
}

# ok ROW REGEX: the line that shows it.
ok() { echo "ok $1 $(screen | grep -E "$2" | head -1 | tr -s ' ')"; }

cleanup() {
    local code=$?
    [ $code = 0 ] || { echo "profanity's log ends with:" && tail -40 "$HOME_DIR"/data/profanity/logs/*.log; } || true
    tmux -L "$SOCKET" kill-server 2>/dev/null || true
    rm -rf "$HOME_DIR"
    exit $code
}
trap cleanup EXIT

mkdir -p "$HOME_DIR/config/profanity" "$HOME_DIR/data"
printf '[ui]\nsplash=false\n[notifications]\nroom=off\n' >"$HOME_DIR/config/profanity/profrc"
# It takes no authority from the environment here: it asks, as it asks a person.
tmux -L "$SOCKET" -f /dev/null new-session -d -s profanity -x 160 -y 50 \
    "env -u SSL_CERT_FILE HOME=$HOME_DIR XDG_CONFIG_HOME=$HOME_DIR/config XDG_DATA_HOME=$HOME_DIR/data LANG=C.UTF-8 \
    TERM=screen profanity --log DEBUG"
expect 'its prompt' 'Type .?/help|Profanity'
type_line "/connect $JID server $HOST port $PORT tls force"
expect 'the password prompt' 'Enter password'
type_line "$PASSWORD"
expect 'the certificate question' 'TLS certificate verification failed'
type_line '/tls always'
expect 'the login' 'logged in successfully'
ok login 'logged in successfully'

type_line '/roster'
expect 'the collector in the roster' "$MONITOR .* - both - Servers"
ok roster "$MONITOR .* - both - Servers"
type_line "/info $MONITOR"
expect 'the status' 'OK .* load [0-9]'
ok presence 'OK .* load [0-9]'
type_line "/msg $MONITOR help"
expect 'the chat with the collector' 'stats'
ok chat 'I speak for'
type_line "/msg $PARTNER say wherefore"
expect 'the answer of another account' '(juliet|balcony).*: wherefore'
ok talk ': wherefore'
type_line '/win 1'
type_line "/disco info $COLLECTOR"
expect 'the monitor identity' 'XMPP Monitor'
expect 'the commands' 'http://jabber.org/protocol/commands'
ok disco 'XMPP Monitor'
# It shows forms and takes answers by /fieldN; each form has a window of its own.
type_line "/cmd exec shell $COLLECTOR"
expect 'the first form' 'field1. Command'
type_line '/field1 say'
type_line '/form submit'
expect 'the second form' 'field1. Word'
type_line '/field1 tea'
type_line '/form submit'
expect 'the result' 'Output: said tea'
ok command 'Output: said tea'

type_line "/sub request $PARTNER"
type_line "/msg $PARTNER publish"
type_line '/win 1'
expect 'the mood of a contact' 'Mood from .*happy'
ok event 'Mood from .*happy'

if [[ ",$LACKS," != *,resume,* ]]; then
    type_line '/reconnect 1'
    expect 'the interval' 'Reconnect interval set'
    type_line "/msg $PARTNER cut"
    expect 'what was sent meanwhile' ': kept 3'
    type_line "/msg $PARTNER say after"
    expect 'that the session goes on' ': after'
    kept=$(screen | grep -oE ': kept [0-9]' | tr -d ':\n')
    [ "$kept" = ' kept 1 kept 2 kept 3' ] || { echo "kept:$kept" && exit 1; }
    # The library's word for it: libstrophe's log, which profanity keeps.
    grep -q 'Session resumed successfully' "$HOME_DIR"/data/profanity/logs/*.log || { echo 'not resumed' && exit 1; }
    echo "ok resume:$kept"
fi
type_line '/quit'
