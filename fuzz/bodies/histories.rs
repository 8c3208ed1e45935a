//! Lines in the JSON form, charged one after the other, and journalled: whatever they say, the core
//! decides or rejects, its records can be written and read, and its journal restores to the same state.

use std::sync::{Arc, LazyLock};

use tollkeeper::charging::{Facts, RawRef};
use tollkeeper::codec::{RecordDecoder, RecordEncoder, SchemaSet, parse_line, record_to_json};
use tollkeeper::domain::Moment;
use tollkeeper::journal::Restored;
use tollkeeper::rates::{RateCard, RateCards, parse_csv};

use crate::state::{commit, first_message, restore, rows};

const CARD: &str = "\
kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium
DIAL_OUT,49,Germany,DE,0.31,0.05,30,6,,,,,,,,
DIAL_OUT,44,United Kingdom,GB,0.7,,60,60,,,mon-fri,08:00,18:00,Europe/London,,
DIAL_OUT,1,North America,US,0.013333,,1,1,,,,,,,,
DIAL_OUT,882,Satellite,,1000000,1000000,3600,60,,,,,,,,true
DIAL_OUT,53,Cuba,CU,1,,,,,,,,,,true,
DIAL_IN_TOLL_FREE,49,Germany,DE,0.11,,180,60,,,,,,,,
DIAL_IN_TOLL,1,North America,US,0.02,,60,60,,,,,,,,
";
/// The most lines of a history, so that a run stays short.
const LINES: usize = 100;
/// The most timers that fire at once.
const TIMERS: usize = 50;

static CARDS: LazyLock<RateCards> = LazyLock::new(|| {
    let rows = parse_csv(CARD.as_bytes()).expect("the card is good");
    let mut cards = RateCards::default();
    cards.publish(
        Arc::new(RateCard::new("card", 1, None, rows)),
        Moment::EARLIEST,
    );
    cards
});
static ENCODER: LazyLock<RecordEncoder> = LazyLock::new(|| RecordEncoder::new("events"));
static DECODER: LazyLock<RecordDecoder> =
    LazyLock::new(|| RecordDecoder::new(SchemaSet::builtin()));

/// Checks one history.
pub fn check(data: &[u8]) {
    let mut log = vec![first_message()];
    let mut restored = restore(&log).expect("a genesis restores");
    let lines = data.split(|byte| *byte == b'\n').take(LINES);
    for (offset, line) in (0..).zip(lines) {
        take(&mut restored, offset, line);
        if offset % 4 == 3 {
            commit(&mut restored, &mut log);
        }
    }
    let later = restored.partition.time().plus_days(40);
    advance(&mut restored, later.min(Moment::LATEST));
    commit(&mut restored, &mut log);
    let again = restore(&log).expect("its journal restores");
    assert_eq!(rows(&again.partition), rows(&restored.partition));
    assert_eq!(again.partition.time(), restored.partition.time());
    assert_eq!(
        again.partition.next_offset(),
        restored.partition.next_offset()
    );
}

/// Takes one line.
pub fn take(restored: &mut Restored, offset: i64, line: &[u8]) {
    let parsed = parse_line(&String::from_utf8_lossy(line));
    let timestamp = parsed
        .timestamp
        .unwrap_or_else(|| restored.partition.time());
    advance(restored, timestamp);
    let raw = RawRef {
        offset,
        timestamp,
        key: None,
        payload: Some(line),
        headers: &[],
    };
    let mut facts = Facts::default();
    restored
        .partition
        .apply(raw, parsed.event, &CARDS, &mut facts);
    told(&facts);
}

fn advance(restored: &mut Restored, to: Moment) {
    let mut facts = Facts::default();
    while !restored.partition.advance(to, &CARDS, TIMERS, &mut facts) {}
    told(&facts);
}

/// Every record goes out in a form that its readers understand.
fn told(facts: &Facts) {
    for record in &facts.records {
        let mut bytes = Vec::new();
        ENCODER.encode(record, &mut bytes);
        let read = DECODER.to_json(&bytes).expect("what went out can be read");
        assert_eq!(read["type"], record_to_json(record, "events")["type"]);
    }
}
