//! Waiting on conditions, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// How long one question to Kafka may take.
pub const WAIT: Duration = Duration::from_secs(20);
/// Longer than anything here takes on a busy machine; a test that waits this long has failed.
const LONG: Duration = Duration::from_secs(180);

/// Looks until `condition` gives a value, and fails the test when it never does.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {LONG:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
