//! Which row of a card prices a number, why, and what its first minutes cost.
//! The number itself is not repeated: it is personal data, and the terminal may be recorded.

use std::fmt::{self, Write as _};

use crate::domain::{LegKind, Moment, Money, PhoneNumber, Symbol};
use crate::rates::{RateCard, RateRow, total};

/// How many minutes are shown.
const SHOWN_MINUTES: u32 = 5;
/// How many are looked up: even the first one may be billed as an hour.
const RATED_MINUTES: u32 = 61;

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Question {
    /// The kind of leg.
    pub(super) kind: LegKind,
    /// The remote number of a dial-out, the bridge number of a dial-in.
    pub(super) number: PhoneNumber,
    /// When the leg is answered.
    pub(super) at: Moment,
}

/// The answer of a card, in words.
pub(super) fn explain(card: &RateCard, question: Question) -> String {
    let mut text = String::new();
    write_answer(&mut text, card, question).expect("writing to a text never fails");
    text
}

fn write_answer(text: &mut String, card: &RateCard, question: Question) -> fmt::Result {
    let Question { kind, number, at } = question;
    let found = card.find(kind, number, at);
    let currency = card.currency();
    let currency = currency.map_or_else(String::new, |currency| format!(" ({currency})"));
    let (id, version) = (card.id(), card.version());
    writeln!(
        text,
        "rate card `{id}` version {version}{currency}, {} at {at}",
        kind.symbol()
    )?;
    match found.row {
        Some(row) => write_row(text, row, found.until)?,
        None => writeln!(text, "\nno row: {}", without_row(kind))?,
    }
    write_others(text, card, question, found.row)?;
    match found.row {
        Some(row) if !row.barred => write_minutes(text, card, question, row),
        _ => Ok(()),
    }
}

const fn without_row(kind: LegKind) -> &'static str {
    match kind {
        LegKind::DialOut => "the call is refused (5031)",
        LegKind::DialInToll | LegKind::DialInTollFree => {
            "the call is let in at no charge and marked unrated"
        }
    }
}

fn write_row(text: &mut String, row: &RateRow, until: Moment) -> fmt::Result {
    writeln!(text, "\nrow: {}", Claim(row))?;
    if row.barred {
        return writeln!(text, "  barred: the call is refused (4010)");
    }
    writeln!(text, "  rate     {} a minute", row.rate_per_minute)?;
    writeln!(text, "  fee      {}", row.connection_fee)?;
    let (initial, increment) = (row.initial_s, row.increment_s);
    writeln!(
        text,
        "  billed   {initial} s at first, then in steps of {increment} s"
    )?;
    if row.premium {
        writeln!(text, "  premium: never from the minute pool")?;
    }
    if until < Moment::LATEST {
        writeln!(text, "  holds    at least until {until}")?;
    }
    Ok(())
}

/// The rows that the number also begins with, and why they are not the one.
fn write_others(
    text: &mut String,
    card: &RateCard,
    question: Question,
    chosen: Option<&RateRow>,
) -> fmt::Result {
    let mut heading = "\nother rows of the number:\n";
    let mut passed = false;
    for row in card.candidates(question.kind, question.number) {
        if chosen.is_some_and(|chosen| std::ptr::eq(chosen, row)) {
            passed = true;
            continue;
        }
        let why = if passed {
            "comes after it"
        } else {
            not_in_force(row, question.at)
        };
        write!(text, "{heading}")?;
        heading = "";
        writeln!(text, "  {}: {why}", Claim(row))?;
    }
    Ok(())
}

fn not_in_force(row: &RateRow, at: Moment) -> &'static str {
    if at < row.effective_from {
        "not yet in force"
    } else if row.effective_to.is_some_and(|end| end <= at) {
        "no longer in force"
    } else {
        "outside its hours"
    }
}

fn write_minutes(
    text: &mut String,
    card: &RateCard,
    question: Question,
    first: &RateRow,
) -> fmt::Result {
    writeln!(
        text,
        "\n  minute  begins                            rate  total after it"
    )?;
    let mut rate = first.rate_per_minute;
    let rates: Vec<(u32, Money)> = (1..=RATED_MINUTES)
        .map(|minute| {
            // Without a row the rate of the minute before goes on.
            let found = card.find(
                question.kind,
                question.number,
                begin_of(minute, question.at),
            );
            rate = found.row.map_or(rate, |row| row.rate_per_minute);
            (minute, rate)
        })
        .collect();
    for (minute, rate) in rates.iter().take(SHOWN_MINUTES as usize) {
        let billed = first.increments().billed(minute * 60);
        let total = total(first.connection_fee, rates.iter().copied(), billed).to_string();
        let (begins, rate) = (begin_of(*minute, question.at), rate.to_string());
        writeln!(text, "  {minute:>6}  {begins}  {rate:>12}  {total:>14}")?;
    }
    Ok(())
}

fn begin_of(minute: u32, answered_at: Moment) -> Moment {
    answered_at.plus_seconds(i64::from(minute - 1) * 60)
}

/// What a row claims: its prefix, name and times.
struct Claim<'a>(&'a RateRow);

