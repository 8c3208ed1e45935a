//! `audit`: whether the books balance, from the committed topics alone.

mod checkpoint;
mod pull;
mod topics;

use std::io::{self, Write};
use std::path::PathBuf;

use super::reach::PATIENCE;
use super::{ConfigFile, Failure, topics::genesis};
use crate::audit::{Counts, Findings};
use crate::kafka::Admin;

use topics::Topics;

/// Checks that the books balance: journal, ledger, notices, orders, rejected records and input
/// against each other.
///
/// Reads only what is committed, changes nothing, and may run beside the workers. Of each partition it
/// reads the journal to its end, then everything else up to there: that the journal is whole and its
/// positions cover the input without a gap; that entries of a tenant are numbered without a gap and
/// their balances chain up to the journal's; that a leg's records add up to its total; that nothing is
/// held for no live call; that every start, end and grant still retained led to something. A topic that
/// has lost old records is checked from the first one retained.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tollkeeper audit --config tollkeeper.toml
  tollkeeper audit --config tollkeeper.toml --checkpoint audit.checkpoint   only what is new since the last time

Prints what was checked and exits 0, or each violation with topic, partition and offset and exits 1.")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Go on from where the last audit with this file ended, and keep there where this one does. It is
    /// written only by an audit that finds nothing wrong.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Only this partition.
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let admin = Admin::new(&config.kafka, PATIENCE)?;
        let genesis = genesis(&admin, &config)?;
        let partitions = self.partitions(genesis.partitions)?;
        let file = self.checkpoint.as_deref();
        let mut checkpoint = checkpoint::load(file, &genesis)?;
        let mut topics = Topics::open(&config, &genesis)?;
        let mut out = io::stdout().lock();
        let (mut total, mut violations) = (Counts::default(), 0);
        for partition in partitions {
            let last = checkpoint.partitions.get(&partition);
            let (carried, findings, counts) = topics.audit(partition, last)?;
            violations += print(&findings, &mut out)?;
            total += counts;
            checkpoint
                .partitions
                .extend(carried.map(|carried| (partition, carried)));
        }
        writeln!(out, "checked {total}")?;
        if violations > 0 {
            let plural = if violations == 1 {
                "violation"
            } else {
                "violations"
            };
            return Err(Failure::Input(format!(
                "the books do not balance: {violations} {plural}"
            )));
        }
        checkpoint::keep(file, &checkpoint)?;
        writeln!(out, "the books balance")?;
        Ok(())
    }

    fn partitions(&self, count: i32) -> Result<Vec<i32>, Failure> {
        match self.partition {
            None => Ok((0..count).collect()),
            Some(partition) if (0..count).contains(&partition) => Ok(vec![partition]),
            Some(partition) => {
                let last = count - 1;
                let what = format!("--partition {partition}: there are partitions 0 to {last}");
                Err(Failure::Usage(what))
            }
        }
    }
}

/// Prints each violation, and says how many there are.
fn print(findings: &Findings, out: &mut impl Write) -> io::Result<u64> {
    let mut count = findings.more();
    for violation in findings.violations() {
        writeln!(out, "{violation}")?;
        count += 1;
    }
    if findings.more() > 0 {
        writeln!(out, "… and {} more of this partition", findings.more())?;
    }
    Ok(count)
}
