//! Bytes at fault become rejections, whatever they are.

use expect_test::expect;
use proptest::prelude::*;

use super::arbitrary::event;
use super::*;
use crate::domain::{Body, Country, Symbol};

fn reason(payload: Option<&[u8]>) -> String {
    let decoder = EventDecoder::new(SchemaSet::builtin());
    let rejected = decoder.decode(payload).expect_err("a rejection");
    format!("{}: {}\n", rejected.reason.symbol(), rejected.message)
}

fn example_bytes(record: RecordType) -> Vec<u8> {
    encoded(&decode(example(record).as_bytes()).expect("an event"))
}

#[test]
fn what_is_of_no_known_schema_is_undecodable() {
    let usage = super::super::schemas::builtin(RecordType::RatedUsage).header();
    let list = [
        reason(None),
        reason(Some(b"")),
        reason(Some(b"hello")),
        reason(Some(&[0, 0, 0, 0])),
        reason(Some(&[0, 0, 0, 0, 7, 1, 2])),
        reason(Some(&[0xC3, 0x01, 1])),
        reason(Some(&[0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8])),
        reason(Some(&[0xC3, 0x02, 1, 2, 3, 4, 5, 6, 7, 8])),
        reason(Some(&usage)),
    ];
    expect![[r#"
        UNDECODABLE: no value
        UNDECODABLE: an empty value
        UNDECODABLE: neither Confluent framing, single-object encoding nor JSON: begins with 0x68
        UNDECODABLE: a Confluent header of less than five bytes
        UNDECODABLE: no schema is known for the Confluent id 7
        UNDECODABLE: a single-object header of less than ten bytes
        UNDECODABLE: no schema is known for the fingerprint 0807060504030201
        UNDECODABLE: neither Confluent framing, single-object encoding nor JSON: begins with 0xc3
        UNDECODABLE: a RatedUsage is no event
    "#]]
    .assert_eq(&list.concat());
}

#[test]
fn bytes_left_over_and_bytes_missing_are_undecodable() {
    for record in EVENTS {
        let bytes = example_bytes(record);
        for length in 0..bytes.len() {
            let rejected = decode(&bytes[..length]).expect_err("truncated");
            assert_eq!(
                rejected.reason.symbol(),
                "UNDECODABLE",
                "{record:?} {length}"
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        let rejected = decode(&longer).expect_err("too long");
        assert!(
            rejected
                .message
                .ends_with("1 bytes are left over after the datum")
        );
    }
}

#[test]
fn a_length_that_the_data_claims_is_never_allocated() {
    let mut bytes = example_bytes(RecordType::CallMinuteTick)[..10].to_vec();
    // The event_id claims 2^62 bytes.
    bytes.extend([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    bytes.extend(b"tick");
    expect![[r#"
        UNDECODABLE: CallMinuteTick: Unexpected end of slice while deserializing
    "#]]
    .assert_eq(&reason(Some(&bytes)));
}

#[test]
fn a_list_of_more_than_ten_thousand_items_is_undecodable() {
    let json = example(RecordType::TenantConfigured);
    let mut event = decode(json.as_bytes()).expect("an event");
    let Body::TenantConfigured(config) = &mut event.body else {
        unreachable!("the example configures a tenant")
    };
    let country = Country::parse("DE").expect("a country");
    config.zone_a = Some(vec![country; 10_000]);
    let most = encoded(&event);
    assert!(decode(&most).is_ok());
    let Body::TenantConfigured(config) = &mut event.body else {
        unreachable!("the example configures a tenant")
    };
    config.zone_a = Some(vec![country; 10_001]);
    expect![[r#"
        UNDECODABLE: TenantConfigured: Exceeding max sequence size while deserializing
    "#]]
    .assert_eq(&reason(Some(&encoded(&event))));
}

#[test]
fn a_moment_out_of_range_in_avro_is_invalid() {
    let json = example(RecordType::CallMinuteTick);
    let mut event = decode(json.as_bytes()).expect("an event");
    event.occurred_at = crate::domain::Moment::from_millis(-1);
    expect![["INVALID: field `occurred_at`: a moment outside the years 1970 to 9000\n"]]
        .assert_eq(&reason(Some(&encoded(&event))));
}

#[test]
fn json_at_fault_says_which_field_and_never_what_stood_there() {
    let good = example(RecordType::CallStarted);
    let grant = example(RecordType::CreditGranted);
    let tenant = example(RecordType::TenantConfigured);
    let mut list = String::new();
    for (text, from, to) in [
        (&good, "{", "{,"),
        (&good, r#""CallStarted""#, r#""CallBegun""#),
        (&good, r#""CallStarted""#, r#""RatedUsage""#),
        (&good, r#""call_id": "call-7","#, ""),
        (&good, r#""call-7""#, "7"),
        (&good, r#""+493012345678""#, "493012345678"),
        (&good, r#""DIAL_OUT""#, r#""+493012345678""#),
        (&good, r#""DE""#, r#""de""#),
        (&good, "2026-11-23T10:00:00.000Z", "yesterday"),
        (
            &good,
            "2026-11-23T10:00:00.000Z",
            "1926-11-23T10:00:00.000Z",
        ),
        (&grant, r#""25""#, r#""0.0000001""#),
        (&grant, r#""25""#, r#""1000000000000""#),
        (&grant, r#""25""#, r#""much""#),
        (&grant, r#""25""#, "25"),
        (&grant, r#""EUR""#, r#""euro""#),
        (&tenant, r#""version": 2"#, r#""version": 2.0"#),
        (
            &tenant,
            r#""mask_digits": 3"#,
            r#""mask_digits": 3000000000"#,
        ),
        (&tenant, r#"["DE", "FR"]"#, r#""DE""#),
        (&tenant, r#"["DE", "FR"]"#, r#"["DE", 1]"#),
        (&tenant, r#""value": "2.5""#, r#""value": 2.5"#),
        (&tenant, r#""daily_cap": "60""#, r#""cap": "60""#),
        (
            &tenant,
            r#""spend_per_day": "100""#,
            r#""spend_per_day": "1.0000001""#,
        ),
        (
            &tenant,
            r#"{"spend_per_day": "100", "live_calls": 50}"#,
            "7",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let found = reason(Some(text.replacen(from, to, 1).as_bytes()));
        assert!(!found.contains("4930"), "a number is shown: {found}");
        list.push_str(&found);
    }
    expect![[r#"
        UNDECODABLE: not JSON: at line 1, column 2
        UNDECODABLE: field `type`: expected one of CallStarted, CallMinuteTick, CallEnded, CreditGranted, CreditAdjusted, RechargeFailed, TenantConfigured, RateCardPart, RatedUsage, WalletEntry, BalanceNotice, CallOrder, TenantOrder, TenantBalance
        UNDECODABLE: a RatedUsage is no event
        UNDECODABLE: field `call_id` is missing
        UNDECODABLE: field `call_id`: expected a text
        UNDECODABLE: field `remote_number`: expected a text
        UNDECODABLE: field `leg`: expected one of DIAL_IN_TOLL, DIAL_IN_TOLL_FREE, DIAL_OUT
        INVALID: field `organizer_country`: not a code of two capital letters
        UNDECODABLE: field `answered_at`: expected a moment such as "2026-11-23T10:00:00.000Z"
        INVALID: field `answered_at`: a moment outside the years 1970 to 9000
        INVALID: field `amount`: more than six decimals
        INVALID: field `amount`: more than twelve digits before the point
        UNDECODABLE: field `amount`: expected a decimal as text, such as "0.018"
        UNDECODABLE: field `amount`: expected a decimal as text, such as "0.018"
        INVALID: field `currency`: not a code of three capital letters
        UNDECODABLE: field `version`: expected a whole number
        INVALID: field `mask_digits`: too large a number
        UNDECODABLE: field `zone_a`: expected a list
        UNDECODABLE: field `zone_a`: expected a country code as text
        UNDECODABLE: field `low_credit.value`: expected a decimal as text, such as "0.018"
        UNDECODABLE: field `auto_recharge.daily_cap` is missing
        INVALID: field `limits.spend_per_day`: more than six decimals
        UNDECODABLE: field `limits`: expected an object
    "#]].assert_eq(&list);
}

#[test]
fn unknown_and_null_json_fields_are_as_if_absent() {
    let good = example(RecordType::CallEnded);
    let with = good.replacen('{', r#"{"carrier": {"name": "acme"}, "#, 1);
    assert_eq!(decode(with.as_bytes()), decode(good.as_bytes()));
    let null = good.replace(r#""hang-up""#, "null");
    let absent = good.replace(",\n  \"cause\": \"hang-up\"", "");
    assert_eq!(decode(null.as_bytes()), decode(absent.as_bytes()));
    assert_ne!(decode(null.as_bytes()), decode(good.as_bytes()));
}

#[test]
fn a_line_at_fault_still_tells_its_timestamp() {
    let good = example(RecordType::CallMinuteTick);
    let timestamp = |line: &str| parse_line(line).timestamp.map(|at| at.to_string());
    let occurred_at = Some("2026-11-23T10:01:00.000Z".to_owned());
    assert_eq!(timestamp(&good), occurred_at);
    assert_eq!(timestamp(&good.replace(r#""call-7""#, "7")), occurred_at);
    let at = good.replacen('{', r#"{"at": "2026-11-23T12:00:00+01:00", "#, 1);
    assert_eq!(timestamp(&at), Some("2026-11-23T11:00:00.000Z".to_owned()));
    let wrong = good.replacen('{', r#"{"at": "noon", "#, 1);
    assert_eq!(timestamp(&wrong), None);
    assert!(parse_line(&wrong).event.is_err());
    // In a Kafka record the broker's timestamp counts, so a wrong `at` is nobody's business.
    assert!(decode(wrong.as_bytes()).is_ok());
    assert_eq!(timestamp("[]"), None);
    assert_eq!(timestamp("{"), None);
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_rejected(bytes: Vec<u8>, record in 0..7_usize) {
        let records = RecordDecoder::new(SchemaSet::builtin());
        let headed = [&example_bytes(EVENTS[record])[..10], &bytes].concat();
        for payload in [&bytes, &headed] {
            let _ = decode(payload);
            let _ = records.to_json(payload);
            let _ = records.decode(payload);
            let _ = decode_card_part(payload);
        }
    }

    #[test]
    fn a_changed_byte_decodes_or_is_rejected(event in event(), at: prop::sample::Index, byte: u8) {
        let mut bytes = encoded(&event);
        *at.get_mut(&mut bytes) = byte;
        if let Ok(read) = decode(&bytes) {
            let again = encoded(&read);
            prop_assert_eq!(decode(&again), Ok(read.clone()));
        }
        let _ = RecordDecoder::new(SchemaSet::builtin()).to_json(&bytes);
    }

    #[test]
    fn any_text_is_a_line_or_is_rejected(text in "[{}\\[\\]\":,a-z0-9 ]{0,40}") {
        let _ = parse_line(&text);
        let _ = decode(text.as_bytes());
    }
}
