#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| toolgate_fuzz::paths_and_patterns(data));
