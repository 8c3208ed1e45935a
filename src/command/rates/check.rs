//! `rates check`: what is wrong with a card's CSV, or what is in it.

use std::io::{self, Write};
use std::path::PathBuf;

use super::{Failure, read_card};
use crate::domain::{LegKind, Symbol};
use crate::rates::{RateRow, parse_csv};

/// Say what is wrong with a card's CSV: every fault, with its line and column.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The first line names the columns; an empty cell takes the default:

  kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,\
effective_from,effective_to,days,time_from,time_to,zone,barred,premium
  DIAL_OUT,+49,Germany,DE,0.018,,60,60,,,,,,,,
  DIAL_OUT,+49,Germany by night,DE,0.012,,60,60,,,mon-fri,18:00,08:00,Europe/Berlin,,")]
pub(super) struct Arguments {
    /// The card.
    #[arg(value_name = "CARD.csv")]
    file: PathBuf,
}

impl Arguments {
    /// Carries it out.
    pub(super) fn run(self) -> Result<(), Failure> {
        let checked = read_card(&self.file)?;
        writeln!(io::stdout().lock(), "{}", checked.summary)?;
        Ok(())
    }
}

/// A card without a fault.
#[derive(Debug)]
pub(super) struct Checked {
    /// Its rows, in the order of the file.
    #[cfg_attr(not(any(feature = "kafka", test)), expect(dead_code))]
    pub(super) rows: Vec<RateRow>,
    /// What is in it, in a line.
    pub(super) summary: String,
}

/// Reads a card and sums it up.
///
/// # Errors
/// Every fault, each on its line, under one that names the file and their number.
pub(super) fn checked(file: &str, bytes: &[u8]) -> Result<Checked, String> {
    let rows = parse_csv(bytes).map_err(|faults| {
        let count = counted(faults.len(), "fault");
        let lines = faults.iter().map(|fault| format!("\n  {fault}"));
        format!("{count} in `{file}`{}", lines.collect::<String>())
    })?;
    let number = |wanted: &dyn Fn(&RateRow) -> bool| rows.iter().filter(|row| wanted(row)).count();
    let mut parts: Vec<String> = LegKind::ALL
        .iter()
        .map(|kind| format!("{} {}", number(&|row| row.kind == *kind), kind.symbol()))
        .collect();
    parts.push(format!(
        "{} with a time band",
        number(&|row| row.band.is_some())
    ));
    parts.push(format!("{} barred", number(&|row| row.barred)));
    parts.push(format!("{} premium", number(&|row| row.premium)));
    let count = counted(rows.len(), "row");
    let summary = format!(
        "`{file}` is a good rate card of {count}: {}",
        parts.join(", ")
    );
    Ok(Checked { rows, summary })
}

pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const HEADER: &str = "kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium";

    #[test]
    fn a_good_card_is_summed_up() {
        let file = include_bytes!("../../../deploy/example-rates.csv");
        let card = checked("example-rates.csv", file).expect("a good card");
        expect!["`example-rates.csv` is a good rate card of 81 rows: 5 DIAL_IN_TOLL, 11 DIAL_IN_TOLL_FREE, 65 DIAL_OUT, 2 with a time band, 2 barred, 3 premium"].assert_eq(&card.summary);
        assert!(card.summary.contains(&format!("{} rows", card.rows.len())));
    }

    #[test]
    fn every_fault_is_listed_under_the_file() {
        let file = format!("{HEADER}\nDIAL_OUT,49,,,0.0000001,,,,,,,,,Europe/Bern,,\n");
        let text = checked("rates.csv", file.as_bytes()).expect_err("a broken card");
        expect![[r#"
            2 faults in `rates.csv`
              line 2, column 5 (rate_per_minute): `0.0000001`: more than six decimals
              line 2, column 14 (zone): `Europe/Bern` is no IANA time zone"#]]
        .assert_eq(&text);
    }
}
