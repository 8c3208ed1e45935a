//! Everything there is, and its events in the order of their moments.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use tollkeeper::domain::Moment;
use tollkeeper::flow::{InputPosition, Permit};
use tollkeeper::journal::{Genesis, encode_genesis};
use tollkeeper::rates::RateCards;

use super::broker::{Batch, Broker, ClientId, Marker, journal};
use super::checks::{Broken, Checks};
use super::dice::Dice;
use super::group::Group;
use super::log::Message;
use super::network::Network;
use super::plan::{Fault, Plan};
use super::queue::Queue;
use super::rates;
use super::reference::Office;
use super::takeover::Finding;
use super::traffic::Traffic;
use super::worker::{Answer, Worker};

/// Where the clocks begin.
const BEGIN: &str = "2026-11-23T10:00:00.000Z";

/// Something that is going to happen.
#[derive(Debug)]
pub enum Event {
    /// A worker's thread goes on, if it still waits for this moment.
    Wake(usize),
    /// A process with this name starts.
    Start(usize),
    /// A broker gets records.
    Produce(ClientId, Batch),
    /// A producer hears of them: the offset of the first, or that it is fenced.
    Produced(ClientId, u32, Option<i64>),
    /// The coordinator gets a call, or a producer its answer.
    Call(ClientId, u32, Call),
    Called(ClientId, u32, super::client::Reply),
    /// A call without an answer is sent again,
    Again(ClientId, u32),
    /// or as soon as the coordinator may be able to;
    Retry(ClientId, u32),
    /// and so are records.
    Resend(ClientId, u32),
    Marker(usize, Marker),
    Scan,
    Heartbeats,
    Looks,
    Input,
    InputMarker(i32, bool),
    Card(usize),
    /// A process has read so many versions.
    CardSeen(usize, usize),
    Throw,
    /// Records of the input have come to a consumer.
    Fetched(usize, i32, u64),
    AskEnd(usize, i32, Moment),
    Answer(usize, Box<Answer>),
    Find(Box<Finding>),
    Trim(i32, i64),
    Permit(i32, Permit),
}

/// What a producer asks of a coordinator.
#[derive(Clone, Debug)]
pub enum Call {
    Init,
    Offsets {
        epoch: u32,
        positions: Vec<InputPosition>,
        member: u64,
        generation: i32,
    },
    Commit {
        epoch: u32,
    },
}

/// A partition whose journal is damaged.
#[derive(Debug)]
pub struct Damaged {
    pub partition: i32,
    /// How far it had come.
    pub position: i64,
    /// Whether a worker has refused it.
    pub is_refused: bool,
}

/// A run of one seed.
#[derive(Debug)]
pub struct World {
    pub now: u64,
    pub plan: Plan,
    pub dice: Dice,
    pub queue: Queue<Event>,
    pub broker: Broker,
    pub group: Group,
    pub network: Network,
    pub checks: Checks,
    /// Boxed, since the one that goes on is taken out meanwhile.
    pub workers: BTreeMap<usize, Box<Worker>>,
    pub paused: BTreeMap<usize, u64>,
    pub genesis: Genesis,
    pub permits: BTreeMap<i32, Permit>,
    /// What stopped partitions need to be permitted.
    pub wanted: BTreeMap<i32, Permit>,
    pub faults: BTreeMap<Fault, u64>,
    /// Faults come and records too.
    pub busy: bool,
    /// The crash of the plan has happened.
    pub crashed_as_planned: bool,
    pub slow_markers_until: u64,
    /// The next send is refused.
    pub refuse_sends: bool,
    /// When a transaction was committed or a partition resumed last.
    pub stirred_at: u64,
    pub damaged: Option<Damaged>,
    pub broken: Option<Broken>,
    pub trace: Option<Vec<String>>,
    pub steps: u64,
    began: Moment,
    jumped: i64,
    pub(super) traffic: Traffic,
    pub records_left: u64,
    pub next_worker: usize,
    /// The last process of each name.
    pub started: BTreeMap<usize, usize>,
}

impl World {
    pub fn new(plan: Plan, mut dice: Dice, traced: bool) -> Self {
        let office = Office::new(&plan.flow);
        let genesis = Genesis {
            cluster_id: "cluster".to_owned(),
            input_topic_id: "input".to_owned(),
            partitions: plan.partitions,
        };
        let traffic = Traffic::new(dice.split(), &plan);
        let mut world = World {
            now: 0,
            broker: Broker::new(plan.partitions),
            group: Group::new(plan.partitions),
            network: Network::default(),
            checks: Checks::new(office, &genesis, plan.charging),
            workers: BTreeMap::new(),
            paused: BTreeMap::new(),
            genesis,
            permits: BTreeMap::new(),
            wanted: BTreeMap::new(),
            faults: BTreeMap::new(),
            busy: true,
            crashed_as_planned: false,
            slow_markers_until: 0,
            refuse_sends: false,
            stirred_at: 0,
            damaged: None,
            broken: None,
            trace: traced.then(Vec::new),
            steps: 0,
            began: Moment::parse(BEGIN).expect("a moment"),
            jumped: 0,
            traffic,
            records_left: plan.records,
            next_worker: 0,
            started: BTreeMap::new(),
            queue: Queue::new(),
            plan,
            dice,
        };
        world.found();
        world
    }

