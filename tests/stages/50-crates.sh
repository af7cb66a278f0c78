# The crates we stand on.

deny() {
    cargo deny --locked check licenses bans sources || return 1
    if timeout 120 cargo deny fetch db >/dev/null 2>&1; then
        cargo deny --locked check --disable-fetch advisories
    else
        unchecked "advisories" "their database cannot be reached from here"
    fi
}

if cargo deny --version >/dev/null 2>&1; then
    stage "licences and advisories" deny
elif $QUICK; then
    unchecked "licences and advisories" "cargo-deny is not installed, and --quick does not build it"
elif cargo install --locked --quiet cargo-deny; then
    stage "licences and advisories" deny
else
    unchecked "licences and advisories" "cargo-deny cannot be installed here"
fi