impl fmt::Display for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.0;
        write!(f, "prefix {}", row.prefix)?;
        if let Some(destination) = &row.destination {
            write!(f, ", {destination}")?;
        }
        if let Some(country) = row.country {
            write!(f, " ({country})")?;
        }
        if row.effective_from > Moment::EARLIEST {
            write!(f, ", from {}", row.effective_from)?;
        }
        if let Some(end) = row.effective_to {
            write!(f, ", to {end}")?;
        }
        if let Some(band) = &row.band {
            write!(f, ", {band}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::rates::parse_csv;

    #[expect(clippy::needless_pass_by_value, reason = "expect-test's own idiom")]
    fn check(kind: LegKind, number: &str, at: &str, expected: Expect) {
        let file = include_bytes!("../../../deploy/example-rates.csv");
        let rows = parse_csv(file).expect("a good card");
        let card = RateCard::new("standard", 3, crate::domain::Currency::parse("EUR"), rows);
        let question = Question {
            kind,
            number: PhoneNumber::parse(number).expect("a number"),
            at: Moment::parse(at).expect("a moment"),
        };
        expected.assert_eq(&explain(&card, question));
    }

    #[test]
    fn the_row_is_shown_with_what_lost_to_it_and_the_price_of_the_first_minutes() {
        check(
            LegKind::DialOut,
            "+493012345678",
            "2026-11-24T06:58:30Z",
            expect![[r#"
                rate card `standard` version 3 (EUR), DIAL_OUT at 2026-11-24T06:58:30.000Z

                row: prefix 49, Germany, evenings and nights (DE), mon,tue,wed,thu,fri 18:00-08:00 Europe/Berlin
                  rate     0.012 a minute
                  fee      0
                  billed   60 s at first, then in steps of 60 s
                  holds    at least until 2026-11-24T07:00:00.000Z

                other rows of the number:
                  prefix 49, Germany, weekends (DE), sat,sun Europe/Berlin: outside its hours
                  prefix 49, Germany (DE): comes after it

                  minute  begins                            rate  total after it
                       1  2026-11-24T06:58:30.000Z         0.012           0.012
                       2  2026-11-24T06:59:30.000Z         0.012           0.024
                       3  2026-11-24T07:00:30.000Z         0.018           0.042
                       4  2026-11-24T07:01:30.000Z         0.018            0.06
                       5  2026-11-24T07:02:30.000Z         0.018           0.078
            "#]],
        );
    }

    #[test]
    fn a_barred_row_has_no_price() {
        check(
            LegKind::DialOut,
            "+449012345678",
            "2026-11-24T06:58:30Z",
            expect![[r#"
                rate card `standard` version 3 (EUR), DIAL_OUT at 2026-11-24T06:58:30.000Z

                row: prefix 4490, United Kingdom, premium rate (GB)
                  barred: the call is refused (4010)

                other rows of the number:
                  prefix 44, United Kingdom (GB): comes after it
            "#]],
        );
    }

    #[test]
    fn without_a_row_it_says_what_becomes_of_the_call() {
        check(
            LegKind::DialInToll,
            "+3512345678",
            "2026-11-24T06:58:30Z",
            expect![[r#"
                rate card `standard` version 3 (EUR), DIAL_IN_TOLL at 2026-11-24T06:58:30.000Z

                no row: the call is let in at no charge and marked unrated
            "#]],
        );
    }

    #[test]
    fn a_first_minute_that_is_billed_longer_takes_the_rates_of_the_later_ones() {
        let rows = parse_csv(
            b"kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium\n\
              DIAL_OUT,49,,,0.03,0.1,180,60,,2026-11-24T06:01:00Z,,,,,,true\n\
              DIAL_OUT,49,,,0.06,,,,2026-11-24T06:02:00Z,,,,,,,\n",
        );
        let card = RateCard::new("long", 1, None, rows.expect("a good card"));
        let question = Question {
            kind: LegKind::DialOut,
            number: PhoneNumber::parse("+4930").expect("a number"),
            at: Moment::parse("2026-11-24T06:00:00Z").expect("a moment"),
        };
        expect![[r#"
            rate card `long` version 1, DIAL_OUT at 2026-11-24T06:00:00.000Z

            row: prefix 49, to 2026-11-24T06:01:00.000Z
              rate     0.03 a minute
              fee      0.1
              billed   180 s at first, then in steps of 60 s
              premium: never from the minute pool
              holds    at least until 2026-11-24T06:01:00.000Z

            other rows of the number:
              prefix 49, from 2026-11-24T06:02:00.000Z: not yet in force

              minute  begins                            rate  total after it
                   1  2026-11-24T06:00:00.000Z          0.03            0.22
                   2  2026-11-24T06:01:00.000Z          0.03            0.22
                   3  2026-11-24T06:02:00.000Z          0.06            0.22
                   4  2026-11-24T06:03:00.000Z          0.06            0.28
                   5  2026-11-24T06:04:00.000Z          0.06            0.34
        "#]]
        .assert_eq(&explain(&card, question));
    }
}
