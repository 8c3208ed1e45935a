//! The carrying out of what a flow wants, as `src/kafka` does it: calls that a thread waits in, and what came
//! of them.

use tollkeeper::flow::{Command, Failure, Happened, InputPosition, Outgoing};

use super::broker::ClientId;
use super::client::{Client, Reply};
use super::group::Standing;
use super::plan::Fault;
use super::takeover::Finding;
use super::worker::{Answer, Worker};
use super::world::{Call, Event, World};

/// The longest that one call about a transaction waits before it is called again.
const CALL: u64 = 2_000;

/// A call that the thread waits in.
#[derive(Clone, Copy, Debug)]
pub enum Blocked {
    Init { until: u64 },
    Offsets { until: u64 },
    Commit { until: u64 },
}

impl Blocked {
    /// When to look again if nothing comes.
    pub fn until(self) -> u64 {
        match self {
            Blocked::Init { until } | Blocked::Offsets { until } | Blocked::Commit { until } => {
                until
            }
        }
    }
}

impl Worker {
    /// Carries a command out, or begins to.
    pub fn carry_out(&mut self, world: &mut World, command: Command) {
        match command {
            Command::BuildProducer => self.build(world),
            Command::Accept => self.consumer.answer(&[]),
            Command::GiveUp(partitions) => {
                for partition in &partitions {
                    self.reading.stopped(*partition);
                }
                self.consumer.answer(&partitions);
            }
            Command::Restore { partition, attempt } => {
                self.restores += 1;
                let finding = Finding::new(world.now, self.id, partition, attempt);
                self.finds.push_back(Box::new(finding));
                self.find_next(world);
            }
            Command::Read { partition, offset } => {
                self.consumer.start(partition, offset);
                self.reading.started(partition, offset);
            }
            Command::Unread(partitions) => {
                for partition in partitions {
                    self.reading.stopped(partition);
                    self.consumer.stop(partition);
                }
            }
            Command::AskEnd(partition) => self.ask_end(world, partition),
            Command::AskPermit(partition) => {
                if let Some(reason) = self.stopped_for(partition) {
                    world.wish(partition, &reason);
                }
                if let Some(permit) = world.permits.get(&partition)
                    && world.network.is_up(world.now, self.id)
                {
                    self.answers
                        .push_back(Answer::Permitted(partition, *permit));
                }
            }
            Command::Begin => {
                let client = self.client.as_mut().expect("a producer");
                client.begin();
                if client.fenced {
                    self.step(world, Happened::Failed(fenced()));
                }
            }
            Command::Send(outgoing) => self.send(world, outgoing),
            Command::SendOffsets(positions) => self.send_offsets(world, positions),
            Command::Commit => {
                let until = world.now + CALL;
                self.blocked = Some(Blocked::Commit { until });
            }
            Command::Offer(partition) => self.offer(world, partition),
            Command::Trim { partition, before } => world.trim(partition, before),
            Command::Stop { partition, reason } => world.stopped(partition, &reason),
            Command::Resumed(partition) => self.resumed(world, partition),
            Command::Warn(_) | Command::Report(_) => {}
            Command::Exit(reason) => self.exit = Some(reason),
        }
    }

    /// A partition goes on only with the rate cards of its calls.
    fn resumed(&mut self, world: &mut World, partition: i32) {
        world.stirred_at = world.now;
        let cards = &world.checks.office.cards[self.cards_seen];
        let uses = self.uses.remove(&partition).unwrap_or_default();
        let missing = uses
            .into_iter()
            .find(|(card, version)| cards.version(card, *version).is_none());
        if let Some(missing) = missing {
            let id = self.id;
            world.fail(format!(
                "worker {id}: partition {partition} goes on without {missing:?}"
            ));
        }
    }

    fn build(&mut self, world: &mut World) {
        self.builds += 1;
        world.network.reconnect(self.id);
        let id = ClientId {
            worker: self.id,
            build: self.builds,
            name: self.name,
        };
        let mut client = Client::new(id);
        client.call(world, Call::Init);
        self.client = Some(client);
        let until = world.now + CALL;
        self.blocked = Some(Blocked::Init { until });
    }

    fn ask_end(&mut self, world: &mut World, partition: i32) {
        let asked_at = self.now(world).clock;
        let end = world.broker.input(partition).end();
        if self.asked.len() == 2_048 {
            self.asked.pop_front();
        }
        self.asked.push_back((partition, asked_at, end));
        let at = world.now + world.dice.between(1, 4);
        world
            .queue
            .put(at, Event::AskEnd(self.id, partition, asked_at));
    }

    fn send(&mut self, world: &mut World, outgoing: Outgoing) {
        if std::mem::take(&mut world.refuse_sends) {
            world.count(Fault::RefusedSend, 1);
            let partition = outgoing.record(0, &mut Vec::new()).partition;
            let why = "the producer's queue stayed full".to_owned();
            return self.step(world, Happened::SendFailed(outgoing, partition, why));
        }
        let mut client = self.client.take().expect("a producer");
        client.send(world, &outgoing, &self.scripts);
        self.client = Some(client);
        self.step(world, Happened::Sent(outgoing));
    }

