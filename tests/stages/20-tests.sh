# The tests in Rust. A file tests/*.rs or tests/*/main.rs that no stage here names is run by the last one.

unit() { cargo test --locked --lib --bins; }
contract() { cargo test --locked --test cli --test talk; }
dialogues() { cargo test --locked --test scripts -- --nocapture; }
durability() { cargo test --locked --test durability -- --nocapture; }
differential() { tests/differential.py --rounds "$($QUICK && echo 2 || echo 20)"; }
others() {
    local file name names=()
    for file in tests/*.rs tests/*/main.rs; do
        name=$(basename "${file%/main.rs}" .rs)
        case $name in architecture | cli | talk | scripts | durability) ;; *) names+=(--test "$name") ;; esac
    done
    [ ${#names[@]} = 0 ] || cargo test --locked "${names[@]}"
}

stage "unit tests" unit
stage "operator's contract, talk by tokio-xmpp" contract
stage "dialogues" dialogues
stage "durability: kill -9" durability
stage "the parser beside libexpat" differential
stage "other integration tests" others
# What of the threat catalogue and of the limits has a test, and what has none.
stage "rows and limits beside their tests" tests/rows
