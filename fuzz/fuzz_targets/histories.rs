#![no_main]

#[path = "../bodies/histories.rs"]
mod histories;
#[path = "../bodies/state.rs"]
mod state;

libfuzzer_sys::fuzz_target!(|data: &[u8]| histories::check(data));
