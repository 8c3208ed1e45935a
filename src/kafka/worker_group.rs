//! The workers of a process, from start to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::worker;
use super::worker_cards::CardShelf;
use super::worker_news::Observer;
use super::worker_settings::{Clock, WorkerSettings};
use super::worker_side::{self, Side};
use crate::flow::ExitReason;

/// A worker that is fenced joins again, unless it was fenced less than this long before. Two processes
/// of one name fence each other in turn, and the first to be fenced twice ends; a worker that takes its
/// own rejoining for another process, as librdkafka's static members may after they lost their session,
/// goes on.
const FENCED_AGAIN: Duration = Duration::from_secs(60);

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
    let mut fenced: Option<Instant> = None;
    loop {
        let side = side.clone();
        let exit = worker::run(settings, number, side, shelf, clock, observer, stop)?;
        match exit {
            // Not told to stop, but to leave and join again.
            ExitReason::Stopped { .. } | ExitReason::StoppedInTheMiddle
                if !stop.load(Ordering::Relaxed) => {}
            ExitReason::Evicted if !stop.load(Ordering::Relaxed) => {
                tracing::warn!(worker = number, "evicted from the group; joining anew");
            }
            ExitReason::InstanceFenced if fenced.is_none_or(|at| at.elapsed() >= FENCED_AGAIN) => {
                tracing::warn!(
                    worker = number,
                    "fenced by another member of its name; joining once more"
                );
                fenced = Some(Instant::now());
            }
            exit => return Ok(exit),
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
