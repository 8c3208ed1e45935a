//! `topics create` and `topics check`: what durability and the place of each tenant rest on.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::reach::PATIENCE;
use super::{ConfigFile, Failure};
use crate::config::Config;
use crate::journal::{Chain, Genesis};
use crate::kafka::{
    Admin, Isolation, Message as _, Start, TopicPlan, TopicReader, differences, found_journals,
    plan,
};

/// Makes the topics and their journals, or says what is wrong with them.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes the topics that are missing and begins their journals.
    ///
    /// What exists is left as it is. Each partition of the journal gets one first record, its
    /// genesis, that names the cluster, the input topic and the number of partitions; a worker
    /// refuses a journal without it, or with another one, so that a lost or mixed-up topic is never
    /// taken for a set of fresh wallets.
    Create(ConfigFile),
    /// Says what differs from what the configuration asks for. Changes nothing.
    ///
    /// Looked at: partitions, replicas, min.insync.replicas, unclean leader election, retention,
    /// clean-up, whose timestamps count, and the genesis of each journal.
    Check(ConfigFile),
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Create(file) => create(&file.load()?),
            Action::Check(file) => check(&file.load()?),
        }
    }
}

fn create(config: &Config) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let admin = Admin::new(&config.kafka, PATIENCE)?;
    // What cannot be reached is told by its address, and not by the first topic.
    admin.cluster_id()?;
    let topics = plan(&config.names, &config.topics);
    for topic in &topics {
        let made = if admin.create(topic)? {
            "created"
        } else {
            "exists"
        };
        writeln!(out, "topic `{}`: {made}", topic.name)?;
    }
    refuse_differences(&topic_differences(&admin, &topics)?)?;
    let founded = found_journals(
        &config.kafka,
        &config.names,
        &config.worker.group,
        &genesis(&admin, config)?,
        config.journal,
    )?;
    match founded.len() {
        0 => writeln!(out, "every journal has its genesis")?,
        count => writeln!(out, "{count} journals begun")?,
    }
    Ok(())
}

fn check(config: &Config) -> Result<(), Failure> {
    let admin = Admin::new(&config.kafka, PATIENCE)?;
    admin.cluster_id()?;
    let topics = plan(&config.names, &config.topics);
    let mut different = topic_differences(&admin, &topics)?;
    // Without the topics there are no journals to look at.
    if different.is_empty() {
        different = journal_differences(config, &genesis(&admin, config)?)?;
    }
    refuse_differences(&different)?;
    writeln!(
        io::stdout().lock(),
        "{} topics and {} journals are as they must be",
        topics.len(),
        config.topics.partitions
    )?;
    Ok(())
}

fn topic_differences(admin: &Admin, topics: &[TopicPlan]) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for topic in topics {
        lines.extend(differences(topic, admin.find(&topic.name)?.as_ref()));
    }
    Ok(lines)
}

fn refuse_differences(lines: &[String]) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    Err(Failure::World(format!(
        "the topics are not as they must be:\n  {}\n\
         `tollkeeper topics create` makes what is missing; what exists is changed with Kafka's own \
         tools, or the configuration is made to say what is meant",
        lines.join("\n  ")
    )))
}

/// What the journals of this deployment must say of it.
pub(super) fn genesis(admin: &Admin, config: &Config) -> Result<Genesis, Failure> {
    let events = &config.names.events;
    let found = admin.find(events)?.ok_or_else(|| {
        Failure::World(format!(
            "topic `{events}` does not exist; `tollkeeper topics create` makes it"
        ))
    })?;
    Ok(Genesis {
        cluster_id: admin.cluster_id()?,
        input_topic_id: found.id,
        partitions: found.partitions,
    })
}

fn journal_differences(config: &Config, genesis: &Genesis) -> Result<Vec<String>, Failure> {
    let state = &config.names.state;
    let mut reader = TopicReader::open(&config.kafka, state, Isolation::Committed, None, PATIENCE)?;
    let mut lines = Vec::new();
    for partition in 0..genesis.partitions {
        if let Some(what) = journal_difference(&mut reader, genesis, partition)? {
            lines.push(format!("journal `{state}` partition {partition}: {what}"));
        }
    }
    Ok(lines)
}

/// Reads a journal as far as the first record that says what it belongs to.
fn journal_difference(
    reader: &mut TopicReader,
    genesis: &Genesis,
    partition: i32,
) -> Result<Option<String>, Failure> {
    let mut chain = Chain::new(genesis.clone(), partition);
    let mut difference = Some("has no genesis".to_owned());
    reader.read_to_end(&[(partition, Start::Beginning)], PATIENCE, |message| {
        match chain.follow(message.offset(), message.payload().unwrap_or_default()) {
            Ok(Some(record)) if record.body.origin.is_some() => difference = None,
            Ok(_) => return ControlFlow::Continue(()),
            Err(error) => difference = Some(error.to_string()),
        }
        ControlFlow::Break(())
    })?;
    Ok(difference)
}
