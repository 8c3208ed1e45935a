//! What a seed makes of a run: how large it is, how fast time goes, which faults come and how often.

use tollkeeper::charging::Settings;
use tollkeeper::flow::FlowSettings;
use tollkeeper::journal::JournalSettings;

use super::dice::Dice;
use super::encodings::SCHEMAS;
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
    SlowReplies,
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
    /// Nobody answers from the moment on at which a partition's end was reached.
    OutageAtEnd,
    /// A commit was decided, and its producer did not hear of it in time;
    UnheardEnd,
    /// or it was not decided in that time.
    UndecidedEnd,
    /// A thousand timers of a partition and more fired while faults came.
    Crowd,
    /// A rebalance left a partition to nobody, and a worker is to join again for it.
    Ownerless,
    EmptyJournal,
    CutJournal,
    ShortJournal,
    ChangedJournal,
}

/// What happens to a journal that must be restored from once more in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Everything in it is deleted.
    Emptied,
    /// So are its first records.
    FrontCut,
    /// Its last records are lost.
    EndCut,
    /// A byte of it changes.
    Changed,
}

impl Fault {
    pub const ALL: [Fault; 41] = [
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
        Fault::SlowReplies,
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
        Fault::OutageAtEnd,
        Fault::UnheardEnd,
        Fault::UndecidedEnd,
        Fault::Crowd,
        Fault::Ownerless,
        Fault::EmptyJournal,
        Fault::CutJournal,
        Fault::ShortJournal,
        Fault::ChangedJournal,
    ];

    /// The first of them come by themselves, each at its rate.
    pub const COMING: usize = 19;
}

/// Records of a run with a crowd of calls.
const CROWD: u64 = 4_000;

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
    pub outage_at_end: u64,
    pub aborted_input: u64,
    /// So many calls begin that thousands of timers are due at once.
    pub crowd: bool,
    pub damage: Option<Damage>,
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
        flow.schemas = SCHEMAS.clone();
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
        let plan = Plan {
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
            slow_cards_by: *dice.pick(&[500, 5_000, 40_000]),
            outage_at_end: wild(dice, 60_000),
            aborted_input: wild(dice, 200_000),
            crowd: dice.chance(4_000),
            damage: dice.chance(250_000).then(|| {
                *dice.pick(&[
                    Damage::Emptied,
                    Damage::FrontCut,
                    Damage::FrontCut,
                    Damage::EndCut,
                    Damage::Changed,
                ])
            }),
            trips,
            crash_at: None,
        };
        if plan.crowd { plan.crowded() } else { plan }
    }

    fn crowded(self) -> Self {
        let mut plan = Plan {
            records: CROWD,
            gap: 4,
            speed: 400,
            batch: 200,
            ..self
        };
        plan.charging.live_calls = 10_000;
        plan.flow.timers_per_transaction = plan.flow.timers_per_transaction.max(100);
        plan.flow.records_per_transaction = 50_000;
        plan.flow.bytes_per_transaction = 100_000;
        // A wallet with hundreds of lots has a larger balance to tell.
        plan.flow.record_bytes = 64 * 1024;
        plan
    }

    /// One short history without any fault, for crashes at every step of it.
    pub fn short(dice: &mut Dice) -> Self {
        let mut plan = Plan::new(dice);
        plan.crowd = false;
        plan.partitions = 2;
        plan.flow = FlowSettings::new(INPUT, 2);
        plan.flow.record_bytes = 8 * 1024;
        plan.flow.schemas = SCHEMAS.clone();
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
        plan.outage_at_end = 0;
        plan.aborted_input = 0;
        plan.damage = None;
        plan.trips = 0;
        plan
    }
}
