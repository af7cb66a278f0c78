# Clients that others wrote, against the built binary.

if $QUICK; then unchecked "the release build" "left out by --quick: the clients play against the debug build"; fi
stage "$PROFILE build" built

venv() {
    need python3-venv || return 1
    [ -x tests/.venv/bin/python ] || python3 -m venv tests/.venv || return 1
    tests/.venv/bin/pip install -q --disable-pip-version-check -r tests/clients/requirements.txt
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
slixmpp_dead() { venv && talk_with tests/clients/watchpost.toml dead; }
profanity() { built && need tmux profanity && tests/clients/profanity.sh; }

stage "talk by slixmpp" slixmpp
stage "talk by slixmpp: reboot with confirmation" slixmpp_confirm
slow "talk by slixmpp: a collector loses power" slixmpp_dead
stage "profanity" profanity
# A row of the wire contract whose code is not there yet. It is written: talk.py --only pubsub.
unchecked "pubsub.DOMAIN with its collections (wire contract, section 4)" "not built yet"
