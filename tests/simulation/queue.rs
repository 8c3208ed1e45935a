//! What is going to happen, by its moment.

use std::collections::BTreeMap;

/// Events in the order of their moments, and of one moment in the order in which they were put.
#[derive(Debug)]
pub struct Queue<E> {
    events: BTreeMap<(u64, u64), E>,
    put: u64,
}

impl<E> Queue<E> {
    pub fn new() -> Self {
        Queue {
            events: BTreeMap::new(),
            put: 0,
        }
    }

    pub fn put(&mut self, at: u64, event: E) {
        self.put += 1;
        self.events.insert((at, self.put), event);
    }

    /// The next event, if its moment is no later than `until`.
    pub fn next(&mut self, until: u64) -> Option<(u64, E)> {
        let first = self.events.first_entry()?;
        let at = first.key().0;
        (at <= until).then(|| (at, first.remove()))
    }
}