    fn found(&mut self) {
        for partition in 0..self.plan.partitions {
            let genesis = encode_genesis(&self.genesis, partition, self.plan.journal);
            self.checks.founded(partition, &genesis);
            self.broker
                .log_mut(journal(partition))
                .append(Rc::new(Message {
                    payload: Some(genesis),
                    ..Message::default()
                }));
        }
        let none = RateCards::default();
        let first = rates::publish(&none, 0, Moment::EARLIEST);
        self.checks.office.cards = vec![Arc::new(none), Arc::new(first)];
        let mut at = 0;
        for version in 1..rates::COUNT {
            at += self.dice.between(100, 5_000);
            self.queue.put(at, Event::Card(version));
        }
        for name in 0..self.plan.workers {
            let at = if name == 0 { 0 } else { self.dice.below(2_000) };
            self.queue.put(at, Event::Start(name));
        }
        self.queue.put(1, Event::Input);
        self.queue.put(250, Event::Heartbeats);
        self.queue.put(1_000, Event::Looks);
        self.queue.put(self.plan.scan, Event::Scan);
        self.queue.put(self.plan.throw_every, Event::Throw);
    }

    /// The brokers' clock.
    pub fn clock(&self) -> Moment {
        let millis = i64::try_from(self.now).expect("a short run");
        self.began
            .plus_millis(millis * self.plan.speed + self.jumped)
    }

    /// Moves all clocks.
    pub fn jump(&mut self, by: i64) {
        self.jumped += by;
    }

    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let line = format!("{:>7} {}", self.now, what());
            trace.push(line);
        }
    }

    pub fn count(&mut self, fault: Fault, times: u64) {
        if times > 0 {
            *self.faults.entry(fault).or_default() += times;
        }
    }

    pub fn fail(&mut self, broken: Broken) {
        self.note(|| format!("BROKEN {broken}"));
        self.broken.get_or_insert(broken);
    }

    /// Goes on until `done` says so, or for so long; true if it was done.
    pub fn run(&mut self, until: u64, mut done: impl FnMut(&World) -> bool) -> bool {
        while self.broken.is_none() {
            if done(self) {
                return true;
            }
            let Some((at, event)) = self.queue.next(until) else {
                self.now = until;
                return false;
            };
            self.now = at;
            self.happen(event);
        }
        false
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(worker) => self.wake(worker),
            Event::Start(name) => self.start(name),
            Event::Produce(client, batch) => self.produce(client, batch),
            Event::Produced(client, number, first) => {
                self.with_client(client, |of| of.produced(number, first));
            }
            Event::Call(client, number, call) => self.call(client, number, call),
            Event::Called(client, number, reply) => {
                self.with_client(client, |of| of.called(number, reply));
            }
            Event::Again(client, number) => self.call_again(client, number),
            Event::Retry(client, number) => self.retry(client, number),
            Event::Resend(client, number) => self.resend(client, number),
            Event::Marker(name, marker) => self.mark(name, marker),
            Event::Scan => self.scan(),
            Event::Heartbeats => self.heartbeats(),
            Event::Looks => self.look_for_owners(),
            Event::Input => self.input(),
            Event::InputMarker(partition, commit) => {
                self.broker.input_mut(partition).decide(usize::MAX, commit);
            }
            Event::Card(version) => self.publish_card(version),
            Event::CardSeen(worker, seen) => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.cards_known = worker.cards_known.max(seen);
                }
            }
            Event::Throw => self.throw(),
            Event::Fetched(worker, partition, start) => self.fetched(worker, partition, start),
            Event::AskEnd(worker, partition, asked_at) => self.ask_end(worker, partition, asked_at),
            Event::Answer(worker, answer) => self.answer(worker, *answer),
            Event::Find(finding) => self.find(finding),
            Event::Trim(partition, before) => {
                self.note(|| format!("journal {partition} trimmed before {before}"));
                self.broker
                    .log_mut(journal(partition))
                    .delete_before(before);
            }
            // Of several wishes an operator grants the latest.
            Event::Permit(partition, permit) if self.wanted.get(&partition) != Some(&permit) => {}
            Event::Permit(partition, permit) => {
                self.note(|| format!("operator permits {permit:?} on {partition}"));
                if let Permit::SkipRecord(offset) = permit {
                    self.checks.office.skips.insert((partition, offset));
                }
                if let Permit::AcceptGap(position) = permit {
                    self.checks.office.gaps.insert((partition, position));
                }
                self.permits.insert(partition, permit);
            }
        }
    }

    /// No faults any more, no new input; what was begun goes on.
    pub fn calm_down(&mut self) {
        self.note(|| "all is calm".to_owned());
        self.busy = false;
        if self.checks.timers() >= 1_000 {
            self.count(Fault::Crowd, 1);
        }
        self.network.heal();
        self.slow_markers_until = 0;
        self.refuse_sends = false;
        let (repeated, disordered) = (self.traffic.repeated, self.traffic.disordered);
        let (nonsense, large) = (self.traffic.nonsense, self.traffic.large);
        self.count(Fault::RepeatedInput, repeated);
        self.count(Fault::DisorderedInput, disordered);
        self.count(Fault::Nonsense, nonsense);
        self.count(Fault::OversizedInput, large);
        let paused: Vec<usize> = std::mem::take(&mut self.paused).into_keys().collect();
        for worker in paused {
            self.alarm(worker, self.now);
        }
        for worker in self.workers.values_mut() {
            worker.skew = 0;
        }
        for name in 0..self.plan.workers {
            self.queue.put(self.now, Event::Start(name));
        }
    }
}
