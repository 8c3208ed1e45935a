//! Time that passes, unless somebody ends the whole.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Whether SIGTERM or Ctrl-C came: then everything is ended in order. Listens from its first call on.
fn told() -> bool {
    static TOLD: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let told = TOLD.get_or_init(|| {
        let told = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&told)).expect("signals can be heard");
        }
        told
    });
    told.load(Ordering::Relaxed)
}

/// Waits, and fails at once when the process is told to end.
pub fn pause(time: Duration) {
    const LOOK: Duration = Duration::from_millis(100);
    let until = Instant::now() + time;
    loop {
        assert!(!told(), "told to end");
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(LOOK));
    }
}
