//! What was done to the deployment, and how long it took to be back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Recovery times by fault.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<&'static str, Row>,
}

#[derive(Debug, Default)]
struct Row {
    faults: u64,
    recoveries: Vec<Duration>,
}

impl Table {
    /// So many faults of a kind were injected.
    pub fn count(&mut self, fault: &'static str, faults: u64) {
        self.rows.entry(fault).or_default().faults += faults;
    }

    /// It took so long until all was well after a fault of this kind.
    pub fn recovered(&mut self, fault: &'static str, took: Duration) {
        self.rows.entry(fault).or_default().recoveries.push(took);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| {:<44} | count | recoveries | p50 | p99 | max |",
            "fault"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for (fault, row) in &self.rows {
            let mut times = row.recoveries.clone();
            times.sort_unstable();
            let at = |percent: usize| match times.len() {
                0 => "-".to_owned(),
                count => format!("{:.1?}", times[(count - 1) * percent / 100]),
            };
            writeln!(
                f,
                "| {fault:<44} | {} | {} | {} | {} | {} |",
                row.faults,
                times.len(),
                at(50),
                at(99),
                at(100)
            )?;
        }
        Ok(())
    }
}
