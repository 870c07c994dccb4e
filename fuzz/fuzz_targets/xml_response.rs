#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| halosync::fuzzing::xml_response(bytes));
