//! Runs of seeds: one, a range on two threads, all crashes of one history.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::checks::Broken;
use super::dice::Dice;
use super::plan::{Fault, Plan};
use super::world::World;

/// Simulated milliseconds within which everything must be processed once faults have stopped.
const WITHIN: u64 = 120_000;
/// The longest that faults go on.
const BUSY: u64 = 60_000;
/// How far the clocks are moved at the end, so that every call falls silent.
const SILENCE_MS: i64 = 26 * 60 * 60_000;

/// What runs did.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub seeds: u64,
    pub commits: u64,
    pub records: u64,
    pub steps: u64,
    pub faults: BTreeMap<Fault, u64>,
}

/// What was broken, and how to see it again.
#[derive(Debug)]
pub struct Failure {
    /// What repeats it: an option and its value.
    pub again: String,
    pub broken: Broken,
    pub trace: Vec<String>,
}

/// One seed.
pub fn seed(seed: u64, traced: bool) -> Result<Totals, Failure> {
    let mut dice = Dice::new(seed);
    let plan = Plan::new(&mut dice);
    run(seed, plan, dice, traced).map(|(totals, _)| totals)
}

/// A plan's run, and how many deeds the first process of each name did.
fn run(
    seed: u64,
    plan: Plan,
    dice: Dice,
    traced: bool,
) -> Result<(Totals, BTreeMap<usize, u64>), Failure> {
    let again = (plan.clone(), dice.clone());
    let mut world = World::new(plan, dice, traced);
    let mut deeds = BTreeMap::new();
    let ran = catch_unwind(AssertUnwindSafe(|| play(&mut world, &mut deeds)));
    let broken = match ran {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some(broken),
        Err(panic) => Some(format!("a panic: {}", words(&*panic))),
    };
    let totals = Totals {
        seeds: 1,
        commits: world.checks.commits,
        records: world.checks.books.records,
        steps: world.steps,
        faults: world.faults,
    };
    match broken {
        None if !traced => Ok((totals, deeds)),
        Some(_) if !traced => run(seed, again.0, again.1, true),
        broken => Err(Failure {
            again: format!("--seed {seed}"),
            broken: broken.unwrap_or_default(),
            trace: world.trace.unwrap_or_default(),
        }),
    }
}

fn play(world: &mut World, deeds: &mut BTreeMap<usize, u64>) -> Result<(), Broken> {
    world.run(BUSY, World::is_written);
    note_deeds(world, deeds);
    // Most faults are worst while what they befall is still under way.
    let more = world.dice.below(3_000);
    world.run(world.now + more, |_| false);
    note_deeds(world, deeds);
    world.calm_down();
    within(world, "processed", |world| {
        world.is_written_or_calm() && world.is_all_processed()
    })?;
    world.jump(SILENCE_MS);
    world.stirred_at = world.now;
    let moment = world.clock();
    within(world, "silent", |world| world.is_quiet(moment))?;
    let inputs = std::mem::take(&mut world.broker.input);
    world.checks.settle(&inputs)?;
    world.broker.input = inputs;
    note_deeds(world, deeds);
    if world.plan.crash_at.is_some() && !world.crashed_as_planned {
        return Err("the planned crash never came".to_owned());
    }
    // Everything once more from the journals.
    world.restart_all();
    world.damage();
    for partition in 0..world.plan.partitions {
        world.append_plain(partition);
    }
    world.checks.alike.clear();
    within(world, "restored", World::is_restored)?;
    match &world.damaged {
        Some(damaged)
            if damaged.is_refused
                && world.checks.position(damaged.partition) != damaged.position =>
        {
            Err(format!("{damaged:?} goes on all the same"))
        }
        _ => Ok(()),
    }
}

fn note_deeds(world: &World, deeds: &mut BTreeMap<usize, u64>) {
    for worker in world
        .workers
        .values()
        .filter(|worker| worker.first_of_its_name)
    {
        deeds.insert(worker.name, worker.deeds);
    }
}

fn within(world: &mut World, what: &str, done: impl FnMut(&World) -> bool) -> Result<(), Broken> {
    let until = world.now + WITHIN;
    if world.run(until, done) {
        return Ok(());
    }
    let standing = world.standing();
    Err(world.broken.take().unwrap_or_else(|| {
        format!("not everything is {what} {WITHIN} ms after the last fault\n{standing}")
    }))
}

/// One short history, with a crash after every step of every worker, after every command it carried out and while it
/// waits for every answer.
pub fn every_crash(seed: u64) -> Result<Totals, Failure> {
    let short = |crash_at| {
        let mut dice = Dice::new(seed);
        let mut plan = Plan::short(&mut dice);
        plan.crash_at = crash_at;
        run(seed, plan, dice, false)
    };
    let (mut totals, deeds) = short(None)?;
    for (name, count) in deeds {
        for deed in 1..=count {
            let (run, _) = short(Some((name, deed))).map_err(|failure| Failure {
                again: format!("--crashes {seed}"),
                broken: format!("crash of name {name} at deed {deed}: {}", failure.broken),
                ..failure
            })?;
            totals.add(&run);
        }
    }
    Ok(totals)
}

/// A range of seeds on so many threads, up to the first that fails.
pub fn seeds(from: u64, to: u64, threads: u64) -> Result<Totals, Failure> {
    let next = AtomicU64::new(from);
    let totals = Mutex::new(Totals::default());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= to || failed.lock().expect("no thread panics").is_some() {
                        return;
                    }
                    match seed(number, false) {
                        Ok(run) => totals.lock().expect("no thread panics").add(&run),
                        Err(failure) => {
                            failed
                                .lock()
                                .expect("no thread panics")
                                .get_or_insert(failure);
                        }
                    }
                }
            });
        }
    });
    match failed.into_inner().expect("no thread panics") {
        Some(failure) => Err(failure),
        None => Ok(totals.into_inner().expect("no thread panics")),
    }
}

impl Failure {
    /// What was broken, how to see it again, and what led to it.
    pub fn told(&self) -> String {
        const LINES: usize = 40;
        let from = self.trace.len().saturating_sub(LINES);
        let again = &self.again;
        format!(
            "{again}: {}\nsee it again: cargo test --release --no-default-features --test tollkeeper-sim -- {again}\n{}",
            self.broken,
            self.trace[from..].join("\n")
        )
    }
}

impl Totals {
    pub fn add(&mut self, other: &Totals) {
        self.seeds += other.seeds;
        self.commits += other.commits;
        self.records += other.records;
        self.steps += other.steps;
        for (fault, times) in &other.faults {
            *self.faults.entry(*fault).or_default() += times;
        }
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without words").to_owned()
}
