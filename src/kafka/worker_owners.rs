//! Partitions that nobody has. A cooperative rebalance takes a partition from one member in a first
//! round and gives it to another in a second one, which the first member asks for once it has let go.
//! If it dies in between and is back in time, it is given what it had, less that partition, as static
//! members are, and no second round follows: nobody has the partition until a member comes or goes.
//! So the first member by name goes and comes when it sees that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::group::Member;
use super::reader::TopicReader;

/// How often the group is looked at; two looks in a row must agree.
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
    let mut before = Vec::new();
    while waited(closing) {
        let members = match events.members(group, TIMEOUT) {
            Ok(members) => members.unwrap_or_default(),
            Err(error) => {
                tracing::debug!(%error, "asking who has which partition");
                Vec::new()
            }
        };
        let lost = without_owner(&members, partitions);
        if lost.is_empty() || lost != before {
            before = lost;
            continue;
        }
        let first = members.iter().map(|member| &*member.name).min();
        if first.is_some_and(|first| rejoins.ask(first)) {
            tracing::warn!(partitions = ?lost, "nobody has these partitions; joining the group again");
        }
        before.clear();
    }
}

/// Waits for the next look; false if there is none.
fn waited(closing: &AtomicBool) -> bool {
    let since = Instant::now();
    while since.elapsed() < LOOK {
        if closing.load(Ordering::Relaxed) {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}

/// The partitions that no member has; none where there is no member to ask about.
fn without_owner(members: &[Member], partitions: i32) -> Vec<i32> {
    if members.is_empty() {
        return Vec::new();
    }
    let owned = |partition: &i32| members.iter().any(|member| member.has.contains(partition));
    (0..partitions)
        .filter(|partition| !owned(partition))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_no_member_has_is_seen_and_the_named_worker_is_asked_once() {
        let member = |name: &str, has: &[i32]| Member {
            name: name.to_owned(),
            has: has.to_vec(),
        };
        let members = [member("b-0", &[2, 3]), member("a-0", &[0])];
        assert_eq!(without_owner(&members, 4), [1]);
        assert_eq!(without_owner(&members[..1], 4), [0, 1]);
        assert!(without_owner(&[], 4).is_empty());
        let rejoins = Rejoins::of(["a-0".to_owned(), "a-1".to_owned()]);
        assert!(rejoins.ask("a-1") && !rejoins.ask("b-0"));
        assert!(!rejoins.take("a-0"));
        assert!(rejoins.take("a-1") && !rejoins.take("a-1"));
    }
}
