//! A record's value, in any of the three encodings: an event that survives being written again, or a
//! rejection in a few words.

use std::sync::LazyLock;

use tollkeeper::codec::{EventDecoder, SchemaSet, encode_event, encode_event_confluent};
use tollkeeper::domain::{Body, Event, RejectReason};

/// The events' schemas, each under the Confluent id of its place, from 1.
const SCHEMAS: [&str; 7] = [
    include_str!("../../schemas/CallStarted.avsc"),
    include_str!("../../schemas/CallMinuteTick.avsc"),
    include_str!("../../schemas/CallEnded.avsc"),
    include_str!("../../schemas/CreditGranted.avsc"),
    include_str!("../../schemas/CreditAdjusted.avsc"),
    include_str!("../../schemas/RechargeFailed.avsc"),
    include_str!("../../schemas/TenantConfigured.avsc"),
];

/// The longest words about a record at fault: they go out as a header.
const WORDS_BYTES: usize = 1_024;

static DECODER: LazyLock<EventDecoder> = LazyLock::new(|| {
    let set = (1..)
        .zip(SCHEMAS)
        .try_fold(SchemaSet::builtin(), |set, (id, schema)| {
            set.with_confluent(id, schema)
        });
    EventDecoder::new(set.expect("our own schemas are readable"))
});

/// The Confluent id of an event's schema.
pub fn schema_id(event: &Event<'_>) -> u32 {
    match event.body {
        Body::CallStarted(_) => 1,
        Body::CallMinuteTick(_) => 2,
        Body::CallEnded(_) => 3,
        Body::CreditGranted(_) => 4,
        Body::CreditAdjusted(_) => 5,
        Body::RechargeFailed(_) => 6,
        Body::TenantConfigured(_) => 7,
    }
}

/// Checks one value.
pub fn check(data: &[u8]) {
    let event = match DECODER.decode(Some(data)) {
        Ok(event) => event,
        Err(rejected) => {
            let reason = rejected.reason;
            assert!(matches!(
                reason,
                RejectReason::Undecodable | RejectReason::Invalid
            ));
            let words = rejected.message.len();
            assert!((1..=WORDS_BYTES).contains(&words), "{words} bytes of words");
            return;
        }
    };
    let (mut single_object, mut confluent) = (Vec::new(), Vec::new());
    encode_event(&event, &mut single_object);
    encode_event_confluent(&event, schema_id(&event), &mut confluent);
    for written in [single_object, confluent] {
        let again = DECODER
            .decode(Some(&written))
            .expect("what was written can be read");
        assert_eq!(again, event);
    }
}
