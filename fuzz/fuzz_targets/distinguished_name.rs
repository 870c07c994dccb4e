#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halosync::fuzzing::distinguished_name(bytes));
