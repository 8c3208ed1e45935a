//! The brokers' side of a producer's requests: leaders that take records, coordinators that are called.

use super::broker::{Batch, ClientId, Ended, Marker, Refusal};
use super::client::Reply;
use super::group::Standing;
use super::plan::Fault;
use super::world::{Call, Event, World};

impl World {
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
