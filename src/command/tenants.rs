//! `tenants`: what a tenant has, from the journal of its partition.

use super::reach::{PATIENCE, restore};
use super::{ConfigFile, Failure, topics::genesis};
use crate::codec::{partition_of, record_to_json};
use crate::domain::Record;
use crate::kafka::{Admin, Isolation, TopicReader};

/// Looks at tenants.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Show(Show),
}

/// Prints a tenant's balance as JSON: what the committed journal of its partition holds.
///
/// It restores that partition for reading, beside running workers, and changes nothing. `updated_at` is
/// the partition time up to which the journal goes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  tollkeeper tenants show acme | jq .available")]
struct Show {
    #[command(flatten)]
    config: ConfigFile,
    /// The tenant's id.
    #[arg(value_name = "ID")]
    tenant: String,
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Show(show) => show.run(),
        }
    }
}

impl Show {
    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let genesis = genesis(&Admin::new(&config.kafka, PATIENCE)?, &config)?;
        let partition = partition_of(
            config.partitioner,
            self.tenant.as_bytes(),
            genesis.partitions,
        );
        let topic = &config.names.state;
        let mut reader =
            TopicReader::open(&config.kafka, topic, Isolation::Committed, None, PATIENCE)?;
        let settings = (config.journal, config.charging);
        let restored = restore(&mut reader, genesis, settings, partition)?;
        let Some(balance) = restored.partition.balance_of(&self.tenant) else {
            let what = format!(
                "tenant `{}` is not known to partition {partition}",
                self.tenant
            );
            return Err(Failure::Input(what));
        };
        let shown = record_to_json(
            &Record::TenantBalance(Box::new(balance)),
            &config.names.events,
        );
        println!("{shown:#}");
        Ok(())
    }
}
