//! A member of the group as librdkafka has it: heartbeats and joins by itself, tells of rebalances one
//! after the other, fetches ahead of what is polled.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::group::{Assignment, Standing};
use super::log::Message;
use super::plan::Fault;
use super::world::{Event, World};

/// How often members are heard.
const HEARTBEAT: u64 = 200;

/// What the group told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    Assigned(Vec<i32>),
    Revoked(Vec<i32>),
    Lost(Vec<i32>),
}

/// Where the reading of a partition stands.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    position: i64,
    /// Fetched up to here.
    until: i64,
    /// Tells an earlier reading's answer from this one's.
    number: u64,
    asked: bool,
    gap: bool,
}

/// A record that was polled.
#[derive(Clone, Debug)]
pub struct Polled {
    pub partition: i32,
    pub offset: i64,
    pub message: Rc<Message>,
}

/// What a poll found.
#[derive(Debug)]
pub enum Poll {
    /// These records; and whether a partition's log begins after its position.
    Records {
        polled: Vec<Polled>,
        gap: bool,
    },
    FencedInstance,
}

#[derive(Debug)]
pub struct Consumer {
    pub member: Option<u64>,
    pub generation: i32,
    assigned: BTreeSet<i32>,
    pub events: VecDeque<GroupEvent>,
    /// Events that were not answered yet; until then it takes part in no rebalance.
    unanswered: u32,
    /// Given up, but the coordinator does not know yet.
    returned: Vec<i32>,
    fenced: bool,
    /// Joins again with what it had before it was evicted.
    keeps: bool,
    fetches: BTreeMap<i32, Fetch>,
    numbers: u64,
}

impl Consumer {
    pub fn new() -> Self {
        Consumer {
            member: None,
            generation: -1,
            assigned: BTreeSet::new(),
            events: VecDeque::new(),
            unanswered: 0,
            returned: Vec::new(),
            fenced: false,
            keeps: false,
            fetches: BTreeMap::new(),
            numbers: 0,
        }
    }

    /// An event of the group is answered.
    pub fn answer(&mut self, given_up: &[i32]) {
        self.unanswered = self.unanswered.saturating_sub(1);
        for partition in given_up {
            self.fetches.remove(partition);
            self.assigned.remove(partition);
        }
        self.returned.extend(given_up);
    }

    pub fn start(&mut self, partition: i32, offset: i64) {
        self.numbers += 1;
        let fetch = Fetch {
            position: offset,
            until: offset,
            number: self.numbers,
            asked: false,
            gap: false,
        };
        self.fetches.insert(partition, fetch);
    }

    pub fn stop(&mut self, partition: i32) {
        self.fetches.remove(&partition);
    }

    fn tell(&mut self, event: GroupEvent) {
        self.events.push_back(event);
        self.unanswered += 1;
    }

    fn assign(&mut self, mut assignment: Assignment) {
        if std::mem::take(&mut self.keeps) {
            // Told is only what differs from what it had.
            let all: BTreeSet<i32> = assignment.assigned.iter().copied().collect();
            assignment.revoked = self.assigned.difference(&all).copied().collect();
            assignment.assigned = all.difference(&self.assigned).copied().collect();
        }
        self.generation = assignment.generation;
        if !assignment.revoked.is_empty() {
            self.tell(GroupEvent::Revoked(assignment.revoked));
        }
        // Also where there is nothing new: the group has moved on.
        self.assigned.extend(&assignment.assigned);
        self.tell(GroupEvent::Assigned(assignment.assigned));
    }

    fn lose(&mut self) {
        self.member = None;
        self.generation = -1;
        self.returned.clear();
        let lost: Vec<i32> = std::mem::take(&mut self.assigned).into_iter().collect();
        if !lost.is_empty() {
            self.tell(GroupEvent::Lost(lost));
        }
    }

    /// The name under which the group knows it.
    pub fn member_id(&self) -> Option<String> {
        self.member.map(|member| member.to_string())
    }

    /// As librdkafka does where the coordinator tells it about its eviction when it wants to join: it is
    /// told of no loss.
    fn keep(&mut self) {
        self.member = None;
        self.keeps = true;
    }

    /// Past what was polled, with the markers behind it; none while the partition is not read.
    pub fn position(&self, world: &World, partition: i32) -> Option<i64> {
        let fetch = self.fetches.get(&partition)?;
        let input = world.broker.input(partition);
        let more = input
            .committed(fetch.position, fetch.until)
            .next()
            .is_some();
        Some(if more { fetch.position } else { fetch.until })
    }

