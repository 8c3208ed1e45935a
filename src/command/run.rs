//! `run`: the workers of this process, until they are told to stop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::observe::observer;
use super::reach::{PATIENCE, schemas};
use super::{ConfigFile, Failure, topics};
use crate::config::Config;
use crate::domain::Moment;
use crate::flow::{ExitReason, FlowSettings};
use crate::http::{Server, Shown};
use crate::journal::Genesis;
use crate::kafka::{
    Admin, CardFollower, Clock, Waiting, WorkerSettings, differences, forbids_work, plan,
    run_workers,
};
use crate::telemetry::{Metrics, start_log};
use crate::view::Health;

/// Charge calls: take events from Kafka, publish usage, notices and orders, until stopped.
///
/// Any number of processes share the partitions of one group. SIGTERM or Ctrl-C commits what is open
/// and ends with exit code 0; a second one ends at once, and nothing is lost by it either.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tollkeeper topics create --config tollkeeper.toml
  tollkeeper run --config tollkeeper.toml
  TOLLKEEPER_WORKER__INSTANCE=second tollkeeper run --config tollkeeper.toml

While it runs (with http.listen as it is by default):
  curl localhost:9464/readyz    what stands in the way, if anything does
  curl localhost:9464/metrics   Prometheus metrics")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let schemas = schemas(&config)?;
        start_log(config.log.clone());
        let stop = Arc::new(AtomicBool::new(false));
        stop_on_signals(&stop)?;

        let admin = Admin::new(&config.kafka, PATIENCE)?;
        check_topics(&admin, &config)?;
        let genesis = topics::genesis(&admin, &config)?;
        let cards = CardFollower::read(&config.kafka, &config.names.rate_cards)?;
        let known_cards = Arc::clone(cards.shelf());

        let clock: Clock = Arc::new(wall_clock);
        let shown = Arc::new(Shown {
            metrics: Metrics::default(),
            health: Health::of_workers(config.worker.workers),
        });
        let _server = serve(&config, &shown)?;
        let observer = observer(shown, Arc::clone(&clock));
        let settings = worker_settings(&config, genesis, schemas);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            instance = settings.instance,
            group = settings.group,
            workers = settings.workers,
            "starting"
        );
        let following = cards.follow(Arc::clone(&stop));
        let exits = run_workers(&settings, &known_cards, &clock, &observer, &stop)?;
        if let Err(panic) = following.join() {
            std::panic::resume_unwind(panic);
        }
        tracing::info!("stopped");
        exits.iter().try_for_each(|exit| verdict(exit, &settings))
    }
}

/// The first signal raises the flag, which ends the work in order; the second one ends the process.
pub(super) fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(stop)))
            .map_err(|error| Failure::World(format!("signals: {error}")))?;
    }
    Ok(())
}

/// The reader's clock: what brokers stamp their records with, too.
#[expect(clippy::disallowed_methods, reason = "this is where the time comes in")]
pub(super) fn wall_clock() -> Moment {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Moment::checked_from_millis(millis).unwrap_or(Moment::EARLIEST)
}

/// What is missing, has other partitions, is cleaned up in another way or would lose a journal is refused; what else
/// differs is only said: an operator may have changed it while we ran.
fn check_topics(admin: &Admin, config: &Config) -> Result<(), Failure> {
    for topic in plan(&config.names, &config.topics) {
        let found = admin.find(&topic.name)?;
        let differences = differences(&topic, found.as_ref());
        if forbids_work(&topic, found.as_ref()) {
            return Err(Failure::World(format!(
                "{}; `tollkeeper topics check` says all that differs, `tollkeeper topics create` makes what is missing",
                differences.join("; ")
            )));
        }
        for difference in differences {
            tracing::warn!("{difference}");
        }
    }
    Ok(())
}

fn serve(config: &Config, shown: &Arc<Shown>) -> Result<Option<Server>, Failure> {
    let Some(listen) = config.http_listen else {
        return Ok(None);
    };
    let server = Server::start(listen, Arc::clone(shown)).map_err(|error| {
        Failure::World(format!(
            "listening at `{listen}`: {error}; `http.listen` says where, empty is nowhere"
        ))
    })?;
    tracing::info!(address = %server.address(), "serving http");
    Ok(Some(server))
}

fn worker_settings(
    config: &Config,
    genesis: Genesis,
    schemas: crate::codec::SchemaSet,
) -> WorkerSettings {
    let worker = &config.worker;
    let millis = |span: Duration| u64::try_from(span.as_millis()).expect("a bounded setting");
    let flow = FlowSettings {
        schemas,
        partitioner: config.partitioner,
        commit_interval: millis(worker.commit_interval),
        transaction_timeout: millis(worker.transaction_timeout),
        timers_per_transaction: worker.timers_per_transaction,
        balances: config.topics.balances,
        ..FlowSettings::new(&config.names.events, genesis.partitions)
    };
    WorkerSettings {
        connection: config.kafka.clone(),
        names: config.names.clone(),
        group: worker.group.clone(),
        instance: worker.instance.clone(),
        workers: worker.workers,
        session_timeout: worker.session_timeout,
        transaction_timeout: worker.transaction_timeout,
        flow,
        charging: config.charging,
        journal: config.journal,
        genesis,
        trims: true,
        leave: config.leave_on_shutdown,
        waiting: Waiting::default(),
    }
}

fn verdict(exit: &ExitReason, settings: &WorkerSettings) -> Result<(), Failure> {
    let instance = &settings.instance;
    match exit {
        ExitReason::Stopped { .. } => Ok(()),
        ExitReason::StoppedInTheMiddle | ExitReason::Evicted => {
            tracing::warn!("what was open could not be committed in time; it will be done again");
            Ok(())
        }
        ExitReason::InstanceFenced => Err(Failure::World(format!(
            "another process uses the name `{instance}` in group `{}`; give each its own `worker.instance`",
            settings.group
        ))),
        ExitReason::ProducerFenced(why) => Err(Failure::World(format!(
            "another process writes under the name `{instance}` ({why}); give each its own `worker.instance`"
        ))),
        ExitReason::ProducersLost(why) => Err(Failure::World(format!(
            "Kafka does not answer ({why}), again and again; a new process starts with new connections"
        ))),
        ExitReason::InputDead(why) => Err(Failure::World(format!("reading the input: {why}"))),
    }
}
