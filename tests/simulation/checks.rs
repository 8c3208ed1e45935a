//! What must hold whenever a transaction is decided to commit, and at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tollkeeper::charging::{Partition, Settings, TenantFigures};
use tollkeeper::codec::{RecordDecoder, SchemaSet};
use tollkeeper::domain::Moment;
use tollkeeper::flow::Destination;
use tollkeeper::journal::{Chain, Genesis, PositionMark, Restored};

use super::books::Books;
use super::broker::{Broker, Deciding, journal};
use super::log::{Log, Message};
use super::reference::{Office, Reference};

/// What was found to be broken.
pub type Broken = String;

/// Follows all committed transactions.
#[derive(Debug)]
pub struct Checks {
    pub office: Office,
    pub(super) references: Vec<Reference>,
    chains: Vec<Chain>,
    pub books: Books,
    /// The last balance published of each tenant.
    pub(super) balances: BTreeMap<(i32, String), Option<Vec<u8>>>,
    /// What each tenant had after the last transaction that changed it.
    pub(super) had: BTreeMap<(i32, Arc<str>), TenantFigures>,
    /// Partitions of which a restored state was found to be the committed one.
    pub alike: BTreeSet<i32>,
    pub commits: u64,
}

impl Checks {
    pub fn new(office: Office, genesis: &Genesis, charging: Settings) -> Self {
        let partitions = office.partitions;
        Checks {
            books: Books::new(),
            balances: BTreeMap::new(),
            had: BTreeMap::new(),
            alike: BTreeSet::new(),
            office,
            references: (0..partitions)
                .map(|partition| Reference::new(partition, charging))
                .collect(),
            chains: (0..partitions)
                .map(|partition| Chain::new(genesis.clone(), partition))
                .collect(),
            commits: 0,
        }
    }

    /// The journal's first record.
    pub fn founded(&mut self, partition: i32, genesis: &[u8]) {
        let first = self.chains[index(partition)].follow(0, genesis);
        assert!(
            matches!(first, Ok(Some(_))),
            "a genesis begins a journal: {first:?}"
        );
    }

    /// The next input offset that no committed journal record covers.
    pub fn position(&self, partition: i32) -> i64 {
        self.references[index(partition)].partition.next_offset()
    }

    /// Partition time, as committed.
    pub fn time(&self, partition: i32) -> Moment {
        self.references[index(partition)].partition.time()
    }

    /// Whether no call is live and no event parked.
    pub fn is_silent(&self) -> bool {
        self.references.iter().all(|reference| {
            let figures = reference.partition.figures();
            let held = figures
                .iter()
                .any(|of| !of.holds.is_zero() || of.live_calls > 0);
            !held && reference.partition.parked_offsets().is_empty()
        })
    }

    /// Timers that have fired in the partition in which most have.
    pub fn timers(&self) -> u64 {
        let references = self.references.iter();
        let fired = references.map(|reference| reference.partition.timers_fired());
        fired.max().unwrap_or_default()
    }

    /// A transaction is decided to commit.
    pub fn commit(&mut self, broker: &Broker, deciding: &Deciding) -> Result<(), Broken> {
        self.commits += 1;
        for ((topic, partition), messages) in &deciding.places {
            let journaled = deciding.places.contains_key(&journal(*partition));
            if !journaled && !messages.is_empty() {
                let topic = Destination::ALL[*topic];
                return Err(format!(
                    "records of {topic:?} partition {partition} are committed without its journal"
                ));
            }
        }
        for position in &deciding.offsets {
            let journal = deciding.places.get(&journal(position.partition));
            if journal.is_none_or(Vec::is_empty) {
                let partition = position.partition;
                return Err(format!(
                    "offsets of partition {partition} are committed without its journal"
                ));
            }
        }
        let journaled = deciding.places.iter().filter(|((topic, _), messages)| {
            *topic == Destination::State as usize && !messages.is_empty()
        });
        for ((_, partition), messages) in journaled {
            self.commit_partition(broker, deciding, *partition, messages)
                .map_err(|broken| format!("partition {partition}: {broken}"))?;
        }
        Ok(())
    }

