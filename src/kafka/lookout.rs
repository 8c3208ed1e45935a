//! Consumers that have lost sight of all their brokers look for them again where they found them first.
//!
//! librdkafka forgets each broker that an answer about a topic does not name, and a broker that was paused names none,
//! not even itself, until its controller has let it back in. Whoever asks just then knows no broker any more. It
//! means to begin again at its first addresses, but the end of that very answer may stop the timer which would have
//! it do so (seen in 2.12.1): without help it stands still for minutes.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};

use super::clients::sees_brokers;
use super::native::Handle;
use super::worker_owners::waited;

/// How long a broker may take to say what it knows of a topic. A worker that ends waits for it.
const WITHIN: Duration = Duration::from_millis(300);

/// The consumers of this process that are looked after.
#[derive(Default)]
pub(super) struct Lookout {
    watched: Mutex<Vec<Watched>>,
}

struct Watched {
    looks: Box<dyn Fn() -> bool + Send>,
    finds: Box<dyn Fn() + Send>,
    name: String,
    /// Saw no broker the last time.
    is_lost: bool,
}

/// As long as it is there, its consumer is looked after.
pub(super) struct Watch<'l> {
    lookout: &'l Lookout,
    name: String,
}

impl Lookout {
    /// Looks after a consumer of this topic, whose brokers were first found at these addresses.
    pub(super) fn watch<C: ConsumerContext + 'static>(
        &self,
        name: &str,
        consumer: &Arc<BaseConsumer<C>>,
        topic: &str,
        bootstrap: &str,
    ) -> Watch<'_> {
        let (looking, finding) = (Arc::clone(consumer), Arc::clone(consumer));
        let (topic, bootstrap) = (topic.to_owned(), bootstrap.to_owned());
        self.lock().push(Watched {
            looks: Box::new(move || sees_brokers(looking.client(), Some(&topic), WITHIN)),
            finds: Box::new(move || {
                Handle::new(finding.client().native_ptr()).add_brokers(&bootstrap);
            }),
            name: name.to_owned(),
            is_lost: false,
        });
        Watch {
            lookout: self,
            name: name.to_owned(),
        }
    }

    /// Looks until the process ends.
    pub(super) fn keep(&self, closing: &AtomicBool) {
        while waited(closing) {
            let many = self.lock().len();
            for place in 0..many {
                // One at a time, so that nobody who ends waits for the others.
                if let Some(watched) = self.lock().get_mut(place) {
                    watched.look();
                }
            }
        }
    }

    /// Each change is one step, so that a panic leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// At the second look in a row without a broker, its consumer looks for them again.
    fn look(&mut self) {
        let sees = (self.looks)();
        if !sees && self.is_lost {
            tracing::debug!(
                worker = self.name,
                "no broker answers; looking for them anew"
            );
            (self.finds)();
        }
        self.is_lost = !sees;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.lookout
            .lock()
            .retain(|watched| watched.name != self.name);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn who_sees_no_broker_twice_looks_for_them_anew() {
        let (sees, found) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (sight, counter) = (Arc::clone(&sees), Arc::clone(&found));
        let mut watched = Watched {
            looks: Box::new(move || sight.load(Ordering::Relaxed)),
            finds: Box::new(move || {
                counter.fetch_add(1, Ordering::Relaxed);
            }),
            name: "a-0".to_owned(),
            is_lost: false,
        };
        let mut looks = |sees_now: bool| {
            sees.store(sees_now, Ordering::Relaxed);
            watched.look();
            found.load(Ordering::Relaxed)
        };
        let times = [true, false, true, false, false, false, true].map(&mut looks);
        assert_eq!(times, [0, 0, 0, 0, 1, 2, 2]);
    }
}
