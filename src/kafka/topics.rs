//! The topics as they must be: names, partitions, and what durability rests on.

use std::collections::BTreeMap;
use std::fmt;

/// The names of all topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNames {
    /// Events in.
    pub events: String,
    /// Rate cards in.
    pub rate_cards: String,
    /// Usage and wallet entries out.
    pub rated_usage: String,
    /// Notices out.
    pub balance_notices: String,
    /// Orders out.
    pub call_control: String,
    /// Records at fault out.
    pub rejected: String,
    /// The latest of each tenant out, where it is on.
    pub balances: String,
    /// The journal.
    pub state: String,
}

impl Default for TopicNames {
    fn default() -> Self {
        Self::with_prefix("tollkeeper.")
    }
}

impl TopicNames {
    /// The default names behind another prefix.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |rest: &str| format!("{prefix}{rest}");
        TopicNames {
            events: name("events"),
            rate_cards: name("rate-cards"),
            rated_usage: name("rated-usage"),
            balance_notices: name("balance-notices"),
            call_control: name("call-control"),
            rejected: name("rejected"),
            balances: name("balances"),
            state: name("state"),
        }
    }
}

/// How topics are to be made and what they must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// Partitions of the events topic and of all that share its numbers.
    pub partitions: i32,
    /// Replicas of every topic.
    pub replication: i32,
    /// Replicas that must have a record before it counts as written.
    pub min_insync_replicas: i32,
    /// How long events are kept, milliseconds.
    pub events_retention_ms: i64,
    /// How long usage, notices, orders and rejected records are kept, milliseconds.
    pub outputs_retention_ms: i64,
    /// Whether the balances topic is in use.
    pub balances: bool,
}

/// A value that a topic's configuration must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Exactly this.
    Exactly(String),
    /// This number or more; -1 is without limit.
    AtLeast(i64),
}

impl Wanted {
    /// The value that a new topic is given.
    #[must_use]
    pub fn initial(&self) -> String {
        match self {
            Wanted::Exactly(text) => text.clone(),
            Wanted::AtLeast(least) => least.to_string(),
        }
    }

    fn holds(&self, found: &str) -> bool {
        match self {
            Wanted::Exactly(text) => text == found,
            Wanted::AtLeast(least) => found
                .parse::<i64>()
                .is_ok_and(|found| found >= *least || (found == -1 && *least != -1)),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Exactly(text) => write!(f, "`{text}`"),
            Wanted::AtLeast(least) => write!(f, "at least `{least}`"),
        }
    }
}

/// A topic as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// Exactly so many.
    pub partitions: i32,
    /// At least so many replicas of each partition.
    pub replication: i32,
    /// Its configuration, as far as it matters.
    pub config: BTreeMap<&'static str, Wanted>,
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFound {
    /// Its id, which a topic of the same name made later does not share.
    pub id: String,
    /// How many.
    pub partitions: i32,
    /// Replicas of the partition that has fewest.
    pub replication: i32,
    /// Replicas in sync, of the partition that has fewest.
    pub in_sync: i32,
    /// Its whole configuration.
    pub config: BTreeMap<String, String>,
}

