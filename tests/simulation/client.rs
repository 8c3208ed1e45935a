//! A transactional producer as librdkafka has it: sends again what is not answered, fails what takes too
//! long, and is told when it is fenced.

use std::collections::BTreeMap;
use std::rc::Rc;

use tollkeeper::flow::Outgoing;

use super::broker::{Batch, ClientId, Ended, Marker, Place, Refusal, journal};
use super::group::Standing;
use super::log::Message;
use super::plan::Fault;
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
    fn answer_client(&mut self, id: ClientId, event: Event) {
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

    fn client(&self, id: ClientId) -> Option<&Client> {
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

    /// A partition's leader gets records.
    pub fn produce(&mut self, id: ClientId, batch: Batch) {
        let number = batch.number;
        match self.broker.produce(self.now, id.name, &batch) {
            Ok(first) => {
                self.note(|| format!("{id:?} batch {number} to {:?} at {first}", batch.place));
                self.answer_client(id, Event::Produced(id, number, Some(first)));
            }
            // The client would ask again; so it does as long as it is there.
            Err(Refusal::Busy) => {
                if self.client(id).is_some() {
                    self.queue.put(self.now + 3, Event::Produce(id, batch));
                }
            }
            Err(_) => {
                self.note(|| format!("{id:?} batch {number} is fenced"));
                self.answer_client(id, Event::Produced(id, number, None));
            }
        }
    }

    /// A coordinator is called.
    pub fn call(&mut self, id: ClientId, number: u32, call: Call) {
        let again = call.clone();
        let reply = match call {
            Call::Init => match self.broker.init(id.name) {
                Ok(epoch) => Ok(Reply::Ready(epoch)),
                Err((refusal, markers)) => {
                    self.place_markers(id.name, markers);
                    Err(refusal)
                }
            },
            Call::Offsets {
                epoch,
                positions,
                member,
                generation,
            } => {
                let standing = self.group.may_commit(id.name, member, generation);
                let moving = self.group.rebalance_pending() && self.dice.chance(300_000);
                if standing != Standing::Good || moving {
                    Ok(Reply::Group(if moving {
                        Standing::Stale
                    } else {
                        standing
                    }))
                } else {
                    let added = self.broker.add_offsets(self.now, id.name, epoch, positions);
                    added.map(|()| Reply::OffsetsTaken)
                }
            }
            Call::Commit { epoch } => self.commit(id, epoch),
        };
        let reply = match reply {
            Ok(reply) => reply,
            // The client asks again, if it still waits for the answer.
            Err(Refusal::Busy) => return self.queue.put(self.now + 5, Event::Retry(id, number)),
            Err(Refusal::Fenced) => Reply::Fenced,
            Err(Refusal::Invalid) => Reply::Invalid,
        };
        self.note(|| format!("{id:?} call {number} {}: {reply:?}", shown(&again)));
        self.answer_client(id, Event::Called(id, number, reply));
    }

    fn commit(&mut self, id: ClientId, epoch: u32) -> Result<Reply, Refusal> {
        if self.broker.would_end(id.name, epoch)
            && let Some(deciding) = self.broker.deciding(id.name)
        {
            self.stirred_at = self.now;
            let checked = self.checks.commit(&self.broker, &deciding);
            self.note(|| format!("name {} commits {:?}", id.name, deciding.offsets));
            if let Err(broken) = checked {
                self.fail(broken);
            }
        }
        if let Ended::Now(markers) = self.broker.commit(id.name, epoch)? {
            self.place_markers(id.name, markers);
        }
        Ok(Reply::Committed)
    }

    /// Markers go out one by one, and some late.
    fn place_markers(&mut self, name: usize, markers: Vec<Marker>) {
        let slow = self.slow_markers_until > self.now;
        for marker in markers {
            let late = slow && self.dice.chance(500_000);
            let after = if late {
                self.dice.between(1, 3_000)
            } else {
                self.dice.between(1, 3)
            };
            self.queue
                .put(self.now + after, Event::Marker(name, marker));
        }
    }

    pub fn mark(&mut self, name: usize, marker: Marker) {
        self.note(|| format!("marker of name {name}: {marker:?}"));
        if let Some(offsets) = self.broker.mark(name, marker) {
            self.group.commit(offsets);
        }
    }

    /// The coordinator looks for transactions that take too long.
    pub fn scan(&mut self) {
        let timeout = self.plan.flow.transaction_timeout;
        for (name, markers) in self.broker.time_out(self.now, timeout) {
            self.note(|| format!("the transaction of name {name} timed out"));
            self.count(Fault::LateAbort, 1);
            self.place_markers(name, markers);
        }
        self.queue.put(self.now + self.plan.scan, Event::Scan);
    }
}

fn shown(call: &Call) -> String {
    match call {
        Call::Init => "init".to_owned(),
        Call::Offsets {
            positions,
            generation,
            ..
        } => {
            let positions: Vec<_> = positions
                .iter()
                .map(|at| (at.partition, at.next_offset))
                .collect();
            format!("offsets {positions:?} of generation {generation}")
        }
        Call::Commit { epoch } => format!("commit of epoch {epoch}"),
    }
}
