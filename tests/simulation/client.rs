//! A transactional producer as librdkafka has it: sends again what is not answered, fails what takes too
//! long, and is told when it is fenced.

use std::collections::BTreeMap;
use std::rc::Rc;

use tollkeeper::flow::Outgoing;

use super::broker::{Batch, ClientId, Place, journal};
use super::group::Standing;
use super::log::Message;
use super::script::Script;
use super::world::{Call, Event, World};

/// After this, what is not answered is sent again.
const CALL_AGAIN: u64 = 700;
const SEND_AGAIN: u64 = 150;

/// A coordinator's answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It has the name, with this epoch.
    Ready(u32),
    OffsetsTaken,
    /// The group has moved on, or another has the name.
    Group(Standing),
    Committed,
    Fenced,
    Invalid,
}

#[derive(Debug)]
struct Unanswered {
    batch: Batch,
    since: u64,
}

/// One producer.
#[derive(Debug)]
pub struct Client {
    pub id: ClientId,
    pub epoch: u32,
    calls: u32,
    awaited: Option<(u32, Call)>,
    pub reply: Option<Reply>,
    batches: u32,
    sequences: BTreeMap<Place, u32>,
    unanswered: BTreeMap<u32, Unanswered>,
    /// Journal batches whose offset is wanted, with their partition.
    tickets: BTreeMap<u32, i32>,
    pub delivered: Vec<(i32, i64)>,
    pub failed: Option<String>,
    pub fenced: bool,
    /// Whether the transaction has anything in it.
    pub used: bool,
}

impl Client {
    pub fn new(id: ClientId) -> Self {
        Client {
            id,
            epoch: 0,
            calls: 0,
            awaited: None,
            reply: None,
            batches: 0,
            sequences: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            tickets: BTreeMap::new(),
            delivered: Vec::new(),
            failed: None,
            fenced: false,
            used: false,
        }
    }

    pub fn begin(&mut self) {
        self.used = false;
        self.failed = None;
        self.delivered.clear();
        self.tickets.clear();
    }

    /// Whether everything that was sent has come through or failed.
    pub fn is_flushed(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Whether a commit waits for its answer.
    pub fn is_committing(&self) -> bool {
        matches!(&self.awaited, Some((_, Call::Commit { .. })))
    }

    pub fn produced(&mut self, number: u32, first: Option<i64>) {
        if self.unanswered.remove(&number).is_none() {
            return;
        }
        match first {
            Some(first) => {
                if let Some(partition) = self.tickets.remove(&number) {
                    self.delivered.push((partition, first));
                }
            }
            None => self.fenced = true,
        }
    }

    pub fn called(&mut self, number: u32, reply: Reply) {
        if self
            .awaited
            .as_ref()
            .is_some_and(|(awaited, _)| *awaited == number)
        {
            self.awaited = None;
            self.reply = Some(reply);
        }
    }

    /// Forgets a call whose answer nobody waits for any more.
    pub fn forget_call(&mut self) {
        self.awaited = None;
        self.reply = None;
    }

    /// Makes a call.
    pub fn call(&mut self, world: &mut World, call: Call) {
        self.calls += 1;
        self.awaited = Some((self.calls, call.clone()));
        self.reply = None;
        let (id, number) = (self.id, self.calls);
        world.send(id.worker, Event::Call(id, number, call));
        world
            .queue
            .put(world.now + CALL_AGAIN, Event::Again(id, number));
    }

    /// Hands records over, a batch for each partition; a journal's batch takes its script along.
    pub fn send(
        &mut self,
        world: &mut World,
        outgoing: &Outgoing,
        scripts: &BTreeMap<i32, Script>,
    ) {
        let mut headers = Vec::new();
        let mut batches: BTreeMap<Place, Vec<Rc<Message>>> = BTreeMap::new();
        let mut tickets = Vec::new();
        for place in 0..outgoing.len() {
            let record = outgoing.record(place, &mut headers);
            let owned = headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec)));
            let message = Message {
                at: None,
                key: record.key.map(<[u8]>::to_vec),
                payload: record.payload.map(<[u8]>::to_vec),
                headers: owned.collect(),
            };
            let to = (record.destination as usize, record.partition);
            if to != journal(record.partition) && message.bytes() > world.plan.flow.record_bytes {
                world.fail(format!(
                    "{} bytes for {:?}",
                    message.bytes(),
                    record.destination
                ));
            }
            if record.ticket > 0 {
                tickets.push(record.partition);
            }
            batches.entry(to).or_default().push(Rc::new(message));
        }
        for (place, messages) in batches {
            self.batches += 1;
            let sequence = self.sequences.entry(place).or_default();
            let is_journal = place == journal(place.1) && tickets.contains(&place.1);
            let batch = Batch {
                number: self.batches,
                sequence: *sequence,
                epoch: self.epoch,
                place,
                messages,
                script: is_journal
                    .then(|| Rc::new(scripts.get(&place.1).cloned().unwrap_or_default())),
            };
            *sequence += 1;
            if is_journal {
                self.tickets.insert(self.batches, place.1);
            }
            self.used = true;
            let since = world.now;
            world.send(self.id.worker, Event::Produce(self.id, batch.clone()));
            world
                .queue
                .put(since + SEND_AGAIN, Event::Resend(self.id, self.batches));
            self.unanswered
                .insert(self.batches, Unanswered { batch, since });
        }
    }
}

