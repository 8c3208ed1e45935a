//! The workers of a process, from start to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::error::Error;
use super::worker;
use super::worker_cards::CardShelf;
use super::worker_news::Observer;
use super::worker_settings::{Clock, WorkerSettings};
use super::worker_side::{self, Side};
use crate::flow::{Ends, ExitReason, Next};

/// Runs all workers until `stop` is set or one of them cannot go on, which stops the others.
///
/// # Errors
/// [`Error`] if they cannot be started; how each ended otherwise.
pub fn run_workers(
    settings: &WorkerSettings,
    shelf: &Arc<CardShelf>,
    clock: &Clock,
    observer: &Observer,
    stop: &AtomicBool,
) -> Result<Vec<ExitReason>, Error> {
    let (side, threads) = worker_side::start(settings, clock, observer)?;
    let exits = thread::scope(|scope| {
        let workers: Vec<_> = (0..settings.workers)
            .map(|number| {
                let side = side.clone();
                thread::Builder::new()
                    .name(format!("worker-{number}"))
                    .spawn_scoped(scope, move || {
                        let _stops_others = StopOnDrop(stop);
                        run(settings, number, &side, shelf, clock, observer, stop)
                    })
                    .expect("a process may have a few threads")
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| match worker.join() {
                Ok(exit) => exit,
                // A bug outside a partition: nothing here may go on.
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    drop(side);
    threads.close();
    exits
}

fn run(
    settings: &WorkerSettings,
    number: u32,
    side: &Side,
    shelf: &Arc<CardShelf>,
    clock: &Clock,
    observer: &Observer,
    stop: &AtomicBool,
) -> Result<ExitReason, Error> {
    let (begun, mut ends) = (Instant::now(), Ends::default());
    loop {
        let side = side.clone();
        let exit = worker::run(settings, number, side, shelf, clock, observer, stop)?;
        let now =
            u64::try_from(begun.elapsed().as_millis()).expect("a process does not live so long");
        match ends.next(&exit, now, stop.load(Ordering::Relaxed)) {
            Next::End => return Ok(exit),
            Next::Join => match exit {
                ExitReason::Evicted => {
                    tracing::warn!(worker = number, "evicted from the group; joining anew");
                }
                ExitReason::InstanceFenced => tracing::warn!(
                    worker = number,
                    "fenced by another member of its name; joining once more"
                ),
                _ => {}
            },
        }
    }
}

/// However a worker ends, the others end too.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
