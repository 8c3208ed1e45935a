//! One partition's topics as a worker writes them: events in, the core, one transaction an event.

use std::sync::Arc;

use crate::audit::*;
use crate::charging::{Facts, Partition, RawRef, Settings};
use crate::codec::{
    EventDecoder, OutputTopic, RecordDecoder, RecordEncoder, SchemaSet, parse_line,
    rejection_headers, topic_of,
};
use crate::domain::{Moment, Record, RejectedRecord};
use crate::journal::{Genesis, JournalSettings, PositionMark, Restorer, Writer, encode_genesis};
use crate::rates::{RateCard, RateCards, parse_csv};

pub const PARTITION: i32 = 3;
pub const TOPIC: &str = "tollkeeper.events";
const CARD: &str = "\
kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium
DIAL_OUT,49,Germany,DE,0.05,0.02,,,2026-01-01,,,,,,,
DIAL_IN_TOLL,1,United States,US,0.01,,,,2026-01-01,,,,,,,
";

/// A rejected record's headers.
pub type Headers = Vec<(&'static str, String)>;

/// A record that went out, and its cause.
pub type Output = (&'static str, Record);

/// The topics of the partition, each with its offsets, and the worker that writes them.
pub struct World {
    pub partition: Partition,
    cards: RateCards,
    writer: Writer,
    pub genesis: Genesis,
    pub journal: Vec<(i64, Vec<u8>)>,
    pub events: Vec<(i64, (Moment, Vec<u8>))>,
    pub ledger: Vec<(i64, Output)>,
    pub notices: Vec<(i64, Output)>,
    pub orders: Vec<(i64, Output)>,
    pub rejected: Vec<(i64, Headers)>,
    pub group: Option<GroupPosition>,
    pub checkpoint: Carried,
    seconds: i64,
}

pub fn settings() -> Settings {
    Settings::default()
}

/// What an audit said.
pub struct Report {
    pub violations: Vec<String>,
    pub counts: Counts,
    pub carried: Carried,
}

impl World {
    pub fn new() -> Self {
        let genesis = Genesis {
            cluster_id: "cluster".to_owned(),
            input_topic_id: "topic".to_owned(),
            partitions: 16,
        };
        let message = encode_genesis(&genesis, PARTITION, JournalSettings::default());
        let mut restorer = Restorer::new(
            genesis.clone(),
            PARTITION,
            JournalSettings::default(),
            settings(),
            None,
        );
        restorer.feed(0, &message).expect("a genesis");
        let founded = restorer.finish().expect("a genesis");
        let mut cards = RateCards::default();
        let rows = parse_csv(CARD.as_bytes()).expect("a sound card");
        let card = RateCard::new(Arc::from("standard"), 1, None, rows);
        cards.publish(Arc::new(card), Moment::EARLIEST);
        World {
            partition: founded.partition,
            cards,
            writer: founded.writer,
            genesis,
            journal: vec![(0, message)],
            events: Vec::new(),
            ledger: Vec::new(),
            notices: Vec::new(),
            orders: Vec::new(),
            rejected: Vec::new(),
            group: None,
            checkpoint: Carried::beginning([0; 5]),
            seconds: 0,
        }
    }

    /// The present moment of this world.
    pub fn now(&self) -> Moment {
        Moment::parse("2026-11-23T10:00:00Z")
            .expect("a moment")
            .plus_seconds(self.seconds)
    }

    /// Lets time go on, and a transaction of timers.
    pub fn wait(&mut self, seconds: i64) {
        self.seconds += seconds;
        let mut facts = Facts::default();
        while !self
            .partition
            .advance(self.now(), &self.cards, 1_000, &mut facts)
        {}
        self.publish(facts, "timer", self.partition.next_offset());
        self.commit();
    }

    /// An event of `tenant`: `fields` in JSON, with `NOW` for the present moment.
    pub fn event(&mut self, tenant: &str, kind: &str, fields: &str) {
        let now = self.now().to_string();
        let line = format!(
            r#"{{"type":"{kind}","event_id":"e","tenant_id":"{tenant}","occurred_at":"NOW",{fields}}}"#
        );
        self.take(line.replace("NOW", &now).as_bytes());
    }

    pub fn configure(&mut self, tenant: &str) {
        let fields = r#""version":1,"status":"ACTIVE","currency":"EUR","country":"DE","rate_card":"standard","billing_mode":"PREPAID","low_credit":[{"kind":"AMOUNT","value":"0.5"}]"#;
        self.event(tenant, "TenantConfigured", fields);
    }

    pub fn grant(&mut self, tenant: &str, payment: &str, amount: &str) {
        let fields = format!(
            r#""payment_id":"{payment}","amount":"{amount}","currency":"EUR","kind":"PURCHASE""#
        );
        self.event(tenant, "CreditGranted", &fields);
    }

    pub fn start(&mut self, tenant: &str, call: &str) {
        let fields = format!(
            r#""call_id":"{call}","answered_at":"NOW","leg":"DIAL_OUT","remote_number":"+493012345678","organizer_id":"ada","organizer_country":"DE","license":"PAY_PER_MINUTE""#
        );
        self.event(tenant, "CallStarted", &fields);
    }

    pub fn tick(&mut self, tenant: &str, call: &str, minute: i64) {
        self.event(
            tenant,
            "CallMinuteTick",
            &format!(r#""call_id":"{call}","minute":{minute}"#),
        );
    }

    pub fn end(&mut self, tenant: &str, call: &str, seconds: i64) {
        self.event(
            tenant,
            "CallEnded",
            &format!(r#""call_id":"{call}","duration_seconds":{seconds}"#),
        );
    }

    /// A record of the input, one transaction.
    pub fn take(&mut self, line: &[u8]) {
        // Control markers take offsets too.
        let offset = self.partition.next_offset() + 1;
        let now = self.now();
        let mut facts = Facts::default();
        while !self.partition.advance(now, &self.cards, 1_000, &mut facts) {}
        self.publish(std::mem::take(&mut facts), "timer", offset);
        let parsed = parse_line(&String::from_utf8_lossy(line));
        let key = parsed
            .event
            .as_ref()
            .ok()
            .map(|event| event.tenant_id.as_bytes().to_vec());
        let raw = RawRef {
            offset,
            timestamp: now,
            key: key.as_deref(),
            payload: Some(line),
            headers: &[],
        };
        self.partition
            .apply(raw, parsed.event, &self.cards, &mut facts);
        self.events.push((offset, (now, line.to_vec())));
        self.publish(facts, "e", offset);
        self.commit();
    }

    fn publish(&mut self, facts: Facts, cause: &'static str, current: i64) {
        for record in facts.records {
            let topic = match topic_of(&record) {
                OutputTopic::RatedUsage => &mut self.ledger,
                OutputTopic::BalanceNotices => &mut self.notices,
                OutputTopic::CallControl => &mut self.orders,
                OutputTopic::Balances => continue,
            };
            push(topic, (cause, record));
        }
        for rejected in facts.rejected {
            let offset = match &rejected.record {
                RejectedRecord::Current => current,
                RejectedRecord::Parked(raw) => raw.offset,
            };
            let headers = rejection_headers(&rejected, TOPIC, PARTITION, offset);
            push(&mut self.rejected, headers.to_vec());
        }
    }

    fn commit(&mut self) {
        let written = self.writer.next(&mut self.partition);
        let first = self.journal.last().map_or(0, |(offset, _)| offset + 2);
        self.writer.committed(first);
        for (offset, message) in (first..).zip(written.messages) {
            self.journal.push((offset, message));
        }
        self.group = Some(GroupPosition {
            next_offset: self.partition.next_offset(),
            mark: Some(written.mark),
        });
        if let Some(before) = self.writer.trim_before() {
            self.journal.retain(|(offset, _)| *offset >= before);
        }
    }

    /// Audits from the checkpoint.
    pub fn audit(&self) -> Report {
        match self.read_journal() {
            Ok(read) => self.audit_beside(&read),
            Err(violation) => Report {
                violations: vec![violation.to_string()],
                counts: Counts::default(),
                carried: self.checkpoint.clone(),
            },
        }
    }

    pub fn read_journal(&self) -> Result<JournalRead, Violation> {
        let last = self
            .checkpoint
            .journal
            .map(|(sequence, hash)| PositionMark { sequence, hash });
        let mut journal = JournalAudit::new(
            self.genesis.clone(),
            PARTITION,
            settings(),
            self.group,
            last,
        );
        for (offset, message) in &self.journal {
            journal.feed(*offset, message)?;
        }
        journal.finish()
    }

    pub fn audit_beside(&self, read: &JournalRead) -> Report {
        let mut violations: Vec<_> = read.violations.iter().map(ToString::to_string).collect();
        let scope = Scope::new(PARTITION, settings().late_by_minutes);
        let mut audit = PartitionAudit::new(
            &read.books,
            scope,
            self.checkpoint.clone(),
            Findings::default(),
        );
        let from = self.checkpoint.next.expect("a checkpoint has positions");
        let mut queues = Stream::BESIDE.map(|stream| {
            let mut seen = self.seen(stream);
            seen.retain(|seen| seen.offset >= from[stream as usize]);
            seen.into_iter()
        });
        let mut heads = queues.each_mut().map(Iterator::next);
        while let Some(place) = next_of(&heads) {
            let next = queues[place].next();
            let seen =
                std::mem::replace(&mut heads[place], next).expect("the head that was chosen");
            if audit.take(Stream::BESIDE[place], seen) == Taken::Beyond {
                heads[place] = None;
            }
        }
        let (mut carried, findings, counts) = audit.finish();
        carried.journal = Some((read.mark.sequence, read.mark.hash));
        violations.extend(findings.violations().iter().map(ToString::to_string));
        Report {
            violations,
            counts,
            carried,
        }
    }

    fn seen(&self, stream: Stream) -> Vec<Seen> {
        let decoder = RecordDecoder::new(SchemaSet::builtin());
        let input = InputPartition {
            topic: TOPIC,
            partition: PARTITION,
        };
        let outputs = |records: &[(i64, Output)]| {
            let encoder = RecordEncoder::new(TOPIC);
            let seen = records.iter().map(|(offset, (cause, record))| {
                let mut payload = Vec::new();
                encoder.encode(record, &mut payload);
                Seen::output(&decoder, input, *offset, Some(cause.as_bytes()), &payload)
            });
            seen.collect()
        };
        match stream {
            Stream::Ledger => outputs(&self.ledger),
            Stream::Notices => outputs(&self.notices),
            Stream::Orders => outputs(&self.orders),
            Stream::Rejected => {
                let seen = self.rejected.iter().map(|(offset, headers)| {
                    let headers: Vec<_> = headers
                        .iter()
                        .map(|(name, value)| (*name, Some(value.as_bytes())))
                        .collect();
                    Seen::rejected(input, *offset, &headers)
                });
                seen.collect()
            }
            Stream::Events => {
                let decoder = EventDecoder::new(SchemaSet::builtin());
                let events = self.events.iter();
                events
                    .map(|(offset, (at, line))| Seen::event(&decoder, *offset, *at, Some(line)))
                    .collect()
            }
            Stream::Journal => Vec::new(),
        }
    }
}

fn push<T>(topic: &mut Vec<(i64, T)>, record: T) {
    let offset = topic.last().map_or(0, |(offset, _)| offset + 1);
    topic.push((offset, record));
}
