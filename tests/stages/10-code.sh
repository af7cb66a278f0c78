# What the code looks like, and what stands in its room.

format() { cargo fmt --check; }
lint() { cargo clippy --locked --all-targets -- -D warnings; }
architecture() { cargo test --locked --test architecture -- --nocapture; }

stage "format" format
stage "lint" lint
stage "architecture" architecture
