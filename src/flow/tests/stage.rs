//! A flow on a stage: it is told things, and what it wants is written down, a line a command.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::charging::{RawRef, Settings};
use crate::codec::{Partitioner, partition_of};
use crate::domain::Moment;
use crate::flow::{
    Command, CommittedOffset, Destination, EndOfPartition, Flow, FlowSettings, Found, Happened,
    Now, Outgoing,
};
use crate::journal::{Genesis, JournalSettings, PositionMark, Restorer, encode_genesis};
use crate::rates::RateCards;

/// The one partition that tenants of these tests belong to.
pub const P: i32 = 0;
/// The moment at which the stage's clock begins.
pub const BEGIN: &str = "2026-11-23T10:00:00.000Z";

/// A record of the input.
#[derive(Clone)]
pub struct Raw {
    pub offset: i64,
    pub at: Moment,
    pub key: Vec<u8>,
    pub payload: Vec<u8>,
    pub headers: Vec<(&'static str, Option<&'static [u8]>)>,
}

/// Bytes that are no event.
pub fn junk(offset: i64) -> Raw {
    Raw {
        offset,
        at: moment(BEGIN),
        key: b"contoso".to_vec(),
        payload: b"junk".to_vec(),
        headers: Vec::new(),
    }
}

/// An event in the JSON form, without the fields that all have.
pub fn event(offset: i64, kind: &str, fields: &str) -> Raw {
    let json = format!(
        r#"{{"type":"{kind}","event_id":"e{offset}","tenant_id":"contoso","occurred_at":"{BEGIN}",{fields}}}"#
    );
    Raw {
        payload: json.into_bytes(),
        ..junk(offset)
    }
}

/// A start of a tenant that nobody knows: refused by an order, and rejected.
pub fn unknown_start(offset: i64) -> Raw {
    event(
        offset,
        "CallStarted",
        &format!(
            r#""call_id":"c{offset}","answered_at":"{BEGIN}","leg":"DIAL_OUT","remote_number":"+4930901820","organizer_id":"o","organizer_country":"DE","license":"PAY_PER_MINUTE""#
        ),
    )
}

/// A tenant's configuration.
pub fn configured(offset: i64) -> Raw {
    event(
        offset,
        "TenantConfigured",
        r#""version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID""#,
    )
}

