//! `journal`: the records in which the state of a partition is kept, in words.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use super::reach::PATIENCE;
use super::{ConfigFile, Failure, topics::genesis};
use crate::journal::{Chain, JournalError, describe};
use crate::kafka::{Admin, Isolation, Message as _, Start, TopicReader};

/// Looks into the journals, in which the state is kept.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Inspect(Inspect),
}

/// Prints the committed records of a partition's journal in words, one a line, and checks that each
/// follows the one before.
///
/// Of each record: its offset, number and size, the input positions and the partition time it goes up
/// to, what of the state changed, how far the sweep came, and before which offset all is superfluous.
/// It stops at the first record that is broken, says what is wrong with it, and exits 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tollkeeper journal inspect --partition 3
  tollkeeper journal inspect --partition 3 --from 120000 | head")]
struct Inspect {
    #[command(flatten)]
    config: ConfigFile,
    /// The partition.
    #[arg(long, value_name = "N")]
    partition: i32,
    /// Begin at this offset of the journal, which must be that of a record's first message; else at the
    /// first one retained.
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    from: Option<i64>,
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Inspect(inspect) => inspect.run(),
        }
    }
}

impl Inspect {
    fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let genesis = genesis(&Admin::new(&config.kafka, PATIENCE)?, &config)?;
        if !(0..genesis.partitions).contains(&self.partition) {
            let last = genesis.partitions - 1;
            let what = format!(
                "--partition {}: there are partitions 0 to {last}",
                self.partition
            );
            return Err(Failure::Usage(what));
        }
        let topic = &config.names.state;
        let mut reader =
            TopicReader::open(&config.kafka, topic, Isolation::Committed, None, PATIENCE)?;
        let mut chain = Chain::new(genesis, self.partition);
        let mut out = BufWriter::new(io::stdout().lock());
        let mut written = Ok(());
        let mut broken = None;
        let start = self.from.map_or(Start::Beginning, Start::Offset);
        reader.read_to_end(&[(self.partition, start)], PATIENCE, |message| {
            let (offset, payload) = (message.offset(), message.payload().unwrap_or_default());
            written = writeln!(out, "{offset}: {}", describe(payload));
            broken = check(&mut chain, offset, payload).err();
            if written.is_err() || broken.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        written?;
        out.flush()?;
        broken.map_or(Ok(()), |error| Err(Failure::Input(error.to_string())))
    }
}

/// Whether a message follows the ones before, and each of its rows can be told from the next.
fn check(chain: &mut Chain, offset: i64, payload: &[u8]) -> Result<(), JournalError> {
    if let Some(mut record) = chain.follow(offset, payload)? {
        while record.next_entry()?.is_some() {}
    }
    Ok(())
}
