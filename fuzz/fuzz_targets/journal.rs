#![no_main]

#[path = "../bodies/journal.rs"]
mod journal;
#[path = "../bodies/state.rs"]
mod state;

libfuzzer_sys::fuzz_target!(|data: &[u8]| journal::check(data));
