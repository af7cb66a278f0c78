//! See `watchpost::fuzzing`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| watchpost::fuzzing::pubsub_iq(input));