    fn commit_partition(
        &mut self,
        broker: &Broker,
        deciding: &Deciding,
        partition: i32,
        messages: &[(i64, std::rc::Rc<Message>)],
    ) -> Result<(), Broken> {
        let reference = &mut self.references[index(partition)];
        let chain = &mut self.chains[index(partition)];
        let mut records = Vec::new();
        for (offset, message) in messages {
            let payload = message.payload.as_deref().unwrap_or_default();
            let followed = chain.follow(*offset, payload);
            if let Some(record) = followed.map_err(|error| error.to_string())? {
                let gap = record.body.gap.clone();
                records.push((
                    record.mark,
                    record.body.positions.clone(),
                    record.body.time,
                    gap,
                ));
            }
        }
        let [(mark, positions, time, gap)] = &records[..] else {
            let count = records.len();
            return Err(format!("{count} journal records in one transaction"));
        };
        check_offsets(deciding, partition, *mark, positions.end)?;
        let before = reference.partition.next_offset();
        if positions.start != before {
            return Err(format!("covers {positions:?}, but {before} is next"));
        }
        if let Some(gap) = gap {
            if !self.office.gaps.contains(&(partition, gap.start)) {
                return Err(format!("{gap:?} is passed over, and nobody accepted that"));
            }
            if !self.office.starts.contains(&(partition, gap.end)) {
                return Err(format!("{gap:?} ends where the input never began"));
            }
            reference.partition.skip_to(gap.end);
        }
        let Some(script) = deciding.scripts.get(&partition) else {
            return Err("nobody saw its journal being written".to_owned());
        };
        let committed = |topic: usize| {
            let found = deciding.places.get(&(topic, partition));
            found.map_or(&[][..], Vec::as_slice)
        };
        let input = broker.input(partition);
        let expected = reference.follow(&self.office, input, script)?;
        let (next, now) = (
            reference.partition.next_offset(),
            reference.partition.time(),
        );
        if (next, now) != (positions.end, *time) {
            return Err(format!(
                "the journal says {} at {time:?}, its records lead to {next} at {now:?}",
                positions.end
            ));
        }
        for (topic, expected) in expected.iter().enumerate() {
            if topic == Destination::Balances as usize {
                self.take_balances(partition, committed(topic))?;
            } else if topic != Destination::State as usize {
                compare(topic, expected, committed(topic))?;
            }
        }
        for topic in [Destination::RatedUsage, Destination::Rejected] {
            for (_, message) in committed(topic as usize) {
                self.books.take(partition, topic, message)?;
            }
        }
        Ok(())
    }

    /// A worker has restored a partition: it must be what was committed.
    pub fn restored(&mut self, partition: i32, restored: &Restored) -> Result<(), Broken> {
        let reference = &self.references[index(partition)];
        let chain = &self.chains[index(partition)];
        if chain.mark() != Some(restored.writer.mark()) {
            // What was decided meanwhile is not in the log yet, or the worker looks too early.
            return Ok(());
        }
        let found = &restored.partition;
        let reference = &reference.partition;
        let same = found.figures() == reference.figures()
            && found.next_offset() == reference.next_offset()
            && found.time() == reference.time()
            && found.parked_offsets() == reference.parked_offsets();
        let mut legs: [Vec<String>; 2] = [found, reference].map(|partition| {
            partition
                .leg_figures()
                .map(|leg| format!("{leg:?}"))
                .collect()
        });
        for legs in &mut legs {
            legs.sort_unstable();
        }
        let mut remembered =
            [found, reference].map(|partition| partition.remembered().collect::<Vec<_>>());
        for rows in &mut remembered {
            rows.sort_unstable();
        }
        // What is forgotten first of what is due at one moment reaches no output, and a full transaction
        // may leave the rest.
        let forgets = found.next_due().is_some_and(|due| due <= found.time());
        let alike = legs[0] == legs[1] && remembered[0] == remembered[1];
        if same && (alike || forgets) {
            self.alike.insert(partition);
            return Ok(());
        }
        let shown = |partition: &Partition| {
            let (time, parked) = (partition.time(), partition.parked_offsets());
            format!("{time:?} {:?} parked {parked:?}", partition.figures())
        };
        Err(format!(
            "partition {partition}: what its journal restores is not what was committed:\n  {} {:?} {:?}\n  {} {:?} {:?}",
            shown(found),
            legs[0],
            remembered[0],
            shown(reference),
            legs[1],
            remembered[1],
        ))
    }

