//! What a seed makes of a run: how large it is, how fast time goes, which faults come and how often.

use tollkeeper::charging::Settings;
use tollkeeper::flow::FlowSettings;
use tollkeeper::journal::JournalSettings;

use super::dice::Dice;
use super::reference::INPUT;
use super::traffic::TRIP;

/// The kinds of fault, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Crash,
    Pause,
    Double,
    Eviction,
    Leave,
    Restart,
    Outage,
    LostRequests,
    LostReplies,
    SlowRequests,
    SlowMarkers,
    LostOffsets,
    ForeignOffsets,
    TrimmedInput,
    ClockForward,
    ClockBack,
    SkewedClock,
    RefusedSend,
    SlowEnds,
    SlowFinds,
    SlowTrims,
    SlowCards,
    LateAbort,
    AbortedInput,
    RepeatedInput,
    DisorderedInput,
    Nonsense,
    OversizedInput,
    Poison,
    LostInput,
    KeptAssignment,
}

impl Fault {
    pub const ALL: [Fault; 31] = [
        Fault::Crash,
        Fault::Pause,
        Fault::Double,
        Fault::Eviction,
        Fault::Leave,
        Fault::Restart,
        Fault::Outage,
        Fault::LostRequests,
        Fault::LostReplies,
        Fault::SlowRequests,
        Fault::SlowMarkers,
        Fault::LostOffsets,
        Fault::ForeignOffsets,
        Fault::TrimmedInput,
        Fault::ClockForward,
        Fault::ClockBack,
        Fault::SkewedClock,
        Fault::RefusedSend,
        Fault::SlowEnds,
        Fault::SlowFinds,
        Fault::SlowTrims,
        Fault::SlowCards,
        Fault::LateAbort,
        Fault::AbortedInput,
        Fault::RepeatedInput,
        Fault::DisorderedInput,
        Fault::Nonsense,
        Fault::OversizedInput,
        Fault::Poison,
        Fault::LostInput,
        Fault::KeptAssignment,
    ];

    /// The first of them come by themselves, each at its rate.
    pub const COMING: usize = 18;
}

/// Everything that a run is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    pub partitions: i32,
    pub workers: usize,
    pub records: u64,
    /// Milliseconds between two records of the input, at most.
    pub gap: u64,
    /// How many milliseconds the clocks move on in one.
    pub speed: i64,
    pub session: u64,
    pub scan: u64,
    pub flow: FlowSettings,
    pub charging: Settings,
    pub journal: JournalSettings,
    pub batch: usize,
    /// Chance of a crash at a step of a worker, in a million.
    pub crash: u64,
    /// Of each of the first [`Fault::COMING`] kinds, its chance at each throw, in a million.
    pub rates: [u64; Fault::COMING],
    /// Milliseconds between two throws.
    pub throw_every: u64,
    pub slow_ends: u64,
    pub slow_finds: u64,
    pub slow_trims: u64,
    pub slow_cards: u64,
    pub slow_cards_by: u64,
    pub aborted_input: u64,
    pub trips: u32,
    /// This deed of the first process of this name is its last: for all of them, one after the other.
    pub crash_at: Option<(usize, u64)>,
}

impl Plan {
    /// Swarm: of each kind of fault a run has none, few or many, so that no kind hides another.
    pub fn new(dice: &mut Dice) -> Self {
        let partitions = *dice.pick(&[1, 1, 2, 2, 3, 4, 8]);
        let mut flow = FlowSettings::new(INPUT, partitions);
        let (timeout, session) = *dice.pick(&[(1_500, 2_000), (3_000, 4_000), (9_000, 10_000)]);
        flow.transaction_timeout = timeout;
        flow.commit_interval = *dice.pick(&[5, 50, 50, 300]);
        flow.timers_per_transaction = *dice.pick(&[1, 3, 1_000]);
        flow.records_per_transaction = *dice.pick(&[1, 7, 50_000]);
        flow.bytes_per_transaction = *dice.pick(&[600, 100_000]);
        flow.held_bytes = *dice.pick(&[0, 300, 2_000, 100_000]);
        flow.record_bytes = 8 * 1024;
        flow.balances = dice.chance(300_000);
        let trips = if dice.chance(150_000) { 2 } else { 0 };
        if trips > 0 {
            flow.trip_on_event = Some(TRIP.to_owned());
        }
        let wild = |dice: &mut Dice, most: u64| {
            if dice.chance(450_000) {
                dice.below(most)
            } else {
                0
            }
        };
        let calm = dice.chance(30_000);
        let rates = std::array::from_fn(|_| if calm { 0 } else { wild(dice, 90_000) });
        Plan {
            partitions,
            workers: dice.place(4) + 1,
            records: *dice.pick(&[30, 60, 60, 120, 250]),
            gap: *dice.pick(&[5, 40, 120]),
            speed: *dice.pick(&[1, 30, 120, 400]),
            session,
            scan: *dice.pick(&[100, 1_000, 10_000]),
            flow,
            charging: Settings {
                live_calls: *dice.pick(&[2, 1_000, 1_000]),
                ..Settings::default()
            },
            journal: JournalSettings {
                message_bytes: *dice.pick(&[600, 4_000, 900_000]),
                ..JournalSettings::default()
            },
            batch: *dice.pick(&[1, 5, 40]),
            crash: if calm { 0 } else { wild(dice, 1_500) },
            rates,
            throw_every: *dice.pick(&[100, 400]),
            slow_ends: wild(dice, 400_000),
            slow_finds: wild(dice, 100_000),
            slow_trims: wild(dice, 600_000),
            slow_cards: wild(dice, 1_000_000),
            slow_cards_by: *dice.pick(&[500, 5_000]),
            aborted_input: wild(dice, 200_000),
            trips,
            crash_at: None,
        }
    }

    /// One short history without any fault, for crashes at every step of it.
    pub fn short(dice: &mut Dice) -> Self {
        let mut plan = Plan::new(dice);
        plan.partitions = 2;
        plan.flow = FlowSettings::new(INPUT, 2);
        plan.flow.record_bytes = 8 * 1024;
        plan.flow.transaction_timeout = 1_500;
        plan.workers = 2;
        plan.records = 24;
        plan.gap = 40;
        plan.speed = 120;
        plan.session = 2_000;
        plan.scan = 1_000;
        plan.crash = 0;
        plan.rates = [0; Fault::COMING];
        plan.slow_ends = 0;
        plan.slow_finds = 0;
        plan.slow_trims = 0;
        plan.slow_cards = 0;
        plan.aborted_input = 0;
        plan.trips = 0;
        plan
    }
}
