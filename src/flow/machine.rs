//! The flow itself: one step for one thing that happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::charging::Facts;
use crate::codec::{EventDecoder, RecordEncoder};
use crate::rates::RateCards;

use super::lane::{Lane, Live};
use super::partitions::restoring;
use super::pending::Pendings;
use super::transaction::{Backoff, Phase, Which};
use super::{
    Command, ExitReason, Failure, FlowSettings, Happened, Now, Outgoing, Permit, StopReason,
};

/// A worker's decisions: what it owns, how far its transaction has come, what it waits for.
#[derive(Debug)]
pub struct Flow {
    pub(super) settings: FlowSettings,
    pub(super) decoder: EventDecoder,
    pub(super) encoder: RecordEncoder,
    pub(super) cards: Arc<RateCards>,
    pub(super) lanes: BTreeMap<i32, Lane>,
    pub(super) phase: Phase,
    /// The name under which our partitions were given to us.
    member: Option<String>,
    /// What partitions have for their next commit.
    pub(super) pendings: Pendings,
    /// What is sent once the input positions are in the transaction.
    pub(super) last: Vec<Outgoing>,
    /// Sends whose answer is awaited.
    pub(super) sending: usize,
    pub(super) facts: Facts,
    /// The partition whose batch was taken in part.
    pub(super) offer: Option<i32>,
    /// Revocations to be answered once nothing is open.
    pub(super) giving_up: Vec<Vec<i32>>,
    /// Nothing is taken or restored until the group has moved on, at most until this moment.
    pub(super) held_until: Option<u64>,
    /// What operators permit.
    pub(super) permits: BTreeMap<i32, Permit>,
    /// Records known to trip an assertion.
    pub(super) poisons: BTreeMap<i32, (i64, String)>,
    /// Transactions in a row in which the producer refused a record of a partition.
    pub(super) refusals: BTreeMap<i32, u32>,
    /// Numbers take-overs, so that an answer to an earlier one is known as such.
    pub(super) attempt: u64,
    pub(super) builds: Backoff,
    pub(super) aborts: Backoff,
    /// Producers left behind in the middle of a call.
    pub(super) abandoned: u32,
    stopping: Option<Stopping>,
    exited: bool,
}

#[derive(Clone, Copy, Debug)]
struct Stopping {
    leave: bool,
    deadline: u64,
}

/// How long a stop waits for what is open, in milliseconds.
const STOP_WITHIN: u64 = 4_000;
/// From how far behind, in milliseconds, transactions may take longer, and how many times longer.
const BEHIND_FROM: i64 = 1_000;
const BEHIND_FACTOR: u64 = 5;
/// How often the end of a partition is asked for: when timers may be due, and otherwise.
const ASK_END_SOON: u64 = 200;
const ASK_END: u64 = 1_000;
/// How often an operator's permission is asked for.
const ASK_PERMIT: u64 = 2_000;

impl Flow {
    /// A worker that owns nothing and has no producer. `cards` are all that are published.
    #[must_use]
    pub fn new(settings: FlowSettings, cards: Arc<RateCards>) -> Self {
        Flow {
            decoder: EventDecoder::new(settings.schemas.clone()),
            encoder: RecordEncoder::new(&settings.input_topic),
            settings,
            cards,
            lanes: BTreeMap::new(),
            phase: Phase::NoProducer { retry_at: Some(0) },
            member: None,
            pendings: Pendings::default(),
            last: Vec::new(),
            sending: 0,
            facts: Facts::default(),
            offer: None,
            giving_up: Vec::new(),
            held_until: None,
            permits: BTreeMap::new(),
            poisons: BTreeMap::new(),
            refusals: BTreeMap::new(),
            attempt: 0,
            builds: Backoff::default(),
            aborts: Backoff::default(),
            abandoned: 0,
            stopping: None,
            exited: false,
        }
    }

