//! Every key there is, with its default and range, and the combinations that cannot be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::filter::Targets;

use super::reader::Reader;
use super::{Config, Worker, properties};
use crate::charging;
use crate::codec::Partitioner;
use crate::domain::MILLIS_PER_DAY;
use crate::journal::{JournalSettings, READABLE_FORMATS};
use crate::kafka::{Connection, TopicNames, TopicSettings};
use crate::telemetry::{LogFormat, LogSettings};

/// Takes every key; what is wrong with them is in the reader afterwards.
pub(super) fn validate(reader: &mut Reader) -> Config {
    Config {
        kafka: kafka(reader),
        names: names(reader),
        topics: topics(reader),
        worker: worker(reader),
        partitioner: reader.choice(
            "input.partitioner",
            &[
                ("murmur2", Partitioner::Murmur2),
                ("crc32", Partitioner::Crc32),
            ],
        ),
        schemas_dir: schemas_dir(reader),
        charging: charging(reader),
        journal: journal(reader),
        http_listen: http_listen(reader),
        leave_on_shutdown: reader.flag("shutdown.leave", false),
        log: log(reader),
    }
}

fn kafka(reader: &mut Reader) -> Connection {
    let bootstrap_servers = reader.text("kafka.bootstrap_servers", "localhost:9092");
    if bootstrap_servers.trim().is_empty() {
        reader.fault("kafka.bootstrap_servers", "is empty");
    }
    Connection {
        bootstrap: bootstrap_servers,
        properties: properties::take(reader),
    }
}

fn names(reader: &mut Reader) -> TopicNames {
    let defaults = TopicNames::default();
    let mut given: Vec<(&str, String)> = Vec::new();
    let mut name = |key: &'static str, default: &str| {
        let name = reader.text(key, default);
        if !is_topic_name(&name) {
            reader.fault(
                key,
                format!("`{name}` is not 1 to 249 letters, digits, `.`, `_` or `-`"),
            );
        }
        if let Some((other, _)) = given.iter().find(|(_, earlier)| *earlier == name) {
            reader.fault(key, format!("`{name}` is the name of `{other}` as well"));
        }
        given.push((key, name.clone()));
        name
    };
    TopicNames {
        events: name("topics.events", &defaults.events),
        rate_cards: name("topics.rate_cards", &defaults.rate_cards),
        rated_usage: name("topics.rated_usage", &defaults.rated_usage),
        balance_notices: name("topics.balance_notices", &defaults.balance_notices),
        call_control: name("topics.call_control", &defaults.call_control),
        rejected: name("topics.rejected", &defaults.rejected),
        balances: name("topics.balances", &defaults.balances),
        state: name("topics.state", &defaults.state),
    }
}

fn topics(reader: &mut Reader) -> TopicSettings {
    let mut kept =
        |key, days| i64::from(reader.whole::<u32>(key, days, 1..=36_500)) * MILLIS_PER_DAY;
    let events_retention_ms = kept("topics.events_retention_days", 7);
    let outputs_retention_ms = kept("topics.outputs_retention_days", 30);
    let settings = TopicSettings {
        partitions: reader.whole("topics.partitions", 16, 1..=10_000),
        replication: reader.whole("topics.replication", 3, 1..=100),
        min_insync_replicas: reader.whole("topics.min_insync_replicas", 2, 1..=100),
        events_retention_ms,
        outputs_retention_ms,
        balances: reader.flag("balances.publish", false),
    };
    if settings.min_insync_replicas > settings.replication {
        reader.fault(
            "topics.min_insync_replicas",
            format!(
                "`{}` is more than `topics.replication`, `{}`: nothing could ever be written",
                settings.min_insync_replicas, settings.replication
            ),
        );
    }
    settings
}

fn journal(reader: &mut Reader) -> JournalSettings {
    let write_format = reader.whole(
        "journal.write_format",
        *READABLE_FORMATS.end(),
        READABLE_FORMATS,
    );
    JournalSettings {
        write_format,
        ..JournalSettings::default()
    }
}

