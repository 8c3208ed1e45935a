//! The rate cards of the simulation: three versions of one card, published one after the other.

use std::sync::{Arc, LazyLock};

use tollkeeper::domain::{Moment, Money};
use tollkeeper::rates::{RateCard, RateCards, parse_csv};

/// The card's id.
pub const CARD: &str = "standard";

const HEAD: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,\
                    increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium";

/// German numbers are priced alike in every version, so that their price can be worked out by hand; the
/// others are not.
const VERSIONS: [&str; 3] = [
    "DIAL_OUT,49,Germany,DE,0.3,0.05,60,60,,,,,,,,\n\
     DIAL_OUT,1,North America,US,0.013333,,1,1,,,,,,,,\n\
     DIAL_OUT,33,France,FR,0.2,0.1,30,6,,,,,,,,\n\
     DIAL_IN_TOLL_FREE,49,Germany,DE,0.11,,180,60,,,,,,,,\n",
    "DIAL_OUT,49,Germany,DE,0.3,0.05,60,60,,,,,,,,\n\
     DIAL_OUT,1,North America,US,0.021,0.01,6,6,,,,,,,,\n\
     DIAL_OUT,33,France,FR,0.25,,60,1,,,,,,,,\n\
     DIAL_OUT,33,France,FR,0.05,,60,1,,,,22:00,06:00,,,\n\
     DIAL_IN_TOLL_FREE,49,Germany,DE,0.09,0.02,60,60,,,,,,,,\n",
    "DIAL_OUT,49,Germany,DE,0.3,0.05,60,60,,,,,,,,\n\
     DIAL_OUT,1,North America,US,0.5,,1,1,,,,,,,,\n\
     DIAL_OUT,33,France,FR,0.4,,60,60,,,,,,,true,\n\
     DIAL_IN_TOLL,49,Germany,DE,0.02,,60,60,,,,,,,,\n",
];

static CARDS: LazyLock<[Arc<RateCard>; 3]> = LazyLock::new(|| {
    let mut version = 0;
    VERSIONS.map(|rows| {
        version += 1;
        let rows = parse_csv(format!("{HEAD}\n{rows}").as_bytes()).expect("the card is good");
        Arc::new(RateCard::new(CARD, version, None, rows))
    })
});

/// How many versions there are.
pub const COUNT: usize = VERSIONS.len();

/// The cards with one version more.
pub fn publish(cards: &RateCards, version: usize, at: Moment) -> RateCards {
    let mut more = cards.clone();
    more.publish(Arc::clone(&CARDS[version]), at);
    more
}

/// What a call to this number costs, whichever version is in force; none where that depends.
pub fn plain_total(number: &str, seconds: i32) -> Option<Money> {
    number.starts_with("+49").then(|| {
        let minutes = (i64::from(seconds.max(0)) + 59) / 60;
        Money::from_micros(50_000 + 300_000 * minutes)
    })
}