    /// What has come, at most so much of it; asks for more where nothing is left.
    pub fn poll(&mut self, world: &mut World, id: usize, most: usize) -> Poll {
        if self.fenced {
            return Poll::FencedInstance;
        }
        let mut polled = Vec::new();
        let mut gap = false;
        for (partition, fetch) in &mut self.fetches {
            let input = world.broker.input(*partition);
            let room = most.saturating_sub(polled.len());
            for (offset, message) in input.committed(fetch.position, fetch.until).take(room) {
                fetch.position = offset + 1;
                polled.push(Polled {
                    partition: *partition,
                    offset,
                    message: Rc::clone(message),
                });
            }
            // What was fetched is here, whatever is deleted; what was not is missing.
            if fetch.until < input.start() {
                gap |= !std::mem::replace(&mut fetch.gap, true);
                continue;
            }
            let stable = input.stable_end();
            let up = world.network.is_up(world.now, id);
            if !fetch.asked && fetch.until < stable && up {
                fetch.asked = true;
                let at = world.now + world.dice.between(1, 5);
                world
                    .queue
                    .put(at, Event::Fetched(id, *partition, fetch.number));
            }
        }
        Poll::Records { polled, gap }
    }
}

impl World {
    /// Records come to a consumer, if it still reads from where they were asked for.
    pub fn fetched(&mut self, id: usize, partition: i32, number: u64) {
        let stable = self.broker.input(partition).stable_end();
        let up = self.network.is_up(self.now, id);
        let worker = self.workers.get_mut(&id);
        if let Some(fetch) = worker.and_then(|worker| worker.consumer.fetches.get_mut(&partition))
            && fetch.number == number
        {
            fetch.asked = false;
            if up {
                fetch.until = fetch.until.max(stable);
            }
            self.nudge(id);
        }
    }

    /// Members are heard, evicted, told; the group rebalances when all can take part.
    pub fn heartbeats(&mut self) {
        self.queue.put(self.now + HEARTBEAT, Event::Heartbeats);
        let ids: Vec<usize> = self.workers.keys().copied().collect();
        for id in ids {
            if !self.is_paused(id) && self.network.is_up(self.now, id) {
                self.heartbeat(id);
            }
        }
        for name in self.group.expire(self.now, self.plan.session) {
            self.note(|| format!("name {name} is evicted"));
        }
        let can_join = |id: usize| {
            let worker = self.workers.get(&id);
            !self.is_paused(id)
                && self.network.is_up(self.now, id)
                && worker.is_some_and(|worker| worker.consumer.unanswered == 0)
        };
        if self.group.workers().all(can_join) {
            let shuffle = self.dice.place(64);
            for assignment in self.group.rebalance(self.now, shuffle) {
                self.note(|| format!("{assignment:?}"));
                self.assign(assignment);
            }
        }
    }

    fn heartbeat(&mut self, id: usize) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        let (name, consumer) = (worker.name, &mut worker.consumer);
        if consumer.fenced {
            return;
        }
        let Some(member) = consumer.member else {
            if consumer.unanswered == 0 {
                self.join(id, name);
            }
            return;
        };
        match self.group.heartbeat(self.now, name, member) {
            Standing::Good => {
                let returned = std::mem::take(&mut consumer.returned);
                self.group.given_up(self.now, name, member, &returned);
            }
            Standing::FencedInstance => {
                consumer.fenced = true;
                self.nudge(id);
            }
            Standing::Stale if self.dice.chance(300_000) => {
                consumer.keep();
                self.count(Fault::KeptAssignment, 1);
                self.note(|| format!("worker {id} joins again with what it had"));
                self.nudge(id);
            }
            Standing::Stale => {
                consumer.lose();
                self.note(|| format!("worker {id} learns that it was evicted"));
                self.nudge(id);
            }
        }
    }

    fn join(&mut self, id: usize, name: usize) {
        let (member, assignment) = self.group.join(self.now, name, id);
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.consumer.member = Some(member);
        }
        self.note(|| format!("worker {id} joins as name {name}: {assignment:?}"));
        if let Some(assignment) = assignment {
            self.assign(assignment);
        }
    }

    fn assign(&mut self, assignment: Assignment) {
        let id = assignment.worker;
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.consumer.assign(assignment);
            self.nudge(id);
        }
    }
}
