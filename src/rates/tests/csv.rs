use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{HEADER, card_rows};
use crate::rates::{canonical_csv, parse_csv};

/// Every fault of lines below the header, one a line.
fn faults(lines: &[u8]) -> String {
    let mut file = format!("{HEADER}\n").into_bytes();
    file.extend_from_slice(lines);
    faults_of_file(&file)
}

fn faults_of_file(file: &[u8]) -> String {
    let faults = parse_csv(file).expect_err("a broken card");
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[expect(clippy::needless_pass_by_value, reason = "expect-test's own idiom")]
fn check(lines: &str, expected: Expect) {
    expected.assert_eq(&faults(lines.as_bytes()));
}

#[test]
fn empty_cells_take_their_defaults_and_the_canonical_form_shows_them() {
    let file = format!(
        "\u{feff}{HEADER}\r\nDIAL_OUT,+49,\"Germany, all\",DE,0.0180,,,,2026-01-01,,,,,,,\r\n\
         DIAL_OUT,49,,,1,0.5,30,6,,2026-02-01T01:00:00+01:00,mon-fri,22:00,06:00,europe/berlin,false,TRUE\r\n\
         DIAL_OUT,1900,Premium,US,,,,,,,,,,America/New_York,true,\r\n"
    );
    let rows = parse_csv(file.as_bytes()).expect("a good card");
    expect![[r#"
        kind,prefix,destination,country,rate_per_minute,connection_fee,initial_s,increment_s,effective_from,effective_to,days,time_from,time_to,zone,barred,premium
        DIAL_OUT,49,"Germany, all",DE,0.018,0,60,60,2026-01-01T00:00:00.000Z,,,,,,,
        DIAL_OUT,49,,,1,0.5,30,6,,2026-02-01T00:00:00.000Z,"mon,tue,wed,thu,fri",22:00,06:00,Europe/Berlin,,true
        DIAL_OUT,1900,Premium,US,0,0,60,60,,,,,,,true,
    "#]]
    .assert_eq(&canonical_csv(&rows));
}

#[test]
fn columns_may_stand_in_any_order() {
    let mut columns: Vec<&str> = HEADER.split(',').collect();
    columns.swap(0, 4);
    let file = format!("{}\n0.1,49,,,DIAL_OUT,,,,,,,,,,,\n", columns.join(","));
    let rows = parse_csv(file.as_bytes()).expect("a good card");
    assert_eq!(rows[0].rate_per_minute.to_string(), "0.1");
    let broken = file.replace("0.1,", "x,");
    expect!["line 2, column 1 (rate_per_minute): `x`: not a decimal number"]
        .assert_eq(&faults_of_file(broken.as_bytes()));
}

#[test]
fn every_fault_of_a_file_is_named_with_line_and_column() {
    check(
        "DIAL_UP,+49x,,Germany,0.0000001,-1,0,61,yesterday,2026-13-01,someday,8:00,24:00,Mars/Base,no,1\n\
         DIAL_OUT,,,,,,,,,,,,,,,\n\
         DIAL_OUT,0049,,,1e3,9999999,+60,1.5,1969-01-01,,,08:00,,UTC,,\n\
         DIAL_OUT,1234567890123456,,,1,,3601,,2026-02-01,2026-02-01,,,18:00,,,\n\
         DIAL_OUT,49,,,1,,,,,,,08:00,08:00,,,\n\
         DIAL_OUT,49,,,1\n",
        expect![[r#"
            line 2, column 1 (kind): `DIAL_UP` is none of DIAL_IN_TOLL, DIAL_IN_TOLL_FREE, DIAL_OUT
            line 2, column 2 (prefix): `+49x` is not a prefix of digits
            line 2, column 4 (country): `Germany` is not a country of two capital letters (ISO 3166-1)
            line 2, column 5 (rate_per_minute): `0.0000001`: more than six decimals
            line 2, column 6 (connection_fee): `-1` is negative
            line 2, column 7 (initial_s): `0` is not a whole number from 1 to 3600
            line 2, column 8 (increment_s): `61` is not a whole number from 1 to 60
            line 2, column 9 (effective_from): `yesterday` is neither a date such as 2026-11-23 nor a moment such as 2026-11-23T10:00:00Z
            line 2, column 10 (effective_to): `2026-13-01` is neither a date such as 2026-11-23 nor a moment such as 2026-11-23T10:00:00Z
            line 2, column 11 (days): `someday` is no days such as `mon-fri` or `sat,sun`
            line 2, column 12 (time_from): `8:00` is not a time of day from 00:00 to 23:59
            line 2, column 13 (time_to): `24:00` is not a time of day from 00:00 to 23:59
            line 2, column 14 (zone): `Mars/Base` is no IANA time zone
            line 2, column 15 (barred): `no` is neither `true` nor `false`
            line 2, column 16 (premium): `1` is neither `true` nor `false`
            line 3, column 2 (prefix): must not be empty
            line 3, column 5 (rate_per_minute): must not be empty unless the row is barred
            line 4, column 2 (prefix): `0049` is no E.164 prefix: those never begin with 0
            line 4, column 5 (rate_per_minute): `1e3`: not a decimal number
            line 4, column 6 (connection_fee): `9999999` is above 1000000
            line 4, column 7 (initial_s): `+60` is not a whole number from 1 to 3600
            line 4, column 8 (increment_s): `1.5` is not a whole number from 1 to 60
            line 4, column 9 (effective_from): `1969-01-01` is a moment outside the years 1970 to 9000
            line 4, column 13 (time_to): must not be empty where time_from is given
            line 5, column 2 (prefix): `1234567890123456` is longer than 15 digits
            line 5, column 7 (initial_s): `3601` is not a whole number from 1 to 3600
            line 5, column 10 (effective_to): not after effective_from
            line 5, column 12 (time_from): must not be empty where time_to is given
            line 6, column 13 (time_to): a band that ends when it begins; for whole days leave both times empty
            line 7: 5 fields where there are 16 columns"#]],
    );
}

#[test]
fn two_rows_that_claim_the_same_are_refused_however_they_are_written() {
    check(
        "DIAL_OUT,49,,,1,,,,,,mon-sun,08:00,18:00,,,\n\
         DIAL_OUT,+49,,,2,,,,1970-01-01,,,08:00,18:00,UTC,,\n\
         DIAL_OUT,49,,,3,,,,,,mon-sat,08:00,18:00,,,\n\
         DIAL_OUT,49,,,4,,,,,,,,,,,\n\
         DIAL_OUT,49,,,5,,,,,2027-01-01,,,,UTC,true,\n",
        expect![[r#"
            line 3, column 2 (prefix): the same kind, prefix, effective_from and band as the row of line 2
            line 6, column 2 (prefix): the same kind, prefix, effective_from and band as the row of line 5"#]],
    );
}

#[test]
fn a_header_with_unknown_missing_or_repeated_columns_is_refused() {
    let header = HEADER.replace("barred", "blocked").replace("days", "zone");
    expect![[r#"
        line 1, column 14 (zone): the column is there twice
        line 1, column 15 (blocked): there is no such column
        line 1: the column `days` is missing
        line 1: the column `barred` is missing"#]]
    .assert_eq(&faults_of_file(header.as_bytes()));
}

#[test]
fn a_file_without_rows_is_refused() {
    for (file, expected) in [
        ("", "line 1: the file is empty"),
        (HEADER, "line 1: the card has no rows"),
        ("\n\n", "line 1: the file is empty"),
    ] {
        assert_eq!(faults_of_file(file.as_bytes()), expected);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_stand() {
    let found = faults(b"DIAL_OUT,49,Ger\xffmany,,1,,,,,,,,,,,\n\xff,49,,,1,,,,,,,,,,,\n");
    expect![[r#"
        line 2, column 3 (destination): not UTF-8
        line 3, column 1 (kind): not UTF-8"#]]
    .assert_eq(&found);
}

#[test]
fn texts_that_would_break_a_screen_or_a_record_are_refused() {
    let long = "x".repeat(201);
    let found = faults(
        format!("DIAL_OUT,49,\"a\nb\",,1,,,,,,,,,,,\nDIAL_OUT,49,{long},,{long},,,,,,,,,,,\n")
            .as_bytes(),
    );
    expect![[r#"
        line 2, column 3 (destination): holds a line break or another control character
        line 4, column 3 (destination): longer than 200 characters
        line 4, column 5 (rate_per_minute): `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`: not a decimal number"#]]
    .assert_eq(&found);
}

#[test]
fn what_just_reaches_a_bound_is_taken_and_what_just_passes_it_is_not() {
    let long = "x".repeat(200);
    let file = format!("{HEADER}\nDIAL_OUT,49,{long},,1000000,1000000,1,60,,,,23:59,00:00,,,\n");
    let rows = parse_csv(file.as_bytes()).expect("a good card");
    assert_eq!(rows[0].rate_per_minute, crate::rates::MAX_PRICE);
    check(
        "DIAL_OUT,49,,,1000000.000001,,,,,,,08:60,09:00,,,\n\
         DIAL_OUT,49,,,1,,,,,,,08:00,09:00,Etc/Unknown,,\n",
        expect![[r#"
            line 2, column 5 (rate_per_minute): `1000000.000001` is above 1000000
            line 2, column 12 (time_from): `08:60` is not a time of day from 00:00 to 23:59
            line 3, column 14 (zone): `Etc/Unknown` is no IANA time zone"#]],
    );
}

#[test]
fn a_file_has_64_mib_at_most() {
    let mut file = vec![b'\n'; 64 * 1024 * 1024];
    assert_eq!(faults_of_file(&file), "line 1: the file is empty");
    file.push(b'\n');
    assert_eq!(
        faults_of_file(&file),
        "line 1: the file is larger than 64 MiB"
    );
}

#[test]
fn after_very_many_faults_the_rest_is_left_unread() {
    let found = faults("x\n".repeat(20_000).as_bytes());
    let last = found.lines().last().expect("faults");
    assert_eq!(found.lines().count(), 10_001);
    assert_eq!(
        last,
        "line 10002: after 10000 faults the rest is not checked"
    );
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(rows in card_rows()) {
        let csv = canonical_csv(&rows);
        prop_assert_eq!(&parse_csv(csv.as_bytes()), &Ok(rows.clone()));
        prop_assert_eq!(canonical_csv(&rows), csv);
    }

    #[test]
    fn any_bytes_are_a_card_or_have_faults(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = format!("{HEADER}\nDIAL_OUT,").into_bytes();
        file.extend(bytes);
        match parse_csv(&file) {
            Ok(rows) => prop_assert!(!rows.is_empty()),
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}

#[test]
fn the_example_card_has_no_fault_and_shows_every_kind_of_row() {
    let rows = parse_csv(include_bytes!("../../../deploy/example-rates.csv")).expect("no fault");
    let destinations: std::collections::BTreeSet<_> = rows
        .iter()
        .filter(|row| row.kind == crate::domain::LegKind::DialOut)
        .map(|row| row.country)
        .collect();
    assert!(destinations.len() >= 40, "{} countries", destinations.len());
    assert!(rows.iter().any(|row| row.barred));
    assert!(rows.iter().any(|row| row.premium));
    assert!(rows.iter().any(|row| row.band.is_some()));
}