    /// Everything is processed and every call silent: the books must balance.
    pub fn settle(&mut self, inputs: &[Log]) -> Result<(), Broken> {
        for (partition, reference) in (0..).zip(&mut self.references) {
            let left = reference.rest(&self.office);
            if left > 0 {
                return Err(format!(
                    "partition {partition}: {left} facts of timers never came"
                ));
            }
        }
        let mut balances = BTreeMap::new();
        for ((partition, tenant), told) in &self.balances {
            self.settle_balance(*partition, tenant, told.as_deref())?;
        }
        for (partition, reference) in (0..).zip(&self.references) {
            for figures in reference.partition.figures() {
                if !figures.holds.is_zero() || figures.live_calls != 0 {
                    let tenant = &figures.tenant_id;
                    return Err(format!(
                        "tenant {tenant} holds money for no call: {figures:?}"
                    ));
                }
                balances.insert((partition, figures.tenant_id.to_string()), figures.balance);
            }
        }
        self.books.settle(&self.office, inputs, &balances)
    }
}

/// Every partition touched sends its position and the name of its journal record.
fn check_offsets(
    deciding: &Deciding,
    partition: i32,
    mark: PositionMark,
    next_offset: i64,
) -> Result<(), Broken> {
    let sent = deciding.offsets.iter().find(|at| at.partition == partition);
    let Some(sent) = sent else {
        return Err("its offsets are not in the transaction".to_owned());
    };
    let named = PositionMark::parse(&sent.metadata);
    if sent.next_offset != next_offset || named != Some(mark) {
        let (offset, metadata) = (sent.next_offset, &sent.metadata);
        return Err(format!(
            "its offset says {offset} and {metadata}, its journal {next_offset} and {mark:?}"
        ));
    }
    Ok(())
}

fn compare(
    topic: usize,
    expected: &[Message],
    committed: &[(i64, std::rc::Rc<Message>)],
) -> Result<(), Broken> {
    let name = Destination::ALL[topic];
    let shown = |message: &Message| shown(&RecordDecoder::new(SchemaSet::builtin()), message);
    for (place, (expected, (_, committed))) in expected.iter().zip(committed).enumerate() {
        let same = expected.key == committed.key
            && expected.payload == committed.payload
            && expected.headers == committed.headers;
        if !same {
            return Err(format!(
                "record {place} of {name:?} is not what one run of the core says:\n  {}\n  {}",
                shown(expected),
                shown(committed)
            ));
        }
    }
    if expected.len() != committed.len() {
        let (wanted, found) = (expected.len(), committed.len());
        return Err(format!(
            "{found} records of {name:?}, one run of the core says {wanted}"
        ));
    }
    Ok(())
}

fn shown(decoder: &RecordDecoder, message: &Message) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<String> = message
        .headers
        .iter()
        .map(|(name, value)| format!("{name}={}", text(value.as_deref().unwrap_or_default())))
        .collect();
    let payload = message.payload.as_deref().unwrap_or_default();
    match decoder.to_json(payload) {
        Ok(json) => format!("{headers:?} {json}"),
        Err(_) => format!("{headers:?} {}", text(payload)),
    }
}

pub(super) fn index(partition: i32) -> usize {
    usize::try_from(partition).expect("a partition is never negative")
}
