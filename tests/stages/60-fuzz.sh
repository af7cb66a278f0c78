# The fuzz targets. Their corpus is replayed by the unit tests.

fuzz_targets() { RUSTFLAGS='--cfg fuzzing' cargo check --manifest-path fuzz/Cargo.toml; }

slow "the fuzz targets compile" fuzz_targets
unchecked "new inputs by fuzzing" "tests/fuzz MINUTES does that"
