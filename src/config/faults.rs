//! What is wrong with a configuration, all of it.

use std::fmt;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, environment variable or file.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// A single fault.
    pub fn one(place: &str, what: String) -> Self {
        let mut faults = Faults::default();
        faults.add(place, what);
        faults
    }

    /// Adds a fault.
    pub fn add(&mut self, place: &str, what: impl Into<String>) {
        self.0.push(Fault {
            place: place.to_owned(),
            what: what.into(),
        });
    }

    /// True if nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s)", self.0.len())?;
        for fault in &self.0 {
            write!(f, "\n  {}: {}", fault.place, fault.what)?;
        }
        Ok(())
    }
}
