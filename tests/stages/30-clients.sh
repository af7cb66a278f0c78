# Clients that others wrote, against the built binary.

if $QUICK; then unchecked "the release build" "left out by --quick: the clients play against the debug build"; fi
stage "$PROFILE build" built

# venv [NAME]: tests/.venv-NAME with requirements-NAME.txt; without a name slixmpp's. Debian's Python, since that is the
# Python of Debian's packages; another where it is missing.
venv() {
    local folder=tests/.venv${1:+-$1} python=/usr/bin/python3
    need python3-venv || return 1
    [ -x $python ] || python=python3
    [ -x "$folder/bin/python" ] || $python -m venv "$folder" || return 1
    "$folder/bin/pip" install -qq --disable-pip-version-check -r "tests/clients/requirements${1:+-$1}.txt"
}

# slixmpp plays the talk: talk_with CONFIG ONLY
talk_with() {
    local config=$1 only=$2 code=0
    built || return 1
    . tests/clients/appliance.sh
    start_appliance "$config" || return 1
    {
        add_account client viewer && add_account bot viewer && add_account crowd viewer &&
            add_account boss admin && add_account web1 collector
    } >/dev/null || code=1
    [ $code = 0 ] && { tests/.venv/bin/python tests/clients/talk.py --port "$PORT" --ca "$CA" --only "$only" || code=1; }
    if [ $code = 0 ]; then stop_appliance || code=1; else stop_appliance log; fi
    return $code
}
slixmpp() { venv && talk_with tests/clients/watchpost.toml talk; }
slixmpp_confirm() {
    local config code
    config=$(mktemp)
    sed 's/^confirm = false/confirm = true/' tests/clients/watchpost.toml >"$config"
    venv && talk_with "$config" confirm
    code=$?
    rm -f "$config"
    return $code
}
slixmpp_pubsub() { venv && talk_with tests/clients/watchpost.toml pubsub; }
# The publish-subscribe of a library, by its own API: api PYTHON SCRIPT
api() {
    local code=0
    built || return 1
    . tests/clients/appliance.sh
    start_appliance tests/clients/watchpost.toml || return 1
    { add_account client viewer && add_account boss admin; } >/dev/null || code=1
    [ $code = 0 ] && { "$1" "$2" --port "$PORT" --ca "$CA" || code=1; }
    if [ $code = 0 ]; then stop_appliance || code=1; else stop_appliance log; fi
    return $code
}
slixmpp_api() { venv && api tests/.venv/bin/python tests/clients/pubsub_slixmpp.py; }
aioxmpp_api() { venv aioxmpp && api tests/.venv-aioxmpp/bin/python tests/clients/pubsub_aioxmpp.py; }
slixmpp_dead() { venv && talk_with tests/clients/watchpost.toml dead; }

# slixmpp's own plugins read the archives and get the copies.
slixmpp_archive() {
    local code=0
    built && venv || return 1
    . tests/clients/appliance.sh
    start_appliance tests/clients/watchpost.toml || return 1
    { add_account client viewer && add_account crowd viewer && add_account boss admin; } >/dev/null || code=1
    [ $code = 0 ] && { tests/.venv/bin/python tests/clients/archive.py --port "$PORT" --ca "$CA" || code=1; }
    if [ $code = 0 ]; then stop_appliance || code=1; else stop_appliance log; fi
    return $code
}

# Real load on this machine, an alert on a phone, 'ack' for an answer.
pager() {
    local code=0
    built && venv || return 1
    . tests/clients/appliance.sh
    start_appliance tests/clients/pager.toml || return 1
    { add_account ann admin && add_account bob operator; } >/dev/null || code=1
    [ $code = 0 ] && { tests/.venv/bin/python tests/clients/pager.py --port "$PORT" --ca "$CA" || code=1; }
    if [ $code = 0 ]; then stop_appliance || code=1; else stop_appliance log; fi
    return $code
}

# Each brings about the rows of tests/clients/rows.txt: play MECHANISM LACKS COMMAND...
# No stream can be resumed before the server has XEP-0198, as its table in the README says.
RESUME=resume
if grep -q 'XEP-0198' README.md; then RESUME=-; else unchecked "stream resumption" "the server has no XEP-0198 yet"; fi
play() { built && venv && tests/clients/play "$@"; }
slixmpp_rows() { play SCRAM-SHA-512 $RESUME tests/.venv/bin/python tests/clients/with_slixmpp.py; }
# It takes the first -PLUS for tls-unique, which TLS 1.3 has not, then says so with each SCRAM: PLAIN is what remains.
slixmpp_debian() { need python3-slixmpp && play PLAIN $RESUME /usr/bin/python3 tests/clients/with_slixmpp.py; }
aioxmpp() { venv aioxmpp && play SCRAM-SHA-256 $RESUME tests/.venv-aioxmpp/bin/python tests/clients/with_aioxmpp.py; }
# Where the server offers SASL2, it binds there, and resumes there alone: by <sm/> among the inline features.
xmpp_client() {
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then need nodejs npm || return 1; fi
    (cd tests/clients/xmpp-client && npm ci --silent) &&
        play SCRAM-SHA-1 $RESUME node tests/clients/xmpp-client/rows.js
}
profanity() { need tmux profanity && play SCRAM-SHA-512 $RESUME tests/clients/profanity.sh; }

# An hour of it by hand: tests/churn 60.
churn() { built && tests/churn "$($QUICK && echo 0.4 || echo 2)"; }

stage "talk by slixmpp" slixmpp
stage "talk by slixmpp: reboot with confirmation" slixmpp_confirm
stage "talk by slixmpp: publish-subscribe" slixmpp_pubsub
stage "XEP-0060 by slixmpp's API" slixmpp_api
stage "XEP-0060 by aioxmpp's API" aioxmpp_api
slow "talk by slixmpp: a collector loses power" slixmpp_dead
stage "archives and carbons by slixmpp" slixmpp_archive
stage "from a real load to an acknowledged alert, by slixmpp" pager
stage "slixmpp 1.17" slixmpp_rows
stage "slixmpp 1.8 of Debian" slixmpp_debian
stage "aioxmpp" aioxmpp
stage "@xmpp/client" xmpp_client
stage "profanity" profanity
stage "clients that come and go" churn
