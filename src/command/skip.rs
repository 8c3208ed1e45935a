//! `skip`: lets a stopped partition go on, by an operator's decision.

use std::io::{self, Write};

use super::reach::PATIENCE;
use super::{ConfigFile, Failure};
use crate::flow::Permit;
use crate::kafka::{Isolation, TopicReader, give_permit};

/// Lets a stopped partition go on: past one record, or past input that is lost.
///
/// A record that trips an assertion stops its partition; `/readyz`, the log and the metric
/// `tollkeeper_partitions_stopped` name partition and offset. Skipping moves that record, as it came,
/// to the rejected topic. The worker that owns the partition sees the permission within seconds,
/// also after a restart. Only the latest one of a partition counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tollkeeper skip --partition 3 --offset 4711         move one record to the rejected topic
  tollkeeper skip --partition 3 --offset 4711 --gap   go on although the input from 4711 on is lost")]
pub(super) struct Arguments {
    /// Partition of the events topic.
    #[arg(long, value_name = "N")]
    partition: i32,
    /// Offset of the record; with --gap, the position at which the partition stopped.
    #[arg(long, value_name = "N")]
    offset: i64,
    /// Accept that the records from this position to the log's start are lost for good.
    #[arg(long)]
    gap: bool,
    #[command(flatten)]
    config: ConfigFile,
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let topic = &config.names.events;
        let reader =
            TopicReader::open(&config.kafka, topic, Isolation::Uncommitted, None, PATIENCE)?;
        let partitions = reader.partitions(PATIENCE)?;
        if !(0..partitions).contains(&self.partition) {
            return Err(Failure::Usage(format!(
                "--partition {}: `{topic}` has partitions 0 to {}",
                self.partition,
                partitions - 1
            )));
        }
        let bounds = reader.watermarks(self.partition, PATIENCE)?;
        let retained = (bounds.start..bounds.end).contains(&self.offset);
        if retained == self.gap || self.offset < 0 {
            return Err(Failure::Usage(format!(
                "--offset {}: `{topic}` partition {} holds offsets {} to {}; a record that is skipped must \
                 be there, one that is lost must not",
                self.offset,
                self.partition,
                bounds.start,
                bounds.end - 1
            )));
        }
        let permit = if self.gap {
            Permit::AcceptGap(self.offset)
        } else {
            Permit::SkipRecord(self.offset)
        };
        let group = &config.worker.group;
        give_permit(&config.kafka, group, topic, self.partition, permit)?;
        let what = if self.gap {
            format!("lost input from offset {} is accepted", self.offset)
        } else {
            format!("the record at offset {} is skipped", self.offset)
        };
        writeln!(
            io::stdout().lock(),
            "{what} on partition {} when its worker meets it",
            self.partition
        )?;
        Ok(())
    }
}
