//! Looks for partitions that nobody has, and has a worker join again for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::reader::TopicReader;
use crate::flow::Ownerless;

/// How often the group, or a broker, is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How soon the end of the process is noticed.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the brokers may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The workers of this process, by number, and whether each is to leave the group and join again.
pub(super) struct Rejoins {
    workers: Vec<(String, AtomicBool)>,
}

impl Rejoins {
    pub(super) fn of(names: impl IntoIterator<Item = String>) -> Self {
        let workers = names.into_iter().map(|name| (name, AtomicBool::new(false)));
        Rejoins {
            workers: workers.collect(),
        }
    }

    fn wanted(&self, name: &str) -> Option<&AtomicBool> {
        let worker = self.workers.iter().find(|(known, _)| known == name);
        worker.map(|(_, wanted)| wanted)
    }

    /// Whether this worker is to join again; asked for once.
    pub(super) fn take(&self, name: &str) -> bool {
        let wanted = self.wanted(name);
        wanted.is_some_and(|wanted| wanted.swap(false, Ordering::Relaxed))
    }

    /// Asks a worker to join again; false if it is not of this process.
    fn ask(&self, name: &str) -> bool {
        let wanted = self.wanted(name);
        wanted.inspect(|wanted| wanted.store(true, Ordering::Relaxed));
        wanted.is_some()
    }
}

/// Looks until the process ends.
pub(super) fn watch(
    events: &TopicReader,
    group: &str,
    partitions: i32,
    rejoins: &Rejoins,
    closing: &AtomicBool,
) {
    let mut ownerless = Ownerless::default();
    while waited(closing) {
        let members = match events.members(group, TIMEOUT) {
            Ok(members) => members.unwrap_or_default(),
            Err(error) => {
                tracing::debug!(%error, "asking who has which partition");
                Vec::new()
            }
        };
        if let Some((first, lost)) = ownerless.look(&members, partitions)
            && rejoins.ask(first)
        {
            tracing::warn!(partitions = ?lost, "nobody has these partitions; joining the group again");
        }
    }
}

/// Waits for the next look; false if there is none.
pub(super) fn waited(closing: &AtomicBool) -> bool {
    let since = Instant::now();
    while since.elapsed() < LOOK {
        if closing.load(Ordering::Relaxed) {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_worker_is_asked_once() {
        let rejoins = Rejoins::of(["a-0".to_owned(), "a-1".to_owned()]);
        assert!(rejoins.ask("a-1") && !rejoins.ask("b-0"));
        assert!(!rejoins.take("a-0"));
        assert!(rejoins.take("a-1") && !rejoins.take("a-1"));
    }
}
