//! How large the state is, and the journals that hold it.

use std::ops::ControlFlow;

use tollkeeper::charging::Part;
use tollkeeper::journal::Restorer;
use tollkeeper::kafka::{Error, Isolation, Message as _, Start, TopicReader, WorkerSettings};

use crate::PARTITIONS;
use crate::support::WAIT;

/// The bytes of the state and of the journals, as they are at one moment for each partition.
pub fn measured(settings: &WorkerSettings) -> (usize, usize) {
    let mut whole = (0, 0);
    for partition in 0..PARTITIONS {
        let (state, journal) = loop {
            match of_partition(settings, partition) {
                // Trimmed meanwhile: again, from its new start.
                Err(Error::Trimmed { .. }) => {}
                read => break read.expect("the journal can be read"),
            }
        };
        whole = (whole.0 + state, whole.1 + journal);
    }
    whole
}

fn of_partition(settings: &WorkerSettings, partition: i32) -> Result<(usize, usize), Error> {
    let mut reader = TopicReader::open(
        &settings.connection,
        &settings.names.state,
        Isolation::Committed,
        None,
        WAIT,
    )?;
    // What is written and trimmed while it is read does not belong to the same moment.
    let bounds = reader.watermarks(partition, WAIT)?;
    let (genesis, charging) = (settings.genesis.clone(), settings.charging);
    let mut restorer = Restorer::new(genesis, partition, settings.journal, charging, None);
    let mut journal = 0;
    let start = Start::Offset(bounds.start);
    reader.read_to_end(&[(partition, start)], WAIT, |message| {
        if message.offset() >= bounds.end {
            return ControlFlow::Break(());
        }
        let payload = message.payload().unwrap_or_default();
        journal += payload.len();
        let fed = restorer.feed(message.offset(), payload);
        fed.expect("a sound journal");
        ControlFlow::Continue(())
    })?;
    let partition = restorer.finish().expect("a whole journal").partition;
    let (mut row, mut bytes) = (partition.next_row(None), Vec::new());
    while let Some(key) = row {
        partition.write_row(key, Part::Fixed, &mut bytes);
        partition.write_row(key, Part::Moving, &mut bytes);
        row = partition.next_row(Some(key));
    }
    Ok((bytes.len(), journal))
}