    /// Takes note of what happened and appends what is to be done, in order.
    pub fn step(&mut self, now: Now, happened: Happened<'_>, out: &mut Vec<Command>) {
        if self.exited {
            return;
        }
        match happened {
            Happened::ProducerReady => self.producer_ready(out),
            Happened::Assigned(partitions) => self.assigned(now, &partitions, out),
            Happened::Revoked(partitions) => self.revoked(now, partitions, out),
            Happened::Lost(partitions) => self.lost(now, partitions, out),
            Happened::Found {
                partition,
                attempt,
                found,
            } => self.found(now, partition, attempt, *found, out),
            Happened::NotFound {
                partition,
                attempt,
                why,
            } => self.not_found(now, partition, attempt, why, out),
            Happened::Cards(cards) => self.know_cards(cards, out),
            Happened::Polled {
                partition,
                from,
                records,
            } => self.polled(now, partition, from, records, out),
            Happened::InputTrimmed => self.ask_all_ends(now, out),
            Happened::End(end) => self.reached(end),
            Happened::Permitted(partition, permit) => self.permitted(now, partition, permit),
            Happened::Sent(outgoing) => self.sent(outgoing, out),
            Happened::SendFailed(outgoing, partition, why) => {
                self.send_failed(now, outgoing, partition, why, out);
            }
            Happened::OffsetsSent => self.offsets_sent(out),
            Happened::Committed(journal) => self.committed(now, &journal, out),
            Happened::Failed(failure) => self.failed(now, failure, out),
            Happened::Member(member) => self.known_as(member, out),
            Happened::InstanceFenced => self.exit(ExitReason::InstanceFenced, out),
            Happened::InputDead(why) => self.exit(ExitReason::InputDead(why), out),
            Happened::Time => self.tick(now, out),
            Happened::Stop { leave } => self.stop(now, leave, out),
        }
        self.settle(now, out);
    }

    /// How long nothing needs to be done if nothing happens, in milliseconds.
    #[must_use]
    pub fn idle_for(&self, now: Now) -> u64 {
        const AT_MOST: u64 = 50;
        match self.pendings.due(self.commit_interval(now)) {
            Some(due) if matches!(self.phase, Phase::Open { .. }) => {
                due.saturating_sub(now.millis).min(AT_MOST)
            }
            _ => AT_MOST,
        }
    }

    /// How long what was taken may wait for its commit. What is late by more than a second does not become
    /// noticeably later, and fewer commits make it good sooner.
    pub(super) fn commit_interval(&self, now: Now) -> u64 {
        let interval = self.settings.commit_interval;
        let newest = self.pendings.newest().unwrap_or(now.clock);
        if newest.plus_millis(BEHIND_FROM) < now.clock {
            // The broker would abort what takes too long.
            let most = self.settings.transaction_timeout / 4;
            interval.max((interval * BEHIND_FACTOR).min(most))
        } else {
            interval
        }
    }

    /// What is done between commits: answers, stops, timers, the rest of a batch.
    fn settle(&mut self, now: Now, out: &mut Vec<Command>) {
        if !self.exited && matches!(self.phase, Phase::Idle | Phase::NoProducer { .. }) {
            for partitions in std::mem::take(&mut self.giving_up) {
                for partition in &partitions {
                    self.forget(*partition);
                }
                out.push(Command::GiveUp(partitions));
            }
            if let Some(Stopping { leave, .. }) = self.stopping {
                return self.exit(ExitReason::Stopped { leave }, out);
            }
        }
        if self.exited || !(self.is_between() || matches!(self.phase, Phase::NoProducer { .. })) {
            return;
        }
        self.stop_halted(now, out);
        if self.is_between() {
            self.journal_gaps(now);
            self.advance_lanes(now, out);
        }
        // At once, whether or not timers have ended a transaction: the batch is at hand only now.
        if self.is_between()
            && let Some(partition) = self.offer.take()
        {
            out.push(Command::Offer(partition));
        }
    }

