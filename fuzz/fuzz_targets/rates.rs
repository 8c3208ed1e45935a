#![no_main]

#[path = "../bodies/rates.rs"]
mod rates;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rates::check(data));
