//! The genesis of the journals: without it no partition starts, so that an empty or foreign journal
//! never becomes a set of fresh wallets.

use std::ops::ControlFlow;
use std::time::Duration;

use super::clients::Connection;
use super::error::Error;
use super::producer::{Outcome, ProducerSettings, Sent, TopicHandle, TransactionalProducer};
use super::reader::{Isolation, Start, TopicReader};
use super::topics::TopicNames;
use crate::journal::{Genesis, JournalSettings, encode_genesis};

/// How long each step may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Writes the genesis into every journal partition that holds no record yet, in one transaction.
/// Returns the partitions that it was written to.
///
/// A partition whose input has been read by `group` already is refused: its journal was lost.
pub fn found_journals(
    connection: &Connection,
    names: &TopicNames,
    group: &str,
    genesis: &Genesis,
    journal: JournalSettings,
) -> Result<Vec<i32>, Error> {
    let settings = ProducerSettings {
        transactional_id: format!("{}.genesis", names.state),
        transaction_timeout: TIMEOUT,
    };
    let producer =
        TransactionalProducer::new(connection, &settings, &names.events, &[&names.state])?;
    let founding = Founding {
        producer,
        topic: &names.state,
    };
    // First, so that whoever was at this before us is fenced and decided.
    founding.step("fencing other founders", |p| p.init(TIMEOUT))?;
    let mut reader = TopicReader::open(
        connection,
        &names.state,
        Isolation::Committed,
        Some(group),
        TIMEOUT,
    )?;
    let mut empty = Vec::new();
    for partition in 0..genesis.partitions {
        if holds_nothing(&mut reader, partition)? {
            refuse_a_lost_journal(&reader, names, group, partition)?;
            empty.push(partition);
        }
    }
    if !empty.is_empty() {
        founding.write(genesis, journal, &empty)?;
    }
    Ok(empty)
}

fn holds_nothing(reader: &mut TopicReader, partition: i32) -> Result<bool, Error> {
    let mut empty = true;
    reader.read_to_end(&[(partition, Start::Beginning)], TIMEOUT, |_| {
        empty = false;
        ControlFlow::Break(())
    })?;
    Ok(empty)
}

fn refuse_a_lost_journal(
    reader: &TopicReader,
    names: &TopicNames,
    group: &str,
    partition: i32,
) -> Result<(), Error> {
    let Some(committed) = reader.committed(&names.events, partition, TIMEOUT)? else {
        return Ok(());
    };
    Err(Error::Failed {
        doing: format!(
            "founding the journal `{}` partition {partition}",
            names.state
        ),
        what: format!(
            "it is empty, but group `{group}` has read `{}` partition {partition} up to offset {}: \
             its wallets were lost and are not begun anew; restore the topic, or delete the group's \
             offsets to begin without them",
            names.events, committed.next_offset
        ),
    })
}

struct Founding<'a> {
    producer: TransactionalProducer,
    topic: &'a str,
}

impl Founding<'_> {
    fn write(
        &self,
        genesis: &Genesis,
        journal: JournalSettings,
        partitions: &[i32],
    ) -> Result<(), Error> {
        self.step("beginning", TransactionalProducer::begin)?;
        for partition in partitions {
            let payload = encode_genesis(genesis, *partition, journal);
            let record = Sent {
                topic: TopicHandle(0),
                partition: *partition,
                key: None,
                payload: Some(&payload),
                headers: &[],
                ticket: 0,
            };
            self.producer
                .send(record)
                .map_err(|failure| self.failed("sending", &format!("{failure:?}")))?;
        }
        self.step("committing", |p| p.commit(TIMEOUT))
    }

    fn step(
        &self,
        what: &str,
        run: impl FnOnce(&TransactionalProducer) -> Outcome,
    ) -> Result<(), Error> {
        match run(&self.producer) {
            Outcome::Done => Ok(()),
            Outcome::Retriable(why)
            | Outcome::Abortable(why)
            | Outcome::StaleGeneration(why)
            | Outcome::FencedProducer(why)
            | Outcome::FencedInstance(why)
            | Outcome::Fatal(why)
            | Outcome::Unanswered(why) => Err(self.failed(what, &why)),
        }
    }

    fn failed(&self, what: &str, why: &str) -> Error {
        Error::Failed {
            doing: format!("founding the journals in `{}`: {what}", self.topic),
            what: why.to_owned(),
        }
    }
}