/// All topics as they must be, events first.
#[must_use]
pub fn plan(names: &TopicNames, settings: &TopicSettings) -> Vec<TopicPlan> {
    let exactly = |text: &str| Wanted::Exactly(text.to_owned());
    let topic = |name: &str, partitions: i32, policy: &str, more: &[(&'static str, Wanted)]| {
        let mut config = BTreeMap::from([
            ("cleanup.policy", exactly(policy)),
            (
                "min.insync.replicas",
                Wanted::AtLeast(i64::from(settings.min_insync_replicas)),
            ),
            ("unclean.leader.election.enable", exactly("false")),
            ("max.message.bytes", Wanted::AtLeast(MESSAGE_BYTES)),
        ]);
        config.extend(more.iter().cloned());
        TopicPlan {
            name: name.to_owned(),
            partitions,
            replication: settings.replication,
            config,
        }
    };
    let kept = |millis: i64| ("retention.ms", Wanted::AtLeast(millis));
    let unbounded = ("retention.bytes", exactly("-1"));
    let p = settings.partitions;
    let mut topics = vec![
        topic(
            &names.events,
            p,
            "delete",
            &[
                ("message.timestamp.type", exactly("LogAppendTime")),
                kept(settings.events_retention_ms),
                unbounded.clone(),
            ],
        ),
        topic(
            &names.rate_cards,
            1,
            "compact",
            // A version is in force from its timestamp on: the broker's clock, not a publisher's.
            &[("message.timestamp.type", exactly("LogAppendTime"))],
        ),
    ];
    for name in [
        &names.rated_usage,
        &names.balance_notices,
        &names.call_control,
        &names.rejected,
    ] {
        topics.push(topic(
            name,
            p,
            "delete",
            &[kept(settings.outputs_retention_ms), unbounded.clone()],
        ));
    }
    if settings.balances {
        topics.push(topic(&names.balances, p, "compact", &[]));
    }
    topics.push(topic(
        &names.state,
        p,
        "delete",
        &[
            ("retention.ms", exactly("-1")),
            unbounded,
            // Trimmed by deleting records; small segments give the disk back soon.
            ("segment.bytes", exactly("16777216")),
        ],
    ));
    topics
}

/// The largest batch that a topic must take.
const MESSAGE_BYTES: i64 = 1_048_588;

/// What differs between a topic as it must be and as it is, a line each; nothing if it will do.
#[must_use]
pub fn differences(plan: &TopicPlan, found: Option<&TopicFound>) -> Vec<String> {
    let name = &plan.name;
    let Some(found) = found else {
        return vec![format!("topic `{name}` does not exist")];
    };
    let mut lines = Vec::new();
    if found.partitions != plan.partitions {
        lines.push(format!(
            "topic `{name}`: has {} partitions, must have {}",
            found.partitions, plan.partitions
        ));
    }
    if found.replication < plan.replication {
        lines.push(format!(
            "topic `{name}`: has {} replicas, must have at least {}",
            found.replication, plan.replication
        ));
    }
    for (key, wanted) in &plan.config {
        match found.config.get(*key) {
            Some(value) if wanted.holds(value) => {}
            Some(value) => {
                lines.push(format!(
                    "topic `{name}`: `{key}` is `{value}`, must be {wanted}"
                ));
            }
            None => lines.push(format!(
                "topic `{name}`: `{key}` is not told, must be {wanted}"
            )),
        }
    }
    lines
}

/// Whether no worker must start on the topic as it is: it is missing, has other partitions, is cleaned up in another
/// way, so that of the records of a tenant only the latest would be kept, or would lose what must be kept for ever, as a
/// journal must.
#[must_use]
pub fn forbids_work(plan: &TopicPlan, found: Option<&TopicFound>) -> bool {
    let Some(found) = found else { return true };
    let for_ever = matches!(plan.config.get("retention.ms"), Some(Wanted::Exactly(_)));
    let loses = |key: &&str| {
        let value = found.config.get(*key);
        value.is_some_and(|value| !plan.config[*key].holds(value))
    };
    found.partitions != plan.partitions
        || loses(&"cleanup.policy")
        || (for_ever && ["retention.ms", "retention.bytes"].iter().any(loses))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    #[test]
    fn every_topic_has_what_durability_rests_on() {
        let settings = TopicSettings {
            partitions: 16,
            replication: 3,
            min_insync_replicas: 2,
            events_retention_ms: 604_800_000,
            outputs_retention_ms: 2_592_000_000,
            balances: true,
        };
        let mut shown = String::new();
        for topic in plan(&TopicNames::default(), &settings) {
            let (name, p, r) = (topic.name, topic.partitions, topic.replication);
            write!(shown, "{name} {p} x {r}:").expect("a string takes any text");
            for (key, wanted) in &topic.config {
                // The same for all.
                let common = ["max.message.bytes", "min.insync.replicas"];
                if *key != "unclean.leader.election.enable" && !common.contains(key) {
                    write!(shown, " {key}={}", wanted.initial()).expect("a string takes any text");
                }
            }
            shown.push('\n');
            let value = |key| topic.config[key].initial();
            assert_eq!(value("unclean.leader.election.enable"), "false");
            assert_eq!(value("min.insync.replicas"), "2");
            assert_eq!(value("max.message.bytes"), "1048588");
        }
        expect![[r#"
            tollkeeper.events 16 x 3: cleanup.policy=delete message.timestamp.type=LogAppendTime retention.bytes=-1 retention.ms=604800000
            tollkeeper.rate-cards 1 x 3: cleanup.policy=compact message.timestamp.type=LogAppendTime
            tollkeeper.rated-usage 16 x 3: cleanup.policy=delete retention.bytes=-1 retention.ms=2592000000
            tollkeeper.balance-notices 16 x 3: cleanup.policy=delete retention.bytes=-1 retention.ms=2592000000
            tollkeeper.call-control 16 x 3: cleanup.policy=delete retention.bytes=-1 retention.ms=2592000000
            tollkeeper.rejected 16 x 3: cleanup.policy=delete retention.bytes=-1 retention.ms=2592000000
            tollkeeper.balances 16 x 3: cleanup.policy=compact
            tollkeeper.state 16 x 3: cleanup.policy=delete retention.bytes=-1 retention.ms=-1 segment.bytes=16777216
        "#]].assert_eq(&shown);
    }

    #[test]
    fn a_journal_that_would_be_deleted_and_another_cleanup_forbid_work_and_a_shorter_ledger_does_not()
     {
        let settings = TopicSettings {
            partitions: 4,
            replication: 1,
            min_insync_replicas: 1,
            events_retention_ms: 604_800_000,
            outputs_retention_ms: 2_592_000_000,
            balances: false,
        };
        let names = TopicNames::default();
        let found = |plan: &TopicPlan, key: &'static str, value: &str| TopicFound {
            id: String::new(),
            partitions: plan.partitions,
            replication: 1,
            in_sync: 1,
            config: plan
                .config
                .iter()
                .map(|(key, wanted)| ((*key).to_owned(), wanted.initial()))
                .chain([(key.to_owned(), value.to_owned())])
                .collect(),
        };
        for topic in plan(&names, &settings) {
            let journal = topic.name == names.state;
            assert!(forbids_work(&topic, None));
            assert!(!forbids_work(
                &topic,
                Some(&found(&topic, "segment.ms", "1"))
            ));
            for (key, value, forbids) in [
                ("retention.ms", "3600000", journal),
                ("retention.bytes", "1000000", journal),
                ("cleanup.policy", "compact,delete", true),
            ] {
                let changed = found(&topic, key, value);
                assert_eq!(
                    forbids_work(&topic, Some(&changed)),
                    forbids,
                    "{} {key}",
                    topic.name
                );
            }
            let mut split = found(&topic, "segment.ms", "1");
            split.partitions += 1;
            assert!(forbids_work(&topic, Some(&split)));
        }
    }

    #[test]
    fn a_number_may_be_larger_than_asked_for_and_without_limit() {
        for (wanted, found, holds) in [
            (Wanted::AtLeast(5), "5", true),
            (Wanted::AtLeast(5), "6", true),
            (Wanted::AtLeast(5), "-1", true),
            (Wanted::AtLeast(5), "4", false),
            (Wanted::AtLeast(5), "many", false),
            (Wanted::AtLeast(-1), "-1", true),
            (Wanted::Exactly("a".to_owned()), "a", true),
            (Wanted::Exactly("a".to_owned()), "a,b", false),
        ] {
            assert_eq!(wanted.holds(found), holds, "{wanted:?} {found}");
        }
    }
}