fn is_topic_name(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn worker(reader: &mut Reader) -> Worker {
    let commit_interval_ms = reader.whole("worker.commit_interval_ms", 50_u32, 1..=5_000);
    let transaction_timeout_ms =
        reader.whole("worker.transaction_timeout_ms", 9_000_u32, 1_000..=900_000);
    let session_timeout_ms =
        reader.whole("worker.session_timeout_ms", 10_000_u32, 1_000..=1_800_000);
    if transaction_timeout_ms >= session_timeout_ms {
        reader.fault(
            "worker.transaction_timeout_ms",
            "is not below `worker.session_timeout_ms`: a partition's next owner would find its \
             predecessor's transaction undecided",
        );
    }
    if commit_interval_ms.saturating_mul(2) > transaction_timeout_ms {
        reader.fault(
            "worker.commit_interval_ms",
            "is more than half of `worker.transaction_timeout_ms`: Kafka would abort in the middle",
        );
    }
    let timers = reader.whole("worker.timers_per_transaction", 1_000_u32, 1..=100_000);
    Worker {
        instance: instance(reader),
        group: named(reader, "worker.group", "tollkeeper"),
        workers: reader.whole("worker.workers", 1_u32, 1..=256),
        commit_interval: Duration::from_millis(commit_interval_ms.into()),
        transaction_timeout: Duration::from_millis(transaction_timeout_ms.into()),
        session_timeout: Duration::from_millis(session_timeout_ms.into()),
        timers_per_transaction: usize::try_from(timers).expect("32 bits fit into a usize"),
    }
}

/// The configured name, or the host's: unique and stable where every instance has its own host.
fn instance(reader: &mut Reader) -> String {
    let configured = reader.text("worker.instance", "");
    if !configured.is_empty() {
        return configured;
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    host.unwrap_or_else(|| {
        reader.fault(
            "worker.instance",
            "is empty, and the host has no name to take instead",
        );
        String::new()
    })
}

fn named(reader: &mut Reader, key: &str, default: &str) -> String {
    let name = reader.text(key, default);
    if name.is_empty() {
        reader.fault(key, "is empty");
    }
    name
}

fn schemas_dir(reader: &mut Reader) -> Option<PathBuf> {
    let dir = reader.text("schemas.dir", "");
    if dir.is_empty() {
        return None;
    }
    let path = PathBuf::from(dir);
    if !path.is_dir() {
        reader.fault(
            "schemas.dir",
            format!("`{}` is not a directory", path.display()),
        );
    }
    Some(path)
}

fn charging(reader: &mut Reader) -> charging::Settings {
    let live_calls = reader.whole(
        "rules.live_calls_per_partition",
        1_000_000_u32,
        1..=10_000_000,
    );
    charging::Settings {
        live_calls: usize::try_from(live_calls).expect("32 bits fit into a usize"),
        silence_minutes: reader.whole("rules.silence_minutes", 10, 1..=1_440),
        late_by_minutes: reader.whole("rules.late_by_minutes", 120, 1..=10_080),
        kept: usize::try_from(reader.whole(
            "rules.kept_per_partition",
            50_000_000_u32,
            1_000..=100_000_000,
        ))
        .expect("32 bits fit into a usize"),
    }
}

fn http_listen(reader: &mut Reader) -> Option<SocketAddr> {
    let text = reader.text("http.listen", "127.0.0.1:9464");
    if text.is_empty() {
        return None;
    }
    let address = text.parse().ok();
    if address.is_none() {
        reader.fault(
            "http.listen",
            format!("`{text}` is not an address and port"),
        );
    }
    address
}

fn log(reader: &mut Reader) -> LogSettings {
    let format = reader.choice(
        "log.format",
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
    );
    let text = reader.text("log.filter", "info");
    let filter = text.parse().unwrap_or_else(|error| {
        reader.fault("log.filter", format!("`{text}`: {error}"));
        Targets::new()
    });
    LogSettings { format, filter }
}
