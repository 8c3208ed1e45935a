//! Kafka inside this process, the worker on it, and what comes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::observe::observer;
use super::super::reach::restore;
use super::clock::FastClock;
use super::story::{CARD, CARD_ID, euro};
use crate::charging::{self, TenantFigures};
use crate::codec::{
    Partitioner, RecordDecoder, SchemaSet, encode_card_part, encode_event, partition_of,
};
use crate::command::Failure;
use crate::domain::{Event, Moment};
use crate::flow::{ExitReason, FlowSettings};
use crate::http::{Server, Shown};
use crate::journal::{Genesis, JournalSettings};
use crate::kafka::{
    self, CardFollower, Connection, EmbeddedCluster, Isolation, Message as _, Publisher, Read,
    Start, TopicNames, TopicReader, Waiting, WorkerSettings, found_journals, run_workers,
};
use crate::rates::{parse_csv, part_key, split};
use crate::telemetry::Metrics;
use crate::view::Health;

/// Partitions of the demo's topics.
const PARTITIONS: i32 = 4;
/// How long anything inside this process may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a look for what came out waits.
const LOOK: Duration = Duration::from_millis(5);
/// Records that are heard before what is due is done.
const AT_ONCE: usize = 1_000;

/// A published record in the JSON form.
#[derive(Debug)]
pub(super) struct Heard(pub(super) Value);

impl Heard {
    /// A text field, empty if it is absent.
    pub(super) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// Whose.
    pub(super) fn tenant(&self) -> &str {
        self.text("tenant_id")
    }

    /// Its `kind`.
    pub(super) fn kind(&self) -> &str {
        self.text("kind")
    }

    /// A moment.
    pub(super) fn moment(&self, field: &str) -> Option<Moment> {
        Moment::parse(self.text(field)).ok()
    }
}

/// Everything that runs in this process beside the platform.
pub(super) struct Embedded {
    /// Keeps the cluster alive.
    _cluster: EmbeddedCluster,
    settings: WorkerSettings,
    events: Publisher,
    outputs: Vec<TopicReader>,
    decoder: RecordDecoder,
    stop: Arc<AtomicBool>,
    worker: JoinHandle<Result<Vec<ExitReason>, kafka::Error>>,
    following: JoinHandle<()>,
    server: Server,
}

impl Embedded {
    /// Starts the cluster, publishes the rate card and lets the worker work.
    pub(super) fn start(clock: &FastClock) -> Result<Self, Failure> {
        let names = TopicNames::default();
        let cluster = start_cluster(&names)?;
        let connection = Connection::to(cluster.bootstrap());
        let settings = worker_settings(connection.clone(), names.clone());
        let founder = found_journals(
            &connection,
            &names,
            &settings.group,
            &settings.genesis,
            settings.journal,
        )?;
        assert_eq!(
            i32::try_from(founder.len()),
            Ok(PARTITIONS),
            "the journals are new"
        );
        publish_card(&connection, &names.rate_cards, clock.now())?;
        let cards = CardFollower::read(&connection, &names.rate_cards)?;

        let shown = Arc::new(Shown {
            metrics: Metrics::default(),
            health: Health::of_workers(1),
        });
        let server = Server::start(([127, 0, 0, 1], 0).into(), Arc::clone(&shown))
            .map_err(|error| Failure::World(format!("listening on a free port: {error}")))?;
        let stop = Arc::new(AtomicBool::new(false));
        let known_cards = Arc::clone(cards.shelf());
        let following = cards.follow(Arc::clone(&stop));
        let worker = {
            let (settings, stop, clock) = (settings.clone(), Arc::clone(&stop), clock.shared());
            let observer = observer(Arc::clone(&shown), Arc::clone(&clock));
            thread::Builder::new()
                .name("demo-worker".to_owned())
                .spawn(move || run_workers(&settings, &known_cards, &clock, &observer, &stop))
                .map_err(|error| Failure::World(format!("starting a thread: {error}")))?
        };
        wait_until_ready(&shown.health, &worker)?;
        let outputs = [
            &names.rated_usage,
            &names.balance_notices,
            &names.call_control,
        ];
        Ok(Embedded {
            _cluster: cluster,
            events: Publisher::new(&connection, &names.events)?,
            outputs: outputs
                .into_iter()
                .map(|topic| open(&connection, topic))
                .collect::<Result<_, _>>()?,
            decoder: RecordDecoder::new(SchemaSet::builtin()),
            settings,
            stop,
            worker,
            following,
            server,
        })
    }

    /// Where any client reaches it.
    pub(super) fn bootstrap(&self) -> &str {
        &self.settings.connection.bootstrap
    }