    fn send_offsets(&mut self, world: &mut World, positions: Vec<InputPosition>) {
        let (Some(member), true) = (self.consumer.member, self.consumer.generation >= 0) else {
            let why = "not a member of the group".to_owned();
            return self.step(world, Happened::Failed(Failure::StaleGeneration(why)));
        };
        if let Err(failure) = self.flow.may_commit_as(&member.to_string()) {
            return self.step(world, Happened::Failed(failure));
        }
        let generation = self.consumer.generation;
        let client = self.client.as_mut().expect("a producer");
        client.used = true;
        let call = Call::Offsets {
            epoch: client.epoch,
            positions,
            member,
            generation,
        };
        client.call(world, call);
        let until = world.now + CALL;
        self.blocked = Some(Blocked::Offsets { until });
    }

    /// What came of a call that the thread waits in, once it is known or has taken too long.
    pub fn finish(&mut self, world: &mut World, blocked: Blocked) -> Option<Happened<'static>> {
        let client = self.client.as_mut().expect("a call has a producer");
        let late = world.now >= blocked.until();
        match blocked {
            Blocked::Init { .. } => match client.reply.take() {
                Some(Reply::Ready(epoch)) => {
                    client.epoch = epoch;
                    Some(Happened::ProducerReady)
                }
                Some(_) => Some(Happened::Failed(fenced())),
                None => {
                    if late {
                        self.client = None;
                    }
                    late.then(|| Happened::Failed(Failure::Retriable("timed out".to_owned())))
                }
            },
            Blocked::Offsets { .. } => offsets(client, world, late),
            Blocked::Commit { .. } => commit(client, world, late),
        }
    }
}

fn offsets(client: &mut Client, world: &mut World, late: bool) -> Option<Happened<'static>> {
    let Some(reply) = client.reply.take() else {
        if !late {
            return None;
        }
        client.forget_call();
        // It may time out, or not return at all.
        let why = "timed out".to_owned();
        return Some(Happened::Failed(if world.dice.chance(300_000) {
            Failure::Unanswered(why)
        } else {
            Failure::Retriable(why)
        }));
    };
    Some(match reply {
        Reply::OffsetsTaken => Happened::OffsetsSent,
        Reply::Group(Standing::FencedInstance) => {
            Happened::Failed(Failure::FencedInstance("fenced".to_owned()))
        }
        Reply::Group(_) => {
            let why = "the group has moved on".to_owned();
            Happened::Failed(Failure::StaleGeneration(why))
        }
        Reply::Fenced => Happened::Failed(fenced()),
        _ => Happened::Failed(Failure::Fatal("invalid state".to_owned())),
    })
}

fn commit(client: &mut Client, world: &mut World, late: bool) -> Option<Happened<'static>> {
    let failed = |failure| Some(Happened::Failed(failure));
    if client.fenced {
        return failed(fenced());
    }
    if let Some(why) = &client.failed {
        return failed(Failure::Abortable(why.clone()));
    }
    if !client.used {
        return Some(Happened::Committed(Vec::new()));
    }
    match client.reply.take() {
        Some(Reply::Committed) => {
            return Some(Happened::Committed(std::mem::take(&mut client.delivered)));
        }
        Some(Reply::Fenced) => return failed(fenced()),
        Some(_) => return failed(Failure::Fatal("invalid state".to_owned())),
        None => {}
    }
    if client.is_flushed() && !client.is_committing() {
        let epoch = client.epoch;
        client.call(world, Call::Commit { epoch });
    }
    if late && client.is_committing() {
        let decided = !world.broker.would_end(client.id.name, client.epoch);
        let kind = if decided {
            Fault::UnheardEnd
        } else {
            Fault::UndecidedEnd
        };
        world.count(kind, 1);
    }
    late.then(|| Happened::Failed(Failure::Retriable("timed out".to_owned())))
}

fn fenced() -> Failure {
    Failure::FencedProducer("another producer has the name".to_owned())
}

/// A command in words.
pub fn shown(command: &Command) -> String {
    match command {
        Command::Send(outgoing) => {
            let mut headers = Vec::new();
            let record = |place| {
                let record = outgoing.record(place, &mut headers);
                format!("{:?}/{}", record.destination, record.partition)
            };
            let records: Vec<String> = (0..outgoing.len()).map(record).collect();
            format!("Send {}", records.join(" "))
        }
        Command::SendOffsets(positions) => {
            let positions: Vec<_> = positions
                .iter()
                .map(|at| (at.partition, at.next_offset))
                .collect();
            format!("SendOffsets {positions:?}")
        }
        Command::Warn(warning) => format!("warn: {warning}"),
        Command::Report(_) => "Report".to_owned(),
        other => format!("{other:?}"),
    }
}
