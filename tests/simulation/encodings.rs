//! The three encodings that events may come in.

use std::sync::LazyLock;

use tollkeeper::codec::{RecordDecoder, SchemaSet, encode_event, encode_event_confluent};
use tollkeeper::domain::{Body, Event};

use super::dice::Dice;

/// The writers' schemas that everybody knows: the built-in ones, under ids of a registry too.
pub static SCHEMAS: LazyLock<SchemaSet> = LazyLock::new(|| {
    let all = [
        include_str!("../../schemas/CallStarted.avsc"),
        include_str!("../../schemas/CallMinuteTick.avsc"),
        include_str!("../../schemas/CallEnded.avsc"),
        include_str!("../../schemas/CreditGranted.avsc"),
        include_str!("../../schemas/CreditAdjusted.avsc"),
        include_str!("../../schemas/RechargeFailed.avsc"),
        include_str!("../../schemas/TenantConfigured.avsc"),
    ];
    (1..)
        .zip(all)
        .fold(SchemaSet::builtin(), |set, (id, json)| {
            set.with_confluent(id, json).expect("a schema of ours")
        })
});

static DECODER: LazyLock<RecordDecoder> = LazyLock::new(|| RecordDecoder::new(SCHEMAS.clone()));

fn id(body: &Body<'_>) -> u32 {
    match body {
        Body::CallStarted(_) => 1,
        Body::CallMinuteTick(_) => 2,
        Body::CallEnded(_) => 3,
        Body::CreditGranted(_) => 4,
        Body::CreditAdjusted(_) => 5,
        Body::RechargeFailed(_) => 6,
        Body::TenantConfigured(_) => 7,
    }
}

/// An event as some producer writes it.
pub fn encoded(event: &Event<'_>, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    match dice.below(8) {
        0 => encode_event_confluent(event, id(&event.body), &mut bytes),
        kind => {
            encode_event(event, &mut bytes);
            if kind == 1 {
                let json = DECODER.to_json(&bytes).expect("it was just encoded");
                bytes = json.to_string().into_bytes();
            }
        }
    }
    bytes
}