    /// Whether records can be taken and timers fired.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Open { .. })
    }

    /// The phase after a commit.
    pub(super) fn between(&self) -> Phase {
        if self.pendings.is_empty() {
            Phase::Idle
        } else {
            Phase::Open { begun: false }
        }
    }

    pub(super) fn forget(&mut self, partition: i32) {
        self.lanes.remove(&partition);
        self.pendings.forget(partition);
        if self.phase == (Phase::Open { begun: false }) {
            self.phase = self.between();
        }
        self.permits.remove(&partition);
        self.poisons.remove(&partition);
        self.refusals.remove(&partition);
    }

    fn stop_halted(&mut self, now: Now, out: &mut Vec<Command>) {
        let halted: Vec<(i32, StopReason)> = self
            .live()
            .filter(|live| !self.pendings.has(live.number))
            .filter_map(|live| Some((live.number, live.halt.clone()?)))
            .collect();
        for (partition, reason) in halted {
            self.stop_lane(now, partition, reason, out);
        }
    }

    pub(super) fn stop_lane(
        &mut self,
        now: Now,
        partition: i32,
        reason: StopReason,
        out: &mut Vec<Command>,
    ) {
        let lane = Lane::Stopped {
            reason: reason.clone(),
            ask_at: now.millis,
            next_offset: self.position(partition),
            asked: None,
        };
        self.lanes.insert(partition, lane);
        out.push(Command::Unread(vec![partition]));
        out.push(Command::Stop { partition, reason });
    }

    fn stop(&mut self, now: Now, leave: bool, out: &mut Vec<Command>) {
        let deadline = now.millis + STOP_WITHIN;
        self.stopping = Some(Stopping { leave, deadline });
        if matches!(self.phase, Phase::Open { .. }) {
            self.end_transaction(now, Which::All, out);
        }
    }

    /// Whether nothing new is to be begun before all is committed.
    pub(super) fn is_parting(&self) -> bool {
        self.stopping.is_some() || !self.giving_up.is_empty()
    }

    pub(super) fn exit(&mut self, reason: ExitReason, out: &mut Vec<Command>) {
        self.exited = true;
        out.push(Command::Exit(reason));
    }

    /// Whether a commit under this name is ours to make.
    pub fn may_commit_as(&self, member: &str) -> Result<(), Failure> {
        if self.member.as_deref() == Some(member) {
            return Ok(());
        }
        let why = "a member of the group under another name".to_owned();
        Err(Failure::StaleGeneration(why))
    }

    /// Partitions are ours as long as we are the member that they were given to. librdkafka keeps them
    /// where the coordinator no longer knows the member that wants to join: it joins as another one, and
    /// from then on what it commits is taken, although the partitions may have had another owner since.
    /// The same holds for those of which we only heard when the group knew us under no name any more.
    fn known_as(&mut self, member: String, out: &mut Vec<Command>) {
        if !self.lanes.is_empty() && self.member.as_ref() != Some(&member) {
            return self.exit(ExitReason::Evicted, out);
        }
        self.member = Some(member);
    }

    /// What time alone brings about.
    fn tick(&mut self, now: Now, out: &mut Vec<Command>) {
        if self
            .stopping
            .is_some_and(|stop| stop.deadline <= now.millis)
        {
            return self.exit(ExitReason::StoppedInTheMiddle, out);
        }
        if let Phase::NoProducer { retry_at } = &mut self.phase
            && retry_at.is_some_and(|at| at <= now.millis)
        {
            *retry_at = None;
            out.push(Command::BuildProducer);
        }
        if self.held_until.is_some_and(|until| until <= now.millis) {
            self.release(out);
        }
        if matches!(self.phase, Phase::Open { .. })
            && let Some(due) = self.pendings.due(self.commit_interval(now))
            && due <= now.millis
        {
            self.end_transaction(now, Which::Due, out);
        }
        self.ask(now, out);
    }

    /// Whether records may be taken and partitions restored.
    pub(super) fn is_able(&self) -> bool {
        self.held_until.is_none() && !matches!(self.phase, Phase::NoProducer { .. })
    }

    /// Asks what is due to be asked.
    fn ask(&mut self, now: Now, out: &mut Vec<Command>) {
        let able = self.is_able();
        for (number, lane) in &mut self.lanes {
            if ends_asked(lane, now) {
                out.push(Command::AskEnd(*number));
            }
            match lane {
                Lane::Restoring { due, attempt, .. }
                    if able && due.is_some_and(|at| at <= now.millis) =>
                {
                    *due = None;
                    self.attempt += 1;
                    *attempt = self.attempt;
                    out.push(Command::Restore {
                        partition: *number,
                        attempt: self.attempt,
                    });
                }
                Lane::Stopped { reason, ask_at, .. }
                    if able && reason.may_pass() && *ask_at <= now.millis =>
                {
                    *lane = restoring(now, 0);
                }
                Lane::Stopped {
                    reason: StopReason::Quarantined { .. } | StopReason::Gap { .. },
                    ask_at,
                    ..
                } if *ask_at <= now.millis => {
                    *ask_at = now.millis + ASK_PERMIT;
                    out.push(Command::AskPermit(*number));
                }
                _ => {}
            }
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Live> {
        self.lanes.values().filter_map(|lane| match lane {
            Lane::Live(live) => Some(&**live),
            _ => None,
        })
    }

    pub(super) fn live_mut(&mut self) -> impl Iterator<Item = &mut Live> {
        self.lanes.values_mut().filter_map(|lane| match lane {
            Lane::Live(live) => Some(&mut **live),
            _ => None,
        })
    }
}

/// Whether to ask where a partition ends; takes note of it.
fn ends_asked(lane: &mut Lane, now: Now) -> bool {
    let (asked, every) = match lane {
        Lane::Live(live) if live.advancing.is_none() => {
            let soon = live.state.next_due().is_some_and(|due| due <= now.clock);
            let every = if soon { ASK_END_SOON } else { ASK_END };
            (&mut live.asked, every)
        }
        Lane::Stopped { asked, .. } => (asked, ASK_END),
        _ => return false,
    };
    let due = asked.is_none_or(|at| now.millis - at >= every);
    if due {
        *asked = Some(now.millis);
    }
    due
}