    /// Where its metrics are.
    pub(super) fn http(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Publishes an event, as a producer of the platform would.
    pub(super) fn publish(&self, event: &Event<'_>, now: Moment) -> Result<(), Failure> {
        let key = event.tenant_id.as_bytes();
        let partition = partition_of(Partitioner::Murmur2, key, PARTITIONS);
        let mut payload = Vec::new();
        encode_event(event, &mut payload);
        self.events
            .send(partition, key, &payload, now.millis())
            .map_err(Failure::from)
    }

    /// What came out since the last call.
    pub(super) fn heard(&self) -> Result<Vec<Heard>, Failure> {
        let mut records = Vec::new();
        let mut wait = LOOK;
        for reader in &self.outputs {
            while records.len() < AT_ONCE {
                let payload = match reader.next(wait)? {
                    Read::Record(message) => message.payload().unwrap_or_default().to_vec(),
                    Read::End(_) => continue,
                    Read::Nothing => break,
                };
                let value = self.decoder.to_json(&payload);
                let value = value.map_err(|error| Failure::Input(error.to_string()))?;
                records.push(Heard(value));
                wait = Duration::ZERO;
            }
        }
        Ok(records)
    }

    /// Stops the worker, and reads every wallet back from its journal.
    pub(super) fn stop_and_restore(self) -> Result<Vec<TenantFigures>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        for exit in joined(self.worker)?? {
            if !matches!(exit, ExitReason::Stopped { .. }) {
                return Err(Failure::World(format!("the worker ended: {exit:?}")));
            }
        }
        joined(self.following)?;
        let state = &self.settings.names.state;
        let mut reader = TopicReader::open(
            &self.settings.connection,
            state,
            Isolation::Uncommitted,
            None,
            PATIENCE,
        )?;
        let mut figures = Vec::new();
        for partition in 0..PARTITIONS {
            let settings = (self.settings.journal, self.settings.charging);
            let genesis = self.settings.genesis.clone();
            let restored = restore(&mut reader, genesis, settings, partition)?;
            figures.extend(restored.partition.figures());
        }
        figures.sort_by(|a, b| a.tenant_id.cmp(&b.tenant_id));
        Ok(figures)
    }
}

fn wait_until_ready<T>(health: &Health, worker: &JoinHandle<T>) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    let all = usize::try_from(PARTITIONS).expect("a few partitions");
    while health.owned_and_working() != (all, all) {
        if worker.is_finished() || Instant::now() > deadline {
            let reasons = health.readiness(Instant::now()).reasons.join("; ");
            return Err(Failure::World(format!(
                "the worker does not begin: {reasons}"
            )));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

fn joined<T>(thread: JoinHandle<T>) -> Result<T, Failure> {
    thread
        .join()
        .map_err(|_| Failure::World("a thread of the demo panicked".to_owned()))
}

fn start_cluster(names: &TopicNames) -> Result<EmbeddedCluster, Failure> {
    let topics = [
        (names.events.as_str(), PARTITIONS),
        (&names.rate_cards, 1),
        (&names.rated_usage, PARTITIONS),
        (&names.balance_notices, PARTITIONS),
        (&names.call_control, PARTITIONS),
        (&names.rejected, PARTITIONS),
        (&names.state, PARTITIONS),
    ];
    Ok(EmbeddedCluster::start(&topics)?)
}

fn worker_settings(connection: Connection, names: TopicNames) -> WorkerSettings {
    let flow = FlowSettings::new(&names.events, PARTITIONS);
    WorkerSettings {
        connection,
        names,
        group: "tollkeeper-demo".to_owned(),
        instance: "demo".to_owned(),
        workers: 1,
        session_timeout: Duration::from_secs(10),
        transaction_timeout: Duration::from_millis(flow.transaction_timeout),
        flow,
        charging: charging::Settings::default(),
        journal: JournalSettings::default(),
        genesis: Genesis {
            cluster_id: "embedded".to_owned(),
            input_topic_id: "embedded".to_owned(),
            partitions: PARTITIONS,
        },
        // The embedded cluster cannot delete records.
        trims: false,
        leave: true,
        waiting: Waiting::default(),
    }
}

fn publish_card(connection: &Connection, topic: &str, now: Moment) -> Result<(), Failure> {
    let rows = parse_csv(CARD.as_bytes()).expect("the card in deploy/ is checked by a test");
    let parts = split(CARD_ID, 1, euro(), &rows).expect("the card in deploy/ can be published");
    let publisher = Publisher::new(connection, topic)?;
    let mut sent = 0;
    for part in &parts {
        let mut payload = Vec::new();
        encode_card_part(part, &mut payload);
        publisher.send(0, part_key(part).as_bytes(), &payload, now.millis())?;
        sent += 1;
    }
    Ok(publisher.finish(sent, PATIENCE, |_| {})?)
}

fn open(connection: &Connection, topic: &str) -> Result<TopicReader, Failure> {
    // The embedded cluster has no transactions, so nothing is uncommitted.
    let mut reader = TopicReader::open(connection, topic, Isolation::Uncommitted, None, PATIENCE)?;
    let starts: Vec<_> = (0..PARTITIONS)
        .map(|partition| (partition, Start::Beginning))
        .collect();
    reader.assign(&starts)?;
    Ok(reader)
}
