//! Records a journal: events of a file through the core and its journal, a commit every few of them.
//! It uses nothing that the first version did not have.

use std::fmt::Write as _;
use std::sync::Arc;

use tollkeeper::charging::{Facts, Part, Partition, RawRef, Settings};
use tollkeeper::codec::parse_line;
use tollkeeper::domain::Moment;
use tollkeeper::journal::{
    Genesis, JournalError, JournalSettings, Restored, Restorer, encode_genesis,
};
use tollkeeper::rates::{RateCard, RateCards, parse_csv};

pub const EVENTS: &str = include_str!("events.jsonl");
const CARD: &[u8] = include_bytes!("card.csv");
/// The journal ends with so many of the events, in the middle of their calls.
pub const RECORDED: usize = 120;
const EVENTS_PER_RECORD: usize = 5;

pub fn cards() -> RateCards {
    let mut cards = RateCards::default();
    let rows = parse_csv(CARD).expect("the card is good");
    cards.publish(
        Arc::new(RateCard::new("card", 1, None, rows)),
        Moment::EARLIEST,
    );
    cards
}

pub fn genesis() -> Genesis {
    Genesis {
        cluster_id: "5L6g3nShT-eMCtK--X86sw".to_owned(),
        input_topic_id: "1f0ea4e5-3d1c-4a2c-9b5e-6f0d8a1b2c3d".to_owned(),
        partitions: 1,
    }
}

/// Messages of a journal, with their offsets.
pub type Log = Vec<(i64, Vec<u8>)>;

pub fn restore(log: &Log, settings: JournalSettings) -> Result<Restored, JournalError> {
    let mut restorer = Restorer::new(genesis(), 0, settings, Settings::default(), None);
    for (offset, message) in log {
        restorer.feed(*offset, message)?;
    }
    restorer.finish()
}

/// A log that begins with its genesis.
pub fn begun(settings: JournalSettings) -> Log {
    vec![(0, encode_genesis(&genesis(), 0, settings))]
}

/// Takes lines, the first of which is the event at the offset that comes next, and journals them.
pub fn charge<'l>(
    restored: &mut Restored,
    log: &mut Log,
    cards: &RateCards,
    lines: impl Iterator<Item = &'l str>,
) {
    let lines: Vec<&str> = lines.collect();
    for batch in lines.chunks(EVENTS_PER_RECORD) {
        for line in batch {
            take(&mut restored.partition, line, cards);
        }
        let written = restored.writer.next(&mut restored.partition);
        // A control marker takes an offset after each transaction.
        let first = log.last().map_or(0, |(offset, _)| offset + 2);
        log.extend((first..).zip(written.messages));
        restored.writer.committed(first);
    }
}

fn take(partition: &mut Partition, line: &str, cards: &RateCards) {
    let parsed = parse_line(line);
    let timestamp = parsed.timestamp.unwrap_or_else(|| partition.time());
    let mut facts = Facts::default();
    while !partition.advance(timestamp, cards, 100, &mut facts) {}
    let raw = RawRef {
        offset: partition.next_offset(),
        timestamp,
        key: None,
        payload: Some(line.as_bytes()),
        headers: &[],
    };
    partition.apply(raw, parsed.event, cards, &mut facts);
}

/// Every row of a state, a line each: table and slot, the bytes of the fixed part, of the moving part.
pub fn rows(
    partition: &Partition,
    write: impl Fn(tollkeeper::charging::RowKey, Part, &mut Vec<u8>),
) -> String {
    let mut text = String::new();
    let mut next = partition.next_row(None);
    while let Some(key) = next {
        write!(text, "{:?}/{}", key.table, key.slot).expect("a string takes all");
        for part in [Part::Fixed, Part::Moving] {
            let mut bytes = Vec::new();
            write(key, part, &mut bytes);
            text.push(' ');
            for byte in bytes {
                write!(text, "{byte:02x}").expect("a string takes all");
            }
        }
        text.push('\n');
        next = partition.next_row(Some(key));
    }
    text
}

/// What every tenant has, a line each, and where the partition stands.
pub fn figures(partition: &Partition) -> String {
    let mut text = format!(
        "{}, next {}, {} live calls, {} tenants\n",
        partition.time(),
        partition.next_offset(),
        partition.live_calls(),
        partition.tenants()
    );
    for number in 0..100 {
        if let Some(balance) = partition.balance_of(&format!("t{number:02}")) {
            writeln!(
                text,
                "{} balance {} available {} holds {} debt {} pool {} live {} entries {} lots {}",
                balance.tenant_id,
                balance.balance,
                balance.available,
                balance.holds,
                balance.debt,
                balance.pool_minutes_left,
                balance.live_calls,
                balance.entry_sequence,
                balance.lots.len()
            )
            .expect("a string takes all");
        }
    }
    text
}

/// A log as a file: each message's offset and length, eight and four bytes, lowest first, and the message.
pub fn to_file(log: &Log) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (offset, message) in log {
        bytes.extend_from_slice(&offset.to_le_bytes());
        let length = u32::try_from(message.len()).expect("a message is small");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(message);
    }
    bytes
}

/// Records the journal, and beside it what it restores to.
pub fn record(folder: &std::path::Path) {
    let settings = JournalSettings::default();
    let mut log = begun(settings);
    let mut restored = restore(&log, settings).expect("a genesis restores");
    let cards = cards();
    charge(
        &mut restored,
        &mut log,
        &cards,
        EVENTS.lines().take(RECORDED),
    );
    std::fs::create_dir_all(folder).expect("a folder can be made");
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("a file can be written");
    };
    put("journal", &to_file(&log));
    let partition = &restored.partition;
    let rows = rows(partition, |key, part, out| {
        partition.write_row(key, part, out);
    });
    put("rows.txt", rows.as_bytes());
    put("figures.txt", figures(partition).as_bytes());
}