/// A tick of a call that never started: parked, later an orphan.
pub fn stray_tick(offset: i64) -> Raw {
    let fields = format!(r#""call_id":"c{offset}","minute":1"#);
    event(offset, "CallMinuteTick", &fields)
}

pub fn moment(text: &str) -> Moment {
    Moment::parse(text).expect(text)
}

/// A flow, its clocks, and the journals as its commits made them.
pub struct Stage {
    pub flow: Flow,
    pub millis: u64,
    pub clock: Moment,
    settings: JournalSettings,
    log: BTreeMap<i32, Vec<(i64, Vec<u8>)>>,
    sent: Vec<(i32, Vec<u8>)>,
    marks: Vec<(i32, CommittedOffset)>,
    pub group: BTreeMap<i32, CommittedOffset>,
    pub attempts: BTreeMap<i32, u64>,
    buffers: Vec<Outgoing>,
}

pub fn genesis() -> Genesis {
    Genesis {
        cluster_id: "cluster".to_owned(),
        input_topic_id: "topic".to_owned(),
        partitions: 1,
    }
}

const CHARGING: Settings = Settings {
    live_calls: 1_000,
    silence_minutes: 10,
    late_by_minutes: 120,
    kept: 1_000,
};

impl Stage {
    /// A flow without a producer or partitions; `change` may turn its settings.
    pub fn new(change: impl FnOnce(&mut FlowSettings)) -> Self {
        assert_eq!(partition_of(Partitioner::Murmur2, b"contoso", 1), P);
        let mut settings = FlowSettings::new("events", 1);
        // Most scenes show what is sent as soon as it is there.
        settings.held_bytes = 0;
        change(&mut settings);
        let journal = JournalSettings::default();
        let log = [0, 1].map(|partition| {
            let first = encode_genesis(&genesis(), partition, journal);
            (partition, vec![(0, first)])
        });
        Stage {
            flow: Flow::new(settings, Arc::new(RateCards::default())),
            millis: 0,
            clock: moment(BEGIN),
            settings: journal,
            log: BTreeMap::from(log),
            sent: Vec::new(),
            marks: Vec::new(),
            group: BTreeMap::new(),
            attempts: BTreeMap::new(),
            buffers: Vec::new(),
        }
    }

    /// A flow with a producer and a partition at work, its end asked for.
    pub fn at_work(change: impl FnOnce(&mut FlowSettings)) -> Self {
        let mut stage = Self::new(change);
        stage.tell(Happened::Time);
        stage.tell(Happened::ProducerReady);
        stage.tell(Happened::Assigned(vec![P]));
        stage.tell(Happened::Time);
        stage.find(P);
        stage.tell(Happened::Time);
        stage
    }

    fn now(&self) -> Now {
        Now {
            millis: self.millis,
            clock: self.clock,
        }
    }

    /// A new producer takes the place of one that is of no use any more.
    pub fn rebuild(&mut self) {
        let asked = self.tell(Happened::Time);
        assert!(asked.contains("BuildProducer\n"), "{asked}");
        self.tell(Happened::ProducerReady);
    }

    /// Lets time pass on both clocks.
    pub fn pass(&mut self, millis: u64) -> &mut Self {
        self.millis += millis;
        let later = i64::try_from(millis).expect("tests are short");
        self.clock = self.clock.plus_millis(later);
        self
    }

    /// One thing happens; the commands, a line each.
    pub fn tell(&mut self, happened: Happened<'_>) -> String {
        let mut commands = Vec::new();
        let now = self.now();
        self.flow.step(now, happened, &mut commands);
        let mut lines = String::new();
        for command in commands {
            self.note(&command);
            writeln!(lines, "{}", line(&command)).expect("a string takes any text");
            if let Command::Send(outgoing) = command {
                self.buffers.push(outgoing);
            }
        }
        lines
    }

    fn note(&mut self, command: &Command) {
        match command {
            Command::Begin => self.sent.clear(),
            Command::Send(outgoing) => {
                let mut headers = Vec::new();
                for place in 0..outgoing.len() {
                    let record = outgoing.record(place, &mut headers);
                    if record.destination == Destination::State {
                        let payload = record.payload.expect("journals have values");
                        self.sent.push((record.partition, payload.to_vec()));
                    }
                }
            }
            Command::SendOffsets(positions) => {
                self.marks = positions
                    .iter()
                    .map(|position| {
                        let committed = CommittedOffset {
                            next_offset: position.next_offset,
                            mark: PositionMark::parse(&position.metadata),
                        };
                        (position.partition, committed)
                    })
                    .collect();
            }
            Command::Restore { partition, attempt } => {
                self.attempts.insert(*partition, *attempt);
            }
            _ => {}
        }
    }

    /// Records were polled.
    pub fn poll(&mut self, from: i64, raws: &[Raw]) -> String {
        self.poll_of(P, from, raws)
    }

    /// Records of a partition were polled.
    pub fn poll_of(&mut self, partition: i32, from: i64, raws: &[Raw]) -> String {
        let records: Vec<RawRef<'_>> = raws
            .iter()
            .map(|raw| RawRef {
                offset: raw.offset,
                timestamp: raw.at,
                key: Some(&raw.key),
                payload: Some(&raw.payload),
                headers: &raw.headers,
            })
            .collect();
        self.tell(Happened::Polled {
            partition,
            from,
            records: &records,
        })
    }

    /// What was to be sent is sent.
    pub fn sent(&mut self) -> String {
        let outgoing = self.buffers.remove(0);
        self.tell(Happened::Sent(outgoing))
    }

    /// The buffer of what was to be sent.
    pub fn buffer(&mut self) -> Outgoing {
        self.buffers.remove(0)
    }

    /// The commit succeeded: its journal records are in the log, its offsets with the group.
    pub fn commits(&mut self) -> String {
        let mut first = BTreeMap::new();
        for (partition, payload) in std::mem::take(&mut self.sent) {
            let log = self.log.entry(partition).or_default();
            // A control marker stands between the records of two transactions.
            let offset = log.last().map_or(0, |(offset, _)| offset + 2);
            log.push((offset, payload));
            first.entry(partition).or_insert(offset);
        }
        self.group.extend(std::mem::take(&mut self.marks));
        self.tell(Happened::Committed(first.into_iter().collect()))
    }

    /// Ends the open transaction: sent, offsets placed, committed.
    pub fn commit_all(&mut self) -> String {
        let mut lines = self.send_all();
        lines += &self.tell(Happened::OffsetsSent);
        lines += &self.send_all();
        lines += &self.commits();
        lines
    }

    fn send_all(&mut self) -> String {
        let mut lines = String::new();
        while !self.buffers.is_empty() {
            lines += &self.sent();
        }
        lines
    }

    /// What there is to find about a partition.
    pub fn found(&self, partition: i32) -> Found {
        let committed = self.group.get(&partition).copied();
        let mark = committed.and_then(|committed| committed.mark);
        let mut restorer = Restorer::new(genesis(), partition, self.settings, CHARGING, mark);
        let log = self.log.get(&partition).map_or(&[][..], Vec::as_slice);
        let fault = log
            .iter()
            .find_map(|(offset, message)| restorer.feed(*offset, message).err());
        Found {
            committed,
            journal: match fault {
                Some(fault) => Err(fault),
                None => restorer.finish(),
            },
            undecided: false,
            input_start: 0,
            input_end: 1_000,
            permit: None,
        }
    }

    /// The take-over that is awaited finds what there is.
    pub fn find(&mut self, partition: i32) -> String {
        let found = self.found(partition);
        self.finds(partition, found)
    }

    /// The take-over that is awaited finds this.
    pub fn finds(&mut self, partition: i32, found: Found) -> String {
        let attempt = self.attempts[&partition];
        self.tell(Happened::Found {
            partition,
            attempt,
            found: Box::new(found),
        })
    }

    /// The partition was read to its end at the present moment.
    pub fn reach_end(&mut self, position: i64) -> String {
        let asked_at = self.clock;
        self.tell(Happened::End(EndOfPartition {
            partition: P,
            asked_at,
            position,
            start: 0,
            end: position,
        }))
    }
}

/// A command in words.
fn line(command: &Command) -> String {
    match command {
        Command::Send(outgoing) => format!("send {}", sent(outgoing)),
        Command::SendOffsets(positions) => {
            let position = |at: &crate::flow::InputPosition| {
                let mark = PositionMark::parse(&at.metadata).expect("a mark");
                format!(
                    " {}@{} record {}",
                    at.partition, at.next_offset, mark.sequence
                )
            };
            let positions: String = positions.iter().map(position).collect();
            format!("send offsets{positions}")
        }
        Command::Restore { partition, .. } => format!("restore {partition}"),
        Command::Read { partition, offset } => format!("read {partition} from {offset}"),
        Command::Trim { partition, before } => format!("trim {partition} before {before}"),
        Command::Stop { partition, reason } => format!("stop {partition}: {reason}"),
        Command::Warn(warning) => format!("warn: {warning}"),
        Command::Report(counts) => format!("report {} records", counts.records()),
        other => format!("{other:?}"),
    }
}

fn sent(outgoing: &Outgoing) -> String {
    let mut headers = Vec::new();
    let records: Vec<String> = (0..outgoing.len())
        .map(|place| {
            let record = outgoing.record(place, &mut headers);
            let cause = headers
                .iter()
                .find(|(name, _)| ["tollkeeper.cause", "tollkeeper.errors.reason"].contains(name))
                .and_then(|(_, value)| *value)
                .map(|value| format!("({})", String::from_utf8_lossy(value)))
                .unwrap_or_default();
            format!("{:?}{cause}", record.destination)
        })
        .collect();
    records.join(" ")
}
