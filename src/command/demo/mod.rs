//! `demo`: the real worker on a Kafka inside this process, a telephony platform in fast time, and what
//! happens to three tenants, told in the terminal.

mod clock;
mod embedded;
mod ledger;
mod platform;
mod story;
mod teller;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::clock::FastClock;
use self::embedded::Embedded;
use self::ledger::Ledger;
use self::platform::Platform;
use self::teller::Teller;
use super::Failure;
use super::run::stop_on_signals;
use crate::domain::{MILLIS_PER_MINUTE, Moment};

/// Watch tollkeeper at work: three tenants, their calls and their credit, in fast time.
///
/// Everything runs in this process: the worker as it runs in production, a Kafka that librdkafka
/// carries for tests, and a telephony platform that places calls, sends ticks and obeys orders. At the
/// end the ledger is added up and compared with the wallets; exit code 1 if they differ.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tollkeeper demo                        a minute; one second is a minute of calls
  tollkeeper demo --for 10m --speed 20   slower, and longer
  tollkeeper demo --endless              until Ctrl-C

While it runs, any Kafka client can look in, at the address that it prints:
  kcat -b ADDRESS -t tollkeeper.call-control -C
  TOLLKEEPER_KAFKA__BOOTSTRAP_SERVERS=ADDRESS tollkeeper consume call_control --follow")]
pub(super) struct Arguments {
    /// How long it runs before the last call is ended: seconds, or with s, m or h.
    #[arg(long = "for", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    length: Duration,
    /// Run until Ctrl-C instead.
    #[arg(long)]
    endless: bool,
    /// How many times faster than real time.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=120))]
    speed: u32,
}

/// How long what is told waits, so that it is told in order: topics are read one by one.
const SETTLING: Duration = Duration::from_millis(300);
/// How long the last records may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

fn next_full_minute(now: Moment) -> Moment {
    let into_minute = now.millis().rem_euclid(MILLIS_PER_MINUTE);
    now.plus_millis(MILLIS_PER_MINUTE - into_minute)
}

fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, &text[digits.len()..]),
        None => (text, "s"),
    };
    let seconds = match unit {
        "h" => 3_600,
        "m" => 60,
        _ => 1,
    };
    digits
        .parse::<u32>()
        .map(|count| Duration::from_secs(u64::from(count) * seconds))
        .map_err(|_| "not a number of seconds, minutes (m) or hours (h)".to_owned())
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        stop_on_signals(&stop)?;
        let clock = FastClock::start(self.speed);
        let embedded = Embedded::start(&clock)?;
        let opening = next_full_minute(clock.now());
        let mut demo = Demo {
            embedded,
            platform: Platform::opening(opening),
            ledger: Ledger::default(),
            teller: Teller::new(opening),
            clock,
        };
        demo.teller.opening(&demo.embedded, self.speed)?;
        let started = Instant::now();
        while !stop.load(Ordering::Relaxed) && (self.endless || started.elapsed() < self.length) {
            demo.turn()?;
        }
        demo.close()
    }
}

struct Demo {
    embedded: Embedded,
    platform: Platform,
    ledger: Ledger,
    teller: Teller,
    clock: FastClock,
}

impl Demo {
    /// What is due is done and published; what came out is heard and told.
    fn turn(&mut self) -> Result<(), Failure> {
        let now = self.clock.now();
        for event in self.platform.due(now) {
            self.teller.event(&event);
            self.embedded.publish(&event, now)?;
        }
        for record in self.embedded.heard()? {
            self.teller.record(&record);
            self.platform.hear(&record, self.clock.now());
            self.ledger.book(&record).map_err(Failure::Input)?;
        }
        let settled = self.clock.now().plus_millis(-self.clock.span(SETTLING));
        self.teller.tell_until(settled, &self.ledger)?;
        Ok(())
    }

    /// Ends every call, waits for its closing record, and compares the books.
    fn close(mut self) -> Result<(), Failure> {
        self.platform.close(self.clock.now());
        let deadline = Instant::now() + PATIENCE;
        while !self.ledger.has_closed(self.platform.started()) {
            if Instant::now() > deadline {
                return Err(Failure::Input(
                    "closing records are missing: not every call that ended was charged".to_owned(),
                ));
            }
            self.turn()?;
        }
        let wallets = self.embedded.stop_and_restore()?;
        self.teller.closing(&self.ledger, &wallets)?;
        self.ledger.compare(&wallets).map_err(Failure::Input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_minutes_or_hours() {
        for (text, seconds) in [("60", 60), ("90s", 90), ("2m", 120), ("1h", 3_600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "1.5m", "-1", "1d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
