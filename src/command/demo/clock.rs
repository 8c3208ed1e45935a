//! A clock that runs faster than the wall's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::run::wall_clock;
use crate::domain::Moment;
use crate::kafka;

/// Begins at the wall's time and runs `speed` times as fast from there.
#[derive(Clone, Debug)]
pub(super) struct FastClock {
    started: Instant,
    begin: Moment,
    speed: i64,
}

impl FastClock {
    pub(super) fn start(speed: u32) -> Self {
        FastClock {
            started: Instant::now(),
            begin: wall_clock(),
            speed: i64::from(speed),
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.begin.plus_millis(self.span(self.started.elapsed()))
    }

    /// How much of its time goes by in a span of real time.
    pub(super) fn span(&self, real: Duration) -> i64 {
        i64::try_from(real.as_millis()).expect("a demo ends") * self.speed
    }

    /// As the workers take it.
    pub(super) fn shared(&self) -> kafka::Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}