impl World {
    /// Sends a request; it may be lost.
    pub fn send(&mut self, worker: usize, event: Event) {
        if let Some(at) = self.network.request(self.now, worker, &mut self.dice) {
            self.queue.put(at, event);
        }
    }

    /// Sends a reply; it may be lost.
    pub(super) fn answer_client(&mut self, id: ClientId, event: Event) {
        if let Some(at) = self.network.reply(self.now, id.worker, &mut self.dice) {
            self.queue.put(at, event);
        }
    }

    /// Something comes for a producer, if it is still there.
    pub fn with_client(&mut self, id: ClientId, tell: impl FnOnce(&mut Client)) {
        let worker = self.workers.get_mut(&id.worker);
        if let Some(client) = worker.and_then(|worker| worker.client.as_mut())
            && client.id == id
        {
            tell(client);
            self.nudge(id.worker);
        }
    }

    pub(super) fn client(&self, id: ClientId) -> Option<&Client> {
        let client = self.workers.get(&id.worker)?.client.as_ref()?;
        (client.id == id).then_some(client)
    }

    pub fn call_again(&mut self, id: ClientId, number: u32) {
        let awaited = self.client(id).and_then(|client| client.awaited.clone());
        let Some((_, call)) = awaited.filter(|(awaited, _)| *awaited == number) else {
            return;
        };
        if !self.is_paused(id.worker) {
            self.send(id.worker, Event::Call(id, number, call));
        }
        self.queue
            .put(self.now + CALL_AGAIN, Event::Again(id, number));
    }

    /// A coordinator was busy.
    pub fn retry(&mut self, id: ClientId, number: u32) {
        let awaited = self.client(id).and_then(|client| client.awaited.clone());
        if let Some((_, call)) = awaited.filter(|(awaited, _)| *awaited == number) {
            self.send(id.worker, Event::Call(id, number, call));
        }
    }

    pub fn resend(&mut self, id: ClientId, number: u32) {
        let (now, timeout) = (self.now, self.plan.flow.transaction_timeout);
        let paused = self.is_paused(id.worker);
        let Some(unanswered) = self
            .client(id)
            .and_then(|client| client.unanswered.get(&number))
        else {
            return;
        };
        if now - unanswered.since > timeout && !paused {
            return self.with_client(id, |client| {
                client.unanswered.remove(&number);
                client
                    .failed
                    .get_or_insert("delivering: message timed out".to_owned());
            });
        }
        let batch = unanswered.batch.clone();
        if !paused {
            self.send(id.worker, Event::Produce(id, batch));
        }
        self.queue.put(now + SEND_AGAIN, Event::Resend(id, number));
    }
}
